//! Saving, quitting, statistics and the report.

use std::path::PathBuf;

use super::{filter, navigate, store};
use crate::engine::{SaveFailure, SaveRequest, SaveSummary};
use crate::review::command_line::Argument;
use crate::review::query;
use crate::review::{
    Effect, ExportRequest, FindingCounts, Leaving, Matches, Mode, Model, NoticeKind, SessionStatus, Tab,
};
use crate::text::counted;

pub(super) fn save(model: &mut Model, force: bool, out: &mut Vec<Effect>) {
    let refusal = match &model.session {
        SessionStatus::Opening => Some("the session is still opening".to_owned()),
        SessionStatus::Failed(error) => Some(format!("nothing to save: {error}")),
        SessionStatus::ReadOnly(_) | SessionStatus::Open if !model.indexed => {
            Some("the dataset is still loading: try again in a moment".to_owned())
        }
        SessionStatus::ReadOnly(_) | SessionStatus::Open if model.save.running => Some("already saving".to_owned()),
        SessionStatus::ReadOnly(_) | SessionStatus::Open => {
            let records = || counted(model.unstored_records(), "record", "records");
            model
                .unstored
                .as_ref()
                .map(|error| format!("not saved: changes to {} are not stored yet: {error}", records()))
        }
    };
    if let Some(refusal) = refusal {
        model.save.then_quit = false;
        model.notify(NoticeKind::Warning, refusal);
        return;
    }
    if model.durable < model.ledger.last() {
        // The output never has more than the session.
        model.save.waiting = Some(force);
        return;
    }
    model.save.running = true;
    out.push(Effect::Save(SaveRequest::new(&model.ledger, force)));
}

/// Cancels a save that waits for changes that cannot be stored.
pub(super) fn cancel_waiting_save(model: &mut Model) {
    if model.save.waiting.take().is_some() {
        model.save.then_quit = false;
    }
}

pub(super) fn saved(model: &mut Model, summary: &SaveSummary, out: &mut Vec<Effect>) {
    model.save.running = false;
    model.save.last = Some(summary.at);
    let name = summary.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let excluded = if summary.excluded == 0 { String::new() } else { format!(", {} excluded", summary.excluded) };
    let records = counted(summary.records, "record", "records");
    let changed = counted(summary.changed, "caption", "captions");
    let is_counted = model.attention.as_ref().is_some_and(Matches::is_settled);
    model.save.names_findings = !is_counted && !model.is_blind();
    let findings = findings_words(model).filter(|_| is_counted).map(|words| format!(" · {words}")).unwrap_or_default();
    let text = format!("saved {name}: {records}, {changed} changed{excluded}{findings}");
    match &summary.warning {
        Some(warning) => model.notify(NoticeKind::Warning, format!("{text} · {warning}")),
        None => model.notify(NoticeKind::Info, text),
    }
    if model.session == SessionStatus::Open {
        store(model, summary.events(), out);
    }
    if std::mem::take(&mut model.save.then_quit) {
        leave(model, out);
    }
}

/// Names the findings in the saved captions, once they are counted.
pub(super) fn findings_counted(model: &mut Model) {
    if model.save.names_findings && model.attention.as_ref().is_some_and(Matches::is_settled) {
        model.save.names_findings = false;
        if let Some(words) = findings_words(model) {
            model.notify(NoticeKind::Warning, format!("saved captions: {words}"));
        }
    }
}

/// Returns the numbers of captions with errors and warnings, and how to list them; `None` if there are none.
fn findings_words(model: &Model) -> Option<String> {
    let counts = model.tabs.findings();
    let errors = if counts.errors > 0 && counts.warnings > 0 { ", f lint:error the errors" } else { "" };
    (counts != FindingCounts::default()).then(|| format!("{} · 6 lists them{errors}", counts.words()))
}

pub(super) fn save_failed(model: &mut Model, failure: SaveFailure) {
    model.save.running = false;
    match failure {
        SaveFailure::Conflict(why) => model.mode = Mode::ConfirmOverwrite(why),
        SaveFailure::Other(error) => {
            model.save.then_quit = false;
            model.notify(NoticeKind::Error, error);
        }
    }
}

pub(super) fn overwrite(model: &mut Model, out: &mut Vec<Effect>) {
    model.mode = Mode::Browse;
    save(model, true, out);
}

/// Quits. Asks first if there are unsaved decisions.
pub(super) fn quit(model: &mut Model, out: &mut Vec<Effect>) {
    let is_unsaved = model.ledger.is_unsaved() && model.session == SessionStatus::Open;
    if is_unsaved || model.unstored.is_some() {
        model.mode = Mode::ConfirmQuit;
    } else {
        leave(model, out);
    }
}

pub(super) fn save_and_quit(model: &mut Model, out: &mut Vec<Effect>) {
    model.mode = Mode::Browse;
    model.save.then_quit = true;
    save(model, false, out);
}

/// Quits without saving. The session has every decision already.
pub(super) fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    end(model, Leaving::Quit, out);
}

/// Opens the dataset again, which may have changed on disk. The session, opened again too, applies its decisions to the
/// records that they belong to.
pub(super) fn reopen(model: &mut Model, out: &mut Vec<Effect>) {
    if let Some(error) = &model.unstored {
        let records = counted(model.unstored_records(), "record", "records");
        let refusal = format!("not opened again: changes to {records} are not stored yet: {error}");
        model.notify(NoticeKind::Warning, refusal);
    } else {
        end(model, Leaving::Reopen, out);
    }
}

fn end(model: &mut Model, leaving: Leaving, out: &mut Vec<Effect>) {
    model.leaving = Some(leaving);
    model.mode = Mode::Browse;
    out.push(Effect::StopDescriptions);
    out.push(Effect::Quit);
}

/// Opens the statistics, which are gathered afresh.
pub(super) fn statistics(model: &mut Model, out: &mut Vec<Effect>) {
    model.mode = Mode::Statistics(0);
    model.figures = None;
    out.push(Effect::GatherStatistics);
}

/// Lists the records that the selected row of the statistics counts.
pub(super) fn show_counted(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Statistics(row) = model.mode else { return };
    let Some(text) = model.query_of_row(row) else { return };
    model.mode = Mode::Browse;
    if let Ok(query) = query::parse(&text) {
        navigate::show_tab(model, Tab::All);
        filter::apply(model, text, query, out);
    }
}

/// Writes the report of the spot check: by default beside the dataset.
pub(super) fn write_report(model: &mut Model, path: Option<PathBuf>, force: bool, out: &mut Vec<Effect>) {
    if model.spot.is_none() {
        model.notify(NoticeKind::Warning, "not a spot check: start one with recaption PATH --sample N");
    } else {
        out.push(Effect::WriteReport { path, force });
    }
}

/// Exports the dataset with the decisions stored so far.
pub(super) fn export(model: &mut Model, argument: Argument, force: bool, out: &mut Vec<Effect>) {
    let Some((format, path)) = argument.choice() else { return };
    if let Some(option) = path.as_deref().filter(|path| path.starts_with("--")) {
        let refusal = format!("not exported: {option} is an option of recaption export, and no path");
        return model.notify(NoticeKind::Warning, refusal);
    }
    if model.durable < model.ledger.last() {
        let records = counted(model.unstored_records(), "record", "records");
        let refusal = format!("not exported: changes to {records} are not stored yet; try again in a moment");
        return model.notify(NoticeKind::Warning, refusal);
    }
    model.notify(NoticeKind::Info, format!("exporting to {format}"));
    out.push(Effect::Export(ExportRequest { format, path: path.map(PathBuf::from), force }));
}

pub(super) fn exported(model: &mut Model, result: Result<String, String>) {
    match result {
        Ok(summary) => model.notify(NoticeKind::Info, summary),
        Err(error) => model.notify(NoticeKind::Error, error),
    }
}
