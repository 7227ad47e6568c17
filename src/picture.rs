//! Picture files: sniffed, inspected and decoded within limits. No bytes may crash the program or exhaust its memory.
//!
//! `preview` draws the decoded pictures in the terminal; `describe` analyses them or uploads them to a model.

mod cache;
mod declared_size;
mod decode;
#[cfg(test)]
pub(crate) mod fixture;
mod pixels;
mod source;
mod spelling;

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use crate::codec::{catch_panic, clean_message};
pub(crate) use cache::ByteCache;
pub(crate) use declared_size::declared_pixels;
pub(crate) use decode::{Decoded, check, decode, decode_undamaged, decode_unless, inspect, sniff};
pub(crate) use pixels::{opaque, resize};
pub(crate) use source::{Stamp, is_inside_file, located, read, stamp, stamp_unless};
pub(crate) use spelling::{actual_path, other_spelling};

pub use decode::decoder_process;

/// A supported file format. Of an animation the first frame is used, of a multi-page TIFF the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureFormat {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Avif,
    Ico,
    /// PBM, PGM, PPM and PAM.
    Netpbm,
}

impl PictureFormat {
    /// Returns the usual extension of its files.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Avif => "avif",
            Self::Ico => "ico",
            Self::Netpbm => "pnm",
        }
    }
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
            Self::Ico => "ICO",
            Self::Netpbm => "Netpbm",
        })
    }
}

/// A picture of which only a part can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file ends early.
    CutOff,
    Corrupt,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CutOff => "cut off",
            Self::Corrupt => "damaged",
        })
    }
}

/// Format, dimensions, size and damage of a picture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureInfo {
    /// Pixels across, after applying the EXIF orientation.
    pub width: u32,
    /// Pixels down, after applying the EXIF orientation.
    pub height: u32,
    /// Detected from the content; the file extension is ignored.
    pub format: PictureFormat,
    /// Size of the file in bytes.
    pub bytes: u64,
    pub damage: Option<Damage>,
}

impl PictureInfo {
    /// Returns the damage as an error.
    #[must_use]
    pub const fn error(&self) -> Option<PictureError> {
        match self.damage {
            Some(Damage::CutOff) => Some(PictureError::CutOff(self.format)),
            Some(Damage::Corrupt) => Some(PictureError::Damaged(self.format)),
            None => None,
        }
    }
}

impl fmt::Display for PictureInfo {
    /// `JPEG 768×1024, 109 KB, cut off`, in decimal units.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, format, bytes, damage } = self;
        write!(formatter, "{format} {width}×{height}, ")?;
        match bytes {
            0..1_000 => write!(formatter, "{bytes} bytes"),
            1_000..1_000_000 => write!(formatter, "{} KB", (bytes + 500) / 1_000),
            _ => {
                let tenths = (bytes + 50_000) / 100_000;
                write!(formatter, "{}.{} MB", tenths / 10, tenths % 10)
            }
        }?;
        damage.map_or(Ok(()), |damage| write!(formatter, ", {damage}"))
    }
}

/// An unusable picture file. The message contains no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    #[error("missing: no file at this path")]
    Missing,
    /// A row of a Parquet file whose image is null.
    #[error("missing: the row has no image")]
    NoImage,
    /// A Parquet file or an archive with a part that cannot be read.
    #[error("the file with the picture cannot be read: {0}")]
    BrokenTable(String),
    #[error("not a picture file but a {0}")]
    NotAFile(&'static str),
    #[error("not readable: permission denied")]
    Forbidden,
    #[error("the file is empty")]
    Empty,
    #[error("{content}: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture")]
    Unsupported {
        /// A guess at the actual content, from its first bytes.
        content: String,
    },
    /// A supported format, but of a kind without a decoder.
    #[error("an unsupported kind of {format}: {kind}")]
    UnsupportedKind { format: PictureFormat, kind: String },
    #[error("too large: a file of {} MB, the limit is {} MB", bytes / 1_000_000, limit / 1_000_000)]
    TooManyBytes { bytes: u64, limit: u64 },
    /// By the dimensions in the header, which a small file can set to anything.
    #[error("too large: {width}×{height} pixels")]
    TooManyPixels { width: u32, height: u32 },
    #[error("too large: decoding it exceeds the memory limit")]
    TooMuchMemory,
    #[error("too slow: decoding it exceeds the time limit")]
    TooSlow,
    #[error("cut off: the {0} file ends before its picture does")]
    CutOff(PictureFormat),
    #[error("damaged: part of the {0} file cannot be decoded")]
    Damaged(PictureFormat),
    #[error("broken {format}: {reason}")]
    Broken {
        format: PictureFormat,
        /// The decoder's message.
        reason: String,
    },
    #[error("reading failed: {0}")]
    Io(String),
    /// It is in a bucket and cannot be downloaded. The message has the remedy.
    #[error("{0}")]
    Remote(String),
    /// The caller no longer needs the picture.
    #[error("cancelled")]
    Cancelled,
}

impl PictureError {
    /// Returns the remedy of the error.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => "restore the file, or set its folder with --images",
            Self::NoImage => "exclude the record, or add its image to the table",
            Self::BrokenTable(_) => "download or write the file again",
            Self::NotAFile(_) => "set file_name to a picture file",
            Self::Forbidden => "grant read permission, then regenerate",
            Self::Empty | Self::CutOff(_) | Self::Damaged(_) | Self::Broken { .. } => {
                "replace the file, then regenerate"
            }
            Self::Unsupported { .. } => "convert it to JPEG or PNG",
            Self::UnsupportedKind { .. } => "convert it to PNG or baseline JPEG",
            Self::TooManyBytes { .. } | Self::TooManyPixels { .. } | Self::TooMuchMemory => "shrink the picture",
            Self::TooSlow => "convert it to JPEG",
            Self::Io(_) => "check the disk, then regenerate",
            Self::Remote(_) => "it is requested again when it is shown",
            Self::Cancelled => "regenerate",
        }
    }

    #[must_use]
    pub fn at(self, path: &Path) -> UnusablePicture {
        UnusablePicture { path: path.to_owned(), error: self }
    }
}

/// A [`PictureError`] with its path and remedy, for messages shown on their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {error} ({})", path.display(), error.remedy())]
pub struct UnusablePicture {
    pub path: PathBuf,
    pub error: PictureError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_uses_decimal_units() {
        let info = |bytes| {
            PictureInfo { width: 768, height: 1024, format: PictureFormat::Jpeg, bytes, damage: None }.to_string()
        };
        assert_eq!(info(109_312), "JPEG 768×1024, 109 KB");
        assert_eq!(info(999), "JPEG 768×1024, 999 bytes");
        assert_eq!(info(4_251_000), "JPEG 768×1024, 4.3 MB");
    }
}
