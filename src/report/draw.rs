//! Draws the random sample of a spot check in one pass over the dataset.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::dataset::{Dataset, DatasetError, Line, RecordId};
use crate::session::{Ledger, Sample, SampleMember, SampleRequest, Subject};
use crate::statistics::{self, Stratum};

/// Records between two calls of `keep_going`.
const CHECK_INTERVAL: u32 = 1_024;

/// The stratum of records without the field.
const NONE: &str = "(none)";

/// Why a sample cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error("no record has a field \"{0}\" to stratify the sample by")]
    NoSuchField(String),
    /// There are more strata than records to draw.
    #[error("\"{field}\" has {values} values, too many for a sample of {size}: draw more, or use another field")]
    TooManyStrata { field: String, values: usize, size: u64 },
}

/// Draws a sample of the records that can be parsed. The spot check judges the captions as the ledger has them now.
/// `keep_going` is called every thousand records. Returns `None` if it breaks.
///
/// # Errors
/// Returns an error if the dataset cannot be read, or if the sample cannot be stratified as requested.
pub fn draw(
    dataset: &Dataset,
    request: &SampleRequest,
    ledger: &Ledger,
    at: Timestamp,
    keep_going: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Sample>, DrawError> {
    let mut found: Vec<(u64, usize, RecordId)> = Vec::new();
    let mut values: BTreeMap<String, usize> = BTreeMap::new();
    let mut stopped = false;
    dataset.scan_lines(&mut |line| {
        let entry = line.entry();
        if let Some(record) = entry.record() {
            let value = request.by.as_ref().map(|field| value(line, field)).unwrap_or_default();
            let next = values.len();
            let value = *values.entry(value).or_insert(next);
            found.push((statistics::sample_key(request.seed, record.id.0, &record.file_name), value, record.id));
        }
        stopped = entry.id().0.is_multiple_of(CHECK_INTERVAL) && keep_going().is_break();
        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if stopped {
        return Ok(None);
    }
    if let Some(field) = &request.by {
        if !found.is_empty() && values.keys().all(|value| value == NONE) {
            return Err(DrawError::NoSuchField(field.clone()));
        }
        if values.len() as u64 > request.size {
            let (field, values) = (field.clone(), values.len());
            return Err(DrawError::TooManyStrata { field, values, size: request.size });
        }
    }
    // Strata are numbered in the order of their names, not of the file.
    let mut numbers = vec![0; values.len()];
    let mut strata: Vec<Stratum> = Vec::with_capacity(values.len());
    for (number, (name, value)) in values.into_iter().enumerate() {
        numbers[value] = number;
        strata.push(Stratum { name, ..Stratum::default() });
    }
    for (_, stratum, _) in &mut found {
        *stratum = numbers[*stratum];
        strata[*stratum].population += 1;
    }
    let populations: Vec<u64> = strata.iter().map(|stratum| stratum.population).collect();
    let (drawn, shares) = statistics::draw(found, &populations, request.size);
    for (stratum, share) in strata.iter_mut().zip(shares) {
        stratum.drawn = share;
    }
    let members = drawn.into_iter().map(|drawn| member(dataset, ledger, drawn)).collect::<Result<_, _>>()?;
    let hash = dataset.content_hash()?;
    Ok(Some(Sample { request: request.clone(), hash, strata, members, after: ledger.last(), at }))
}

fn member(
    dataset: &Dataset,
    ledger: &Ledger,
    drawn: statistics::Drawn<RecordId>,
) -> Result<SampleMember, DatasetError> {
    let (file_name, caption) = dataset.entry(drawn.item)?.into_identity();
    let subject = Subject { file_name, occurrence: 0, caption };
    let text = ledger.record(drawn.item).own_text(drawn.item).map(Cow::into_owned);
    Ok(SampleMember { record: drawn.item, subject, stratum: drawn.stratum, text })
}

/// Returns the value of a field: the content of a string, or any other value as JSON.
fn value(line: &Line<'_>, field: &str) -> String {
    match line.field(field).filter(|json| !json.is_missing()) {
        None => NONE.to_owned(),
        Some(json) => json.to_text().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::dataset::OpenOptions;
    use crate::session::{Actor, Decision, EditBase, Event, Seq};

    /// Ninety records with three brands, one without a brand, and one bad line.
    fn dataset(folder: &std::path::Path) -> Dataset {
        let mut lines = String::new();
        for number in 0..90 {
            let brand = ["\"nike\"", "7", "\"\u{c544}\""][number % 3];
            writeln!(lines, "{{\"file_name\": \"{number}.jpg\", \"text\": \"{number}\", \"brand\": {brand}}}").unwrap();
        }
        lines.push_str("no record\n{\"file_name\": \"90.jpg\"}\n");
        let path = folder.join("metadata.jsonl");
        std::fs::write(&path, lines).unwrap();
        Dataset::open(&path, &OpenOptions::default()).unwrap()
    }

    fn drawn(dataset: &Dataset, size: u64, seed: u64, by: Option<&str>) -> Result<Sample, DrawError> {
        let request = SampleRequest { size, seed, by: by.map(str::to_owned), blind: false };
        let mut ledger = Ledger::new();
        let decision = Decision::Edited { text: "own".to_owned(), base: EditBase::Original };
        ledger.apply(Event::Decided { record: RecordId(4), decision, by: Actor::Operator });
        let sample = draw(dataset, &request, &ledger, Timestamp::UNIX_EPOCH, &mut || ControlFlow::Continue(()))?;
        Ok(sample.unwrap())
    }

    #[test]
    fn a_stratified_sample_is_proportional() {
        let folder = tempfile::tempdir().unwrap();
        let sample = drawn(&dataset(folder.path()), 31, 7, Some("brand")).unwrap();
        let strata: Vec<(&str, u64, u64)> =
            sample.strata.iter().map(|stratum| (stratum.name.as_str(), stratum.population, stratum.drawn)).collect();
        // Quotas of 31·1/91 = 0.34 and 31·30/91 = 10.22: ten each, and one more for the largest remainder.
        assert_eq!(strata, [("(none)", 1, 1), ("7", 30, 10), ("nike", 30, 10), ("\u{c544}", 30, 10)]);
        assert_eq!((sample.members.len(), sample.population(), sample.after), (31, 91, Seq(1)));
        for member in &sample.members {
            let number = member.record.0;
            let expected = if number == 91 { 0 } else { [2, 1, 3][number as usize % 3] };
            assert_eq!(member.stratum, expected, "{member:?}");
        }
    }

    #[test]
    fn members_have_their_captions_from_before_the_draw() {
        let folder = tempfile::tempdir().unwrap();
        let sample = drawn(&dataset(folder.path()), 1_000, 7, None).unwrap();
        assert_eq!(sample.members.len(), 91, "at most the whole dataset");
        assert_eq!(sample.strata, [Stratum { name: String::new(), population: 91, drawn: 91 }]);
        let edited = sample.members.iter().find(|member| member.record.0 == 4).unwrap();
        let subject = Subject { file_name: "4.jpg".to_owned(), occurrence: 0, caption: Some("4".to_owned()) };
        assert_eq!((&edited.subject, edited.text.as_deref()), (&subject, Some("own")));
        let order: Vec<u32> = sample.members.iter().map(|member| member.record.0).collect();
        assert!(!order.is_sorted(), "{order:?}");
    }

    #[test]
    fn the_seed_determines_the_sample() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(folder.path());
        let sample = |seed| drawn(&dataset, 20, seed, Some("brand")).unwrap();
        assert_eq!(sample(7), sample(7));
        assert_ne!(sample(7).members, sample(8).members);
    }

    #[test]
    fn an_impossible_stratification_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(folder.path());
        assert!(matches!(drawn(&dataset, 20, 7, Some("colour")), Err(DrawError::NoSuchField(_))));
        let error = drawn(&dataset, 20, 7, Some("file_name")).unwrap_err().to_string();
        assert!(error.contains("\"file_name\" has 91 values"), "{error}");
    }
}
