//! Questions: only where something would be lost, or not be where one thinks it is.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::popup::Popup;
use super::{Look, clean, key_hint};
use crate::review::{Action, Model};
use crate::tui::keymap::Context;

const WIDTH: u16 = 56;

pub(super) fn quit(screen: Rect, model: &Model, look: Look) -> Popup {
    let saved = if model.save.last.is_some() {
        "There are decisions newer than the last save."
    } else {
        "Your decisions are not in an output file yet."
    };
    let words =
        vec![Line::raw(saved), Line::styled("Nothing is lost either way: the session keeps them.", look.theme.muted)];
    let answers = [(Action::SaveAndQuit, "save and quit"), (Action::QuitNow, "quit"), (Action::Close, "stay")];
    ask(screen, "quit?", words, Context::ConfirmQuit, &answers, look)
}

pub(super) fn overwrite(screen: Rect, why: &str, look: Look) -> Popup {
    let answers = [(Action::Overwrite, "overwrite"), (Action::Close, "leave it as it is")];
    ask(screen, "overwrite?", vec![Line::raw(clean(why))], Context::ConfirmOverwrite, &answers, look)
}

fn ask(
    screen: Rect,
    heading: &str,
    words: Vec<Line<'static>>,
    context: Context,
    answers: &[(Action, &'static str)],
    look: Look,
) -> Popup {
    let mut hints: Vec<Span> = Vec::new();
    for (action, what) in answers {
        if let Some(key) = look.keymap.hint(context, *action) {
            hints.extend(key_hint(key, what, look.theme));
        }
    }
    let mut lines = words;
    lines.push(Line::default());
    lines.push(Line::from(hints));
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    let width = WIDTH.min(screen.width.saturating_sub(4));
    let rows = u16::try_from(paragraph.line_count(width)).unwrap_or(u16::MAX);
    Popup::new(screen, (width, rows), heading, vec![paragraph])
}
