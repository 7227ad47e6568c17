//! The keys in the footer, which can also be clicked.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::clicks::{Clicks, Target};
use super::pending_keys::is_in_popup;
use super::records::selection_summary;
use super::{RenderContext, key_hint};
use crate::review::{Command, Context, Mode, Model};
use crate::tui::keymap::Key;

use Command::{
    Accept, AcceptEdit, AcceptEditNext, AcceptEditStay, Close, Complete, DiscardDraft, Down, Edit, Exclude, Flag, Help,
    Keep, Quit, Regenerate, Remove, Rename, Save, Search, Select, SelectAll, SelectRange, Sheet, Skip, Submit, Texts,
    Undo, Up, Zoom, ZoomFit, ZoomIn, ZoomOut,
};

/// The commands that lead to everything else, or out. They are cut last.
const LAST: [Command; 2] = [Help, Quit];

/// Returns the commands that the footer mentions, most important first. Dialogs list their own keys.
fn mentioned(model: &Model) -> &'static [Command] {
    match (&model.mode, model.sheet.open, model.selection.is_empty()) {
        (Mode::Browse, true, true) => &[Sheet, Accept, Keep, ZoomIn, ZoomOut, Zoom, Select, Exclude, Flag, Undo],
        (Mode::Browse, true, false) => &[Accept, Keep, Skip, Exclude, Flag, SelectRange, SelectAll, Sheet],
        (Mode::Browse, false, true) => &[Accept, Edit, Regenerate, Keep, Undo, Save, Skip, Exclude],
        (Mode::Browse, false, false) => &[Accept, Keep, Skip, Exclude, Close, Regenerate, Flag, SelectRange, SelectAll],
        (Mode::Edit(_), ..) => &[AcceptEdit, Close, AcceptEditStay, AcceptEditNext, Complete, DiscardDraft],
        (Mode::Fields(_), ..) => &[Submit, Edit, Close, Down, Up, Save],
        (Mode::Zoom(_), ..) => {
            &[Close, Accept, Keep, ZoomIn, ZoomOut, Texts, Down, Up, ZoomFit, Edit, Skip, Exclude, Flag, Undo]
        }
        (Mode::Statistics(row), ..) if model.query_of_row(*row).is_some() => &[Submit, Close, Down, Up],
        (Mode::Tags(page), ..) if !page.typing => &[Submit, Rename, Remove, Search, Close, Down, Up],
        (Mode::Help(_), ..) => &[Close, Search, Down, Up],
        (Mode::Messages(_) | Mode::Statistics(_), ..) => &[Close, Down, Up],
        _ => &[],
    }
}

/// The hints of the footer.
pub(super) struct Hints {
    /// The selection, or the keys of an incomplete sequence.
    lead: Line<'static>,
    first: Vec<Hint>,
    last: Vec<Hint>,
}

struct Hint {
    command: Command,
    spans: [Span<'static>; 3],
}

impl Hint {
    fn new(key: &str, label: &'static str, command: Command, render: RenderContext) -> Self {
        Self { command, spans: key_hint(key, label, render.theme) }
    }

    fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }
}

impl Hints {
    pub(super) fn new(model: &Model, render: RenderContext) -> Self {
        let context = Context::of(model);
        let accent = render.theme.accent;
        let mut lead = Line::from(vec![Span::raw(" ")]);
        if !render.pending.is_empty() {
            let pending = Key::sequence_name(render.pending);
            lead.push_span(Span::styled(format!("{pending} {}  ", render.theme.glyphs.ellipsis), accent));
            let mut rest = render.keymap.continuations(context, render.pending);
            if is_in_popup(context, render) {
                rest.clear();
            }
            let hints = rest.into_iter().map(|(keys, command)| Hint::new(&keys, command.help(), command, render));
            return Self { lead, first: hints.collect(), last: Vec::new() };
        }
        if let Some(summary) = selection_summary(model).filter(|_| model.mode == Mode::Browse) {
            lead.push_span(Span::styled(format!("{summary}: "), accent));
        }
        let bound = |command: Command| {
            let label = command.label(context);
            let key = render.keymap.hint(context, command).filter(|_| !label.is_empty())?;
            Some(Hint::new(&key, label, command, render))
        };
        let first: Vec<Hint> = mentioned(model).iter().copied().filter_map(bound).collect();
        // A prompt or a dialog shows the keys itself.
        let last = if first.is_empty() { Vec::new() } else { LAST.into_iter().filter_map(bound).collect() };
        Self { lead, first, last }
    }

    /// Returns the width of the hints that are never cut for other contents of the footer: the first and the last.
    pub(super) fn min_width(&self) -> usize {
        let hints = self.first.iter().take(1).chain(&self.last);
        self.lead.width() + hints.map(Hint::width).sum::<usize>()
    }

    /// Draws as many whole hints as fit, most important first.
    pub(super) fn draw(self, frame: &mut Frame, area: Rect, clicks: &mut Clicks) {
        let width = usize::from(area.width);
        let mut room = width.saturating_sub(self.lead.width());
        let last: usize = self.last.iter().map(Hint::width).sum();
        let mut drawn = Vec::new();
        for hint in self.first {
            if hint.width() + last > room {
                break;
            }
            room -= hint.width();
            drawn.push(hint);
        }
        drawn.extend(self.last);
        let mut x = area.x + u16::try_from(self.lead.width()).unwrap_or(u16::MAX).min(area.width);
        frame.render_widget(self.lead, area);
        for hint in drawn {
            let width = u16::try_from(hint.width()).unwrap_or(u16::MAX).min(area.right().saturating_sub(x));
            let cell = Rect { x, width, ..area };
            clicks.add(cell, Target::Command(hint.command));
            frame.render_widget(Line::from(hint.spans.to_vec()), cell);
            x += width;
        }
    }
}
