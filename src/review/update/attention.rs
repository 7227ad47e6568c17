//! The records whose captions have a warning or an error, for the tab of problems: found by a background scan, kept up to
//! date by events.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::file;
use crate::dataset::RecordId;
use crate::review::query::Query;
use crate::review::{Effect, Matches, Model, Scan, Scanned, SessionStatus, Tab};

/// Larger datasets are scanned when the tab is opened or the review ends: linting takes seconds.
const MOST_AT_START: u32 = 100_000;

/// Starts the scan once it is wanted, and scans the records again that changed while their lines were not loaded.
pub(in crate::review) fn settle(model: &mut Model, out: &mut Vec<Effect>) {
    if model.attention.is_none() {
        if is_wanted(model) {
            let (query, id) = (Arc::new(Query::Attention), model.new_scan());
            model.attention = Some(Matches::new(query.clone(), id, RoaringBitmap::new(), None));
            out.push(Effect::Scan(Scan { id, query, records: None, from: RecordId(0), now: model.snapshot() }));
        }
        return;
    }
    if !model.attention.as_ref().is_some_and(Matches::is_stale) {
        return;
    }
    let (id, now) = (model.new_scan(), model.snapshot());
    let Some(attention) = &mut model.attention else { return };
    if let Some(records) = attention.rescan(id) {
        let query = attention.query().clone();
        out.push(Effect::Scan(Scan { id, query, records: Some(records), from: RecordId(0), now }));
    }
}

fn is_wanted(model: &Model) -> bool {
    let is_known = model.indexed && model.session != SessionStatus::Opening && model.dataset_failure.is_none();
    let total = model.tabs.total();
    let is_asked_for = model.list.tab == Tab::Problems || model.is_summary_shown || model.save.names_findings;
    // In a blind check, findings could reveal which caption is the original.
    is_known && total > 0 && !model.is_blind() && (total <= MOST_AT_START || is_asked_for)
}

/// Applies the progress of the scan.
pub(super) fn scanned(model: &mut Model, scanned: &Scanned) {
    let Some(attention) = &mut model.attention else { return };
    let current = attention.current_among(scanned);
    if attention.apply(scanned, None) {
        model.tabs.set_findings(&scanned.among, attention.found());
        model.tabs.set_errors(&current, &scanned.errors);
        model.relist();
        file::findings_counted(model);
    }
}

/// Forgets the findings, because the session was reopened.
pub(super) fn forget(model: &mut Model, out: &mut Vec<Effect>) {
    if let Some(attention) = model.attention.take() {
        out.extend(attention.scan().map(Effect::StopScan));
        let among = model.tabs.all();
        model.tabs.set_findings(&among, &RoaringBitmap::new());
        model.tabs.set_errors(&among, &RoaringBitmap::new());
    }
}

impl Model {
    /// Evaluates the caption of a record again: now, or in the background.
    pub(in crate::review) fn reevaluate_attention(&mut self, record: RecordId, now: bool) {
        let Some(attention) = &self.attention else { return };
        let matches = if now { attention.query().matches(&self.record_view(record)) } else { None };
        if let Some(attention) = &mut self.attention {
            attention.put(record, matches, None);
            if matches.is_some() {
                let among = RoaringBitmap::from_iter([record.0]);
                self.tabs.set_findings(&among, attention.found());
                let has_error = Query::Error.matches(&self.record_view(record)) == Some(true);
                let errors = if has_error { among.clone() } else { RoaringBitmap::new() };
                self.tabs.set_errors(&among, &errors);
            }
        }
    }
}
