//! Changes the panes: the list, and the split between picture and captions.

use crate::review::{Effect, Model, NoticeKind, Panes};

/// One step of the split is this fraction of the panes.
const STEP: u16 = 25;

/// Shows the list, a narrow list or none.
pub(super) fn cycle_list(model: &mut Model, out: &mut Vec<Effect>) {
    model.panes.list = model.panes.list.next();
    out.push(Effect::RememberPanes(model.panes));
}

/// Moves the split between picture and captions to the right or down, or back.
pub(super) fn move_split(model: &mut Model, larger: bool, out: &mut Vec<Effect>) {
    let (Some(picture), body) = (model.viewport.picture, model.viewport.body) else {
        model.notify(NoticeKind::Info, "no picture on this screen");
        return;
    };
    let step = |now: u16, of: u16| {
        let step = (of / STEP).max(1);
        let cells = u32::from(if larger { now.saturating_add(step).min(of) } else { now.saturating_sub(step) });
        // Rounded up, so that the share means these cells again.
        u16::try_from((cells * 1000).div_ceil(u32::from(of.max(1)))).ok()
    };
    model.panes = if picture.rows < body.rows {
        Panes { above: step(picture.rows, body.rows), ..model.panes }
    } else {
        Panes { beside: step(picture.columns, body.columns), ..model.panes }
    };
    out.push(Effect::RememberPanes(model.panes));
}
