//! The look at every record in the background: lines that cannot be read, pictures that are not there.

use std::ops::ControlFlow;

use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::{Dataset, Entry};
use crate::review::{Checked, Msg};

/// Records between two reports.
const REPORT_EVERY: u32 = 1_024;

/// Looks at every record, until told to stop.
pub(super) fn check(dataset: &Dataset, messages: &UnboundedSender<Msg>, go_on: &dyn Fn() -> ControlFlow<()>) {
    let mut found = Checked::default();
    let result = dataset.scan(&mut |entry| {
        found.records += 1;
        match &entry {
            Entry::Bad(bad) => found.bad_lines.push(bad.id),
            Entry::Record(line) => {
                let path = dataset.picture_path(&line.file_name);
                if !path.is_ok_and(|path| path.is_file()) {
                    found.bad_pictures.push(line.id);
                }
            }
        }
        if found.records.is_multiple_of(REPORT_EVERY) {
            let next = Checked { records: found.records, ..Checked::default() };
            let _ = messages.send(Msg::Checked(std::mem::replace(&mut found, next)));
            return go_on();
        }
        ControlFlow::Continue(())
    });
    let _ = match result {
        Ok(()) => messages.send(Msg::Checked(found)),
        Err(error) => messages.send(Msg::DatasetFailed(error.to_string())),
    };
}
