//! Looks through the captions of a dataset for those that a change would change.

use std::collections::HashMap;
use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::{Dataset, Entry, RecordId};
use crate::review::{Change, Hit, Msg, ReplaceId};

/// Hits are told when so many have come together, so that the first can be looked at while others are looked for.
const TOLD_AT_ONCE: usize = 200;

/// What to look for, and where.
pub(super) struct Search {
    pub(super) id: ReplaceId,
    pub(super) change: Change,
    pub(super) records: RoaringBitmap,
    /// Captions that are not the dataset's.
    pub(super) own: Vec<(RecordId, String)>,
}

pub(super) fn find(
    dataset: &Dataset,
    search: Search,
    messages: &UnboundedSender<Msg>,
    go_on: &impl Fn() -> ControlFlow<()>,
) {
    let Search { id, change, records, own } = search;
    let own: HashMap<RecordId, String> = own.into_iter().collect();
    let mut hits = Vec::new();
    // Nobody listens while the program ends.
    let tell = |hits: Vec<Hit>, complete| drop(messages.send(Msg::Replacements { id, hits, complete }));
    let scanned = dataset.scan(&mut |entry| {
        if let Entry::Record(line) = entry
            && records.contains(line.id.0)
        {
            let caption = own.get(&line.id).cloned().or(line.caption).unwrap_or_default();
            if let Some(after) = change.apply(&caption) {
                hits.push(Hit { record: line.id, before: caption, after, on: true });
            }
        }
        if hits.len() >= TOLD_AT_ONCE {
            tell(std::mem::take(&mut hits), false);
        }
        go_on()
    });
    if let Err(error) = scanned {
        let _ = messages.send(Msg::Notice(error.to_string()));
    }
    tell(hits, true);
}
