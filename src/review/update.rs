//! [`update`]: applies one message to the model and returns the effects to perform. Each arm is one line; the behaviour
//! is in the submodules.

mod background;
pub(super) mod commands;
mod decide;
pub(super) mod describe;
pub(super) mod describe_ahead;
mod describe_run;
mod edit;
mod file;
pub(super) mod filter;
mod job_events;
mod layers;
mod navigate;
mod replace;
pub(super) mod search;
mod select;
mod sheet;
mod sort;
mod subjects;
mod undo;
mod zoom;

use super::command_line::Argument;
use super::{Effect, Model, Msg, prefetch};
use crate::session::Event;

/// Applies a message. Pure: equal models and messages give equal results.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    let out = &mut effects;
    match msg {
        Msg::Command(command) => commands::run(model, command, Argument::None, out),
        Msg::Typed { text, cursor } => edit::typed(model, text, cursor, out),
        Msg::ClickedRow(row) => navigate::click(model, row),
        Msg::ClickedTab(tab) => navigate::show_tab(model, tab),
        Msg::Resized(viewport) => model.viewport = viewport,
        Msg::CaptionLaidOut(rows) => model.caption.rows = rows,
        Msg::Indexed { records, complete } => background::indexed(model, records, complete),
        Msg::DatasetFailed(error) => background::dataset_failed(model, error),
        Msg::SessionOpened { ledger, cursor, remark, read_only, spent } => {
            model.spent = spent;
            background::session_opened(model, *ledger, cursor, remark, read_only, out);
        }
        Msg::SessionFailed(error) => background::session_failed(model, error),
        Msg::Loaded(entries) => background::loaded(model, entries),
        Msg::Texts(texts) => model.texts.extend(texts),
        Msg::LoadFailed { records, error } => background::load_failed(model, &records, error),
        Msg::Durable(through, at) => {
            model.durable = model.durable.max(through);
            model.pace.observe(at, model.tabs.reviewed());
        }
        Msg::StoreFailed(error) => background::store_failed(model, &error, out),
        Msg::Job { job, record, event, at } => job_events::on_event(model, (job, record), event, at, out),
        Msg::Describer(status) => job_events::describer_changed(model, status, out),
        Msg::Spent(dollars) => model.spent += dollars,
        Msg::PicturesLost => {
            model.picture = super::PictureSlot::Empty;
            model.sheet.forget();
        }
        Msg::Replacements { id, hits, complete } => replace::found(model, id, hits, complete),
        Msg::Sorting { id, seen } => sort::seen(model, id, seen),
        Msg::Sorted { id, order } => sort::sorted(model, id, order),
        Msg::Picture(ready) => background::picture(model, ready),
        Msg::Checked(checked) => background::checked(model, &checked),
        Msg::Imported { source, captions, done, at } => job_events::imported(model, &source, captions, done, at, out),
        Msg::Sampled(sample) => background::sampled(model, sample),
        Msg::ReportWritten(result) => background::report_written(model, result),
        Msg::Figures(figures) => model.figures = Some(figures),
        Msg::Scanned(scanned) => {
            filter::scanned(model, &scanned);
            search::scanned(model, &scanned);
        }
        Msg::VocabularyReady(vocabulary) => model.vocabulary = Some(vocabulary),
        Msg::Saved(summary) => file::saved(model, summary, out),
        Msg::SaveFailed(failure) => file::save_failed(model, failure),
        Msg::EditedExternally { record, result } => edit::edited_externally(model, record, result, out),
        Msg::Notice(text) => model.notify(super::NoticeKind::Warning, text),
    }
    prefetch::settle(model, out);
    effects
}

/// Applies events to the ledger and stores them as one step: durable together, undone together.
fn store(model: &mut Model, events: Vec<Event>, out: &mut Vec<Effect>) {
    let is_change = |event: &&Event| {
        matches!(event, Event::Decided { .. } | Event::Amended { .. } | Event::Flagged { .. } | Event::Noted { .. })
    };
    let changes = events.iter().filter(is_change).count() as u64;
    for event in events.into_iter().chain((changes > 1).then_some(Event::Together { changes })) {
        if let Event::Decided { record, .. } = &event
            && let Some(job) = model.jobs.get_mut(record)
        {
            // A decision made meanwhile replaces a pending accept.
            job.accept = false;
        }
        let (seq, touched) = model.ledger.apply(event.clone());
        if let Some(touched) = touched {
            model.follow(touched);
        }
        out.push(Effect::Record { seq, event });
    }
}
