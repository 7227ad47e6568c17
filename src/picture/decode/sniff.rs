//! Detects the format of a file from its first bytes.

use super::{avif, ico, netpbm};
use crate::picture::{PictureError, PictureFormat};

/// Returns the format of a supported picture.
///
/// # Errors
///
/// Returns an error with a guess at the content if the format is unsupported.
pub(crate) fn sniff(bytes: &[u8]) -> Result<PictureFormat, PictureError> {
    let at = |offset: usize, signature: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(signature));
    match () {
        // Some AVIF files declare a more general major brand.
        () if avif::is_avif(bytes) || at(4, b"ftypavif") || at(4, b"ftypavis") => Ok(PictureFormat::Avif),
        () if at(0, b"\xff\xd8\xff") => Ok(PictureFormat::Jpeg),
        () if at(0, b"\x89PNG\r\n\x1a\n") => Ok(PictureFormat::Png),
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => Ok(PictureFormat::Gif),
        () if at(0, b"RIFF") && at(8, b"WEBP") => Ok(PictureFormat::WebP),
        () if at(0, b"BM") => Ok(PictureFormat::Bmp),
        // The last two are BigTIFF.
        () if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| at(0, *magic)) => Ok(PictureFormat::Tiff),
        () if ico::is_ico(bytes) => Ok(PictureFormat::Ico),
        () if netpbm::is_netpbm(bytes) => Ok(PictureFormat::Netpbm),
        () => Err(PictureError::Unsupported { content: guess_content(bytes).to_owned() }),
    }
}

/// Names the content of other files that are common in picture folders. Signatures are from the specifications.
fn guess_content(bytes: &[u8]) -> &'static str {
    const SIGNATURES: [(usize, &[u8], &str); 19] = [
        (4, b"ftyphei", "a HEIC picture"),
        (4, b"ftyphev", "a HEIC picture"),
        (4, b"ftypmif1", "a HEIC picture"),
        (4, b"ftypmsf1", "a HEIC picture"),
        (4, b"ftypcrx ", "a raw photo (CR3)"),
        (4, b"ftyp", "a video"),
        (0, b"\x1aE\xdf\xa3", "a video"),
        (0, b"\xff\x0a", "a JPEG XL picture"),
        (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
        (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
        (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
        (0, b"qoif", "a QOI picture"),
        (0, b"DDS ", "a DDS texture"),
        (0, b"v/1\x01", "an OpenEXR picture"),
        (0, b"8BPS", "a Photoshop document"),
        (0, b"%PDF-", "a PDF document"),
        (0, b"PK\x03\x04", "a ZIP archive"),
        (0, b"\x1f\x8b", "a gzip archive"),
        (0, b"version https://git-lfs", "a Git LFS pointer (run git lfs pull)"),
    ];
    let found = SIGNATURES
        .iter()
        .find(|(offset, signature, _)| bytes.get(*offset..).is_some_and(|rest| rest.starts_with(signature)));
    found.map(|(.., name)| *name).or_else(|| guess_text(bytes)).unwrap_or("unknown content")
}

/// Names text, or returns `None` for binary content.
fn guess_text(bytes: &[u8]) -> Option<&'static str> {
    let start = &bytes[..bytes.len().min(512)];
    let printable = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    // The last character may be incomplete.
    let is_utf8 = std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    if !is_utf8 || !start.iter().all(printable) {
        return None;
    }
    let text = start.to_ascii_lowercase();
    let contains = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
    Some(match () {
        () if contains(b"<svg") => "an SVG drawing",
        () if contains(b"<!doctype html") || contains(b"<html") => "an HTML page (a failed download?)",
        () => "a text file",
    })
}
