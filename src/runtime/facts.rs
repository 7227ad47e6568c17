//! What a session asks of its dataset.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Entry, Occurrences, RecordId};
use crate::describe::Context;
use crate::session::{DatasetFacts, Subject};

/// A dataset, as its session sees it.
#[derive(Clone, Debug)]
pub struct Facts(pub Dataset);

impl Facts {
    /// What a record is beyond its position. Which of several of its name it is stays zero until that is known.
    ///
    /// # Errors
    /// When the line cannot be read.
    pub fn subject(&self, record: RecordId, occurrences: &Occurrences) -> io::Result<Subject> {
        let occurrence = occurrences.of(record);
        let entry = self.0.entry(record).map_err(io::Error::other)?;
        Ok(match entry {
            Entry::Record(line) => Subject { file_name: line.file_name, occurrence, caption: line.caption },
            Entry::Bad(_) => Subject { file_name: String::new(), occurrence, caption: None },
        })
    }
}

impl Facts {
    /// A record's picture, and what the dataset tells a describer besides.
    ///
    /// # Errors
    /// Where there is no picture to describe: why, for the operator.
    pub fn context(&self, record: RecordId) -> Result<(PathBuf, Context), String> {
        let (entry, line) = self.0.entry_and_line(record).map_err(|error| error.to_string())?;
        match entry {
            Entry::Record(record) => {
                let picture = self.0.picture_path(&record.file_name).map_err(|error| error.to_string())?;
                let context =
                    Context { file_name: record.file_name, current: record.caption, line, ..Context::default() };
                Ok((picture, context))
            }
            Entry::Bad(bad) => Err(bad.error.to_string()),
        }
    }
}

impl DatasetFacts for Facts {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn caption_field(&self) -> &str {
        self.0.caption_field()
    }

    fn stamp(&self) -> String {
        let stamp = self.0.stamp();
        format!("{} bytes, changed {} ns, file {} on {}", stamp.len, stamp.modified_ns, stamp.inode, stamp.device)
    }

    fn hash(&self) -> io::Result<u128> {
        self.0.content_hash().map_err(io::Error::other)
    }

    fn visit(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        found: &mut dyn FnMut(RecordId, &str, Option<&str>),
    ) -> io::Result<()> {
        let mut visit = |entry: Entry| {
            let (name, caption) = match &entry {
                Entry::Record(line) => (line.file_name.as_str(), line.caption.as_deref()),
                Entry::Bad(_) => ("", None),
            };
            if wanted(name) {
                found(entry.id(), name, caption);
            }
            ControlFlow::Continue(())
        };
        self.0.scan(&mut visit).map_err(io::Error::other)
    }
}
