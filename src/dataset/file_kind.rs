//! How files are classified by name, as by Hugging Face's `imagefolder` loader and trainers: metadata, images, text files.

use std::ffi::OsStr;
use std::path::Path;

/// The files from which the loader reads captions.
pub const METADATA_FILES: [&str; 3] = ["metadata.jsonl", "metadata.csv", "metadata.parquet"];
/// Extensions of images that can be read, in lower case.
const IMAGES: [&str; 20] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff", "avif", "ico", "cur",
    "pbm", "pgm", "pnm", "ppm", "pam",
];
/// Extensions of images that cannot be read.
const OTHER_IMAGES: [&str; 32] = [
    "3fr", "arw", "avifs", "bpg", "cr2", "cr3", "dds", "dng", "eps", "exr", "hdr", "heic", "heif", "hif", "icns",
    "j2k", "jp2", "jpx", "jxl", "jxr", "nef", "orf", "pcx", "psd", "qoi", "raf", "raw", "rw2", "svg", "svgz", "tga",
    "xcf",
];
/// Extensions of text files with captions. The first one is preferred.
pub(crate) const TEXTS: [&str; 2] = ["txt", "caption"];

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
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
    /// Classifies a file by its name.
    #[must_use]
    pub fn of(name: &OsStr) -> Self {
        Self::among(name, &TEXTS)
    }

    /// Classifies a file by its name, where text files have these extensions, in lower case. They can have several parts
    /// (`short.txt`); the longest one that fits counts.
    pub(crate) fn among(name: &OsStr, texts: &[&str]) -> Self {
        // macOS leaves some beside images (`._a.jpg`).
        if name.as_encoded_bytes().starts_with(b".") {
            return Self::Hidden;
        }
        if METADATA_FILES.iter().any(|metadata| name == OsStr::new(metadata)) {
            return Self::Metadata;
        }
        let path = Path::new(name);
        let Some(extension) = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase) else {
            return Self::Other;
        };
        let is_in = |list: &[&str]| list.contains(&extension.as_str());
        let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
        let lower = name.to_string_lossy().to_lowercase();
        let fits = |text: &str| lower.strip_suffix(text).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        let fitting = texts.iter().enumerate().filter(|(_, text)| fits(text));
        if let Some((rank, _)) = fitting.max_by_key(|(_, text)| text.len()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_extension_that_fits_counts() {
        let texts = ["txt", "short.txt", "json"];
        for (name, kind) in [
            ("a.txt", FileKind::Text(0)),
            ("a.Short.TXT", FileKind::Text(1)),
            ("a.jpg.short.txt", FileKind::Text(1)),
            ("short.txt", FileKind::Text(0)),
            ("a.json", FileKind::Text(2)),
            ("a.caption", FileKind::Other),
        ] {
            assert_eq!(FileKind::among(OsStr::new(name), &texts), kind, "{name}");
        }
    }

    #[test]
    fn files_are_classified_by_name() {
        for (name, kind) in [
            ("a.JPG", FileKind::Image),
            ("a.jfif", FileKind::Image),
            ("a.txt.png", FileKind::Image),
            ("a.ppm", FileKind::Image),
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
}
