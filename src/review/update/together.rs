//! Deciding of all marked records at once: asked about where they are many, and taken back as one step.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::{decide, generate, record};
use crate::dataset::RecordId;
use crate::review::selection::{Marks, RecordAction};
use crate::review::{Effect, Mode, Model, NoticeKind, Version};
use crate::session::{Actor, Decision, DecisionKind, Event};

/// So many records are decided of without a question.
pub(super) const UNASKED: u64 = 20;

/// Most records that are decided of at once, so that the screen stays alive. The others stay marked for the next time.
const MOST_AT_ONCE: u64 = 100_000;

/// Does with the marked records what the key does with one; asks first where they are many. Says whether any are marked.
pub(super) fn begin(model: &mut Model, action: RecordAction, out: &mut Vec<Effect>) -> bool {
    if model.marks.is_empty() {
        return false;
    }
    let unknown = || model.unknown_in_view().filter(|_| model.marks.has_range()).map(str::to_owned);
    if let Some(why) = decide::refusal(model).or_else(unknown) {
        model.notify(NoticeKind::Warning, why);
        return true;
    }
    match action {
        RecordAction::Describe(reason) => generate::marked(model, reason, out),
        action => {
            let count = model.marked().len();
            if count > UNASKED {
                ask(model, action, count);
            } else {
                perform(model, &action, out);
            }
        }
    }
    true
}

/// Asks whether it is meant.
pub(super) fn ask(model: &mut Model, action: RecordAction, count: u64) {
    let elsewhere = count - model.in_view().intersection_len(&model.marked());
    model.mode = Mode::ConfirmMany { action, count, elsewhere };
}

/// It is meant.
pub(super) fn agree(model: &mut Model, out: &mut Vec<Effect>) {
    match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::ConfirmMany { action: RecordAction::Describe(reason), .. } => generate::start_marked(model, reason, out),
        Mode::ConfirmMany { action, .. } => perform(model, &action, out),
        other => model.mode = other,
    }
}

/// Decides of every marked record. What is passed over stays marked.
fn perform(model: &mut Model, action: &RecordAction, out: &mut Vec<Effect>) {
    let marked = model.marked();
    let on = marked.iter().any(|id| !model.state(RecordId(id)).flagged);
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    let mut passed: BTreeMap<&str, u64> = BTreeMap::new();
    let mut left = RoaringBitmap::new();
    let mut changes = 0;
    for id in &marked {
        let about = RecordId(id);
        let event = if changes == MOST_AT_ONCE {
            Err("for the next time")
        } else if *action == RecordAction::Flag {
            may_change(model, about)
                .map(|()| (model.state(about).flagged != on).then_some(Event::Flagged { record: about, on }))
        } else {
            decision(model, action, about).map(|decision| {
                let decided = |decision| Event::Decided { record: about, decision, by: Actor::Operator };
                decide::is_news(model, about, &decision).then(|| decided(decision))
            })
        };
        match event {
            Ok(Some(event)) => {
                *done.entry(word(&event)).or_default() += 1;
                changes += 1;
                record(model, event, out);
            }
            Ok(None) => {}
            Err(why) => {
                *passed.entry(why).or_default() += 1;
                left.insert(id);
            }
        }
    }
    if changes > 1 {
        record(model, Event::Together { changes }, out);
    }
    model.marks = Marks::of(left);
    model.caption.chosen = None;
    say(model, &done, &passed);
}

fn say(model: &mut Model, done: &BTreeMap<&str, u64>, passed: &BTreeMap<&str, u64>) {
    let list = |counts: &BTreeMap<&str, u64>| {
        counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    };
    let mut words = match done.len() {
        0 => "nothing new is said of them".to_owned(),
        _ => list(done),
    };
    if !passed.is_empty() {
        words = format!("{words}; still marked: {}", list(passed));
    }
    if !done.is_empty() {
        words.push_str(" · u takes it back");
    }
    model.notify(if passed.is_empty() { NoticeKind::Info } else { NoticeKind::Warning }, words);
}

/// What an event says of its record, in a word.
const fn word(event: &Event) -> &'static str {
    match event {
        Event::Flagged { on: true, .. } => "flagged",
        Event::Flagged { .. } => "no longer flagged",
        Event::Decided { decision, .. } => match decision.kind() {
            // What a command changed and is accepted now.
            DecisionKind::Edited => "accepted as changed",
            kind => kind.name(),
        },
        _ => "changed",
    }
}

/// What is to be decided of a record, or why it is passed over.
fn decision(model: &Model, action: &RecordAction, about: RecordId) -> Result<Decision, &'static str> {
    may_change(model, about)?;
    match action {
        RecordAction::Keep | RecordAction::Accept if model.pair(about).is_some() => Err("judged blind"),
        RecordAction::Keep => Ok(Decision::Kept),
        RecordAction::Skip => Ok(Decision::Skipped),
        RecordAction::Exclude => Ok(Decision::Excluded),
        RecordAction::Accept | RecordAction::Flag | RecordAction::Describe(_) => acceptance(model, about),
    }
}

/// What accepting a record without looking at it comes to, or why one has to look.
fn acceptance(model: &Model, about: RecordId) -> Result<Decision, &'static str> {
    let state = model.state(about);
    let shown = model.shown(about);
    if state.draft.is_some() {
        Err("with an unfinished edit")
    } else if model.jobs.contains_key(&about) {
        Err("being described")
    } else if state.failure.is_some() {
        Err("failed")
    } else if matches!(shown, Version::Candidate(_)) && model.is_cut_off(about, shown) {
        Err("cut off")
    } else {
        decide::accepted(model, about, shown).ok_or("without a text")
    }
}

/// Whether anything can be decided of a record: it is known to be one.
fn may_change(model: &Model, about: RecordId) -> Result<(), &'static str> {
    if model.tabs.is_bad_line(about) {
        Err("not readable")
    } else if model.line(about).is_some() || about.0 < model.checked {
        Ok(())
    } else {
        Err("not read yet")
    }
}
