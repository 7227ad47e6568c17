//! Saving, leaving, and the command line.

use std::path::PathBuf;

use super::{filter, navigate, sort, store};
use crate::dataset::RecordId;
use crate::review::{Effect, Mode, Model, NoticeKind, SaveFailure, SaveSummary, SessionStatus, Sort, SortBy, Tab};
use crate::review::{query, replace};
use crate::session::Event;
use crate::text::counted;

pub(super) fn save(model: &mut Model, force: bool, out: &mut Vec<Effect>) {
    let refusal = match &model.session {
        SessionStatus::Opening => Some("the session is still opening".to_owned()),
        SessionStatus::Failed(error) => Some(format!("nothing to save: {error}")),
        SessionStatus::ReadOnly(_) | SessionStatus::Open if !model.indexed => {
            Some("the dataset is still being read: save again in a moment".to_owned())
        }
        SessionStatus::ReadOnly(_) | SessionStatus::Open if model.save.running => {
            Some("a save is under way".to_owned())
        }
        SessionStatus::ReadOnly(_) | SessionStatus::Open => None,
    };
    if let Some(refusal) = refusal {
        model.save.then_quit = false;
        model.notify(NoticeKind::Warning, refusal);
        return;
    }
    model.save.running = true;
    let through = model.ledger.last();
    let saves = model.ledger.saves().map(|(path, hash)| (path.to_owned(), hash)).collect();
    out.push(Effect::Save { amendments: model.ledger.amendments(), through, saves, force });
}

pub(super) fn saved(model: &mut Model, summary: SaveSummary, out: &mut Vec<Effect>) {
    model.save.running = false;
    model.save.last = Some(summary.at);
    let name = summary.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let excluded = if summary.excluded == 0 { String::new() } else { format!(", {} left out", summary.excluded) };
    let records = counted(summary.records, "record", "records");
    let changed = counted(summary.changed, "caption", "captions");
    let text = format!("saved {name}: {records}, {changed} changed{excluded}");
    match summary.warning {
        Some(warning) => model.notify(NoticeKind::Warning, format!("{text} · {warning}")),
        None => model.notify(NoticeKind::Info, text),
    }
    if model.session == SessionStatus::Open {
        let SaveSummary { path, through, hash, .. } = summary;
        store(model, vec![Event::Saved { path, through, hash }], out);
    }
    if std::mem::take(&mut model.save.then_quit) {
        leave(model, out);
    }
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

/// Leaves, after asking where the output is older than the decisions.
pub(super) fn quit(model: &mut Model, out: &mut Vec<Effect>) {
    if model.ledger.is_unsaved() && model.session == SessionStatus::Open {
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

/// Leaves. Everything decided is in the session already.
pub(super) fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    model.leaving = true;
    model.mode = Mode::Browse;
    out.push(Effect::StopDescriptions);
    out.push(Effect::Quit);
}

/// Whether a line is a command by itself, whatever actions it finds.
pub(super) fn is_command(line: &str) -> bool {
    let line = line.trim();
    matches!(line, "" | "w" | "w!" | "wq" | "x" | "q" | "q!" | "stats")
        || report(line).is_some()
        || random_sort(line).is_some()
        || line.parse::<u32>().is_ok()
        || replace::parse(line).is_some()
}

/// Shows what the session has come to, once it is added up: what was shown before may be old.
pub(super) fn statistics(model: &mut Model, out: &mut Vec<Effect>) {
    model.mode = Mode::Figures(0);
    model.figures = None;
    out.push(Effect::GatherFigures);
}

/// Lists the records that a row of the figures counts.
pub(super) fn show_counted(model: &mut Model, row: usize, out: &mut Vec<Effect>) {
    let Some(text) = model.query_of_row(row) else {
        model.mode = Mode::Figures(row);
        return;
    };
    if let Ok(query) = query::parse(&text) {
        navigate::show_tab(model, Tab::All);
        filter::put_on(model, text, query, out);
    }
}

/// What `:report [FILE]` and `:report! [FILE]` ask for.
fn report(line: &str) -> Option<(Option<PathBuf>, bool)> {
    let rest = line.strip_prefix("report")?;
    let (rest, force) = rest.strip_prefix('!').map_or((rest, false), |rest| (rest, true));
    let is_whole = rest.is_empty() || rest.starts_with(' ');
    is_whole.then(|| (Some(rest.trim()).filter(|path| !path.is_empty()).map(PathBuf::from), force))
}

/// The seed that `:sort random SEED` gives.
fn random_sort(line: &str) -> Option<u64> {
    line.strip_prefix("sort random ")?.trim().parse().ok()
}

fn write_report(model: &mut Model, (path, force): (Option<PathBuf>, bool), out: &mut Vec<Effect>) {
    if model.spot.is_none() {
        model.notify(NoticeKind::Warning, "this is no spot check: recaption PATH --sample N begins one");
    } else {
        out.push(Effect::WriteReport { path, force });
    }
}

/// Runs a line of the command line.
pub(super) fn run_command(model: &mut Model, line: &str, out: &mut Vec<Effect>) {
    match replace::parse(line.trim_start()) {
        Some(Ok(wanted)) => return super::replace::begin(model, wanted, out),
        Some(Err(error)) => return model.notify(NoticeKind::Warning, error.to_string()),
        None => {}
    }
    if let Some(wanted) = report(line.trim()) {
        return write_report(model, wanted, out);
    }
    if let Some(seed) = random_sort(line.trim()) {
        return sort::begin(model, Sort { by: SortBy::Random(seed), reverse: false }, out);
    }
    match line.trim() {
        "" => {}
        "w" => save(model, false, out),
        "w!" => save(model, true, out),
        "wq" | "x" => save_and_quit(model, out),
        "q" => quit(model, out),
        "q!" => leave(model, out),
        "stats" => statistics(model, out),
        other => match other.parse::<u32>() {
            Ok(number) if number > 0 && number <= model.tabs.total() && !model.tabs.lists(RecordId(number - 1)) => {
                model.notify(NoticeKind::Warning, format!("record {number} is not in the sample"));
            }
            Ok(number) if (1..=model.tabs.total()).contains(&number) => {
                model.set_tab(Tab::All);
                navigate::go_to(model, RecordId(number - 1));
            }
            Ok(number) => {
                model.notify(NoticeKind::Warning, format!("no record {number}: the last is {}", model.tabs.total()));
            }
            Err(_) => model.notify(NoticeKind::Warning, format!(":{other} is no command (:w :q :wq :stats :NUMBER)")),
        },
    }
}
