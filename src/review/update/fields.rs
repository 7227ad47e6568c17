//! Editing a structured caption field by field.

use super::{edit, store, tags};
use crate::dataset::RecordId;
use crate::review::fields::{Field, FieldsPage};
use crate::review::{Editor, Effect, Mode, Model, NoticeKind};
use crate::session::{Draft, Event};
use crate::text::JsonObject;

/// Opens the list of the fields of the caption shown, at the first one with a finding. Returns false if the caption is not a
/// JSON object.
pub(super) fn open(model: &mut Model, record: RecordId) -> bool {
    let caption = model.edited_text(record);
    let Ok(object) = JsonObject::parse(&caption) else { return false };
    let findings = model.findings_of_text(&caption);
    let spans: Vec<_> = findings.into_iter().filter_map(|finding| finding.span).collect();
    let has_finding =
        |at: &std::ops::Range<usize>| spans.iter().any(|span| at.start <= span.start && span.end <= at.end);
    let chosen = object.leaves().position(|leaf| has_finding(&leaf.span)).unwrap_or(0);
    if object.leaves().next().is_none() {
        return false;
    }
    model.mode = Mode::Fields(FieldsPage { record, chosen });
    true
}

pub(super) fn step(model: &mut Model, rows: isize) {
    let Mode::Fields(page) = model.mode else { return };
    let count = JsonObject::parse(&model.edited_text(page.record)).map_or(0, |object| object.leaves().count());
    let chosen = page.chosen.saturating_add_signed(rows).min(count.saturating_sub(1));
    model.mode = Mode::Fields(FieldsPage { chosen, ..page });
}

/// Opens the editor for the field under the cursor.
pub(super) fn edit(model: &mut Model, out: &mut Vec<Effect>) {
    tags::prepare_completion(model, out);
    let Mode::Fields(page) = model.mode else { return };
    let record = page.record;
    let Some(field) = page.field(&model.edited_text(record)) else { return };
    let base = match &model.state(record).draft {
        Some(draft) => draft.base,
        None => model.base(record, model.shown(record)),
    };
    let start = field.text.clone();
    let draft = Draft { cursor: start.chars().count(), text: start.clone(), base };
    model.mode = Mode::Edit(Editor { record, draft, start, offered: None, field: Some(Box::new(field)) });
}

/// Stores the caption with the text typed into its field as a draft, so that a crash loses no word. There
/// is none if the caption is as before.
pub(super) fn store_draft(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Edit(Editor { record, draft, field: Some(field), .. }) = &model.mode else { return };
    let Ok(text) = field.with_text(&draft.text) else { return };
    let is_changed = model.text(*record, model.shown(*record)).as_deref() != Some(text.as_str());
    let draft = is_changed.then_some(Draft { cursor: 0, text, base: draft.base });
    let event = Event::Drafted { record: *record, draft };
    store(model, vec![event], out);
}

/// Makes the caption with the text of the field that of the record, and returns to the list of fields, at the next one.
pub(super) fn take(
    model: &mut Model,
    record: RecordId,
    draft: &Draft,
    field: &Field,
    step: isize,
    out: &mut Vec<Effect>,
) {
    let caption = match field.with_text(&draft.text) {
        Ok(caption) => caption,
        Err(error) => {
            let path = &field.value.path;
            return model.notify(NoticeKind::Warning, format!("{path}: {error}: a text belongs in quotation marks"));
        }
    };
    if !edit::accept_field(model, record, caption, draft.base, out) {
        return;
    }
    model.mode = Mode::Fields(FieldsPage { record, chosen: field.index });
    self::step(model, step);
}

/// Returns from the editor of a field to the list. A changed text stays as the record's draft.
pub(super) fn leave_editor(model: &mut Model) {
    let Mode::Edit(Editor { record, draft, start, field: Some(field), .. }) = &model.mode else { return };
    let is_changed = draft.text != *start;
    model.mode = Mode::Fields(FieldsPage { record: *record, chosen: field.index });
    if is_changed {
        model.notify(NoticeKind::Info, "draft kept: a field accepted with Enter makes it the caption");
    }
}

pub(super) fn close(model: &mut Model) {
    model.mode = Mode::Browse;
}
