//! Settings that the operator changes during a review: the describer, the number of records described ahead, the theme.

use super::{describe, describe_ahead as ahead, describe_run};
use crate::describe::{DescriberStatus, LOCAL};
use crate::review::command_line::Argument;
use crate::review::{ChosenDescriber, Effect, Mode, Model, NoticeKind};

/// Sets up another describer, in the background.
pub(super) fn choose_describer(model: &mut Model, argument: Argument, out: &mut Vec<Effect>) {
    if let Some((name, describer_model)) = argument.choice() {
        model.notify(NoticeKind::Info, format!("setting up the describer {name}"));
        out.push(Effect::ChooseDescriber { name, model: describer_model });
    }
}

/// Describes with the describer that was set up. What the former one was doing is cancelled, and consent to its costs does
/// not extend to the new one.
pub(super) fn describer_chosen(model: &mut Model, chosen: Result<ChosenDescriber, String>, out: &mut Vec<Effect>) {
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(error) => return model.notify(NoticeKind::Error, format!("the describer stays the same: {error}")),
    };
    if matches!(model.mode, Mode::ConfirmSpending { .. }) {
        model.mode = Mode::Browse;
    }
    let stopped = model.jobs.len() as u64 + describe_run::stop(model);
    model.jobs.clear();
    let price = chosen.price();
    model.agreed_to_pay = price.is_none();
    model.ahead_stopped = price.is_some();
    model.describer = DescriberStatus::default();
    model.settings.levels_of_detail = chosen.name() == Some(LOCAL);
    model.settings.describer = chosen.name().map(str::to_owned);
    model.settings.price = price;
    let stopped = if stopped == 0 { String::new() } else { format!(" · stopped {stopped} descriptions") };
    let words = match chosen.name() {
        None => "no describer".to_owned(),
        Some(name) if price.is_some() => format!("describer: {name} · r asks before the first paid request"),
        Some(name) => format!("describer: {name}"),
    };
    model.notify(NoticeKind::Info, format!("{words}{stopped}"));
    out.push(Effect::UseDescriber(chosen));
}

/// Sets the number of records described ahead. This is not consent to their cost.
pub(super) fn describe_ahead(model: &mut Model, number: Option<u64>, out: &mut Vec<Effect>) {
    let Some(number) = number.filter(|_| describe::has_describer(model)) else { return };
    if model.settings.sample.is_some() {
        return model.notify(NoticeKind::Warning, "no records are described ahead in a spot check");
    }
    model.settings.ahead = usize::try_from(number).unwrap_or(usize::MAX);
    let words = match number {
        0 => {
            ahead::set(model, &[], out);
            "no records are described ahead".to_owned()
        }
        _ if model.agreed_to_pay => {
            model.ahead_stopped = false;
            format!("records described ahead: {number}")
        }
        _ => format!("records described ahead: {number} · r asks before the first paid request"),
    };
    model.notify(NoticeKind::Info, words);
}

/// Changes the colours, until the end of this review.
pub(super) fn choose_theme(model: &mut Model, argument: Argument, out: &mut Vec<Effect>) {
    if let Some((name, _)) = argument.choice() {
        model.notify(NoticeKind::Info, format!("theme: {name} · \"theme\" in config.toml keeps it"));
        out.push(Effect::SetTheme(name));
    }
}
