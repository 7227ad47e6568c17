//! Applies the events of the engine and the previewer.

use std::path::PathBuf;
use std::sync::Arc;

use super::{attention, collect, file, filter, job_events, navigate, search, verify};
use crate::dataset::{Entry, RecordId};
use crate::engine::{Checked, EngineEvent};
use crate::lint::CaptionStyle;
use crate::preview::Ready;
use crate::review::counters::Pending;
use crate::review::model::Batch;
use crate::review::order::Order;
use crate::review::{Effect, Holds, Model, NoticeKind, PictureSlot, SessionStatus};
use crate::session::{Opened, Sample};
use crate::text::counted;

pub(super) fn on_event(model: &mut Model, event: EngineEvent, out: &mut Vec<Effect>) {
    match event {
        EngineEvent::Indexed { records, complete } => indexed(model, records, complete),
        EngineEvent::StyleRecognised(style) => style_recognised(model, style, out),
        EngineEvent::DatasetFailed(error) => dataset_failed(model, error),
        EngineEvent::Checked(checked) => self::checked(model, &checked),
        EngineEvent::Lines { entries, texts } => {
            model.texts.extend(texts);
            loaded(model, entries);
        }
        EngineEvent::LoadFailed { records, error } => load_failed(model, &records, error),
        EngineEvent::SessionOpened { opened, remark, read_only } => {
            session_opened(model, *opened, remark, read_only, out);
        }
        EngineEvent::SessionFailed(error) => {
            collect::stop(model, out);
            session_failed(model, error.to_string());
        }
        EngineEvent::Durable(through, at) => {
            model.durable = model.durable.max(through);
            model.pending.stored(model.durable, model.ledger.last());
            model.pace.observe(at, model.counters().reviewed);
            stored(model, out);
        }
        EngineEvent::StoreDelayed(error) => store_delayed(model, error, out),
        EngineEvent::StoreFailed(error) => store_failed(model, &error, out),
        EngineEvent::Sampled(sample) => sampled(model, sample),
        EngineEvent::ImportStarted => model.importing = true,
        EngineEvent::ImportFailed(error) => {
            model.importing = false;
            model.notify(NoticeKind::Warning, error);
        }
        EngineEvent::Imported { describer, source, captions, done, at } => {
            model.importing &= done.is_none();
            job_events::imported(model, (describer, &source), captions, done, at, out);
        }
        EngineEvent::Job { job, record, event, at } => job_events::on_event(model, (job, record), event, at, out),
        EngineEvent::Collected { id, chunk, at } => collect::collected(model, id, *chunk, at, out),
        EngineEvent::CollectionEnded { id, jobs, error } => collect::ended(model, id, &jobs, error, out),
        EngineEvent::Describer(status) => job_events::describer_changed(model, status, out),
        EngineEvent::Verifier(status) => verify::verifier_changed(model, status, out),
        EngineEvent::Charged(usage) => model.spent += usage.cost,
        EngineEvent::Saved(summary) => file::saved(model, &summary, out),
        EngineEvent::SaveFailed(failure) => file::save_failed(model, failure),
        EngineEvent::Statistics(figures) => model.figures = Some(figures),
        EngineEvent::Warning(text) => model.notify(NoticeKind::Warning, text),
    }
}

fn indexed(model: &mut Model, records: u32, complete: bool) {
    model.tabs.grow(records);
    model.relist();
    model.indexed = complete;
    if complete {
        navigate::end_known(model);
    }
}

/// Lints the captions by the rules of their style from now on.
fn style_recognised(model: &mut Model, style: CaptionStyle, out: &mut Vec<Effect>) {
    model.settings.rules.style = Some(style);
    if style != CaptionStyle::default() {
        filter::restart_scan(model, out);
        attention::forget(model, out);
    }
}

fn dataset_failed(model: &mut Model, error: String) {
    model.notify(NoticeKind::Error, error.clone());
    model.dataset_failure = Some(error);
}

fn session_opened(
    model: &mut Model,
    opened: Opened,
    remark: Option<String>,
    read_only: Option<String>,
    out: &mut Vec<Effect>,
) {
    model.spent = opened.spending.iter().map(|spending| spending.usage.cost).sum();
    collect::stop(model, out);
    model.batch = Batch::new(opened.batches);
    let (ledger, cursor) = (opened.ledger, opened.cursor);
    let known: Vec<RecordId> = model.ledger.distinct().chain(ledger.distinct()).collect();
    model.durable = ledger.last();
    model.unstored = None;
    model.pending = Pending::default();
    model.ledger = ledger;
    for record in known {
        model.tabs.set(record, model.ledger.record(record));
    }
    model.relist();
    filter::restart_scan(model, out);
    search::restart_scan(model, out);
    attention::forget(model, out);
    model.session = read_only.map_or(SessionStatus::Open, SessionStatus::ReadOnly);
    if model.list.cursor.is_none_or(|at| at == RecordId(0)) {
        model.resume_at = cursor;
    }
    let in_batch = model.batch.left();
    if in_batch > 0 {
        let waiting = counted(in_batch, "record waits", "records wait");
        model.notify(NoticeKind::Info, format!("{waiting} for a batch job · g c collects the results"));
    }
    if let Some(remark) = remark {
        model.notify(NoticeKind::Warning, remark);
    }
}

/// Lists the sample of a spot check and nothing else.
fn sampled(model: &mut Model, sample: Result<Box<Sample>, String>) {
    match sample {
        Ok(sample) => {
            let order = Order::new(sample.members.iter().map(|member| member.record).collect());
            model.tabs.count_after(sample.after);
            model.spot = Some(sample);
            let known: Vec<RecordId> = model.ledger.distinct().collect();
            for record in known {
                model.tabs.set(record, model.ledger.record(record));
            }
            model.set_order(Some(Arc::new(order)));
        }
        Err(error) => model.notify(NoticeKind::Error, format!("no sample: {error}")),
    }
}

pub(super) fn report_written(model: &mut Model, result: Result<PathBuf, String>) {
    match result {
        Ok(path) => model.notify(NoticeKind::Info, format!("report written: {}", path.display())),
        Err(error) => model.notify(NoticeKind::Error, error),
    }
}

fn session_failed(model: &mut Model, error: String) {
    model.notify(NoticeKind::Error, error.clone());
    model.session = SessionStatus::Failed(error);
}

fn loaded(model: &mut Model, entries: Vec<Entry>) {
    for entry in entries {
        let record = entry.id();
        model.loading.remove(&record);
        match &entry {
            Entry::Bad(_) => model.follow_bad_line(record),
            Entry::Record(line) if line.caption.other().is_some() => model.tabs.set_other_caption(record),
            Entry::Record(_) => {}
        }
        model.lines.insert(record, entry);
    }
}

fn load_failed(model: &mut Model, records: &[RecordId], error: String) {
    for record in records {
        model.loading.remove(record);
    }
    dataset_failed(model, error);
}

/// Continues with what waited until every change is on disk.
fn stored(model: &mut Model, out: &mut Vec<Effect>) {
    if model.durable < model.ledger.last() {
        return;
    }
    if model.unstored.take().is_some() {
        model.notify(NoticeKind::Info, "stored: every change is on disk again");
    }
    if let Some(force) = model.save.waiting.take() {
        file::save(model, force, out);
    }
}

/// A step could not be stored yet. The operator stays at its record.
fn store_delayed(model: &mut Model, error: String, out: &mut Vec<Effect>) {
    // What it has handed out waits for the disk like other changes.
    collect::stop(model, out);
    let first = model.unstored.get_or_insert(error).clone();
    navigate::go_back(model);
    file::cancel_waiting_save(model);
    let records = counted(model.unstored_records(), "record", "records");
    let words = format!("not stored yet: {first} · changes to {records} are kept and stored as soon as possible");
    model.notify_while(NoticeKind::Error, words, Holds::Unstored);
}

/// A step could not be stored. The model may be ahead of the disk, so the session is opened again to show the
/// stored state.
fn store_failed(model: &mut Model, error: &str, out: &mut Vec<Effect>) {
    if model.session == SessionStatus::Open {
        model.session = SessionStatus::Opening;
        out.push(Effect::ReopenSession);
    }
    collect::stop(model, out);
    model.notify(NoticeKind::Error, format!("not stored: {error}"));
}

/// Shows an image if it is still the one wanted, at the same zoom and cell size. One that is shown already is replaced
/// if its file has changed.
pub(super) fn picture(model: &mut Model, ready: Ready) {
    if ready.cell != model.viewport.cell {
        return;
    }
    let is_bad = !ready.result.as_ref().is_ok_and(|preview| preview.info().damage.is_none());
    model.follow_picture(ready.record, is_bad);
    model.sheet.take(&ready);
    let wanted = match &model.picture {
        PictureSlot::Loading(record, view, _) | PictureSlot::Ready(record, view, _) => {
            (*record, *view) == (ready.record, ready.view)
        }
        PictureSlot::Empty => false,
    };
    if wanted {
        if let Ok(preview) = &ready.result {
            model.follow_shape(ready.view, preview);
        }
        model.picture = PictureSlot::Ready(ready.record, ready.view, ready.result);
    }
}

fn checked(model: &mut Model, checked: &Checked) {
    model.checked = checked.records;
    model.follow_checked(checked);
    let images = u64::from(checked.records).saturating_sub(model.tabs.bad_lines());
    let is_end = model.indexed && checked.records == model.tabs.total();
    if is_end && images > 0 && model.tabs.with_bad_pictures().len() >= images {
        let none = "none of the images was found; start with --images DIR to name their folder";
        model.notify(NoticeKind::Warning, none);
    }
}
