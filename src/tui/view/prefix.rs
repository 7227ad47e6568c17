//! How a begun key sequence goes on, where there are more ways than the last row has room for.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Look;
use super::popup::Popup;
use crate::review::Action;
use crate::tui::keymap::{Context, Key};

/// So many ways are told in the last row: a box that comes and goes with every `g g` would flicker.
const IN_LAST_ROW: usize = 4;

/// The ways on, where they are told in a box.
fn ways(context: Context, look: Look) -> Option<Vec<(String, Action)>> {
    let ways = || look.keymap.continuations(context, look.pending);
    (!look.pending.is_empty()).then(ways).filter(|ways| ways.len() > IN_LAST_ROW)
}

/// Whether the ways on are told in a box, and not in the last row.
pub(super) fn is_in_box(context: Context, look: Look) -> bool {
    ways(context, look).is_some()
}

pub(super) fn popup(screen: Rect, context: Context, look: Look) -> Option<Popup> {
    let ways = ways(context, look)?;
    let rows: Vec<Line> = ways
        .into_iter()
        .map(|(keys, action)| {
            Line::from(vec![
                Span::styled(format!("{keys:<3}"), look.theme.accent),
                Span::styled(action.help(), look.theme.muted),
            ])
        })
        .collect();
    let width = rows.iter().map(Line::width).max().unwrap_or(0);
    let size = (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(rows.len()).unwrap_or(u16::MAX));
    let heading = format!("{} {}", Key::sequence_name(look.pending), look.theme.glyphs.ellipsis);
    Some(Popup::above(screen, size, &heading, vec![Paragraph::new(rows)]))
}
