//! Questions: only where something would be lost, or not be where one thinks it is.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::popup::Popup;
use super::{Look, clean, key_hint};
use crate::review::{Action, DescribeScope, Model, RecordAction};
use crate::text::counted;
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

pub(super) fn reason(screen: Rect, look: Look) -> Popup {
    let reasons = [
        (Action::ReasonTooLong, "it says too much"),
        (Action::ReasonMissedItem, "it leaves something out"),
        (Action::ReasonWrongColour, "a colour is wrong"),
        (Action::ReasonWrongPerson, "what it says of the person is wrong"),
        (Action::ReasonOwnWords, "something else, in your own words"),
    ];
    let lines = reasons.iter().filter_map(|(action, what)| {
        let key = look.keymap.hint(Context::Reason, *action)?;
        Some(Line::from(vec![Span::styled(format!("{key}  "), look.theme.accent), Span::raw(*what)]))
    });
    let mut words = vec![Line::raw("What is wrong with the text? The next one will know."), Line::default()];
    words.extend(lines);
    ask(screen, "another text", words, Context::Reason, &[(Action::Close, "none after all")], look)
}

pub(super) fn spending(screen: Rect, (scope, count): (DescribeScope, u64), model: &Model, look: Look) -> Popup {
    let price = model.settings.price.unwrap_or_default();
    let describer = clean(model.settings.describer.as_deref().unwrap_or_default());
    let on =
        if model.describer.model.is_empty() { String::new() } else { format!(" ({})", clean(&model.describer.model)) };
    let mut words = vec![Line::raw(format!("Descriptions by {describer}{on} cost money: about {} each.", price.cost))];
    if scope.is_many() {
        words.push(Line::raw(format!("{count} records: about {}.", price.cost * count)));
    }
    if model.settings.ahead > 0 && model.ahead_stopped {
        let ahead = format!("From then on, {} records ahead of you are described too.", model.settings.ahead);
        words.push(Line::styled(ahead, look.theme.muted));
    }
    words.push(match model.describer.budget {
        Some(budget) => Line::styled(format!("It stops at the budget of {budget}."), look.theme.muted),
        None => Line::styled("--budget USD sets a limit for a run.", look.theme.muted),
    });
    let answers = [(Action::Agree, "yes"), (Action::Close, "no")];
    ask(screen, "spend money?", words, Context::ConfirmSpending, &answers, look)
}

pub(super) fn many(screen: Rect, action: &RecordAction, (count, elsewhere): (u64, u64), look: Look) -> Popup {
    let (verb, remark) = match action {
        RecordAction::Accept => {
            ("accept", "What is cut off, failed or still being described is passed over, and stays marked.")
        }
        RecordAction::Keep => ("keep the original of", "One u takes it back."),
        RecordAction::Skip => ("skip", "One u takes it back."),
        RecordAction::Exclude => ("leave out", "One u takes it back."),
        RecordAction::Flag => ("flag", "One u takes it back."),
        RecordAction::Describe(_) => ("describe", "What is decided of them stays as it is."),
    };
    let records = counted(count, "record", "records");
    let mut words = vec![Line::raw(format!("This is about all {count} that are marked."))];
    if elsewhere > 0 {
        words.push(Line::styled(format!("{elsewhere} of them are not in the list now."), look.theme.warning));
    }
    words.push(Line::styled(remark, look.theme.muted));
    let answers = [(Action::Agree, "yes"), (Action::Close, "no")];
    ask(screen, &format!("{verb} {records}?"), words, Context::ConfirmMany, &answers, look)
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
