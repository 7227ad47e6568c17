//! The completions of a pending key sequence, if the footer has no room for them.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::RenderContext;
use super::popup::Popup;
use crate::review::{Command, Context};
use crate::tui::keymap::Key;

/// The maximum number of completions shown in the footer. A popup that opens and closes with every `g g` would flicker.
const IN_FOOTER: usize = 6;

fn continuations(context: Context, render: RenderContext) -> Option<Vec<(String, Command)>> {
    if render.pending.is_empty() {
        return None;
    }
    Some(render.keymap.continuations(context, render.pending)).filter(|rest| rest.len() > IN_FOOTER)
}

/// Returns true if a popup lists the completions, rather than the footer.
pub(super) fn is_in_popup(context: Context, render: RenderContext) -> bool {
    continuations(context, render).is_some()
}

pub(super) fn popup(screen: Rect, context: Context, render: RenderContext) -> Option<Popup> {
    let rows: Vec<Line> = continuations(context, render)?
        .into_iter()
        .map(|(keys, command)| {
            Line::from(vec![
                Span::styled(format!("{keys:<3}"), render.theme.accent),
                Span::styled(command.help(), render.theme.muted),
            ])
        })
        .collect();
    let width = rows.iter().map(Line::width).max().unwrap_or(0);
    let size = (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(rows.len()).unwrap_or(u16::MAX));
    let heading = format!("{} {}", Key::sequence_name(render.pending), render.theme.glyphs.ellipsis);
    Some(Popup::above(screen, size, &heading, vec![Paragraph::new(rows)]))
}
