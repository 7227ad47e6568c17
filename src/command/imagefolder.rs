//! How files are classified by name, as by Hugging Face's `imagefolder` loader and trainers: metadata, images, text files.

use std::ffi::OsStr;
use std::path::Path;

/// The files from which the loader reads captions.
const METADATA: [&str; 3] = ["metadata.jsonl", "metadata.csv", "metadata.parquet"];
/// Extensions of images that can be read, in lower case.
const IMAGES: [&str; 13] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff", "avif"];
/// Extensions of images that cannot be read.
const OTHER_IMAGES: [&str; 37] = [
    "3fr", "arw", "avifs", "bpg", "cr2", "cr3", "dds", "dng", "eps", "exr", "hdr", "heic", "heif", "hif", "icns",
    "ico", "j2k", "jp2", "jpx", "jxl", "jxr", "nef", "orf", "pbm", "pcx", "pgm", "pnm", "ppm", "psd", "qoi", "raf",
    "raw", "rw2", "svg", "svgz", "tga", "xcf",
];
/// Extensions of text files with captions. The first one is preferred.
const TEXTS: [&str; 2] = ["txt", "caption"];

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Hidden,
    Image,
    /// An image in a format that cannot be read.
    OtherImage,
    /// A mask or condition of an image, as some trainers name them: `a-masklabel.png` beside `a.png`.
    Mask,
    /// A text file, which may be the caption of an image; with the rank of its extension.
    Text(usize),
    Metadata,
    Other,
}

impl FileKind {
    pub(super) fn of(name: &OsStr) -> Self {
        // macOS leaves some beside images (`._a.jpg`).
        if name.as_encoded_bytes().starts_with(b".") {
            return Self::Hidden;
        }
        if METADATA.iter().any(|metadata| name == OsStr::new(metadata)) {
            return Self::Metadata;
        }
        let path = Path::new(name);
        let Some(extension) = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase) else {
            return Self::Other;
        };
        let is_in = |list: &[&str]| list.contains(&extension.as_str());
        let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
        if let Some(rank) = TEXTS.iter().position(|text| *text == extension) {
            Self::Text(rank)
        } else if is_in(&IMAGES) {
            let is_mask = stem.ends_with(b"-masklabel") || stem.ends_with(b"-condlabel");
            if is_mask { Self::Mask } else { Self::Image }
        } else if is_in(&OTHER_IMAGES) {
            Self::OtherImage
        } else {
            Self::Other
        }
    }
}

/// Returns true if a file is an image by its name.
pub(super) fn is_picture(path: &Path) -> bool {
    path.file_name().map(FileKind::of) == Some(FileKind::Image)
}

/// Returns the metadata file the loader should read in the folder of `own`, if any, and the other metadata files there.
pub(super) fn metadata_beside(own: &Path) -> Option<(&'static str, Vec<&'static str>)> {
    let name = own.file_name().and_then(OsStr::to_str);
    let exists = |metadata: &&str| Some(*metadata) == name || own.with_file_name(metadata).is_file();
    let present: Vec<&str> = METADATA.into_iter().filter(exists).collect();
    let first = *present.iter().find(|metadata| Some(**metadata) == name).or(present.first())?;
    Some((first, present.into_iter().filter(|metadata| *metadata != first).collect()))
}

/// Describes the loader's reaction to two metadata files, of which one is `first`.
pub(super) fn refusal(first: &str) -> String {
    format!("with {first} beside it, Hugging Face's imagefolder refuses to load this folder")
}

/// Returns a warning if the loader reads `written` as a second metadata file.
pub(super) fn warning(written: &Path) -> Option<String> {
    let (own, others) = metadata_beside(written)?;
    let other = others.first().filter(|_| written.file_name() == Some(OsStr::new(own)))?;
    Some(format!("{own}: {}; keep one of them there", refusal(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_classified_by_name() {
        for (name, kind) in [
            ("a.JPG", FileKind::Image),
            ("a.jfif", FileKind::Image),
            ("a.txt.png", FileKind::Image),
            ("a.HEIC", FileKind::OtherImage),
            ("a.jpg.txt", FileKind::Text(0)),
            ("a.Caption", FileKind::Text(1)),
            ("a-masklabel.png", FileKind::Mask),
            ("masklabel.png", FileKind::Image),
            ("metadata.csv", FileKind::Metadata),
            ("._a.jpg", FileKind::Hidden),
            ("jpg", FileKind::Other),
            ("a.json", FileKind::Other),
        ] {
            assert_eq!(FileKind::of(OsStr::new(name)), kind, "{name}");
        }
    }

    #[test]
    fn a_second_metadata_file_causes_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        std::fs::write(path("metadata.csv"), "").unwrap();
        assert_eq!(warning(&path("metadata.csv")), None);
        assert_eq!(warning(&path("captions.jsonl")), None);
        let message = warning(&path("metadata.jsonl")).expect("two");
        assert!(message.starts_with("metadata.jsonl: with metadata.csv beside it, Hugging Face's"), "{message}");
    }
}
