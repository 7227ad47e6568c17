//! Prefetch. After every message, this brings the cursor into the view and requests the lines, images and descriptions
//! that are missing. Its cost depends on the size of the screen, not on that of the dataset.

use std::collections::HashSet;

use super::update::{attention, describe_ahead, filter, search};
use super::{Closeup, Effect, Mode, Model, PictureSlot, SessionStatus};
use crate::dataset::RecordId;
use crate::engine::queue;
use crate::preview::{Areas, CellArea, PictureView, Zoom};

/// The number of screens of lines kept loaded above and below the current one.
const MARGIN: usize = 2;

/// The rows kept visible above and below the cursor.
const CONTEXT: usize = 3;

/// The images prefetched, as steps from the cursor in the direction of travel.
const PREFETCH: [isize; 4] = [1, 2, -1, -2];

/// How many images further ahead are downloaded if they are in a bucket: at ten keys a second, two seconds of them.
const DOWNLOADED: isize = 20;

pub(super) fn settle(model: &mut Model, out: &mut Vec<Effect>) {
    filter::rescan(model, out);
    search::rescan(model, out);
    attention::settle(model, out);
    follow_cursor(model, out);
    request_lines(model, out);
    request_picture(model, out);
    request_thumbnails(model, out);
    request_descriptions(model, out);
}

/// Keeps the cursor on a record of the view, and the view on the screen.
fn follow_cursor(model: &mut Model, out: &mut Vec<Effect>) {
    if let Some(resume) = model.resume_at.filter(|resume| resume.0 < model.tabs.total()) {
        model.resume_at = None;
        model.list.cursor = Some(resume);
    }
    let view = model.view();
    let position = match model.list.cursor.filter(|cursor| view.contains(*cursor)) {
        Some(cursor) => view.position(cursor),
        None => model.list.position.min(view.len().saturating_sub(1)),
    };
    let cursor = view.nth(position);
    let rows = usize::from(model.viewport.list_rows).max(1);
    let last_top = view.len().saturating_sub(rows);
    let context = CONTEXT.min((rows - 1) / 2);
    let lowest = (position + 1 + context).saturating_sub(rows);
    let top = model.list.top.clamp(lowest, position.saturating_sub(context).max(lowest)).min(last_top);
    model.list.position = position;
    model.list.cursor = cursor;
    model.list.top = top;
    if let (Some(cursor), SessionStatus::Open, None) = (cursor, &model.session, model.resume_at)
        && model.remembered != Some(cursor)
        && let Some(line) = model.line(cursor)
    {
        let file_name = line.file_name.clone();
        model.remembered = Some(cursor);
        out.push(Effect::RememberCursor(cursor, file_name));
    }
}

fn request_lines(model: &mut Model, out: &mut Vec<Effect>) {
    if model.dataset_failure.is_some() {
        return;
    }
    let view = model.view();
    let (top, rows) = match model.sheet_grid() {
        Some(grid) => (grid.page_of(model.list.position), grid.capacity()),
        None => (model.list.top, usize::from(model.viewport.list_rows).max(1)),
    };
    let first = top.saturating_sub(rows * MARGIN);
    let last = top.saturating_add(rows * (MARGIN + 1)).min(view.len());
    let mut wanted: Vec<RecordId> = (first..last).filter_map(|position| view.nth(position)).collect();
    if let Mode::Replace(replacement) = &model.mode {
        let shown = replacement.chosen.saturating_sub(rows)..replacement.chosen.saturating_add(rows);
        wanted.extend(shown.map_while(|place| replacement.hits.record(place)));
    }
    let missing: Vec<RecordId> = wanted
        .iter()
        .copied()
        .filter(|record| !model.lines.contains_key(record) && !model.loading.contains(record))
        .collect();
    if model.lines.len() > 4 * wanted.len() + 64 {
        let keep: HashSet<RecordId> = wanted.into_iter().collect();
        model.lines.retain(|record, _| keep.contains(record));
        model.texts.retain(|record, _| keep.contains(record));
    }
    if !missing.is_empty() {
        model.loading.extend(&missing);
        out.push(Effect::Load(missing));
    }
}

fn request_picture(model: &mut Model, out: &mut Vec<Effect>) {
    let (Some(cursor), Some(areas)) = (model.list.cursor, model.picture_areas()) else {
        model.picture = PictureSlot::Empty;
        return;
    };
    let Some(file_name) = model.line(cursor).map(|line| line.file_name.clone()) else {
        model.picture = PictureSlot::Empty;
        return;
    };
    if let Mode::Zoom(closeup) = &mut model.mode
        && closeup.of != Some(cursor)
    {
        *closeup = Closeup { of: Some(cursor), zoom: Zoom::FIT, ..*closeup };
    }
    let view = PictureView { areas, zoom: model.zoom() };
    let current = match &model.picture {
        PictureSlot::Empty => None,
        PictureSlot::Loading(record, view, _) | PictureSlot::Ready(record, view, _) => Some((*record, *view)),
    };
    if current != Some((cursor, view)) {
        let before = model.preview().and_then(Result::ok).cloned();
        model.picture = PictureSlot::Loading(cursor, view, before);
        out.push(Effect::ShowPicture { record: cursor, file_name, view });
    }
    prefetch(model, cursor, areas, out);
}

fn prefetch(model: &mut Model, cursor: RecordId, areas: Areas, out: &mut Vec<Effect>) {
    let key = (cursor, model.list.forward, areas);
    if model.prefetched == Some(key) {
        return;
    }
    let view = model.view();
    let direction = if model.list.forward { 1 } else { -1 };
    let neighbours = PREFETCH
        .iter()
        .filter_map(|step| model.list.position.checked_add_signed(step * direction))
        .filter_map(|position| view.nth(position));
    let mut complete = true;
    let pictures: Vec<(RecordId, String)> = neighbours
        .filter_map(|record| {
            complete &= model.lines.contains_key(&record);
            model.line(record).map(|line| (record, line.file_name.clone()))
        })
        .collect();
    if complete {
        let further = (3..=DOWNLOADED)
            .filter_map(|step| model.list.position.checked_add_signed(step * direction))
            .filter_map(|position| view.nth(position))
            .filter_map(|record| model.line(record).map(|line| (record, line.file_name.clone())))
            .collect();
        model.prefetched = Some(key);
        out.push(Effect::PrefetchPictures { pictures, further, areas });
    }
}

/// Requests the thumbnails of the page, then those of the next one.
fn request_thumbnails(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(grid) = model.sheet_grid() else {
        if model.sheet.forget() {
            out.push(Effect::ShowThumbnails { pictures: Vec::new(), area: CellArea::default() });
        }
        return;
    };
    let (page, capacity) = (grid.page_of(model.list.position), grid.capacity());
    let total = model.view().len();
    let ahead = model.sheet.turn_to(page, capacity, total);
    let view = model.view();
    let positions = std::iter::once(page).chain(ahead).flat_map(|page| page..page.saturating_add(capacity));
    let wanted: Vec<RecordId> =
        positions.filter_map(|position| view.nth(position)).filter(|record| model.line(*record).is_some()).collect();
    let area = grid.picture();
    if let Some(missing) = model.sheet.want(wanted, area) {
        let name = |record: RecordId| model.line(record).map(|line| (record, line.file_name.clone()));
        out.push(Effect::ShowThumbnails { pictures: missing.into_iter().filter_map(name).collect(), area });
    }
}

/// Prefetches descriptions in the direction of travel, the record under the cursor first.
fn request_descriptions(model: &mut Model, out: &mut Vec<Effect>) {
    let is_off = model.session != SessionStatus::Open
        || !model.settings.can_describe()
        || model.settings.ahead == 0
        || model.settings.sample.is_some()
        || model.ahead_stopped
        // A record may get a candidate of the file.
        || model.importing
        || model.describer.paused.is_some()
        || model.leaving.is_some()
        || matches!(model.mode, Mode::ConfirmQuit);
    if is_off {
        return;
    }
    let view = model.view();
    let direction = if model.list.forward { 1 } else { -1 };
    let steps = isize::try_from(model.settings.ahead.min(queue::LIMIT)).unwrap_or(isize::MAX);
    let wanted: Vec<RecordId> = (0..=steps)
        .filter_map(|step| model.list.position.checked_add_signed(step * direction))
        .filter_map(|position| view.nth(position))
        .filter(|record| model.line(*record).is_some() && describe_ahead::is_wanted(model, *record))
        .collect();
    describe_ahead::set(model, &wanted, out);
}
