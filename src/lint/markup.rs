//! Marks that are no part of a caption: Markdown, HTML, JSON, and quotation marks round the whole of it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::Remark;
use crate::text::{is_space, sanitize, trim};

/// Quotation marks that enclose, as they open and close.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('“', '”'),
    ('„', '“'),
    ('«', '»'),
    ('»', '«'),
    ('「', '」'),
    ('『', '』'),
    ('‘', '’'),
    ('\'', '\''),
    ('`', '`'),
];

/// What each pattern finds, by what it is called. The part that is marked is the group `m`, or the whole match.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    // A star between letters stands for one that was left out ("f**k"), so emphasis has none of them outside it.
    let patterns = [
        ("a code fence", r"```"),
        ("bold type", r"(?:^|[^\w*])(?<m>\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*)(?:$|[^\w*])"),
        ("italic type", r"(?:^|[\s(])(?<m>\*[^\s*](?:[^*\n]*[^\s*])?\*)(?:$|[\s.,;:!?)])"),
        ("a heading", r"(?m)^(?<m>#{1,6}) \S"),
        ("code", r"(?:^|[\s(])(?<m>`[^`\s](?:[^`\n]*[^`\s])?`)(?:$|[\s.,;:!?)])"),
        ("a link", r"!?\[[^\]\n]+\]\([^()\s]+\)"),
        ("a tag", r"</?(?:a|b|br|caption|div|em|h[1-6]|i|img|li|p|span|strong|u|ul)(?:\s[^<>\n]*)?/?>"),
        ("an HTML entity", r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{2,7}|#x[0-9a-fA-F]{2,6});"),
        ("a list", r"(?m)\A\s*(?<m>[-*•]) \S"),
        ("a list", r"(?m)^[ \t]*(?<m>[-*•]|[0-9]{1,2}[.)])[ \t]+\S[^\n]*\n+[ \t]*(?:[-*•]|[0-9]{1,2}[.)])[ \t]+\S"),
    ];
    let compile = |pattern| Regex::new(pattern).expect("a pattern of this program, which a test compiles");
    patterns.into_iter().map(|(name, pattern)| (name, compile(pattern))).collect()
});

/// A finding if the caption has marks of a markup language, or is in quotation marks.
pub(super) fn markup(caption: &str) -> Option<Remark> {
    if let Some((span, mark)) = enclosed(caption) {
        return Some(Remark::about(span, format!("{mark} stands round the whole text")));
    }
    if trim(caption).starts_with("{\"") && trim(caption).ends_with('}') {
        return Some(Remark::whole("it is JSON"));
    }
    if !caption.contains(['*', '#', '`', '[', '<', '&', '-', '•', '\n']) {
        return None;
    }
    PATTERNS.iter().find_map(|(name, pattern)| {
        let found = pattern.captures(caption)?;
        let part = found.name("m").or(found.get(0))?;
        let message = format!("“{}” is {name}, not text", sanitize(&shortened(part.as_str())));
        Some(Remark::about(part.range(), message))
    })
}

/// The mark that opens the caption, if the one it closes with stands at the end and nowhere between.
fn enclosed(caption: &str) -> Option<(Range<usize>, char)> {
    let text = trim(caption);
    let first = text.chars().next()?;
    let (open, close) = *QUOTES.iter().find(|(open, _)| *open == first)?;
    let inner = text.strip_prefix(open)?.strip_suffix(close)?;
    // An apostrophe may stand between, or open and close by chance: only a sentence's end before the last tells.
    let apostrophe = matches!(close, '\'' | '’');
    let sure = if apostrophe { inner.ends_with(['.', '!', '?']) } else { !inner.contains([open, close]) };
    let start = caption.len() - caption.trim_start_matches(is_space).len();
    (sure && !inner.is_empty()).then(|| (start..start + open.len_utf8(), open))
}

/// Most characters of a mark that a message repeats.
const SHOWN: usize = 24;

fn shortened(part: &str) -> String {
    match part.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &part[..end]),
        None => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn found(caption: &str) -> Option<(&str, String)> {
        markup(caption).map(|remark| (remark.span.map_or("", |span| &caption[span]), remark.message))
    }

    #[rstest]
    #[case("A **red** coat.", "**red**", "“**red**” is bold type, not text")]
    #[case("**A red coat.**", "**A red coat.**", "“**A red coat.**” is bold type, not text")]
    #[case("A *red* coat.", "*red*", "“*red*” is italic type, not text")]
    #[case("## Outfit\nA coat.", "##", "“##” is a heading, not text")]
    #[case("```\nA coat.\n```", "```", "“```” is a code fence, not text")]
    #[case("A `red` coat.", "`red`", "“`red`” is code, not text")]
    #[case("A [coat](http://a.b).", "[coat](http://a.b)", "“[coat](http://a.b)” is a link, not text")]
    #[case("A coat.<br>A hat.", "<br>", "“<br>” is a tag, not text")]
    #[case("A hat &amp; coat.", "&amp;", "“&amp;” is an HTML entity, not text")]
    #[case("- A coat.", "-", "“-” is a list, not text")]
    #[case("Outfit:\n1. A coat.\n2. A hat.", "1.", "“1.” is a list, not text")]
    #[case("{\"caption\": \"A coat.\"}", "", "it is JSON")]
    #[case("\"A red coat.\"", "\"", "\" stands round the whole text")]
    #[case(" “A red coat.”\n", "“", "“ stands round the whole text")]
    #[case("'A woman's coat.'", "'", "' stands round the whole text")]
    fn marks_are_found(#[case] caption: &str, #[case] part: &str, #[case] message: &str) {
        assert_eq!(found(caption), Some((part, message.to_owned())));
    }

    #[rstest]
    #[case("A red coat with a 5* rating & more.")]
    #[case("A \"red\" coat and a \"blue\"")]
    #[case("\"SALE\" hangs over \"OPEN\"")]
    #[case("'90s style for the girls'")]
    #[case("A tee reading f**k the **** rules.")]
    #[case("2 * 3 * 4 on the board.")]
    #[case("The #1 fan, jersey # 23.")]
    #[case("A coat - red, long-sleeved - and a hat.")]
    #[case("Width < 5 and height > 3.")]
    #[case("Standing [partly hidden] (left).")]
    #[case("AT&T sign, R&B tee; M&M's.")]
    #[case("Coat.\n- by the sea -")]
    #[case("<3 on a mug, C:\\> on a screen.")]
    fn marks_that_belong_to_the_text_are_not(#[case] caption: &str) {
        assert_eq!(found(caption), None);
    }

    proptest! {
        #[test]
        fn any_marks_can_be_looked_at(caption in "[a\"'`*#<>b/&;\\[\\]() \n.-]{0,24}") {
            if let Some(Remark { span: Some(span), .. }) = markup(&caption) {
                prop_assert!(!caption[span].is_empty());
            }
        }
    }
}
