//! A report as rows of text, for a terminal's 80 columns and for a pop-up over 80 columns.

use std::fmt::Display;

use crate::session::DecisionKind;
use crate::statistics::Interval;
use crate::text;

/// Columns of a page: what a pop-up's border leaves of 80.
pub(super) const WIDTH: usize = 76;

/// What bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bars {
    /// Blocks, to an eighth of a cell.
    Blocks,
    /// ASCII characters only, here and everywhere on the page.
    Ascii,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// The beginning of a part.
    Heading,
    /// Figures.
    Plain,
    /// How to read them.
    Remark,
}

/// Records that a row counts, so that they can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those decided on so.
    Decided(DecisionKind),
    /// Those with a flag.
    Flagged,
    /// Those with a note.
    Noted,
    /// Those whose caption has so many words.
    Words {
        /// The fewest.
        from: u64,
        /// The most; none where there is no limit.
        to: Option<u64>,
    },
    /// Those whose caption begins with these words.
    Opening(String),
    /// Those whose caption has these words in a row.
    Phrase(String),
}

/// A row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub kind: RowKind,
    /// Its text, without control characters.
    pub text: String,
    /// The records it counts, where it counts records that can be asked for.
    pub counts: Option<Counted>,
}

/// Rows of text, none wider than 76 columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    bars: Bars,
}

impl Page {
    pub(super) const fn new(bars: Bars) -> Self {
        Self { rows: Vec::new(), bars }
    }

    /// Begins a part.
    pub(super) fn heading(&mut self, text: impl Display) {
        if !self.rows.is_empty() {
            self.push(RowKind::Plain, "");
        }
        self.push(RowKind::Heading, &text.to_string());
    }

    pub(super) fn row(&mut self, text: impl Display) {
        self.push(RowKind::Plain, &format!("  {text}"));
    }

    /// A row that counts records.
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

    /// `text` in exactly so many columns.
    pub(super) fn cell(&self, text: &str, columns: usize) -> String {
        let text = text::sanitize(text);
        let text = text::truncate_to_width(&text, columns, self.ellipsis());
        let free = columns.saturating_sub(text::width(&text));
        format!("{text}{}", " ".repeat(free))
    }

    /// A bar as long as `count` is of `most`, in at most so many columns. What is there is seen, however little.
    pub(super) fn bar(&self, count: u64, most: u64, columns: usize) -> String {
        let eighths = 8 * columns as u64;
        let length = (count.saturating_mul(eighths)).checked_div(most).unwrap_or(0).min(eighths);
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

/// A share in percent, to a tenth ("84.2 %").
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// An interval in percent ("78.1–88.9 %").
pub(super) fn percents(interval: Interval) -> String {
    format!("{:.1}–{:.1} %", interval.low * 100.0, interval.high * 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bars_show_what_is_there() {
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
    fn text_of_files_commands_no_terminal() {
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
