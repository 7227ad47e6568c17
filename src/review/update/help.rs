//! The help: opening it over any mode, scrolling and searching it.

use crate::review::{Context, HelpPage, Mode, Model};

/// Opens the help over the current mode, or closes it.
pub(super) fn toggle(model: &mut Model) {
    if matches!(model.mode, Mode::Help(_)) {
        leave(model);
        return;
    }
    let context = Context::of(model);
    let before = Box::new(std::mem::replace(&mut model.mode, Mode::Browse));
    model.mode =
        Mode::Help(HelpPage { context, top: 0, last_top: u16::MAX, search: String::new(), typing: false, before });
}

/// Clears the search, else closes the help. Also closes the statistics, which share its keys.
pub(super) fn close(model: &mut Model) {
    match &mut model.mode {
        Mode::Help(page) if page.typing || !page.search.is_empty() => {
            page.typing = false;
            search_for(page, String::new());
        }
        Mode::Help(_) => leave(model),
        _ => model.mode = Mode::Browse,
    }
}

/// Returns to the mode in which the help was opened.
fn leave(model: &mut Model) {
    if let Mode::Help(page) = std::mem::replace(&mut model.mode, Mode::Browse) {
        model.mode = *page.before;
    }
}

pub(super) fn open_search(model: &mut Model) {
    if let Mode::Help(page) = &mut model.mode {
        page.typing = true;
    }
}

pub(super) fn search_for(page: &mut HelpPage, text: String) {
    page.search = text;
    (page.top, page.last_top) = (0, u16::MAX);
}

pub(super) fn submit_search(model: &mut Model) {
    if let Mode::Help(page) = &mut model.mode {
        page.typing = false;
    }
}

/// Keeps the page within its rows.
pub(super) fn laid_out(model: &mut Model, last_top: u16) {
    if let Mode::Help(page) = &mut model.mode {
        page.last_top = last_top;
        page.top = page.top.min(last_top);
    }
}
