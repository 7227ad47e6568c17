use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::picture::PictureError;
use crate::picture::fixture::{encoded, jpeg, quarter_colours, quarters, with_orientation};

/// A folder with a picture in it, and another for thumbnails.
struct Place {
    folder: tempfile::TempDir,
    kept: Thumbnails,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = Thumbnails::in_folder(folder.path().join("kept"));
        Self { folder, kept }
    }

    fn picture(&self, bytes: &[u8]) -> (PathBuf, Stamp) {
        let path = self.folder.path().join("picture.jpg");
        fs::write(&path, bytes).unwrap();
        let stamp = picture::stamp(&path).unwrap();
        (path, stamp)
    }

    fn decoded(&self, path: &Path, stamp: Stamp) -> Decoded {
        decoded(path, stamp, Some(&self.kept)).unwrap()
    }
}

#[test]
fn a_thumbnail_is_kept_from_run_to_run() {
    let place = Place::new();
    let (path, stamp) = place.picture(&jpeg(&quarters(800, 400)));
    let made = place.decoded(&path, stamp);
    assert_eq!((made.pixels.width(), made.pixels.height()), (256, 128));
    assert_eq!(place.kept.usage().0, 1);

    fs::remove_file(&path).unwrap();
    let next_run = Thumbnails::in_folder(place.folder.path().join("kept"));
    let found = decoded(&path, stamp, Some(&next_run)).unwrap();
    assert_eq!((found.info.width, found.info.height), (256, 128));
    for (found, made) in quarter_colours(&found.pixels).into_iter().zip(quarter_colours(&made.pixels)) {
        assert!(found.iter().zip(made).all(|(one, other)| one.abs_diff(other) < 8), "{found:?} {made:?}");
    }
    assert_eq!(decoded(&path, stamp, None).err(), Some(PictureError::Missing.into()), "it came from the disk");
}

#[test]
fn what_is_torn_or_damaged_or_foreign_is_replaced() {
    let place = Place::new();
    let (path, stamp) = place.picture(&jpeg(&quarters(300, 300)));
    place.decoded(&path, stamp);
    let file = place.kept.path(key(&path, stamp));
    let whole = fs::read(&file).unwrap();

    let another = RgbImage::from_pixel(30, 30, Rgb([1, 2, 3]));
    fs::write(place.folder.path().join("another.png"), encoded(another, ImageFormat::Png)).unwrap();
    let another = place.folder.path().join("another.png");
    let another_stamp = picture::stamp(&another).unwrap();
    place.decoded(&another, another_stamp);
    let of_another = fs::read(place.kept.path(key(&another, another_stamp))).unwrap();

    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 4;
    let foreign = jpeg(&quarters(20, 20));
    for bad in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], b"", b"x", &damaged, &foreign, &of_another] {
        fs::write(&file, bad).unwrap();
        assert_eq!(place.kept.get(key(&path, stamp)), None);
        let found = place.decoded(&path, stamp);
        assert_eq!((found.info.width, found.info.height), (256, 256));
        assert_eq!(fs::read(&file).unwrap(), whole, "it is written anew");
    }
}

#[test]
fn a_picture_that_was_replaced_has_another_thumbnail() {
    let place = Place::new();
    let (path, before) = place.picture(&jpeg(&quarters(300, 300)));
    place.decoded(&path, before);
    let (path, after) = place.picture(&jpeg(&quarters(400, 200)));
    assert_eq!(place.decoded(&path, after).info.height, 128);

    let later = SystemTime::now() + std::time::Duration::from_secs(3);
    File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
    let touched = picture::stamp(&path).unwrap();
    let keys = [key(&path, before), key(&path, after), key(&path, touched), key(&path.join("x"), after)];
    assert!((1..keys.len()).all(|number| !keys[..number].contains(&keys[number])), "{keys:?}");
}

#[test]
fn they_are_upright_and_opaque_and_never_larger_than_the_picture() {
    let place = Place::new();
    let (path, stamp) = place.picture(&with_orientation(&jpeg(&quarters(200, 100)), 6));
    for _ in ["made", "kept"] {
        let upright = place.decoded(&path, stamp);
        assert_eq!((upright.info.width, upright.info.height), (100, 200));
    }
    let (path, stamp) = place.picture(&encoded(RgbaImage::from_pixel(64, 64, Rgba([255, 0, 0, 0])), ImageFormat::Png));
    for _ in ["made", "kept"] {
        let opaque = place.decoded(&path, stamp).pixels;
        let checker = [(2, 2), (10, 2)].map(|(x, y)| opaque.to_rgb8().get_pixel(x, y).0[0]);
        assert!(checker[0].abs_diff(checker[1]) > 20, "a checker where it is transparent: {checker:?}");
    }
}

#[test]
fn where_nothing_can_be_kept_there_are_thumbnails_all_the_same() {
    let place = Place::new();
    let (path, stamp) = place.picture(&jpeg(&quarters(300, 300)));
    // A file stands where the folder would be.
    let kept = Thumbnails::in_folder(path.join("kept"));
    assert_eq!(decoded(&path, stamp, Some(&kept)).unwrap().info.width, 256);
    assert_eq!(kept.usage(), (0, 0));
}

#[test]
fn the_folder_can_be_deleted_at_any_time_and_what_is_not_ours_stays() {
    let mut place = Place::new();
    place.kept.most_bytes = 1_000;
    fs::create_dir_all(place.kept.folder.join("notes")).unwrap();
    for foreign in ["mine.txt", "notes/mine.txt"] {
        fs::write(place.kept.folder.join(foreign), [0; 5_000]).unwrap();
    }
    for number in 0..20 {
        place.kept.put(number, &[7; 100]).unwrap();
    }
    assert!(place.kept.usage().1 <= 1_000);
    assert!(["mine.txt", "notes/mine.txt"].iter().all(|foreign| place.kept.folder.join(foreign).exists()));
    fs::remove_dir_all(&place.kept.folder).unwrap();
    assert_eq!((place.kept.usage(), place.kept.get(19)), ((0, 0), None));
    place.kept.put(19, &[7; 100]).unwrap();
    assert_eq!(place.kept.get(19), Some(vec![7; 100]));
}

#[test]
fn the_longest_unused_go_first() {
    let mut place = Place::new();
    place.kept.most_bytes = 1_000;
    for number in 0..8 {
        place.kept.put(number, &[7; 100]).unwrap();
    }
    assert!(place.kept.get(0).is_some(), "used again");
    place.kept.put(8, &[7; 100]).unwrap();
    let left: Vec<u128> = (0..9).filter(|number| place.kept.path(*number).exists()).collect();
    assert_eq!(left, [0, 3, 4, 5, 6, 7, 8]);
}

#[rstest]
#[case((4000, 6000), (171, 256))]
#[case((6000, 4000), (256, 171))]
#[case((100, 30), (100, 30))]
#[case((256, 256), (256, 256))]
#[case((70_000, 1), (256, 1))]
fn they_keep_the_proportions(#[case] picture: (u32, u32), #[case] thumbnail: (u32, u32)) {
    assert_eq!(within_edge(picture), thumbnail);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is put and asked for, the folder stays within its bounds, the newest is in it, and what is found is what
    /// was put.
    #[test]
    fn the_folder_is_bounded(steps in prop::collection::vec((0..12_u8, 0..400_usize, any::<bool>()), 0..60)) {
        let mut place = Place::new();
        place.kept.most_bytes = 1_000;
        for (name, length, puts) in steps {
            let key = u128::from(name) << 120;
            if puts {
                place.kept.put(key, &vec![name; length]).unwrap();
                prop_assert_eq!(place.kept.get(key), Some(vec![name; length]));
            } else if let Some(found) = place.kept.get(key) {
                prop_assert!(found.iter().all(|byte| *byte == name));
            }
            let (_, bytes) = place.kept.usage();
            prop_assert!(bytes <= 1_000, "{} bytes", bytes);
        }
    }
}
