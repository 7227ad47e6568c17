//! Pictures made ready for the terminal: what the terminal can draw, what a file holds, and the way from one to the
//! other, off the screen's thread.
//!
//! [`probe`] asks the terminal once, at start. A [`Previewer`] then turns paths into [`Preview`]s on two threads of its
//! own, and a [`Painter`] puts a `Preview` into a ratatui buffer. Nothing outside this module sees pixels.

mod cache;
mod capabilities;
mod decode;
mod encode;
mod fit;
mod inspect;
mod painter;
mod previewer;
mod probe;
mod source;
mod workers;

use std::fmt;

pub use capabilities::{Capabilities, Protocol, ProtocolChoice, UnknownProtocol};
pub use encode::{Preview, prepare};
pub use fit::{CellArea, CellSize};
pub use painter::Painter;
pub use previewer::{Previewer, Ready};
pub use probe::{Probe, probe, tmux_is_in_the_way};

pub(crate) use decode::{decode, inspect};
pub(crate) use encode::{inline, resize};
pub(crate) use fit::{fit, pixels};
pub(crate) use inspect::inspect_file;
pub(crate) use source::read;

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

/// Why there is no picture to see. The message stands in the picture's place; it holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// Nothing at the path.
    #[error("missing: no file at this path")]
    Missing,
    /// The dataset names a path that is not to be opened.
    #[error("not opened: {0}")]
    Refused(String),
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
    #[error("{what}: not a JPEG, PNG, GIF, WebP, BMP or TIFF picture")]
    Unsupported {
        /// What the first bytes look like.
        what: String,
    },
    /// More bytes than are read into memory for a preview.
    #[error("too large to preview: a file of {} MB, the limit is {} MB", bytes / 1_000_000, limit / 1_000_000)]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// Largest size that is read.
        limit: u64,
    },
    /// More pixels, or more memory to decode them, than a preview may take. A small file can claim this.
    #[error("too large to preview: {width}×{height} pixels")]
    TooManyPixels {
        /// Pixels across, as the file claims.
        width: u32,
        /// Pixels down, as the file claims.
        height: u32,
    },
    /// The decoder would need more memory than a preview may take.
    #[error("too large to preview: decoding it needs more memory than is allowed")]
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
    /// The picture could not be put into the terminal's protocol.
    #[error("cannot be drawn in this terminal: {0}")]
    Encode(String),
}

/// Words of another library, safe to show: no control characters, one short line.
fn plain(message: impl fmt::Display) -> String {
    const LONGEST: usize = 160;
    message.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

/// Runs a step that calls into a decoder or encoder, turning a panic of that library into an error: a picture nobody
/// vouches for must not take the program down.
fn guarded<T>(
    step: impl FnOnce() -> Result<T, PreviewError>,
    otherwise: impl FnOnce(String) -> PreviewError,
) -> Result<T, PreviewError> {
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
        let broken = |reason| PreviewError::Broken { format: PictureFormat::Gif, reason };
        let result: Result<(), _> = guarded(|| std::panic::panic_any("index out of range"), broken);
        assert_eq!(result, Err(broken("the decoder failed (index out of range)".to_owned())));
    }
}
