//! Saves the captions of an image together: a change for each line instead of one for each caption.

use super::{RecordId, Siblings};
use crate::dataset::DatasetError;
use crate::dataset::save::{Amendment, Change, SaveError};

/// The changes of images, and the exclusions among them that are not possible.
#[derive(Debug, Default)]
pub(in crate::dataset) struct ImageChanges {
    pub(in crate::dataset) changes: Vec<(RecordId, Change)>,
    /// Excluded records of images with captions that are not excluded.
    pub(in crate::dataset) partly_excluded: u32,
}

impl Siblings {
    /// Returns the changes of images for the amendments of records, which must be in order.
    pub(in crate::dataset) fn changes(
        &self,
        amendments: &mut dyn Iterator<Item = (RecordId, Amendment)>,
    ) -> Result<ImageChanges, SaveError> {
        let lines = self.lines()?;
        let mut all = ImageChanges::default();
        let mut amendments = amendments.peekable();
        let mut before = None;
        while let Some((record, _)) = amendments.peek() {
            let record = *record;
            if before.is_some_and(|before| record <= before) {
                return Err(SaveError::OutOfOrder { record });
            }
            let Some(image) = Self::image(lines, record) else {
                let (path, count) = (self.path().to_owned(), RecordId(lines.records));
                return Err(DatasetError::NoSuchRecord { path, record, count: count.0 }.into());
            };
            let records = Self::records_of(lines, image);
            let (mut captions, mut excluded) = (Vec::new(), 0);
            while let Some((record, amendment)) = amendments.next_if(|(record, _)| records.contains(&record.0)) {
                if before.is_some_and(|before| record <= before) {
                    return Err(SaveError::OutOfOrder { record });
                }
                before = Some(record);
                match amendment {
                    Amendment::Caption(caption) => captions.push((self.slot(record.0 - records.start), caption)),
                    Amendment::Exclude => excluded += 1,
                }
            }
            let image = RecordId(u32::try_from(image).unwrap_or(u32::MAX));
            if excluded == records.end - records.start {
                all.changes.push((image, Change::Exclude { records: excluded }));
                continue;
            }
            all.partly_excluded += excluded;
            if !captions.is_empty() {
                all.changes.push((image, Change::Captions(captions)));
            }
        }
        Ok(all)
    }
}
