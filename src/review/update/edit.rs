//! Writing: captions, notes, and the operator's own editor. A text always knows the record it is for.

use super::{decide, filter, navigate, record, search};
use crate::dataset::RecordId;
use crate::review::{Editor, Effect, Mode, Model, NoticeKind};
use crate::session::{Decision, Draft, EditBase, Event};
use crate::text;

/// What follows once a text is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Advance,
    Stay,
    EditNext,
    EditPrevious,
}

/// Opens the editor: on the unfinished edit, else on the text that is shown.
pub(super) fn open(model: &mut Model) {
    let Some(about) = decide::subject(model) else { return };
    let shown = model.shown(about);
    let start = model.text(about, shown).unwrap_or_default().to_owned();
    let draft = model.state(about).draft.clone().unwrap_or_else(|| Draft {
        cursor: start.chars().count(),
        text: start.clone(),
        base: model.base(about, shown),
    });
    model.mode = Mode::Edit(Editor { record: about, draft, start });
}

/// Opens a one-line editor for the note.
pub(super) fn open_note(model: &mut Model) {
    let Some(about) = decide::subject(model) else { return };
    let note = model.state(about).note.clone();
    let draft = Draft { cursor: note.chars().count(), text: note.clone(), base: EditBase::Current };
    model.mode = Mode::Note(Editor { record: about, draft, start: note });
}

/// The text has changed. Drafts of captions are stored as they are typed, so that a crash costs no word.
pub(super) fn typed(model: &mut Model, text: String, cursor: usize, out: &mut Vec<Effect>) {
    match &mut model.mode {
        Mode::Edit(editor) => {
            let changed = editor.draft.text != text;
            editor.draft.text = text;
            editor.draft.cursor = cursor;
            if changed {
                let event = Event::Drafted { record: editor.record, draft: Some(editor.draft.clone()) };
                record(model, event, out);
            }
        }
        Mode::Note(editor) => {
            editor.draft.text = text;
            editor.draft.cursor = cursor;
        }
        Mode::Command(line) => line.type_in(text),
        Mode::OwnReason(_, words) => *words = text,
        Mode::Search(_) => search::typed(model, text, out),
        Mode::Filter(_) => filter::typed(model, text, cursor, out),
        Mode::Browse
        | Mode::Help(_)
        | Mode::Figures(_)
        | Mode::Zoom(_)
        | Mode::ChooseReason(_)
        | Mode::ConfirmQuit
        | Mode::ConfirmOverwrite(_)
        | Mode::Replace(_)
        | Mode::ConfirmSpending(_)
        | Mode::ConfirmMany { .. } => {}
    }
}

/// Makes the text the caption of the record it was written for.
pub(super) fn take(model: &mut Model, then: Then, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    let editor = editor.clone();
    if !take_text(model, editor.record, &editor.draft.text, editor.draft.base, out) {
        return;
    }
    if model.state(editor.record).draft.is_some() {
        record(model, Event::Drafted { record: editor.record, draft: None }, out);
    }
    model.mode = Mode::Browse;
    match then {
        Then::Advance => navigate::advance(model),
        Then::Stay => {}
        Then::EditNext => edit_neighbour(model, 1),
        Then::EditPrevious => edit_neighbour(model, -1),
    }
}

fn edit_neighbour(model: &mut Model, step: isize) {
    let before = model.list.cursor;
    navigate::step(model, step);
    if model.list.cursor == before {
        model.notify(NoticeKind::Info, "end of the list");
    } else {
        open(model);
    }
}

/// Decides for a text: what equals the original or a candidate is kept or accepted, not edited.
fn take_text(model: &mut Model, about: RecordId, typed: &str, base: EditBase, out: &mut Vec<Effect>) -> bool {
    let text = if model.settings.keep_line_breaks {
        text::trim(typed).to_owned()
    } else {
        text::single_line(typed).into_owned()
    };
    if text.is_empty() {
        model.notify(NoticeKind::Warning, "an empty caption is refused: x keeps the original, X leaves the record out");
        return false;
    }
    let same = model.state(about).candidates.iter().rev().find(|candidate| candidate.text == text);
    let decision = match same {
        Some(candidate) => Decision::Accepted { candidate: candidate.id, text },
        None if model.original(about) == Some(text.as_str()) => Decision::Kept,
        None => Decision::Edited { text, base },
    };
    if decide::is_news(model, about, &decision) {
        decide::decide(model, about, decision, out);
    }
    model.caption.chosen = None;
    true
}

/// Leaves the editor. An unfinished edit stays with its record; an unchanged text leaves nothing behind.
pub(super) fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    let (about, unchanged) = (editor.record, editor.draft.text == editor.start);
    model.mode = Mode::Browse;
    if model.state(about).draft.is_some() {
        if unchanged {
            record(model, Event::Drafted { record: about, draft: None }, out);
        } else {
            model.notify(NoticeKind::Info, "the draft is kept: e takes it up again");
        }
    }
}

/// Leaves the editor and throws the unfinished edit away.
pub(super) fn discard(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    let about = editor.record;
    model.mode = Mode::Browse;
    if model.state(about).draft.is_some() {
        record(model, Event::Drafted { record: about, draft: None }, out);
        model.notify(NoticeKind::Info, "the draft is discarded");
    }
}

pub(super) fn take_note(model: &mut Model, editor: &Editor, out: &mut Vec<Effect>) {
    let note = text::single_line(&editor.draft.text).into_owned();
    if note != editor.start {
        record(model, Event::Noted { record: editor.record, note }, out);
    }
}

/// Hands the text over to the operator's own editor.
pub(super) fn open_externally(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(about) = decide::subject(model) else { return };
    let shown = model.shown(about);
    let text = match &model.state(about).draft {
        Some(draft) => draft.text.clone(),
        None => model.text(about, shown).unwrap_or_default().to_owned(),
    };
    out.push(Effect::EditExternally { record: about, text });
}

/// Takes what the operator's own editor left, if anything was changed.
pub(super) fn edited_externally(
    model: &mut Model,
    about: RecordId,
    result: Result<String, String>,
    out: &mut Vec<Effect>,
) {
    match result {
        Err(error) => model.notify(NoticeKind::Error, error),
        Ok(text) => {
            let shown = model.shown(about);
            let draft = model.state(about).draft.clone();
            let before = draft.as_ref().map_or_else(|| model.text(about, shown), |draft| Some(&draft.text));
            if before.map(str::trim_end) == Some(text.trim_end()) {
                model.notify(NoticeKind::Info, "nothing was changed");
                return;
            }
            let base = draft.as_ref().map_or_else(|| model.base(about, shown), |draft| draft.base);
            if take_text(model, about, &text, base, out) && draft.is_some() {
                record(model, Event::Drafted { record: about, draft: None }, out);
            }
        }
    }
}
