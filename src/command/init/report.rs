//! What an import leaves out, by reason, with the way to include it.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde_json::{Value, json};

use crate::console::Console;
use crate::dataset::LeftOut;

/// Names that are printed for each reason.
const MAX_NAMES: usize = 10;

/// Why something is not in the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reason {
    // Of rows and lines.
    NoFileName,
    Ragged,
    AfterQuote,
    LineNotUtf8,
    // Of columns and values.
    DataColumn,
    ValueNotUtf8,
    NotFinite,
    OutOfRange,
    /// A file or folder.
    #[serde(untagged)]
    File(LeftOut),
}

/// Whether something left out may have been meant to be included. If so, the exit code is 1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Severity {
    Finding,
    Note,
}

impl Reason {
    /// Returns the singular, the plural, and the way to include it.
    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::File(reason) => {
                let (one, many) = reason.names();
                (one, many, remedy(reason))
            }
            Self::NoFileName => ("row without a file name", "rows without a file name", "fill in \"file_name\""),
            Self::Ragged => (
                "row with more or fewer cells than the header",
                "rows with more or fewer cells than the header",
                "enclose cells that contain the separator in double quotes",
            ),
            Self::AfterQuote => (
                "row with text after a closing quote",
                "rows with text after a closing quote",
                "double the quotes inside a cell",
            ),
            Self::LineNotUtf8 => ("line that is not UTF-8", "lines that are not UTF-8", "convert the file to UTF-8"),
            Self::DataColumn => ("column of binary data", "columns of binary data", ""),
            Self::ValueNotUtf8 => {
                ("value that is not UTF-8, null in the dataset", "values that are not UTF-8, null in the dataset", "")
            }
            Self::NotFinite => (
                "infinite or NaN value, which JSON lacks: null in the dataset",
                "infinite or NaN values, which JSON lacks: null in the dataset",
                "",
            ),
            Self::OutOfRange => (
                "date or time out of range, a number in the dataset",
                "dates or times out of range, numbers in the dataset",
                "",
            ),
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::DataColumn | Self::NotFinite | Self::OutOfRange => Severity::Note,
            Self::File(reason) if !reason.is_finding() => Severity::Note,
            _ => Severity::Finding,
        }
    }

    /// Returns true for what is counted in files, rows or lines, which the dataset lacks altogether.
    const fn is_entry(self) -> bool {
        !matches!(self, Self::DataColumn | Self::ValueNotUtf8 | Self::NotFinite | Self::OutOfRange)
    }
}

/// Returns the way to include a file or folder that was left out.
const fn remedy(reason: LeftOut) -> &'static str {
    match reason {
        LeftOut::UnreadableFormat => "convert them to JPEG or PNG",
        LeftOut::NameNotUtf8 | LeftOut::Hidden => "rename them",
        LeftOut::Unreadable => "check the permissions",
        LeftOut::TextNotUtf8 => "convert them to UTF-8",
        LeftOut::SharedText => "name each after one image with its extension (a.jpg.txt for a.jpg)",
        LeftOut::SecondText => "to use them, remove the others",
        LeftOut::TextWithoutImage => "name them like their images (a.txt for a.jpg)",
        LeftOut::Table => "to import one instead, delete the new dataset and name it: recaption init FILE",
        LeftOut::FolderLink | LeftOut::Thumbnails => "list their images with --list",
        LeftOut::BrokenLink => "restore the files they lead to",
        LeftOut::Mask => "list them with --list",
        LeftOut::Output => "open them by name",
        LeftOut::MissingShard => "download them",
        LeftOut::NoEntry => "add them to captions.json",
        LeftOut::TextBesideMap => "open the folder with --sidecar-ext txt",
        LeftOut::Other => "",
    }
}

#[derive(Default)]
struct Group {
    count: u64,
    /// The first names, and how often each occurred.
    names: Vec<(String, u64)>,
}

/// Everything left out so far, by reason.
#[derive(Default)]
pub(super) struct Report(BTreeMap<Reason, Group>);

impl Report {
    pub(super) fn add(&mut self, reason: Reason, name: &str) {
        let group = self.0.entry(reason).or_default();
        group.count += 1;
        if let Some((_, times)) = group.names.iter_mut().find(|(known, _)| known == name) {
            *times += 1;
        } else if group.names.len() < MAX_NAMES {
            group.names.push((name.to_owned(), 1));
        }
    }

    /// Returns the number of files, rows or lines left out.
    pub(super) fn entries(&self) -> u64 {
        self.sum(Reason::is_entry)
    }

    /// Returns the number of things left out that may have been meant to be included.
    pub(super) fn findings(&self) -> u64 {
        self.sum(|reason| reason.severity() == Severity::Finding)
    }

    fn sum(&self, of: impl Fn(Reason) -> bool) -> u64 {
        self.0.iter().filter(|(reason, _)| of(**reason)).map(|(_, group)| group.count).sum()
    }

    /// Returns an object for each reason, in the order of [`Report::print`].
    pub(super) fn json(&self) -> Vec<Value> {
        let object = |(reason, Group { count, names }): (&Reason, &Group)| {
            let names: Vec<&String> = names.iter().map(|(name, _)| name).collect();
            let (_, description, remedy) = reason.texts();
            let is_finding = reason.severity() == Severity::Finding;
            json!({
                "reason": reason, "count": count, "first": names, "description": description,
                "remedy": remedy, "finding": is_finding, "left_out": reason.is_entry(),
            })
        };
        self.0.iter().map(object).collect()
    }

    /// Prints a line for each reason.
    pub(super) fn print(&self, errors: &mut Console<'_>) -> io::Result<()> {
        for (reason, Group { count, names }) in &self.0 {
            let (one, many, remedy) = reason.texts();
            let what = crate::text::counted(*count, one, many);
            let shown: u64 = names.iter().map(|(_, times)| times).sum();
            let mut list: Vec<String> = names
                .iter()
                .map(|(name, times)| if *times > 1 { format!("{name} ({times})") } else { name.clone() })
                .collect();
            if shown < *count {
                list.push(format!("and {} more", count - shown));
            }
            let list = list.join(", ");
            let remedy = if remedy.is_empty() { String::new() } else { format!("; {remedy}") };
            errors.message(format!("{what}: {list}{remedy}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::fixture::Printed;

    #[test]
    fn the_first_names_are_printed_and_the_others_counted() {
        let mut report = Report::default();
        for line in 2..=14 {
            report.add(Reason::Ragged, &format!("line {line}"));
        }
        for _ in 0..3 {
            report.add(Reason::NotFinite, "score");
        }
        report.add(Reason::File(LeftOut::Hidden), ".a");
        assert_eq!((report.entries(), report.findings()), (14, 13));
        let ((), printed) = Printed::by(|_, errors| report.print(errors).unwrap());
        assert_eq!(
            printed.errors(),
            "13 rows with more or fewer cells than the header: line 2, line 3, line 4, line 5, line 6, line 7, line 8, \
             line 9, line 10, line 11, and 3 more; enclose cells that contain the separator in double quotes\n\
             3 infinite or NaN values, which JSON lacks: null in the dataset: score (3)\n\
             1 hidden file or folder: .a; rename them\n"
        );
    }
}
