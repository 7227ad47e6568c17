//! Detects data in an image file that is not needed to draw it: EXIF with its position and serial numbers, XMP, IPTC,
//! comments, thumbnails, a video behind the image.

use memchr::memmem;

use super::UploadFormat;

/// The chunks that draw a PNG.
const PNG_CHUNKS: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD",
    b"pHYs", b"hIST", b"acTL", b"fcTL", b"fdAT",
];

/// The chunks that draw a WebP.
const WEBP_CHUNKS: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];

/// Returns true if the file has only what draws the image. Returns false for a file with a structure that is not
/// understood.
pub(super) fn draws_only(bytes: &[u8], format: UploadFormat) -> bool {
    match format {
        UploadFormat::Jpeg => jpeg(bytes) == Some(true),
        UploadFormat::Png => png(bytes) == Some(true),
        UploadFormat::WebP => webp(bytes) == Some(true),
        UploadFormat::Gif => gif(bytes),
    }
}

/// Segments before the first scan: JFIF, an ICC profile, Adobe's colour transform, and those without a name of an
/// application. The file ends with the image.
fn jpeg(bytes: &[u8]) -> Option<bool> {
    const END: &[u8] = &[0xFF, 0xD9];
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        // Fill bytes may precede a marker.
        while rest.first() == Some(&0xFF) && rest.get(1) == Some(&0xFF) {
            rest = &rest[1..];
        }
        let (&[0xFF, marker, high, low], body) = rest.split_first_chunk::<4>()? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?;
        let content = body.get(..length)?;
        let draws = match marker {
            0xE2 => content.starts_with(b"ICC_PROFILE\0"),
            0xE0 => content.starts_with(b"JFIF\0"),
            0xEE => content.starts_with(b"Adobe"),
            0xE0..=0xEF | 0xFE => false,
            _ => true,
        };
        if !draws {
            return Some(false);
        }
        rest = &body[length..];
        if marker == 0xDA {
            return Some(bytes.ends_with(END));
        }
    }
}

fn png(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1A\n")?;
    loop {
        let (length, body) = rest.split_first_chunk()?;
        let (kind, body) = body.split_first_chunk::<4>()?;
        if !PNG_CHUNKS.contains(&kind) {
            return Some(false);
        }
        // A checksum follows the content.
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?;
        rest = body.get(length..)?;
        if kind == b"IEND" {
            return Some(rest.is_empty());
        }
    }
}

fn webp(bytes: &[u8]) -> Option<bool> {
    let (_, mut rest) = bytes.strip_prefix(b"RIFF")?.split_first_chunk::<4>()?;
    rest = rest.strip_prefix(b"WEBP")?;
    while !rest.is_empty() {
        let (kind, body) = rest.split_first_chunk::<4>()?;
        if !WEBP_CHUNKS.contains(&kind) {
            return Some(false);
        }
        let (length, body) = body.split_first_chunk()?;
        // Chunks are padded to an even length.
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_next_multiple_of(2)?;
        rest = body.get(length..)?;
    }
    Some(true)
}

/// Searches for a comment or an application's data without parsing the blocks between: compressed pixels that look the
/// same only cost a conversion.
fn gif(bytes: &[u8]) -> bool {
    const LOOP: &[u8] = b"\x0BNETSCAPE2.0";
    let applications = memmem::find_iter(bytes, b"!\xFF").all(|at| bytes[at + 2..].starts_with(LOOP));
    applications && memmem::find(bytes, b"!\xFE").is_none() && bytes.ends_with(b";")
}
