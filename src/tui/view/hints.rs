//! The keys in the footer.

use ratatui::text::{Line, Span};

use super::pending_keys::is_in_popup;
use super::records::selection_summary;
use super::{RenderContext, key_hint};
use crate::review::{Command, Context, Mode, Model};
use crate::tui::keymap::Key;

use Command::{
    Accept, AcceptEdit, AcceptEditNext, AcceptEditStay, Close, DiscardDraft, Down, Edit, Exclude, Flag, Help, Keep,
    Quit, Regenerate, Save, Search, Select, SelectAll, SelectRange, Sheet, Skip, Submit, Texts, Undo, Up, Zoom,
    ZoomFit, ZoomIn, ZoomOut,
};

/// Returns the commands that the footer mentions, most important first. Dialogs list their own keys.
fn mentioned(model: &Model) -> &'static [Command] {
    match (&model.mode, model.sheet.open, model.selection.is_empty()) {
        (Mode::Browse, true, true) => &[Sheet, ZoomIn, ZoomOut, Zoom, Select, Accept, Keep, Exclude, Flag, Undo, Help],
        (Mode::Browse, true, false) => &[Accept, Keep, Skip, Exclude, Flag, SelectRange, SelectAll, Sheet],
        (Mode::Browse, false, true) => &[Accept, Edit, Regenerate, Keep, Skip, Exclude, Undo, Save, Help, Quit],
        (Mode::Browse, false, false) => &[Accept, Keep, Skip, Exclude, Close, Regenerate, Flag, SelectRange, SelectAll],
        (Mode::Edit(_), ..) => &[AcceptEdit, AcceptEditStay, AcceptEditNext, Close, DiscardDraft],
        (Mode::Zoom(_), ..) => &[Close, ZoomIn, ZoomOut, ZoomFit, Texts, Down, Up],
        (Mode::Statistics(row), ..) if model.query_of_row(*row).is_some() => &[Submit, Close, Down, Up],
        (Mode::Help(_), ..) => &[Close, Search, Down, Up],
        (Mode::Messages(_) | Mode::Statistics(_), ..) => &[Close, Down, Up],
        _ => &[],
    }
}

/// Returns as many whole hints as fit, most important first.
pub(super) fn hints(model: &Model, render: RenderContext, width: usize) -> Line<'static> {
    let context = Context::of(model);
    let mut line = Line::from(vec![Span::raw(" ")]);
    if let Some(summary) = selection_summary(model).filter(|_| model.mode == Mode::Browse && render.pending.is_empty())
    {
        line.push_span(Span::styled(format!("{summary}: "), render.theme.accent));
    }
    let hints: Vec<(String, &str)> = if render.pending.is_empty() {
        let bound = |command: &Command| Some((render.keymap.hint(context, *command)?, command.label(context)));
        mentioned(model).iter().filter_map(bound).collect()
    } else {
        let pending = Key::sequence_name(render.pending);
        line.push_span(Span::styled(format!("{pending} {}  ", render.theme.glyphs.ellipsis), render.theme.accent));
        let rest = render.keymap.continuations(context, render.pending);
        let count = if is_in_popup(context, render) { 0 } else { rest.len() };
        rest.into_iter().take(count).map(|(keys, command)| (keys, command.help())).collect()
    };
    for (key, label) in hints {
        let hint = key_hint(&key, label, render.theme);
        if line.width() + hint.iter().map(Span::width).sum::<usize>() > width {
            break;
        }
        line.extend(hint);
    }
    line
}
