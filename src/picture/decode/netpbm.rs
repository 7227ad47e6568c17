//! Netpbm: PBM, PGM, PPM and PAM, as text or binary; the first picture in the file.

use std::io::BufReader;

use image::codecs::pnm::PnmDecoder;

use super::{Decoded, decode_with};
use crate::picture::{PictureError, PictureFormat};

/// Returns true if the file begins with a type, white space, and a number or a comment; or with a PAM header.
pub(super) fn is_netpbm(bytes: &[u8]) -> bool {
    match bytes {
        [b'P', b'1'..=b'6', white, rest @ ..] if white.is_ascii_whitespace() => {
            let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
            next.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'#')
        }
        _ => bytes.starts_with(b"P7\n"),
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, PictureError> {
    // Without a buffer, the decoder would not return the part of a picture that is cut off.
    decode_with(PnmDecoder::new(BufReader::new(bytes)), bytes, PictureFormat::Netpbm)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::picture::decode::decode;
    use crate::picture::fixture::*;
    use crate::picture::{Damage, clean_message};

    #[rstest]
    #[case::bitmap_text(b"P1\n2 1\n1 0", [[0; 3], WHITE])]
    #[case::grey_text(b"P2 # by hand\n2 1 10\n10 5\n", [WHITE, [128; 3]])]
    #[case::colour_text(b"P3 2 1 255 255 0 0  0 0 255", [RED, BLUE])]
    #[case::bitmap(b"P4\n2 1\n\x80", [[0; 3], WHITE])]
    #[case::grey(b"P5 2 1 255 \xff\x80", [WHITE, [128; 3]])]
    #[case::colour(b"P6\n2 1\n255\n\xff\0\0\0\0\xff", [RED, BLUE])]
    #[case::deep(b"P6\n2 1\n65535\n\xff\xff\0\0\0\0\0\0\0\0\xff\xff", [RED, BLUE])]
    #[case::pam(b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n\xff\0\0\0\0\xff", [RED, BLUE])]
    fn every_kind_is_decoded(#[case] file: &[u8], #[case] expected: [[u8; 3]; 2]) {
        let decoded = decode(file, (9, 9)).unwrap();
        let pixels = decoded.pixels.to_rgb8();
        assert_eq!([0, 1].map(|x| pixels.get_pixel(x, 0).0), expected);
        assert_eq!((decoded.info.format, decoded.info.damage), (PictureFormat::Netpbm, None));
    }

    #[rstest]
    #[case::text(b"P2 2 2 255 77 88 99")]
    #[case::binary(b"P5 2 2 255 \x4d\x58\x63")]
    fn a_file_that_is_cut_off_is_shown_as_far_as_it_goes(#[case] file: &[u8]) {
        let decoded = decode(file, (9, 9)).unwrap();
        assert_eq!(decoded.info.damage, Some(Damage::CutOff));
        assert_eq!(decoded.pixels.to_luma8().into_raw()[..3], [77, 88, 99]);
    }

    #[test]
    fn a_text_is_no_picture() {
        let error = decode(b"P1 is a printer.", (9, 9)).err().unwrap();
        assert!(clean_message(&error).starts_with("a text file: "), "{error}");
    }
}
