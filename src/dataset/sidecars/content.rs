//! The content of a sidecar with another caption: a byte order mark and white space around the caption stay.

use crate::dataset::folder::caption;

/// Returns the content with the caption replaced. Restoring the former caption restores every byte.
pub(in crate::dataset) fn with_caption(content: &str, new: &str) -> String {
    let old = caption(content);
    // A blank content has its white space after the caption, as its end of line.
    let start = if old.is_empty() {
        content.len() - content.trim_start_matches('\u{feff}').len()
    } else {
        old.as_ptr().addr() - content.as_ptr().addr()
    };
    format!("{}{new}{}", &content[..start], &content[start + old.len()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_surrounds_a_caption_stays() {
        for (content, expected) in [
            ("A hat.", "New."),
            ("\u{feff}A hat.\r\n", "\u{feff}New.\r\n"),
            ("  A\r\nhat.\n\n", "  New.\n\n"),
            ("", "New."),
            ("\n", "New.\n"),
            ("\u{feff}", "\u{feff}New."),
        ] {
            assert_eq!(with_caption(content, "New."), expected, "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn restoring_a_caption_restores_every_byte(content in "\u{feff}?[ \r\n\t]{0,2}([a-z\u{e4} \r\n]{0,6}[a-z])?[ \r\n]{0,2}", new in "[a-z ]{0,4}[a-z.]") {
            let new = new.trim();
            let old = caption(&content);
            let changed = with_caption(&content, new);
            prop_assert_eq!(caption(&changed), new);
            prop_assert_eq!(with_caption(&changed, old), content.clone());
        }
    }
}
