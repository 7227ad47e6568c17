//! Writes an object with changed captions: everything but their values, and the members of excluded images, is copied
//! unchanged.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{CaptionMap, Place};
use crate::dataset::fields::Json;
use crate::dataset::read::RawLine;
use crate::dataset::save::{Change, Counts, SaveError, rewrite_change};
use crate::dataset::{Dataset, DatasetError, RecordId};

impl CaptionMap {
    /// Writes the object with `changes`, which must be in file order.
    pub(in crate::dataset) fn write(
        &self,
        dataset: &Dataset,
        changes: &mut dyn Iterator<Item = (RecordId, Change)>,
        output: &mut dyn Write,
        not_written: &dyn Fn(io::Error) -> SaveError,
    ) -> Result<Counts, SaveError> {
        let wrong = |why| SaveError::from(DatasetError::Table { path: dataset.path().to_owned(), why });
        let places = &self.members(dataset.path())?.places;
        let text = self.text().map_err(wrong)?;
        dataset.0.source.check()?;
        let mut counts = Counts::default();
        // Of changed members the new value, of those that are left out none.
        let mut members: BTreeMap<usize, Option<String>> = BTreeMap::new();
        for (record, change) in changes {
            if members.last_key_value().is_some_and(|(before, _)| record.index() <= *before) {
                return Err(SaveError::OutOfOrder { record });
            }
            let Some(place) = places.get(record.index()) else {
                let (path, count) = (dataset.path().into(), dataset.record_count());
                return Err(DatasetError::NoSuchRecord { path, record, count }.into());
            };
            let line = self.line(&text, place);
            let raw = RawLine::of(record, line.as_bytes());
            let before = counts.excluded;
            let rewritten = rewrite_change(&raw, &self.caption_field, change, &mut counts);
            if counts.excluded > before {
                members.insert(record.index(), None);
            } else if let Some(line) = rewritten.and_then(|line| String::from_utf8(line).ok()) {
                let value = Json::field_of(&line, &self.caption_field).map(|json| json.raw().to_owned());
                members.insert(record.index(), value);
            }
        }
        write_members(&text, places, &members, output).map_err(not_written)?;
        Ok(counts)
    }
}

fn write_members(
    text: &str,
    places: &[Place],
    changed: &BTreeMap<usize, Option<String>>,
    output: &mut dyn Write,
) -> io::Result<()> {
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return output.write_all(text.as_bytes()) };
    let mut out = |text: &str| output.write_all(text.as_bytes());
    out(&text[..first.key.start])?;
    let mut is_first = true;
    for (at, Place { key, value }) in places.iter().enumerate() {
        let new = match changed.get(&at) {
            Some(None) => continue,
            Some(Some(new)) => new,
            None => &text[value.clone()],
        };
        if !std::mem::take(&mut is_first) {
            // The comma and the white space before the member.
            out(&text[places[at - 1].value.end..key.start])?;
        }
        out(&text[key.start..value.start])?;
        out(new)?;
    }
    out(&text[last.value.end..])
}
