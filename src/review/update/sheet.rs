//! Moves in the contact sheet, whose cursor is that of the list.

use super::navigate;
use crate::review::{Mode, Model, NoticeKind};

/// Toggles between the contact sheet and the list.
pub(super) fn toggle(model: &mut Model) {
    if model.viewport.sheet.is_none() {
        model.notify(NoticeKind::Warning, "images are off: restart with --image-protocol blocks");
        return;
    }
    model.sheet.open = !model.shows_sheet();
    model.mode = Mode::Browse;
}

/// Moves by rows of thumbnails. Below the last full row, moves to the last thumbnail.
pub(super) fn step_rows(model: &mut Model, rows: isize) {
    let Some(grid) = model.sheet_grid() else { return };
    let columns = usize::from(grid.columns);
    let (position, last) = (model.list.position, model.view().len().saturating_sub(1));
    let stays = if rows < 0 { position < columns } else { position / columns == last / columns };
    if !stays {
        navigate::step(model, rows.saturating_mul(grid.columns.cast_signed().into()));
    }
}

/// Moves by a page or a fraction of one.
pub(super) fn page(model: &mut Model, direction: isize, part: u16) {
    let Some(grid) = model.sheet_grid() else { return };
    let pictures = isize::try_from((grid.rows / part).max(1) * grid.columns).unwrap_or(isize::MAX);
    navigate::step(model, direction.saturating_mul(pictures));
}

/// Changes the size of the thumbnails.
pub(super) fn resize(model: &mut Model, larger: bool) {
    if let Some(room) = model.viewport.sheet {
        let records = model.view().len();
        model.sheet.resize(room, records, larger);
    }
}
