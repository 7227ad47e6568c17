//! Editing captions and notes, here or in an external editor. A text always belongs to the record it was opened for.

use super::{decide, fields, filter, help, navigate, search, store, subjects, tags};
use crate::dataset::RecordId;
use crate::engine::structured;
use crate::review::{Editor, EditorKind, Effect, Mode, Model, NoticeKind, Opening, SessionStatus};
use crate::session::{Actor, Decision, Draft, EditBase, Event};
use crate::text::{self, JsonObject};

/// The longest text of a prompt in bytes. Queries and expressions are compiled with every key.
const PROMPT_LIMIT: usize = 4_096;

/// What happens after an edit is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Advance,
    Stay,
    EditNext,
    EditPrevious,
}

/// Opens an editor for the record under the cursor. If the record is not loaded yet, the editor opens later: the keys
/// typed next are meant for it.
pub(super) fn open(model: &mut Model, editor: EditorKind, out: &mut Vec<Effect>) {
    if subjects::is_loading(model) {
        let resumes = model.session == SessionStatus::Opening && model.list.cursor.is_none_or(|at| at == RecordId(0));
        let record = model.list.cursor.filter(|_| !resumes);
        model.opening = Some(Opening { editor, record });
        model.notify(NoticeKind::Info, "the editor opens when the record is loaded · Esc cancels");
        return;
    }
    match editor {
        EditorKind::Caption => open_caption(model, out),
        EditorKind::Whole => open_whole(model, out),
        EditorKind::Note => open_note(model),
        EditorKind::External => open_externally(model, out),
    }
}

/// Opens the editor that was waiting for its record, unless another record is under the cursor now.
pub(super) fn open_loaded(model: &mut Model, out: &mut Vec<Effect>) {
    if subjects::is_loading(model) {
        return;
    }
    let Some(Opening { editor, record }) = model.opening.take() else { return };
    model.notice = None;
    if record.is_none() || record == model.list.cursor {
        open(model, editor, out);
    } else {
        model.notify(NoticeKind::Warning, "editor not opened: another record is under the cursor");
    }
}

pub(super) fn cancel_opening(model: &mut Model) {
    model.opening = None;
    model.notify(NoticeKind::Info, "editor not opened");
}

/// Opens the list of the fields of a structured caption, or the editor on another one.
fn open_caption(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(about) = editable(model) else { return };
    if !fields::open(model, about) {
        open_whole(model, out);
    }
}

/// Opens the editor on the draft, else on the caption shown.
fn open_whole(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(about) = editable(model) else { return };
    tags::prepare_completion(model, out);
    let shown = model.shown(about);
    let start = indented(&model.text(about, shown).unwrap_or_default());
    let draft = model.state(about).draft.clone().unwrap_or_else(|| Draft {
        cursor: start.chars().count(),
        text: start.clone(),
        base: model.base(about, shown),
    });
    model.mode = Mode::Edit(Editor { record: about, draft, start, offered: None, field: None });
}

/// Returns a JSON object indented, and another text as it is.
fn indented(text: &str) -> String {
    JsonObject::parse(text).map_or_else(|_| text.to_owned(), |object| object.indented().text)
}

/// Returns the record under the cursor, or `None` after a notice that says why its caption cannot be edited.
fn editable(model: &mut Model) -> Option<RecordId> {
    let record = subjects::cursor(model)?;
    if model.tabs.is_other_caption(record) {
        model.notify(NoticeKind::Warning, decide::OTHER_CAPTION);
        return None;
    }
    Some(record)
}

/// Opens the editor on the caption shown without the phrases that the verifier does not find in the image. It is a draft: the
/// operator looks at the rest before accepting it.
pub(super) fn drop_unsupported(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(about) = editable(model) else { return };
    if model.state(about).draft.is_some() {
        return model.notify(NoticeKind::Warning, "unfinished edit: e resumes it, then ^g discards it");
    }
    let shown = model.shown(about);
    let start = model.text(about, shown).unwrap_or_default().into_owned();
    let verification = model.verification(about, shown);
    let quotes = verification.map(|known| known.verdict.unsupported.as_slice()).unwrap_or_default();
    let spans: Vec<_> = quotes.iter().filter_map(|quote| quote.span(&start)).collect();
    let Some(first) = spans.iter().map(|span| span.start).min() else {
        return model.notify(NoticeKind::Info, "no phrase that the verifier does not find in the image · V verifies");
    };
    let count = spans.len() as u64;
    let text = text::without(&start, spans);
    let cursor = start[..first].chars().count().min(text.chars().count());
    let draft = Draft { text, cursor, base: model.base(about, shown) };
    // As if typed, so that a crash loses nothing.
    store(model, vec![Event::Drafted { record: about, draft: Some(draft.clone()) }], out);
    model.mode = Mode::Edit(Editor { record: about, draft, start, offered: None, field: None });
    let phrases = text::counted(count, "phrase", "phrases");
    model.notify(NoticeKind::Info, format!("{phrases} removed: check the rest, then accept it"));
}

fn open_note(model: &mut Model) {
    let Some(about) = subjects::cursor(model) else { return };
    let note = model.state(about).note.clone();
    let draft = Draft { cursor: note.chars().count(), text: note.clone(), base: EditBase::Current };
    model.mode = Mode::Note(Editor { record: about, draft, start: note, offered: None, field: None });
}

/// Updates the text being typed. Drafts of captions are stored with every change, so that a crash loses no word.
pub(super) fn typed(model: &mut Model, text: String, cursor: usize, out: &mut Vec<Effect>) {
    if !matches!(model.mode, Mode::Edit(_)) {
        model.notice = None;
        if text.len() > PROMPT_LIMIT {
            model.notify(NoticeKind::Warning, format!("too long: at most {PROMPT_LIMIT} bytes"));
            return;
        }
    }
    match &mut model.mode {
        Mode::Edit(editor) => {
            let changed = editor.draft.text != text;
            editor.offered = None;
            editor.draft.text = text;
            editor.draft.cursor = cursor;
            if changed {
                store_draft(model, out);
            }
        }
        Mode::Note(editor) => {
            editor.draft.text = text;
            editor.draft.cursor = cursor;
        }
        Mode::Command(line) => line.set_text(text),
        Mode::Help(page) => help::search_for(page, text),
        Mode::Tags(_) => tags::search_for(model, text),
        Mode::CustomReason(_, words) | Mode::RejectReason(_, words) => *words = text,
        Mode::Search(_) => search::typed(model, text, out),
        Mode::Filter(_) => filter::typed(model, text, cursor, out),
        Mode::Browse
        | Mode::Messages(_)
        | Mode::Statistics(_)
        | Mode::Fields(_)
        | Mode::Zoom(_)
        | Mode::ChooseReason(_)
        | Mode::Reject(_)
        | Mode::ConfirmQuit
        | Mode::ConfirmOverwrite(_)
        | Mode::Replace(_)
        | Mode::ConfirmSpending { .. }
        | Mode::ConfirmVerifying { .. }
        | Mode::ConfirmMany { .. } => {}
    }
}

/// Stores the text of the editor as a draft, so that a crash loses no word.
pub(super) fn store_draft(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    if editor.field.is_some() {
        return fields::store_draft(model, out);
    }
    let event = Event::Drafted { record: editor.record, draft: Some(editor.draft.clone()) };
    store(model, vec![event], out);
}

/// Makes the text the caption of its record.
pub(super) fn take(model: &mut Model, then: Then, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    let editor = editor.clone();
    if let Some(field) = &editor.field {
        let step = match then {
            Then::Advance | Then::EditNext => 1,
            Then::Stay => 0,
            Then::EditPrevious => -1,
        };
        fields::take(model, editor.record, &editor.draft, field, step, out);
        if matches!(then, Then::EditNext | Then::EditPrevious) {
            fields::edit(model, out);
        }
        return;
    }
    if !accept_text(model, editor.record, &editor.draft.text, editor.draft.base, out) {
        return;
    }
    model.mode = Mode::Browse;
    match then {
        Then::Advance => navigate::advance(model),
        Then::Stay => {}
        Then::EditNext => edit_neighbour(model, 1, out),
        Then::EditPrevious => edit_neighbour(model, -1, out),
    }
}

fn edit_neighbour(model: &mut Model, step: isize, out: &mut Vec<Effect>) {
    let before = model.list.cursor;
    navigate::step(model, step);
    if model.list.cursor == before {
        model.notify(NoticeKind::Info, "end of the list");
    } else {
        open(model, EditorKind::Caption, out);
    }
}

/// Decides for a text and ends the record's draft, as one step. A text equal to a candidate accepts that candidate, and
/// one equal to the original keeps it. Returns false if the text is empty, or is no JSON object where it has to be one.
pub(super) fn accept_text(
    model: &mut Model,
    record: RecordId,
    typed: &str,
    base: EditBase,
    out: &mut Vec<Effect>,
) -> bool {
    let before = model.base_text(record, base).unwrap_or_default();
    let text = if model.is_structured(record, &before) && !text::is_blank(typed) {
        let like = if JsonObject::is(&before) { &before } else { model.original(record).unwrap_or_default() };
        match structured::edited(like, typed, &model.settings.rules) {
            Ok(text) => text,
            Err(error) => {
                model.notify(NoticeKind::Warning, format!("not accepted: {error}"));
                return false;
            }
        }
    } else {
        text::edited(&before, typed, model.settings.keep_line_breaks).into_owned()
    };
    accept_as_typed(model, record, text, base, out)
}

/// Accepts a structured caption in which a field was edited: everything else keeps its spelling. Returns false if it is
/// refused.
pub(super) fn accept_field(
    model: &mut Model,
    record: RecordId,
    caption: String,
    base: EditBase,
    out: &mut Vec<Effect>,
) -> bool {
    let before = model.base_text(record, base).unwrap_or_default();
    let refused = structured::added_violation(&before, &caption, &model.settings.rules);
    if let Some(error) = refused {
        model.notify(NoticeKind::Warning, format!("not accepted: {error}"));
        return false;
    }
    accept_as_typed(model, record, caption, base, out)
}

fn accept_as_typed(model: &mut Model, record: RecordId, text: String, base: EditBase, out: &mut Vec<Effect>) -> bool {
    if text::is_blank(&text) {
        model.notify(NoticeKind::Warning, "a caption must not be empty: x keeps the original, X excludes the record");
        return false;
    }
    let learned = text.clone();
    let same = model.state(record).candidates.iter().rev().find(|candidate| candidate.text == text);
    let decision = match same {
        Some(candidate) => Decision::Accepted { candidate: candidate.id, text },
        None if model.original(record) == Some(text.as_str()) => Decision::Kept,
        None => Decision::Edited { text, base },
    };
    let decided = decide::is_change(model, record, &decision);
    let decided = decided.then_some(Event::Decided { record, decision, by: Actor::Operator });
    store(model, decided.into_iter().chain(end_draft(model, record)).collect::<Vec<_>>(), out);
    model.caption.chosen = None;
    model.known_tags.learn(&learned);
    true
}

/// Returns the event that removes a record's draft, if it has one.
fn end_draft(model: &Model, record: RecordId) -> Option<Event> {
    model.state(record).draft.is_some().then_some(Event::Drafted { record, draft: None })
}

/// Closes the editor. A changed text stays as the record's draft.
pub(super) fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    if editor.field.is_some() {
        return fields::leave_editor(model);
    }
    let (record, unchanged) = (editor.record, editor.draft.text == editor.start);
    model.mode = Mode::Browse;
    if let Some(event) = end_draft(model, record) {
        if unchanged {
            store(model, vec![event], out);
        } else {
            model.notify(NoticeKind::Info, "draft kept · e resumes");
        }
    }
}

/// Closes the editor and discards the draft.
pub(super) fn discard(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Edit(editor) = &model.mode else { return };
    let record = editor.record;
    if editor.field.is_some() {
        fields::leave_editor(model);
    } else {
        model.mode = Mode::Browse;
    }
    if let Some(event) = end_draft(model, record) {
        store(model, vec![event], out);
        model.notify(NoticeKind::Info, "draft discarded");
    }
}

pub(super) fn take_note(model: &mut Model, editor: &Editor, out: &mut Vec<Effect>) {
    let note = text::single_line(&editor.draft.text).into_owned();
    if editor.draft.text != editor.start && note != editor.start {
        store(model, vec![Event::Noted { record: editor.record, note }], out);
    }
}

/// Opens the draft, else the caption shown, in the external editor.
fn open_externally(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(record) = editable(model) else { return };
    let shown = model.shown(record);
    let text = match &model.state(record).draft {
        Some(draft) => draft.text.clone(),
        None => indented(&model.text(record, shown).unwrap_or_default()),
    };
    model.mode = Mode::Browse;
    out.push(Effect::EditExternally { record, text });
}

/// Accepts the text from the external editor if it differs from the one it was opened with.
pub(super) fn edited_externally(
    model: &mut Model,
    record: RecordId,
    result: Result<String, String>,
    out: &mut Vec<Effect>,
) {
    match result {
        Err(error) => model.notify(NoticeKind::Error, error),
        Ok(text) => {
            let shown = model.shown(record);
            let draft = model.state(record).draft.clone();
            let shown_text = || indented(&model.text(record, shown).unwrap_or_default());
            let before = draft.as_ref().map_or_else(shown_text, |draft| draft.text.clone());
            if before.trim_end() == text.trim_end() {
                model.notify(NoticeKind::Info, "no change");
                return;
            }
            let base = draft.map_or_else(|| model.base(record, shown), |draft| draft.base);
            if !accept_text(model, record, &text, base, out) && !text::is_blank(&text) {
                let cursor = text.chars().count();
                store(model, vec![Event::Drafted { record, draft: Some(Draft { text, cursor, base }) }], out);
                let refused = model.notice.as_ref().map(|notice| notice.text.clone()).unwrap_or_default();
                model.notify(NoticeKind::Warning, format!("{refused} · kept as a draft: e or E resumes"));
            }
        }
    }
}
