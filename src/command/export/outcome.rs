//! What an export did with the records it read: counts that add up.

use std::fmt;

use crate::exit::ExitCode;
use crate::text::counted;

/// Names listed for each reason.
const LISTED: usize = 10;

/// Things of one kind that are named after the export: the first few, and the number of all.
#[derive(Default)]
pub(super) struct Named {
    names: Vec<String>,
    pub(super) count: u64,
}

impl Named {
    pub(super) fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.names.len() < LISTED {
            self.names.push(name());
        }
    }

    /// Returns a heading with the names; `None` if there are none.
    pub(super) fn note(&self, heading: impl FnOnce(u64) -> String) -> Option<String> {
        let more = match self.count - self.names.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (self.count > 0).then(|| format!("{}: {}{more}", heading(self.count), self.names.join(", ")))
    }
}

/// Returns the note about texts that were changed.
pub(super) fn surrogate_note(texts: &Named) -> Option<String> {
    texts.note(|count| format!("{} with half of a surrogate pair, written as U+FFFD", counted(count, "text", "texts")))
}

/// Why a record was not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    Excluded,
    /// Its decision is not in `--only`.
    OtherDecision,
    /// It is on the other side of the split.
    OtherSide,
    /// Text files: it has no caption.
    NoCaption,
    /// Text files: its caption is not a string.
    NotText,
    /// Its line cannot be parsed.
    Unreadable,
    /// Its image is missing or cannot be read, and would be exported.
    NoImage,
    /// Its image is in a Parquet file or an archive, and the export has paths of files.
    InTable,
    /// The path of its image cannot be used.
    BadPath,
}

/// `read` = `exported` + all records that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub read: u64,
    pub exported: u64,
    pub excluded: u64,
    pub other_decision: u64,
    pub other_side: u64,
    pub without_caption: u64,
    pub not_text: u64,
    pub unreadable: u64,
    pub without_image: u64,
    pub in_table: u64,
    pub bad_path: u64,
    /// Number of exported records with something the next program may misread, such as a caption that is not a string.
    pub doubtful: u64,
}

impl Outcome {
    pub(super) const fn leave_out(&mut self, reason: LeftOut) {
        let count = match reason {
            LeftOut::Excluded => &mut self.excluded,
            LeftOut::OtherDecision => &mut self.other_decision,
            LeftOut::OtherSide => &mut self.other_side,
            LeftOut::NoCaption => &mut self.without_caption,
            LeftOut::NotText => &mut self.not_text,
            LeftOut::Unreadable => &mut self.unreadable,
            LeftOut::NoImage => &mut self.without_image,
            LeftOut::InTable => &mut self.in_table,
            LeftOut::BadPath => &mut self.bad_path,
        };
        *count += 1;
    }

    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        let lost = self.not_text + self.unreadable + self.without_image + self.in_table + self.bad_path;
        if lost + self.doubtful == 0 { ExitCode::Done } else { ExitCode::Findings }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} read: {} exported", counted(self.read, "record", "records"), self.exported)?;
        let left_out = [
            (self.excluded, "excluded (--only excluded exports them)"),
            (self.other_decision, "with a decision that is not in --only"),
            (self.other_side, "on the other side of the split"),
            (self.without_caption, "without a caption"),
            (self.not_text, "with a caption that is not a string (csv, jsonl and parquet export it)"),
            (self.unreadable, "not readable (`recaption check` lists them)"),
            (self.without_image, "without an image that can be read (listed above)"),
            (
                self.in_table,
                "with an image inside a file of the dataset (export --to txt --copy-images writes it to a folder)",
            ),
            (self.bad_path, "with a path that cannot be used (listed above)"),
        ];
        left_out.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, why)| write!(f, ", {count} {why}"))
    }
}
