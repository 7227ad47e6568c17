//! Joins the results of a job with the records of its part, in any order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::AddAssign;

use roaring::RoaringBitmap;
use serde::Deserialize;

use super::record_key::RecordKey;
use crate::describe::{CompleteResponse, bedrock};
use crate::session::BatchEntry;

/// The results of one part, which are taken line by line.
#[derive(Debug)]
pub struct Results {
    token: String,
    entries: Vec<BatchEntry>,
    taken: RoaringBitmap,
    /// Why records have no response. A response that follows has the last word.
    errors: BTreeMap<u32, String>,
    pub totals: Totals,
}

/// How many lines were read, and why some were not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub lines: u64,
    /// Responses that were taken.
    pub responses: u64,
    /// Errors in place of a response.
    pub errors: u64,
    /// Results of records that had one already.
    pub repeated: u64,
    /// Lines whose key is not of this part.
    pub foreign: u64,
    /// Lines that are not JSON of a result.
    pub unreadable: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let Self { lines, responses, errors, repeated, foreign, unreadable } = self;
        *lines += other.lines;
        *responses += other.responses;
        *errors += other.errors;
        *repeated += other.repeated;
        *foreign += other.foreign;
        *unreadable += other.unreadable;
    }
}

/// A response to the request of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchResult {
    pub place: u32,
    pub entry: BatchEntry,
    pub response: CompleteResponse,
}

/// A line that has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableLine(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultLine<'a> {
    #[serde(borrow)]
    record_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model_output: Option<&'a serde_json::value::RawValue>,
    error: Option<serde_json::Value>,
}

impl Results {
    /// `part` is its token. `taken` are the places whose results were stored before.
    #[must_use]
    pub const fn new(part: String, entries: Vec<BatchEntry>, taken: RoaringBitmap) -> Self {
        let totals = Totals { lines: 0, responses: 0, errors: 0, repeated: 0, foreign: 0, unreadable: 0 };
        Self { token: part, entries, taken, errors: BTreeMap::new(), totals }
    }

    /// Takes a line of a result file. Returns the response if it is one of this part that was not taken yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the line cannot be read; it is counted.
    pub fn take(&mut self, line: &[u8]) -> Result<Option<BatchResult>, UnreadableLine> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        self.totals.lines += 1;
        let parsed: ResultLine = serde_json::from_slice(line).map_err(|error| self.unreadable(error.to_string()))?;
        let key = parsed.record_id.as_deref().and_then(RecordKey::parse);
        let Some((key, entry)) = key.and_then(|key| Some((key, *self.entries.get(key.place as usize)?))) else {
            self.totals.foreign += 1;
            return Ok(None);
        };
        if RecordKey::new(&self.token, key.place, &entry) != key {
            self.totals.foreign += 1;
            return Ok(None);
        }
        if self.taken.contains(key.place) {
            self.totals.repeated += 1;
            return Ok(None);
        }
        let Some(output) = parsed.model_output else {
            self.totals.errors += 1;
            self.errors.insert(key.place, reason(parsed.error.as_ref()));
            return Ok(None);
        };
        match bedrock::batch_response(output.get()) {
            Ok(response) => {
                self.totals.responses += 1;
                self.taken.insert(key.place);
                self.errors.remove(&key.place);
                Ok(Some(BatchResult { place: key.place, entry, response }))
            }
            Err(error) => {
                self.totals.errors += 1;
                self.errors.insert(key.place, format!("the response cannot be read: {error}"));
                Ok(None)
            }
        }
    }

    fn unreadable(&mut self, error: String) -> UnreadableLine {
        self.totals.unreadable += 1;
        UnreadableLine(error)
    }

    /// Returns the records without a response from a place on, after all files were read, each with the reason. `missing` is
    /// the reason of those that no file names.
    pub fn without_response<'a>(
        &'a self,
        from: u32,
        missing: &'a str,
    ) -> impl Iterator<Item = (u32, BatchEntry, &'a str)> {
        let entries = self.entries.get(from as usize..).unwrap_or_default();
        let places = (from..).zip(entries).filter(|(place, _)| !self.taken.contains(*place));
        places.map(move |(place, entry)| (place, *entry, self.errors.get(&place).map_or(missing, String::as_str)))
    }
}

/// Returns the message of an error in place of a response.
fn reason(error: Option<&serde_json::Value>) -> String {
    let Some(error) = error else { return "the service returned neither a response nor an error".to_owned() };
    let field = |names: [&str; 2]| names.iter().find_map(|name| error.get(name));
    let message = field(["errorMessage", "message"]).and_then(serde_json::Value::as_str);
    let code = field(["errorCode", "code"]).map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
    match (message, code, error.as_str()) {
        (Some(message), Some(code), _) => format!("batch inference: {message} ({code})"),
        (Some(message), None, _) | (None, _, Some(message)) => format!("batch inference: {message}"),
        (None, Some(code), None) => format!("batch inference: error {code}"),
        (None, None, None) => format!("batch inference: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::dataset::RecordId;

    const TOKEN: &str = "20261201-000000-0123456789abcdef";

    fn entries(count: u32) -> Vec<BatchEntry> {
        let entry =
            |id: u32| BatchEntry { record: RecordId(id), variant: 0, request: u64::from(id) * 77, judged: None };
        (0..count).map(entry).collect()
    }

    fn key(place: u32) -> String {
        RecordKey::new(TOKEN, place, &entries(place + 1)[place as usize]).to_string()
    }

    fn response(place: u32) -> String {
        let content = json!([{ "reasoningContent": { "text": "Hm." } }, { "text": format!("Caption {place}.") }]);
        let output = json!({
            "output": { "message": { "role": "assistant", "content": content } },
            "stopReason": "end_turn",
            "usage": { "inputTokens": 1000, "outputTokens": 20, "totalTokens": 1020 },
        });
        json!({ "modelInput": { "messages": [] }, "modelOutput": output, "recordId": key(place) }).to_string()
    }

    fn error(place: u32) -> String {
        let error = json!({ "errorCode": 400, "errorMessage": "image too large" });
        json!({ "recordId": key(place), "modelInput": {}, "error": error }).to_string()
    }

    proptest! {
        /// Whatever the order, and whatever is missing, repeated or failed: each record has one result or one reason, and
        /// the numbers add up.
        #[test]
        fn every_record_has_one_result_or_one_reason(lines in prop::collection::vec((0_u32..30, 0_u8..4), 0..200)) {
            let mut results = Results::new(TOKEN.to_owned(), entries(25), RoaringBitmap::new());
            let mut taken = std::collections::BTreeMap::new();
            for (place, kind) in &lines {
                let line = match kind {
                    0 => error(*place),
                    1 => "{\"recordId\":".to_owned(),
                    _ => response(*place),
                };
                if let Ok(Some(result)) = results.take(line.as_bytes()) {
                    prop_assert_eq!(&result.response.text, &format!("Caption {}.", result.entry.record.0));
                    prop_assert!(taken.insert(result.place, result).is_none(), "twice");
                }
            }
            let expected: std::collections::BTreeSet<u32> =
                lines.iter().filter(|(place, kind)| *place < 25 && *kind > 1).map(|(place, _)| *place).collect();
            prop_assert!(taken.keys().eq(&expected));
            let rest = results.without_response(0, "missing").map(|(place, ..)| place).collect::<Vec<_>>();
            prop_assert_eq!(rest.len() + taken.len(), 25);
            prop_assert!(rest.iter().all(|place| !taken.contains_key(place)));
            let Totals { lines: read, responses, errors, repeated, foreign, unreadable } = results.totals;
            prop_assert_eq!(read, lines.len() as u64);
            prop_assert_eq!(responses + errors + repeated + foreign + unreadable, read);
        }
    }

    #[test]
    fn results_of_another_part_or_of_an_earlier_collection_are_not_taken() {
        let mut results = Results::new("another".to_owned(), entries(3), RoaringBitmap::new());
        assert_eq!(results.take(response(1).as_bytes()), Ok(None));
        assert_eq!(results.totals.foreign, 1);
        let mut results = Results::new(TOKEN.to_owned(), entries(3), RoaringBitmap::from([1]));
        assert_eq!(results.take(response(1).as_bytes()), Ok(None));
        assert_eq!(results.totals.repeated, 1);
        assert!(results.take(response(2).as_bytes()).expect("readable").is_some());
        results.take(error(0).as_bytes()).expect("readable");
        let rest: Vec<_> =
            results.without_response(0, "").map(|(place, _, reason)| (place, reason.to_owned())).collect();
        assert_eq!(rest, [(0, "batch inference: image too large (400)".to_owned())]);
    }

    #[test]
    fn only_the_text_of_a_response_counts() {
        let mut results = Results::new(TOKEN.to_owned(), entries(3), RoaringBitmap::new());
        let result = results.take(response(2).as_bytes()).expect("readable").expect("a response");
        assert_eq!(result.response.text, "Caption 2.");
        assert_eq!(result.response.tokens.map(|tokens| (tokens.input, tokens.output)), Some((1000, 20)));
    }
}
