//! The summary at the end of a review, over the caption pane.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::popup::Popup;
use super::{RenderContext, clean, key_hint};
use crate::review::{Command, Context, FindingCounts, Model};
use crate::text::counted;

const WIDTH: u16 = 54;

pub(super) fn popup(pane: Rect, model: &Model, render: RenderContext) -> Option<Popup> {
    let summary = model.summary()?;
    let theme = render.theme;
    let decisions = summary.decisions.iter().filter(|(_, count)| *count > 0);
    let decisions: Vec<String> = decisions.map(|(kind, count)| format!("{} {count}", kind.name())).collect();
    let mut lines = vec![Line::raw(decisions.join("   "))];
    let mut row = |words: String, command: Command, label: &'static str, style| {
        let mut line = Line::from(Span::styled(format!("{words}   "), style));
        if let Some(key) = render.keymap.hint(Context::Browse, command) {
            // Without the gap to the next hint.
            line.extend(key_hint(&key, label, theme).into_iter().take(2));
        }
        lines.push(line);
    };
    match summary.findings {
        None => {
            let words = format!("counting findings{}", theme.glyphs.ellipsis);
            row(words, Command::TabProblems, "shows them", theme.busy);
        }
        Some(counts) if counts == FindingCounts::default() => {}
        Some(counts) => {
            let style = if counts.errors > 0 { theme.bad } else { theme.warning };
            row(counts.words(), Command::TabProblems, "shows them", style);
        }
    }
    if summary.skipped > 0 {
        row(format!("{} skipped", summary.skipped), Command::TabSkipped, "shows them", theme.warning);
    }
    row(String::new(), Command::Save, "saves", theme.text);
    lines.push(Line::styled(clean(&model.settings.output), theme.text));
    let heading = match summary.skipped {
        0 => format!("all {} reviewed", counted(summary.records, "record", "records")),
        skipped => format!("{} left", counted(skipped, "skipped record", "skipped records")),
    };
    let width = WIDTH.min(pane.width.saturating_sub(4));
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: true });
    let rows = u16::try_from(paragraph.line_count(width)).unwrap_or(u16::MAX);
    Some(Popup::new(pane, (width, rows), &heading, vec![paragraph]))
}
