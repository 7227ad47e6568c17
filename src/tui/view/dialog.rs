//! Dialogs about records and files, over the caption pane. The answers to choose from are the commands bound in their
//! context.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::popup::{Popup, docked_width};
use super::{RenderContext, clean, key_hint};
use crate::describe::{DescriberStatus, Usage};
use crate::review::{Command, Context, DescribeScope, Model, RecordAction};
use crate::text::{counted, thousands};
use crate::tui::marked_text::wrapped;

/// The area that dialogs are placed in, and the screen, which bounds them.
pub(super) type Home = (Rect, Rect);

pub(super) fn quit(home: Home, model: &Model, render: RenderContext) -> Popup {
    let is_saved = model.save.last.is_some() || model.ledger.saves().next().is_some();
    let unsaved = if is_saved {
        "Some decisions are newer than the last save."
    } else {
        "Your decisions have not been saved to a dataset yet."
    };
    let kept = match &model.unstored {
        None => Line::styled("Either way, the session keeps them.", render.theme.muted),
        Some(error) => {
            let records = counted(model.unstored_records(), "record", "records");
            let words = format!("Changes to {records} are not stored yet, and may be lost: {}", clean(error));
            Line::styled(words, render.theme.bad)
        }
    };
    let lines = vec![Line::raw(unsaved), kept];
    dialog(home, "quit?", lines, Context::ConfirmQuit, render)
}

pub(super) fn overwrite(home: Home, conflict: &str, render: RenderContext) -> Popup {
    dialog(home, "overwrite?", vec![Line::raw(clean(conflict))], Context::ConfirmOverwrite, render)
}

/// `found` has the findings of the verifier.
pub(super) fn reason(home: Home, found: Option<&str>, render: RenderContext) -> Popup {
    reasons(home, "regenerate", "What is wrong? This is added to the prompt.", found, render)
}

pub(super) fn reject(home: Home, render: RenderContext) -> Popup {
    reasons(home, "not acceptable", "Why? This is in the report; the output is unchanged.", None, render)
}

fn reasons(home: Home, heading: &str, question: &'static str, found: Option<&str>, render: RenderContext) -> Popup {
    let context = Context::Reason;
    let question = Line::raw(question);
    let (cancel, reasons): (Vec<_>, Vec<_>) = answers(context, render)
        .into_iter()
        .filter(|(command, _)| *command != Command::ReasonFindings || found.is_some())
        .partition(|(command, _)| *command == Command::Close);
    let label = |command: Command| command.label(context).replace('…', render.theme.glyphs.ellipsis);
    let reason = |key: &str, command: Command| {
        [Span::styled(format!("{key}  "), render.theme.accent), Span::raw(label(command))]
    };
    let width = usize::from(docked_width(home.0));
    let list = reasons.iter().flat_map(|(command, key)| {
        let [key, label] = reason(key, *command);
        let label = match found {
            Some(found) if *command == Command::ReasonFindings => Span::raw(clean(found)),
            _ => label,
        };
        hanging(key, label, width)
    });
    let list: Vec<Line> = std::iter::once(question.clone()).chain(list).collect();
    let row = reasons.iter().flat_map(|(command, key)| {
        let [key, label] = reason(key, *command);
        [key, label, Span::raw("   ")]
    });
    // Below a landscape picture, there is no room for a list.
    let compact = vec![question, Line::from(row.collect::<Vec<_>>())];
    popup(home, heading, &[list, compact], &hints(context, cancel, render))
}

/// Wraps a label beside its key: its rows begin in the same column.
fn hanging(key: Span<'static>, label: Span<'static>, width: usize) -> Vec<Line<'static>> {
    let indent = key.width();
    let mut rows = wrapped(&Line::from(label), width.saturating_sub(indent).max(1));
    let mut before = Some(key);
    for row in &mut rows {
        row.spans.insert(0, before.take().unwrap_or_else(|| Span::raw(" ".repeat(indent))));
    }
    rows
}

pub(super) fn spending(
    home: Home,
    (scope, count): (DescribeScope, u64),
    model: &Model,
    render: RenderContext,
) -> Popup {
    let mut lines = Vec::new();
    if let Some(price) = model.settings.price {
        lines.extend(charges(model.settings.describer.as_deref().unwrap_or_default(), &model.describer, price, render));
    }
    if let Some(verifier) = model.verifies_new() {
        lines.push(Line::raw("Each new candidate is also verified:"));
        lines.extend(charges(&verifier.name, &model.verifier, verifier.price.unwrap_or_default(), render));
    }
    let price = model.price_of_candidate().unwrap_or_default();
    lines.extend(scope.is_many().then(|| total(count, price)));
    if model.settings.ahead > 0 && model.ahead_stopped {
        let records = counted(model.settings.ahead as u64, "record", "records");
        let ahead = format!("It also describes the next {records} ahead of you.");
        lines.push(Line::styled(ahead, render.theme.muted));
    }
    lines.push(limit(model, price, render));
    dialog(home, "this costs money", lines, Context::ConfirmSpending, render)
}

pub(super) fn verifying(
    home: Home,
    (scope, count): (DescribeScope, u64),
    model: &Model,
    render: RenderContext,
) -> Popup {
    let verifier = model.settings.verifier.as_ref();
    let price = verifier.and_then(|verifier| verifier.price).unwrap_or_default();
    let name = verifier.map(|verifier| verifier.name.as_str()).unwrap_or_default();
    let mut lines = vec![Line::raw("A second model compares captions with their pictures.")];
    lines.extend(charges(name, &model.verifier, price, render));
    lines.extend(scope.is_many().then(|| total(count, price)));
    lines.push(limit(model, price, render));
    dialog(home, "this costs money", lines, Context::ConfirmSpending, render)
}

/// Returns what a request costs, and who is charged for it.
fn charges(
    name: &str,
    status: &DescriberStatus,
    price: Usage,
    render: RenderContext,
) -> impl Iterator<Item = Line<'static>> {
    let service = if status.model.is_empty() { String::new() } else { format!(" ({})", clean(&status.model)) };
    let name = clean(name);
    let cost = Line::raw(match price.cost.amount() {
        Some(cost) => format!("Each request to {name}{service} costs about {cost}."),
        None => format!("The price of requests to {name}{service} is unknown."),
    });
    let account = status.account.as_ref().map(|account| Line::styled(clean(&account.to_string()), render.theme.muted));
    let rates = status.rates.as_ref().map(|rates| Line::styled(clean(rates), render.theme.muted));
    std::iter::once(cost).chain(account).chain(rates)
}

fn total(count: u64, price: Usage) -> Line<'static> {
    let records = counted(count, "record", "records");
    let tokens = |tokens: u64| thousands(tokens.saturating_mul(count));
    let (input, output) = (tokens(price.tokens.input), tokens(price.tokens.output));
    let total = (price.cost * count).amount();
    let total = total.map_or_else(|| format!("{input} tokens in, {output} out"), |cost| cost.to_string());
    Line::raw(format!("{records}: about {total}."))
}

fn limit(model: &Model, price: Usage, render: RenderContext) -> Line<'static> {
    let words = match model.budget() {
        Some((_, budget)) => format!("It stops at the budget of {budget}."),
        None if price.cost.amount().is_some() => "Set a limit with --budget USD.".to_owned(),
        None => "A limit (--budget) needs a price in models.toml.".to_owned(),
    };
    Line::styled(words, render.theme.muted)
}

pub(super) fn many(home: Home, action: &RecordAction, (count, hidden): (u64, u64), render: RenderContext) -> Popup {
    let (verb, remark) = match action {
        RecordAction::Accept => ("accept", "Records that are cut off, failed or in progress stay selected."),
        RecordAction::Keep => ("keep the original of", "Undo with u."),
        RecordAction::Skip => ("skip", "Undo with u."),
        RecordAction::Exclude => ("exclude", "Undo with u."),
        RecordAction::Flag => ("flag", "Undo with u."),
        RecordAction::Describe(_) => ("describe", "Decisions stay unchanged."),
    };
    let records = counted(count, "record", "records");
    let selected = counted(count, "selected record", "selected records");
    let mut lines = vec![Line::raw(format!("Applies to {selected}."))];
    if hidden > 0 {
        lines.push(Line::styled(format!("{hidden} of them are not in view."), render.theme.warning));
    }
    lines.push(Line::styled(remark, render.theme.muted));
    dialog(home, &format!("{verb} {records}?"), lines, Context::ConfirmMany, render)
}

fn dialog(home: Home, heading: &str, lines: Vec<Line<'static>>, context: Context, render: RenderContext) -> Popup {
    popup(home, heading, &[lines], &hints(context, answers(context, render), render))
}

/// Returns the commands bound in a dialog that have a label, with their first keys. Closing comes last.
fn answers(context: Context, render: RenderContext) -> Vec<(Command, String)> {
    let labelled = Command::all().filter(|command| !command.label(context).is_empty());
    let mut answers: Vec<_> =
        labelled.filter_map(|command| Some((command, render.keymap.hint(context, command)?))).collect();
    answers.sort_by_key(|(command, _)| *command == Command::Close);
    answers
}

fn hints(
    context: Context,
    answers: impl IntoIterator<Item = (Command, String)>,
    render: RenderContext,
) -> Line<'static> {
    let hints = answers.into_iter().flat_map(|(command, key)| key_hint(&key, command.label(context), render.theme));
    Line::from(hints.collect::<Vec<_>>())
}

/// Lays a dialog out in the first form that fits, with a blank line above the answers if possible.
fn popup((home, screen): Home, heading: &str, forms: &[Vec<Line<'static>>], hints: &Line<'static>) -> Popup {
    let width = docked_width(home);
    let layouts = forms.iter().flat_map(|lines| {
        let spaced = lines.iter().cloned().chain([Line::default(), hints.clone()]).collect::<Vec<_>>();
        let dense = lines.iter().cloned().chain([hints.clone()]).collect();
        [spaced, dense].map(|lines| Paragraph::new(lines).wrap(Wrap { trim: false }))
    });
    let mut layouts: Vec<(Paragraph, u16)> = layouts
        .map(|paragraph| {
            let rows = u16::try_from(paragraph.line_count(width)).unwrap_or(u16::MAX);
            (paragraph, rows)
        })
        .collect();
    let fits = layouts.iter().position(|(_, rows)| rows.saturating_add(2) <= home.height);
    let (paragraph, rows) = layouts.swap_remove(fits.unwrap_or(layouts.len() - 1));
    Popup::docked(home, screen, rows, heading, paragraph)
}
