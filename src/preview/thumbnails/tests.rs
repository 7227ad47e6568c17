use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::picture::PictureError;
use crate::picture::fixture::{encoded, jpeg, quarter_colours, quarters, with_orientation};

/// A folder with a picture, and a subfolder for thumbnails.
struct Fixture {
    folder: tempfile::TempDir,
    cache: Thumbnails,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Thumbnails::new(folder.path().join("cache"));
        Self { folder, cache }
    }

    fn picture(&self, bytes: &[u8]) -> (PathBuf, Stamp) {
        let path = self.folder.path().join("picture.jpg");
        fs::write(&path, bytes).unwrap();
        let stamp = picture::stamp(&path).unwrap();
        (path, stamp)
    }

    fn decoded(&self, path: &Path, stamp: Stamp) -> Decoded {
        decoded(path, stamp, Some(&self.cache), &|| false).unwrap()
    }
}

#[test]
fn a_thumbnail_persists() {
    let fixture = Fixture::new();
    let (path, stamp) = fixture.picture(&jpeg(&quarters(800, 400)));
    let made = fixture.decoded(&path, stamp);
    assert_eq!((made.info.width, made.info.height), (256, 128));
    assert_eq!(fixture.cache.usage().0, 1);

    fs::remove_file(&path).unwrap();
    let next_run = Thumbnails::new(fixture.folder.path().join("cache"));
    let found = decoded(&path, stamp, Some(&next_run), &|| false).unwrap();
    assert_eq!((found.info.width, found.info.height), (256, 128));
    for (found, made) in quarter_colours(&found.into_srgb()).into_iter().zip(quarter_colours(&made.into_srgb())) {
        assert!(found.iter().zip(made).all(|(one, other)| one.abs_diff(other) < 8), "{found:?} {made:?}");
    }
    assert_eq!(
        decoded(&path, stamp, None, &|| false).err(),
        Some(PictureError::Missing.into()),
        "it was read from the cache"
    );
}

#[test]
fn damaged_files_are_replaced() {
    let fixture = Fixture::new();
    let (path, stamp) = fixture.picture(&jpeg(&quarters(300, 300)));
    fixture.decoded(&path, stamp);
    let file = fixture.cache.path(key(&path, stamp));
    let whole = fs::read(&file).unwrap();

    let another = RgbImage::from_pixel(30, 30, Rgb([1, 2, 3]));
    fs::write(fixture.folder.path().join("another.png"), encoded(another, ImageFormat::Png)).unwrap();
    let another = fixture.folder.path().join("another.png");
    let another_stamp = picture::stamp(&another).unwrap();
    fixture.decoded(&another, another_stamp);
    let of_another = fs::read(fixture.cache.path(key(&another, another_stamp))).unwrap();

    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 4;
    let foreign = jpeg(&quarters(20, 20));
    for bad in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], b"", b"x", &damaged, &foreign, &of_another] {
        fs::write(&file, bad).unwrap();
        assert_eq!(fixture.cache.get(key(&path, stamp)), None);
        let found = fixture.decoded(&path, stamp);
        assert_eq!((found.info.width, found.info.height), (256, 256));
        assert_eq!(fs::read(&file).unwrap(), whole, "it is written again");
    }
}

#[test]
fn a_replaced_picture_has_another_thumbnail() {
    let fixture = Fixture::new();
    let (path, before) = fixture.picture(&jpeg(&quarters(300, 300)));
    fixture.decoded(&path, before);
    let (path, after) = fixture.picture(&jpeg(&quarters(400, 200)));
    assert_eq!(fixture.decoded(&path, after).info.height, 128);

    let later = SystemTime::now() + std::time::Duration::from_secs(3);
    File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
    let touched = picture::stamp(&path).unwrap();
    let keys = [key(&path, before), key(&path, after), key(&path, touched), key(&path.join("x"), after)];
    assert!((1..keys.len()).all(|number| !keys[..number].contains(&keys[number])), "{keys:?}");
}

#[test]
fn thumbnails_are_upright_and_opaque_and_never_enlarged() {
    let fixture = Fixture::new();
    let (path, stamp) = fixture.picture(&with_orientation(&jpeg(&quarters(200, 100)), 6));
    for _ in ["created", "cached"] {
        let upright = fixture.decoded(&path, stamp);
        assert_eq!((upright.info.width, upright.info.height), (100, 200));
    }
    let (path, stamp) =
        fixture.picture(&encoded(RgbaImage::from_pixel(64, 64, Rgba([255, 0, 0, 0])), ImageFormat::Png));
    for _ in ["created", "cached"] {
        let opaque = fixture.decoded(&path, stamp).into_srgb();
        let checker = [(2, 2), (10, 2)].map(|(x, y)| opaque.to_rgb8().get_pixel(x, y).0[0]);
        assert!(checker[0].abs_diff(checker[1]) > 20, "no checkerboard: {checker:?}");
    }
}

#[test]
fn thumbnails_work_without_a_cache() {
    let fixture = Fixture::new();
    let (path, stamp) = fixture.picture(&jpeg(&quarters(300, 300)));
    // The parent is a file, so the folder cannot be created.
    let cache = Thumbnails::new(path.join("cache"));
    assert_eq!(decoded(&path, stamp, Some(&cache), &|| false).unwrap().info.width, 256);
    assert_eq!(cache.usage(), (0, 0));
}

#[test]
fn the_folder_may_be_deleted_and_other_files_in_it_are_kept() {
    let mut fixture = Fixture::new();
    fixture.cache.max_bytes = 1_000;
    fs::create_dir_all(fixture.cache.folder.join("notes")).unwrap();
    for foreign in ["mine.txt", "notes/mine.txt"] {
        fs::write(fixture.cache.folder.join(foreign), [0; 5_000]).unwrap();
    }
    for number in 0..20 {
        fixture.cache.put(number, &[7; 100]).unwrap();
    }
    assert!(fixture.cache.usage().1 <= 1_000);
    assert!(["mine.txt", "notes/mine.txt"].iter().all(|foreign| fixture.cache.folder.join(foreign).exists()));
    fs::remove_dir_all(&fixture.cache.folder).unwrap();
    assert_eq!((fixture.cache.usage(), fixture.cache.get(19)), ((0, 0), None));
    fixture.cache.put(19, &[7; 100]).unwrap();
    assert_eq!(fixture.cache.get(19), Some(vec![7; 100]));
}

#[test]
fn the_least_recently_used_are_evicted_first() {
    let mut fixture = Fixture::new();
    fixture.cache.max_bytes = 1_000;
    for number in 0..8 {
        fixture.cache.put(number, &[7; 100]).unwrap();
    }
    assert!(fixture.cache.get(0).is_some(), "used again");
    fixture.cache.put(8, &[7; 100]).unwrap();
    let left: Vec<u128> = (0..9).filter(|number| fixture.cache.path(*number).exists()).collect();
    assert_eq!(left, [0, 3, 4, 5, 6, 7, 8]);
}

#[rstest]
#[case((4000, 6000), (171, 256))]
#[case((6000, 4000), (256, 171))]
#[case((100, 30), (100, 30))]
#[case((256, 256), (256, 256))]
#[case((70_000, 1), (256, 1))]
fn thumbnails_keep_the_aspect_ratio(#[case] picture: (u32, u32), #[case] thumbnail: (u32, u32)) {
    assert_eq!(within_edge(picture), thumbnail);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The folder stays within its limit and contains the newest file, and files have the content that was stored.
    #[test]
    fn the_folder_is_bounded(steps in prop::collection::vec((0..12_u8, 0..400_usize, any::<bool>()), 0..60)) {
        let mut fixture = Fixture::new();
        fixture.cache.max_bytes = 1_000;
        for (name, length, puts) in steps {
            let key = u128::from(name) << 120;
            if puts {
                fixture.cache.put(key, &vec![name; length]).unwrap();
                prop_assert_eq!(fixture.cache.get(key), Some(vec![name; length]));
            } else if let Some(found) = fixture.cache.get(key) {
                prop_assert!(found.iter().all(|byte| *byte == name));
            }
            let (_, bytes) = fixture.cache.usage();
            prop_assert!(bytes <= 1_000, "{} bytes", bytes);
        }
    }
}
