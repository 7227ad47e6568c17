//! [`update`]: applies one message to the model and returns the effects to perform. Each arm is one line; the behaviour
//! is in the submodules.

pub(super) mod attention;
mod background;
mod collect;
pub(super) mod commands;
mod decide;
pub(super) mod describe;
pub(super) mod describe_ahead;
mod describe_run;
mod edit;
mod fields;
mod file;
pub(super) mod filter;
mod help;
mod job_events;
mod layers;
mod navigate;
mod panes;
mod reject;
mod replace;
pub(super) mod search;
mod select;
mod settings;
mod sheet;
mod sort;
mod subjects;
mod tags;
mod undo;
mod verify;
mod zoom;

use super::command_line::Argument;
use super::{Effect, Model, Msg, prefetch};
use crate::session::Changes;

/// Applies a message. Pure: equal models and messages give equal results.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    let out = &mut effects;
    match msg {
        Msg::Command(command) => commands::run(model, command, Argument::None, out),
        Msg::Typed { text, cursor } => edit::typed(model, text, cursor, out),
        Msg::ClickedRow(row) => navigate::click(model, row),
        Msg::ClickedTab(tab) => navigate::show_tab(model, tab),
        Msg::ClickedPosition(position) => navigate::click_position(model, position),
        Msg::Resized(viewports) => model.set_viewports(viewports),
        Msg::CaptionLaidOut(extent) => model.caption.extent = extent,
        Msg::HelpLaidOut { last_top } => help::laid_out(model, last_top),
        Msg::Engine(event) => background::on_event(model, event, out),
        Msg::PicturesLost => {
            model.picture = super::PictureSlot::Empty;
            model.sheet.forget();
        }
        Msg::Replacements { id, hits, complete } => replace::found(model, id, hits, complete),
        Msg::Sorting { id, seen } => sort::seen(model, id, seen),
        Msg::Sorted { id, order } => sort::sorted(model, id, order),
        Msg::Picture(ready) => background::picture(model, ready),
        Msg::ReportWritten(result) => background::report_written(model, result),
        Msg::Exported(result) => file::exported(model, result),
        Msg::DescriberChosen(chosen) => settings::describer_chosen(model, chosen, out),
        Msg::Scanned(scanned) => {
            filter::scanned(model, &scanned);
            search::scanned(model, &scanned);
            attention::scanned(model, &scanned);
        }
        Msg::TagsCounted { id, table, complete } => tags::counted(model, id, table, complete),
        Msg::VocabularyReady(id, vocabulary) => filter::vocabulary_ready(model, id, vocabulary, out),
        Msg::EditedExternally { record, result } => edit::edited_externally(model, record, result, out),
        Msg::OpeningCancelled => edit::cancel_opening(model),
        Msg::Notice(text) => model.notify(super::NoticeKind::Warning, text),
    }
    model.expire_notice();
    prefetch::settle(model, out);
    edit::open_loaded(model, out);
    effects
}

/// Applies events to the ledger and stores them as one step: durable together, undone together.
fn store(model: &mut Model, events: impl Into<Changes>, out: &mut Vec<Effect>) {
    let changes = events.into();
    if changes.is_empty() {
        return;
    }
    for record in changes.decided() {
        if let Some(job) = model.jobs.get_mut(&record) {
            // A decision made meanwhile replaces a pending accept.
            job.accept = false;
        }
    }
    let (last, counters) = (model.ledger.last(), model.live_counters());
    model.pending.before_step(last, counters);
    let step = model.ledger.perform(changes);
    match &step.changes {
        Changes::Texts(texts) => model.follow_texts(texts.records()),
        changes => model.follow(&changes.records().collect::<Vec<_>>()),
    }
    out.push(Effect::Store(step));
}
