//! The keys worth knowing in what is under way, in the footer.

use ratatui::text::{Line, Span};

use super::prefix::is_in_box;
use super::records::marked_words;
use super::{Look, key_hint};
use crate::review::{Action, Mode, Model};
use crate::tui::keymap::{Context, Key};

/// A key's action, and what it does in a word or two.
type Hint = (Action, &'static str);

const BROWSE: &[Hint] = &[
    (Action::Accept, "accept"),
    (Action::Edit, "edit"),
    (Action::Regenerate, "regenerate"),
    (Action::Keep, "keep"),
    (Action::Skip, "skip"),
    (Action::Exclude, "exclude"),
    (Action::Undo, "undo"),
    (Action::Save, "save"),
    (Action::Help, "help"),
    (Action::Quit, "quit"),
];

const MARKED: &[Hint] = &[
    (Action::Accept, "accept"),
    (Action::Keep, "keep"),
    (Action::Skip, "skip"),
    (Action::Exclude, "exclude"),
    (Action::Close, "unmark"),
    (Action::Regenerate, "regenerate"),
    (Action::Flag, "flag"),
    (Action::MarkRange, "range"),
    (Action::MarkAll, "all"),
];

const SHEET: &[Hint] = &[
    (Action::Sheet, "back"),
    (Action::ZoomIn, "larger"),
    (Action::ZoomOut, "smaller"),
    (Action::Zoom, "full screen"),
    (Action::Mark, "mark"),
    (Action::Accept, "accept"),
    (Action::Keep, "keep"),
    (Action::Exclude, "exclude"),
    (Action::Flag, "flag"),
    (Action::Undo, "undo"),
    (Action::Help, "help"),
];

const SHEET_MARKED: &[Hint] = &[
    (Action::Accept, "accept"),
    (Action::Keep, "keep"),
    (Action::Skip, "skip"),
    (Action::Exclude, "exclude"),
    (Action::Flag, "flag"),
    (Action::MarkRange, "range"),
    (Action::MarkAll, "all"),
    (Action::Sheet, "back"),
];

const EDIT: &[Hint] = &[
    (Action::TakeAndAdvance, "take"),
    (Action::TakeAndStay, "take, stay"),
    (Action::TakeAndNext, "take, next"),
    (Action::Close, "leave, keep draft"),
    (Action::DiscardDraft, "discard"),
];

const ZOOM: &[Hint] = &[
    (Action::Close, "back"),
    (Action::ZoomIn, "closer"),
    (Action::ZoomOut, "further"),
    (Action::ZoomFit, "whole"),
    (Action::Texts, "texts"),
    (Action::Down, "next"),
    (Action::Up, "previous"),
];

const HELP: &[Hint] = &[(Action::Close, "close"), (Action::Down, "down"), (Action::Up, "up")];

const COUNTED: &[Hint] =
    &[(Action::Submit, "list these records"), (Action::Close, "close"), (Action::Down, "down"), (Action::Up, "up")];

/// The actions worth a hint, in order of use. What asks a question shows its own.
fn worth_knowing(model: &Model) -> &'static [Hint] {
    match (&model.mode, model.sheet.open, model.marks.is_empty()) {
        (Mode::Browse, true, true) => SHEET,
        (Mode::Browse, true, false) => SHEET_MARKED,
        (Mode::Browse, false, true) => BROWSE,
        (Mode::Browse, false, false) => MARKED,
        (Mode::Edit(_), ..) => EDIT,
        (Mode::Zoom(_), ..) => ZOOM,
        (Mode::Figures(row), ..) if model.query_of_row(*row).is_some() => COUNTED,
        (Mode::Help(_) | Mode::Figures(_), ..) => HELP,
        _ => &[],
    }
}

/// As many hints as there is room for, whole ones only, in order of use.
pub(super) fn hints(model: &Model, look: Look, width: usize) -> Line<'static> {
    let context = Context::of(model);
    let mut line = Line::from(vec![Span::raw(" ")]);
    if let Some(words) = marked_words(model).filter(|_| model.mode == Mode::Browse && look.pending.is_empty()) {
        line.push_span(Span::styled(format!("{words}: "), look.theme.accent));
    }
    let hints: Vec<(String, &str)> = if look.pending.is_empty() {
        let bound = |(action, what): &(Action, &'static str)| Some((look.keymap.hint(context, *action)?, *what));
        worth_knowing(model).iter().filter_map(bound).collect()
    } else {
        let pending = Key::sequence_name(look.pending);
        line.push_span(Span::styled(format!("{pending} {}  ", look.theme.glyphs.ellipsis), look.theme.accent));
        let rest = look.keymap.continuations(context, look.pending);
        let here = if is_in_box(context, look) { 0 } else { rest.len() };
        rest.into_iter().take(here).map(|(keys, action)| (keys, action.help())).collect()
    };
    for (key, what) in hints {
        let hint = key_hint(key, what, look.theme);
        if line.width() + hint.iter().map(Span::width).sum::<usize>() > width {
            break;
        }
        line.extend(hint);
    }
    line
}
