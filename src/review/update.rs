//! [`update`]: one message in, a changed model and the effects to perform out. Each arm is one line; the behaviour is
//! in the files beside this one.

mod background;
mod decide;
pub(super) mod describe;
pub(super) mod describe_ahead;
mod describe_run;
mod edit;
mod file;
pub(super) mod filter;
mod job_events;
mod navigate;
mod replace;
pub(super) mod search;
mod select;
mod sheet;
mod sort;
mod subjects;
mod undo;
mod zoom;

use super::{Action, CommandLine, Effect, Mode, Model, Msg, RecordAction, Tab, prefetch};
use crate::describe::Reason;
use crate::session::Event;

/// Takes a message in. Pure: the same model and message always give the same result.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    let out = &mut effects;
    match msg {
        Msg::Action(action) => act(model, action, out),
        Msg::Typed { text, cursor } => edit::typed(model, text, cursor, out),
        Msg::ClickedRow(row) => navigate::click(model, row),
        Msg::ClickedTab(tab) => navigate::show_tab(model, tab),
        Msg::Resized(viewport) => model.viewport = viewport,
        Msg::CaptionLaidOut(rows) => model.caption.rows = rows,
        Msg::Indexed { records, complete } => background::indexed(model, records, complete),
        Msg::DatasetFailed(error) => background::dataset_failed(model, error),
        Msg::SessionOpened { ledger, cursor, remark, read_only, spent } => {
            model.spent = spent;
            background::session_opened(model, *ledger, cursor, remark, read_only, out);
        }
        Msg::SessionFailed(error) => background::session_failed(model, error),
        Msg::Loaded(entries) => background::loaded(model, entries),
        Msg::Texts(texts) => model.texts.extend(texts),
        Msg::LoadFailed { records, error } => background::load_failed(model, &records, error),
        Msg::Durable(through, at) => {
            model.durable = model.durable.max(through);
            model.pace.observe(at, model.tabs.reviewed());
        }
        Msg::StoreFailed(error) => background::store_failed(model, &error, out),
        Msg::Job { job, record, event, at } => job_events::on_event(model, (job, record), event, at, out),
        Msg::Describer(status) => job_events::describer_changed(model, status, out),
        Msg::Spent(dollars) => model.spent += dollars,
        Msg::PicturesLost => {
            model.picture = super::PictureSlot::Empty;
            model.sheet.forget();
        }
        Msg::Replacements { id, hits, complete } => replace::found(model, id, hits, complete),
        Msg::Sorting { id, seen } => sort::seen(model, id, seen),
        Msg::Sorted { id, order } => sort::sorted(model, id, order),
        Msg::Picture(ready) => background::picture(model, ready),
        Msg::Checked(checked) => background::checked(model, &checked),
        Msg::Imported { source, captions, done, at } => job_events::imported(model, &source, captions, done, at, out),
        Msg::Sampled(sample) => background::sampled(model, sample),
        Msg::ReportWritten(result) => background::report_written(model, result),
        Msg::Figures(figures) => model.figures = Some(figures),
        Msg::Scanned(scanned) => {
            filter::scanned(model, &scanned);
            search::scanned(model, &scanned);
        }
        Msg::VocabularyReady(vocabulary) => model.vocabulary = Some(vocabulary),
        Msg::Saved(summary) => file::saved(model, summary, out),
        Msg::SaveFailed(failure) => file::save_failed(model, failure),
        Msg::EditedExternally { record, result } => edit::edited_externally(model, record, result, out),
        Msg::Notice(text) => model.notify(super::NoticeKind::Warning, text),
    }
    prefetch::settle(model, out);
    effects
}

fn act(model: &mut Model, action: Action, out: &mut Vec<Effect>) {
    model.notice = None;
    search::wait_no_more(model, action);
    let stop_pressed = std::mem::take(&mut model.stop_pressed);
    if act_on_layer(model, action, out) {
        return;
    }
    match action {
        Action::Down | Action::Right => navigate::step(model, 1),
        Action::Up | Action::Left => navigate::step(model, -1),
        Action::HalfPageDown => navigate::page(model, 1, 2),
        Action::HalfPageUp => navigate::page(model, -1, 2),
        Action::PageDown => navigate::page(model, 1, 1),
        Action::PageUp => navigate::page(model, -1, 1),
        Action::Top => navigate::top(model),
        Action::Bottom => navigate::bottom(model),
        Action::NextToReview => navigate::to_review(model, true),
        Action::PreviousToReview => navigate::to_review(model, false),
        Action::TabAll => navigate::show_tab(model, Tab::All),
        Action::TabToReview => navigate::show_tab(model, Tab::ToReview),
        Action::TabReady => navigate::show_tab(model, Tab::Ready),
        Action::TabDecided => navigate::show_tab(model, Tab::Decided),
        Action::TabAside => navigate::show_tab(model, Tab::Aside),
        Action::TabProblems => navigate::show_tab(model, Tab::Problems),
        Action::ScrollDown => navigate::scroll(model, 1),
        Action::ScrollUp => navigate::scroll(model, -1),
        Action::Search => search::open(model),
        Action::NextMatch => search::next(model, true),
        Action::PreviousMatch => search::next(model, false),
        Action::Filter => filter::open(model, out),
        Action::ClearFilter => filter::clear(model, out),
        Action::Complete => filter::complete_word(model, true, out),
        Action::CompleteBack => filter::complete_word(model, false, out),
        Action::SortFile
        | Action::SortName
        | Action::SortWords
        | Action::SortFindings
        | Action::SortStatus
        | Action::SortChange
        | Action::SortEdits
        | Action::SortRandom
        | Action::SortAgain => sort::press(model, action, out),
        Action::Mark => select::toggle(model),
        Action::MarkRange => select::range(model),
        Action::MarkAll => select::all(model),
        Action::Accept => decide::request(model, RecordAction::Accept, out),
        Action::Keep => decide::request(model, RecordAction::Keep, out),
        Action::Skip => decide::request(model, RecordAction::Skip, out),
        Action::Exclude => decide::request(model, RecordAction::Exclude, out),
        Action::Flag => decide::request(model, RecordAction::Flag, out),
        Action::Undo => undo::undo(model, out),
        Action::Redo => undo::redo(model, out),
        Action::Note => edit::open_note(model),
        Action::Edit => edit::open(model),
        Action::EditExternally => edit::open_externally(model, out),
        Action::TakeAndAdvance => edit::take(model, edit::Then::Advance, out),
        Action::TakeAndStay => edit::take(model, edit::Then::Stay, out),
        Action::TakeAndNext => edit::take(model, edit::Then::EditNext, out),
        Action::TakeAndPrevious => edit::take(model, edit::Then::EditPrevious, out),
        Action::DiscardDraft => edit::discard(model, out),
        Action::Submit => submit(model, out),
        Action::Copy => navigate::copy(model, out),
        Action::Regenerate => describe::regenerate(model, None, out),
        Action::RegenerateWithReason => describe::choose_reason(model),
        Action::ReasonTooLong => describe::regenerate_for(model, Reason::TooLong, out),
        Action::ReasonMissedItem => describe::regenerate_for(model, Reason::MissedItem, out),
        Action::ReasonWrongColour => describe::regenerate_for(model, Reason::WrongColour, out),
        Action::ReasonWrongPerson => describe::regenerate_for(model, Reason::WrongPerson, out),
        Action::ReasonOwnWords => describe::own_reason(model),
        Action::Agree => describe::consent(model, out),
        Action::GenerateAll => describe::all_in_view(model, out),
        Action::PreviousCandidate => navigate::version(model, false),
        Action::NextCandidate => navigate::version(model, true),
        Action::Stop => describe::stop(model, stop_pressed, out),
        Action::Sheet => sheet::toggle(model),
        Action::Zoom => zoom::toggle(model),
        Action::ZoomIn => zoom::closer(model),
        Action::ZoomOut => zoom::further(model),
        Action::ZoomFit => zoom::fit(model),
        Action::PanLeft => zoom::pan(model, -1, 0),
        Action::PanRight => zoom::pan(model, 1, 0),
        Action::PanUp => zoom::pan(model, 0, -1),
        Action::PanDown => zoom::pan(model, 0, 1),
        Action::Texts => zoom::texts(model),
        Action::Statistics => file::statistics(model, out),
        Action::Help => model.mode = if matches!(model.mode, Mode::Help(_)) { Mode::Browse } else { Mode::Help(0) },
        Action::Close => close(model, out),
        Action::Save => file::save(model, false, out),
        Action::Overwrite => file::overwrite(model, out),
        Action::Command => model.mode = Mode::Command(CommandLine::default()),
        Action::Suspend => out.push(Effect::Suspend),
        Action::Quit => file::quit(model, out),
        Action::SaveAndQuit => file::save_and_quit(model, out),
        Action::QuitNow => file::leave(model, out),
        // Only a layer knows them.
        Action::Toggle | Action::ToggleAll => {}
    }
}

/// What an action means to what lies over the list, where it means something else there. Says whether it does.
fn act_on_layer(model: &mut Model, action: Action, out: &mut Vec<Effect>) -> bool {
    let in_sheet = model.is_in_sheet();
    match (&mut model.mode, action) {
        (Mode::Browse, Action::Down) if in_sheet => sheet::step_rows(model, 1),
        (Mode::Browse, Action::Up) if in_sheet => sheet::step_rows(model, -1),
        (Mode::Browse, Action::ZoomIn) if in_sheet => sheet::resize(model, true),
        (Mode::Browse, Action::ZoomOut) if in_sheet => sheet::resize(model, false),
        (Mode::Browse, Action::Close) if in_sheet => sheet::toggle(model),
        (Mode::Command(line), Action::Down) => line.step(1),
        (Mode::Command(line), Action::Up) => line.step(-1),
        (Mode::Replace(_), Action::Down) => replace::step(model, 1),
        (Mode::Replace(_), Action::Up) => replace::step(model, -1),
        (Mode::Replace(_), Action::PageDown) => replace::step(model, 20),
        (Mode::Replace(_), Action::PageUp) => replace::step(model, -20),
        (Mode::Replace(_), Action::Toggle) => replace::toggle(model),
        (Mode::Replace(_), Action::ToggleAll) => replace::toggle_all(model),
        (Mode::Replace(_), Action::Submit) => replace::apply(model, out),
        (Mode::ConfirmMany { .. }, Action::Agree) => decide::confirmed(model, out),
        _ => return false,
    }
    true
}

/// Closes the top layer; in the list, takes back a word given in advance.
fn close(model: &mut Model, out: &mut Vec<Effect>) {
    match &model.mode {
        Mode::Edit(_) => edit::leave(model, out),
        Mode::Replace(_) => replace::leave(model, out),
        Mode::Search(_) => search::give_up(model, out),
        Mode::Filter(_) => filter::give_up(model, out),
        Mode::Browse => {
            let _ = describe::cancel_pending_accept(model)
                || select::forget(model)
                || search::forget(model, out)
                || filter::take_off(model, out);
        }
        Mode::ConfirmQuit | Mode::ConfirmOverwrite(_) => {
            model.save.then_quit = false;
            model.mode = Mode::Browse;
        }
        Mode::Note(_)
        | Mode::Command(_)
        | Mode::Help(_)
        | Mode::Figures(_)
        | Mode::Zoom(_)
        | Mode::ChooseReason(_)
        | Mode::OwnReason(..)
        | Mode::ConfirmSpending { .. }
        | Mode::ConfirmMany { .. } => model.mode = Mode::Browse,
    }
}

/// Ends the writing of one line.
fn submit(model: &mut Model, out: &mut Vec<Effect>) {
    match std::mem::replace(&mut model.mode, Mode::Browse) {
        Mode::Note(editor) => edit::take_note(model, &editor, out),
        Mode::Command(line) => match (file::is_command(&line.text), line.action()) {
            (false, Some(action)) => act(model, action, out),
            _ => file::run_command(model, &line.text, out),
        },
        Mode::Search(entry) => search::stay(model, entry),
        Mode::Filter(entry) => filter::stay(model, entry),
        Mode::OwnReason(about, words) => describe::take_own_reason(model, about, &words, out),
        Mode::Figures(row) => file::show_counted(model, row, out),
        other => model.mode = other,
    }
}

/// Applies events to the ledger and stores them as one step: durable together, undone together.
fn store(model: &mut Model, events: Vec<Event>, out: &mut Vec<Effect>) {
    let is_change = |event: &&Event| {
        matches!(event, Event::Decided { .. } | Event::Amended { .. } | Event::Flagged { .. } | Event::Noted { .. })
    };
    let changes = events.iter().filter(is_change).count() as u64;
    for event in events.into_iter().chain((changes > 1).then_some(Event::Together { changes })) {
        if let Event::Decided { record, .. } = &event
            && let Some(job) = model.jobs.get_mut(record)
        {
            // A decision made meanwhile replaces a pending accept.
            job.accept = false;
        }
        let (seq, touched) = model.ledger.apply(event.clone());
        if let Some(touched) = touched {
            model.follow(touched);
        }
        out.push(Effect::Record { seq, event });
    }
}
