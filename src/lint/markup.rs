//! Finds Markdown, HTML and JSON syntax, and quotation marks around the whole caption.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::Violation;
use crate::text::{is_space, sanitize, trim};

/// Pairs of opening and closing quotation marks.
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

/// The name of each kind of markup, characters of which it has at least one, and its pattern. The span is the group `m` if
/// there is one, otherwise the whole match.
static PATTERNS: LazyLock<Vec<(&str, &[u8], Regex)>> = LazyLock::new(|| {
    // Emphasis must not touch a letter on the outside: stars inside a word replace letters ("f**k").
    let patterns = [
        ("code fence", "`", r"```"),
        ("bold", "*", r"(?:^|[^\w*])(?<m>\*\*[^\s*](?:[^*\n]*[^\s*])?\*\*)(?:$|[^\w*])"),
        ("italics", "*", r"(?:^|[\s(])(?<m>\*[^\s*](?:[^*\n]*[^\s*])?\*)(?:$|[\s.,;:!?)])"),
        ("heading", "#", r"(?m)^(?<m>#{1,6}) \S"),
        ("inline code", "`", r"(?:^|[\s(])(?<m>`[^`\s](?:[^`\n]*[^`\s])?`)(?:$|[\s.,;:!?)])"),
        ("link", "[", r"!?\[[^\]\n]+\]\([^()\s]+\)"),
        ("HTML tag", "<", r"</?(?:a|b|br|caption|div|em|h[1-6]|i|img|li|p|span|strong|u|ul)(?:\s[^<>\n]*)?/?>"),
        ("HTML entity", "&", r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{2,7}|#x[0-9a-fA-F]{2,6});"),
        ("list item", "-*•", r"(?m)\A\s*(?<m>[-*•]) \S"),
        (
            "list item",
            "\n",
            r"(?m)^[ \t]*(?<m>[-*•]|[0-9]{1,2}[.)])[ \t]+\S[^\n]*\n+[ \t]*(?:[-*•]|[0-9]{1,2}[.)])[ \t]+\S",
        ),
    ];
    let compile = |pattern| Regex::new(pattern).expect("the built-in patterns are valid");
    patterns.into_iter().map(|(name, marks, pattern)| (name, marks.as_bytes(), compile(pattern))).collect()
});

/// Reports the first piece of markup, or quotation marks around the caption.
pub(super) fn markup(caption: &str) -> Option<Violation> {
    if let Some((span, open, close)) = enclosed(caption) {
        return Some(Violation::at(span, format!("enclosed in {open}…{close}")));
    }
    if trim(caption).starts_with("{\"") && trim(caption).ends_with('}') {
        return Some(Violation::whole("JSON instead of text"));
    }
    let mut has = [false; 256];
    caption.bytes().for_each(|byte| has[usize::from(byte)] = true);
    PATTERNS.iter().filter(|(_, marks, _)| marks.iter().any(|mark| has[usize::from(*mark)])).find_map(
        |(name, _, pattern)| {
            let found = pattern.captures(caption)?;
            let part = found.name("m").or(found.get(0))?;
            let message = format!("{name}: “{}”", sanitize(&shortened(part.as_str())));
            Some(Violation::at(part.range(), message))
        },
    )
}

/// Returns the span of the opening quotation mark and the pair of marks, if a pair encloses the caption and does not occur
/// inside it.
fn enclosed(caption: &str) -> Option<(Range<usize>, char, char)> {
    let text = trim(caption);
    let first = text.chars().next()?;
    let (open, close) = *QUOTES.iter().find(|(open, _)| *open == first)?;
    let inner = text.strip_prefix(open)?.strip_suffix(close)?;
    // Apostrophes also occur inside, and a caption can start and end with one by coincidence ("'90s … girls'"), so these
    // must follow the end of a sentence.
    let apostrophe = matches!(close, '\'' | '’');
    let encloses = if apostrophe { inner.ends_with(['.', '!', '?']) } else { !inner.contains([open, close]) };
    let start = caption.len() - caption.trim_start_matches(is_space).len();
    (encloses && !inner.is_empty()).then(|| (start..start + open.len_utf8(), open, close))
}

/// The number of characters of the markup shown in the message.
const MAX_SHOWN: usize = 24;

fn shortened(part: &str) -> String {
    match part.char_indices().nth(MAX_SHOWN) {
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
        markup(caption).map(|violation| (violation.span.map_or("", |span| &caption[span]), violation.message))
    }

    #[rstest]
    #[case("A **red** coat.", "**red**", "bold: “**red**”")]
    #[case("**A red coat.**", "**A red coat.**", "bold: “**A red coat.**”")]
    #[case("A *red* coat.", "*red*", "italics: “*red*”")]
    #[case("## Outfit\nA coat.", "##", "heading: “##”")]
    #[case("```\nA coat.\n```", "```", "code fence: “```”")]
    #[case("A `red` coat.", "`red`", "inline code: “`red`”")]
    #[case("A [coat](http://a.b).", "[coat](http://a.b)", "link: “[coat](http://a.b)”")]
    #[case("A coat.<br>A hat.", "<br>", "HTML tag: “<br>”")]
    #[case("A hat &amp; coat.", "&amp;", "HTML entity: “&amp;”")]
    #[case("- A coat.", "-", "list item: “-”")]
    #[case("Outfit:\n1. A coat.\n2. A hat.", "1.", "list item: “1.”")]
    #[case("{\"caption\": \"A coat.\"}", "", "JSON instead of text")]
    #[case("\"A red coat.\"", "\"", "enclosed in \"…\"")]
    #[case(" “A red coat.”\n", "“", "enclosed in “…”")]
    #[case("'A woman's coat.'", "'", "enclosed in '…'")]
    fn markup_is_found(#[case] caption: &str, #[case] part: &str, #[case] message: &str) {
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
    fn text_that_resembles_markup_is_not(#[case] caption: &str) {
        assert_eq!(found(caption), None);
    }

    proptest! {
        #[test]
        fn spans_are_never_empty(caption in "[a\"'`*#<>b/&;\\[\\]() \n.-]{0,24}") {
            if let Some(Violation { span: Some(span), .. }) = markup(&caption) {
                prop_assert!(!caption[span].is_empty());
            }
        }
    }
}
