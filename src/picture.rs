//! Picture files: found, told apart, decoded within limits, whatever their bytes are.
//!
//! Two others work on what this one reads: `preview` draws pictures in the terminal, and `describe` looks at them or
//! sends them to where they are looked at.

mod cache;
mod decode;
#[cfg(test)]
pub(crate) mod fixture;
mod inspect;
mod pixels;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use cache::ByteCache;
pub(crate) use decode::{Decoded, decode, inspect};
pub(crate) use inspect::inspect_file;
pub(crate) use pixels::opaque;
pub(crate) use source::{Stamp, read, stamp};

/// The kinds of picture file that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG; of an animated one, the default picture.
    Png,
    /// GIF; of an animated one, the first frame.
    Gif,
    /// WebP, lossy or lossless; of an animated one, the first frame.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF; of several pages, the first.
    Tiff,
    /// AVIF; of an animated one, the first frame.
    Avif,
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Avif => "AVIF",
        })
    }
}

/// What a picture file holds, as a person would describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureInfo {
    /// Pixels across, after the EXIF orientation.
    pub width: u32,
    /// Pixels down, after the EXIF orientation.
    pub height: u32,
    /// By content; the file's name has no say.
    pub format: PictureFormat,
    /// Size of the file in bytes.
    pub bytes: u64,
}

impl fmt::Display for PictureInfo {
    /// `JPEG 768×1024, 109 KB`, with decimal units.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, format, bytes } = self;
        write!(formatter, "{format} {width}×{height}, ")?;
        match bytes {
            0..1_000 => write!(formatter, "{bytes} bytes"),
            1_000..1_000_000 => write!(formatter, "{} KB", (bytes + 500) / 1_000),
            _ => {
                let tenths = (bytes + 50_000) / 100_000;
                write!(formatter, "{}.{} MB", tenths / 10, tenths % 10)
            }
        }
    }
}

/// Why a file is no picture to work with. The message holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Nothing at the path.
    #[error("missing: no file at this path")]
    Missing,
    /// Something is there, but not a regular file.
    #[error("not a picture file but a {0}")]
    NotAFile(&'static str),
    /// The system refuses to open it.
    #[error("not readable: permission denied")]
    Forbidden,
    /// A file of no bytes.
    #[error("the file is empty")]
    Empty,
    /// A file that is no picture, or one of a kind that is not read.
    #[error("{what}: not a JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF picture")]
    Unsupported {
        /// What the first bytes look like.
        what: String,
    },
    /// More bytes than are read into memory for a picture.
    #[error("too large: a file of {} MB, the limit is {} MB", bytes / 1_000_000, limit / 1_000_000)]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// Largest size that is read.
        limit: u64,
    },
    /// More pixels than a picture may have. A small file can claim this.
    #[error("too large: {width}×{height} pixels")]
    TooManyPixels {
        /// Pixels across, as the file claims.
        width: u32,
        /// Pixels down, as the file claims.
        height: u32,
    },
    /// The decoder would need more memory than a picture may take.
    #[error("too large: decoding it needs more memory than is allowed")]
    TooMuchMemory,
    /// The data stop before the picture is complete.
    #[error("cut off: the {0} file ends before its picture does")]
    CutOff(PictureFormat),
    /// The data contradict their own format.
    #[error("broken {format}: {reason}")]
    Broken {
        /// By content.
        format: PictureFormat,
        /// The decoder's words.
        reason: String,
    },
    /// Reading failed half-way.
    #[error("reading failed: {0}")]
    Io(String),
}

impl PictureError {
    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "restore the file, or name its folder with --images",
            Self::NotAFile(_) => "name a picture in file_name",
            Self::Forbidden => "allow reading it, then regenerate",
            Self::Empty | Self::CutOff(_) | Self::Broken { .. } => "replace the file, then regenerate",
            Self::Unsupported { .. } => "convert it to JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF",
            Self::TooManyBytes { .. } | Self::TooManyPixels { .. } | Self::TooMuchMemory => "shrink the picture",
            Self::Io(_) => "check the disk, then regenerate",
        }
    }

    /// The same, with the file it is about.
    #[must_use]
    pub fn at(self, path: &Path) -> UnusablePicture {
        UnusablePicture { path: path.to_owned(), error: self }
    }
}

/// A file that is no picture to work with, and what to do about it: for messages that stand alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {error} ({})", path.display(), error.remedy())]
pub struct UnusablePicture {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: PictureError,
}

/// Words of another library, safe to show: no control characters, one short line.
pub(crate) fn plain(message: impl fmt::Display) -> String {
    const LONGEST: usize = 160;
    message.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

/// Runs a step that calls into a decoder or encoder, turning a panic of that library into an error: a picture nobody
/// vouches for must not take the program down.
pub(crate) fn guarded<T, E>(step: impl FnOnce() -> Result<T, E>, otherwise: impl FnOnce(String) -> E) -> Result<T, E> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".to_owned());
        Err(otherwise(plain(format_args!("the decoder failed ({words})"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_reads_as_a_person_would_say_it() {
        let info = |bytes| PictureInfo { width: 768, height: 1024, format: PictureFormat::Jpeg, bytes }.to_string();
        assert_eq!(info(109_312), "JPEG 768×1024, 109 KB");
        assert_eq!(info(999), "JPEG 768×1024, 999 bytes");
        assert_eq!(info(4_251_000), "JPEG 768×1024, 4.3 MB");
    }

    #[test]
    fn words_of_a_library_carry_no_control_bytes() {
        assert_eq!(plain("bad \x1b[31mchunk\u{9b}2J\n"), "bad  [31mchunk 2J ");
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let broken = |reason| PictureError::Broken { format: PictureFormat::Gif, reason };
        let result: Result<(), _> = guarded(|| std::panic::panic_any("index out of range"), broken);
        assert_eq!(result, Err(broken("the decoder failed (index out of range)".to_owned())));
    }
}
