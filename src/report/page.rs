//! A report as rows of text for 80 columns: printed in a terminal, or shown in a pop-up.

use std::fmt::Display;

use crate::session::DecisionKind;
use crate::statistics::Interval;
use crate::text;

/// Columns of a page: 80 without the border of a pop-up.
pub(super) const WIDTH: usize = 76;

/// The characters of bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bars {
    /// Block elements, with a resolution of an eighth of a cell.
    Blocks,
    /// ASCII only, for the text of the page too.
    Ascii,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    Heading,
    Plain,
    /// An explanation of the rows before it.
    Remark,
}

/// The records that a row counts, so that the reviewer can list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    Decided(DecisionKind),
    Flagged,
    Noted,
    /// Records whose captions have between `from` and `to` words, inclusive; without an upper limit if `to` is `None`.
    Words {
        from: u64,
        to: Option<u64>,
    },
    /// Records whose captions begin with these words.
    Opening(String),
    /// Records whose captions contain these consecutive words.
    Phrase(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub kind: RowKind,
    /// Sanitised.
    pub text: String,
    pub counts: Option<Counted>,
}

/// Rows of text of at most 76 columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<Row>,
    bars: Bars,
}

impl Page {
    pub(super) const fn new(bars: Bars) -> Self {
        Self { rows: Vec::new(), bars }
    }

    pub(super) fn heading(&mut self, text: impl Display) {
        if !self.rows.is_empty() {
            self.push(RowKind::Plain, "");
        }
        self.push(RowKind::Heading, &text.to_string());
    }

    pub(super) fn row(&mut self, text: impl Display) {
        self.push(RowKind::Plain, &format!("  {text}"));
    }

    /// Adds a row that counts records.
    pub(super) fn count(&mut self, text: impl Display, counts: Counted) {
        self.row(text);
        if let Some(row) = self.rows.last_mut() {
            row.counts = Some(counts);
        }
    }

    pub(super) fn remark(&mut self, text: impl Display) {
        self.push(RowKind::Remark, &format!("  {text}"));
    }

    fn push(&mut self, kind: RowKind, text: &str) {
        let text = text::sanitize(text);
        let text = match self.bars {
            Bars::Blocks => text,
            Bars::Ascii => text.replace('–', "-").replace('·', "|").replace('±', "+-").into(),
        };
        let text = text::truncate_to_width(&text, WIDTH, self.ellipsis()).trim_end().to_owned();
        self.rows.push(Row { kind, text, counts: None });
    }

    /// Truncates or pads `text` to exactly `columns`.
    pub(super) fn cell(&self, text: &str, columns: usize) -> String {
        let text = text::sanitize(text);
        let text = text::truncate_to_width(&text, columns, self.ellipsis());
        let free = columns.saturating_sub(text::width(&text));
        format!("{text}{}", " ".repeat(free))
    }

    /// Returns a bar of length `columns` × `count` / `max`. A count above zero is always visible.
    pub(super) fn bar(&self, count: u64, max: u64, columns: usize) -> String {
        let eighths = 8 * columns as u64;
        let length = (count.saturating_mul(eighths)).checked_div(max).unwrap_or(0).min(eighths);
        let length = if count > 0 { length.max(1) } else { 0 };
        let whole = usize::try_from(length / 8).unwrap_or(columns);
        match self.bars {
            Bars::Ascii => "#".repeat(whole.max(usize::from(count > 0))),
            Bars::Blocks => {
                let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
                let rest = usize::try_from(length % 8).ok().and_then(|part| rest.get(part)).unwrap_or(&"");
                format!("{}{rest}", "█".repeat(whole))
            }
        }
    }

    const fn ellipsis(&self) -> &'static str {
        match self.bars {
            Bars::Blocks => "…",
            Bars::Ascii => "...",
        }
    }
}

/// Formats a proportion as a percentage: `84.2 %`.
pub(super) fn percent(proportion: f64) -> String {
    format!("{:.1} %", proportion * 100.0)
}

/// Formats an interval as percentages: `78.1–88.9 %`.
pub(super) fn percents(interval: Interval) -> String {
    format!("{:.1}–{:.1} %", interval.low * 100.0, interval.high * 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_count_above_zero_has_a_visible_bar() {
        let page = Page::new(Bars::Blocks);
        assert_eq!(page.bar(0, 10, 4), "");
        assert_eq!(page.bar(1, 100_000, 4), "▏");
        assert_eq!(page.bar(5, 10, 4), "██");
        assert_eq!(page.bar(9, 16, 4), "██▎");
        assert_eq!(page.bar(10, 10, 4), "████");
        let page = Page::new(Bars::Ascii);
        assert_eq!([0, 1, 10].map(|count| page.bar(count, 10, 4)), ["", "#", "####"]);
    }

    #[test]
    fn text_is_sanitised() {
        let mut page = Page::new(Bars::Ascii);
        page.row("red \u{1b}[31m");
        assert!(!page.rows[0].text.contains('\u{1b}'), "{page:?}");
    }

    proptest! {
        #[test]
        fn rows_and_cells_keep_their_width(text in "[a-z가 ]{0,120}", columns in 4_usize..40) {
            let mut page = Page::new(Bars::Blocks);
            page.row(&text);
            page.heading(&text);
            prop_assert!(page.rows.iter().all(|row| crate::text::width(&row.text) <= WIDTH));
            prop_assert_eq!(crate::text::width(&page.cell(&text, columns)), columns);
        }
    }
}
