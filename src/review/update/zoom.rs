//! Looking at a picture closely: alone on the screen, step by step nearer, moved about.

use super::navigate;
use crate::preview::{Framing, Zoom};
use crate::review::{Closeup, Mode, Model};

/// Shows the picture alone, or the list again.
pub(super) fn toggle(model: &mut Model) {
    model.mode = match model.mode {
        Mode::Zoom(_) => Mode::Browse,
        _ => Mode::Zoom(Closeup::default()),
    };
}

pub(super) fn closer(model: &mut Model) {
    change(model, Framing::closer);
}

pub(super) fn further(model: &mut Model) {
    change(model, Framing::further);
}

pub(super) fn fit(model: &mut Model) {
    change(model, |_, _| Zoom::WHOLE);
}

/// Moves over the picture. Where all of it is seen there is nowhere to move to but other pictures.
pub(super) fn pan(model: &mut Model, right: i8, down: i8) {
    if model.zoom() == Zoom::WHOLE {
        navigate::step(model, isize::from(right + down));
    } else {
        change(model, |framing, zoom| framing.panned(zoom, right, down));
    }
}

/// Shows or hides the texts below the picture.
pub(super) fn texts(model: &mut Model) {
    if let Mode::Zoom(closeup) = &mut model.mode {
        closeup.texts = !closeup.texts;
    }
}

/// How the picture is to be looked at depends on its size: until that is known, it is looked at whole.
fn change(model: &mut Model, change: impl FnOnce(&Framing, Zoom) -> Zoom) {
    let Some(framing) = model.framing() else { return };
    if let Mode::Zoom(closeup) = &mut model.mode {
        closeup.zoom = change(&framing, closeup.zoom);
    }
}
