//! Zooms and pans the image alone on the screen.

use super::navigate;
use crate::preview::{Framing, Zoom};
use crate::review::{Closeup, Mode, Model};

/// Toggles the zoom.
pub(super) fn toggle(model: &mut Model) {
    model.mode = match model.mode {
        Mode::Zoom(_) => Mode::Browse,
        _ => Mode::Zoom(Closeup::default()),
    };
}

pub(super) fn closer(model: &mut Model) {
    change(model, Framing::zoom_in);
}

pub(super) fn further(model: &mut Model) {
    change(model, Framing::zoom_out);
}

pub(super) fn fit(model: &mut Model) {
    change(model, |_, _| Zoom::FIT);
}

/// Pans. An image that fits goes to the next or previous record instead.
pub(super) fn pan(model: &mut Model, right: i8, down: i8) {
    if model.zoom() == Zoom::FIT {
        navigate::step(model, isize::from(right + down));
    } else {
        change(model, |framing, zoom| framing.pan(zoom, right, down));
    }
}

pub(super) fn texts(model: &mut Model) {
    let shown = model.zoom_shows_texts();
    if let Mode::Zoom(closeup) = &mut model.mode {
        closeup.texts = Some(!shown);
    }
}

/// The zoom depends on the image's size; until that is known, the whole image is shown.
fn change(model: &mut Model, change: impl FnOnce(&Framing, Zoom) -> Zoom) {
    let Some(framing) = model.framing() else { return };
    if let Mode::Zoom(closeup) = &mut model.mode {
        closeup.zoom = change(&framing, closeup.zoom);
    }
}
