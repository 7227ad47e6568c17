//! What lies over the list (text fields, dialogs, the command line): closing and submitting it.

use super::{commands, describe, edit, filter, reject, replace, search, select};
use crate::review::command_line::{self, Argument, CommandLine};
use crate::review::{Change, Context, Effect, Mode, Model, NoticeKind, Wanted};

pub(super) fn close(model: &mut Model) {
    model.mode = Mode::Browse;
}

/// Cancels a save, and quitting after it.
pub(super) fn cancel_save(model: &mut Model) {
    model.save.then_quit = false;
    model.mode = Mode::Browse;
}

/// Clears the newest of these: a pending acceptance, the selection, the search, the filter.
pub(super) fn clear(model: &mut Model, out: &mut Vec<Effect>) {
    let _ = describe::cancel_pending_accept(model)
        || select::forget(model)
        || search::clear(model, out)
        || filter::remove(model, out);
}

/// Submits the note or the reason being typed.
pub(super) fn submit_text(model: &mut Model, out: &mut Vec<Effect>) {
    match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::Note(editor) => edit::take_note(model, &editor, out),
        Mode::RejectReason(record, words) => reject::take_own_reason(model, record, &words, out),
        Mode::CustomReason(record, words) => describe::take_own_reason(model, record, &words, out),
        other => model.mode = other,
    }
}

pub(super) fn submit_search(model: &mut Model) {
    match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::Search(entry) => search::submit(model, entry),
        other => model.mode = other,
    }
}

pub(super) fn open_command_line(model: &mut Model, text: &str, context: Context) {
    let line = CommandLine::new(text, context).with_history(&model.recent, model.impossible_commands());
    model.mode = Mode::Command(line);
}

/// Moves the selection in the palette.
pub(super) fn select_command(model: &mut Model, step: isize) {
    if let Mode::Command(line) = &mut model.mode {
        line.step(step);
    }
}

/// Runs the row selected in the palette, with the argument typed for its command. A line that cannot be run stays, so that
/// it can be corrected.
pub(super) fn run_line(model: &mut Model, out: &mut Vec<Effect>) {
    let line = match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::Command(line) => line,
        other => {
            model.mode = other;
            return;
        }
    };
    let Some(row) = line.selected_row() else {
        if !line.text.trim().is_empty() {
            model.notify(NoticeKind::Warning, format!("unknown command: {}", line.text.trim()));
            model.mode = Mode::Command(line);
        }
        return;
    };
    let command = row.command;
    let text = row.line.as_ref().unwrap_or(&line.text);
    let typed = command_line::parse(text).filter(|typed| typed.command == command);
    let recent = if typed.is_some() { text } else { command.name() };
    match typed.map_or(Ok(Argument::None), |typed| typed.argument) {
        Ok(argument) => {
            if !command.needs_argument(&argument) {
                model.recent.add(command, recent);
            }
            commands::run(model, command, argument, out);
        }
        Err(error) => {
            model.notify(NoticeKind::Warning, error);
            model.mode = Mode::Command(line);
        }
    }
}

/// Previews a change to many captions: the one typed, or the one a command without a parameter stands for.
pub(super) fn preview_change(model: &mut Model, argument: Argument, default: Option<Change>, out: &mut Vec<Effect>) {
    let unscoped = |change| Wanted { change, everywhere: false };
    if let Some(wanted) = argument.change().or_else(|| default.map(unscoped)) {
        replace::begin(model, wanted, out);
    }
}
