//! The dataset, its progress, the tabs, the session and the describer: in one row, or in two on a narrow screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::clicks::{Clicks, Target};
use super::{clean, join_dots};
use crate::review::{Model, SessionStatus, Tab};
use crate::text;
use crate::tui::layout::Layout;
use crate::tui::theme::{Glyphs, Theme};

/// The width of the progress bar.
const BAR: u64 = 12;
/// The minimum width of the name and the progress beside the tabs.
const MIN_PROGRESS: usize = 30;

pub(super) fn draw(frame: &mut Frame, layout: &Layout, model: &Model, theme: &Theme, clicks: &mut Clicks) {
    let area = layout.header;
    let most = area.width / if layout.tabs.is_some() { 2 } else { 5 };
    // The account is shown only if nothing else has to be shortened for it.
    let others = match layout.tabs {
        Some(_) => usize::from(area.width - most),
        None => {
            min_progress(model, theme)
                + tab_labels(model, usize::MAX).iter().map(|(_, label)| text::width(label)).sum::<usize>()
        }
    };
    let [long, short] = [true, false].map(|account| right(model, account, theme));
    let has_room = long.width() + others <= usize::from(area.width);
    let (right, most) = if has_room { (long, area.width) } else { (short, most) };
    let right_width = cells(right.width()).min(most);
    let right_area = Rect { x: area.right() - right_width, width: right_width, ..area };
    let left_area = Rect { width: area.width - right_width, ..area };
    let tabs = layout.tabs.unwrap_or_else(|| {
        let room = usize::from(left_area.width).saturating_sub(min_progress(model, theme));
        let labels = tab_labels(model, room);
        let width = cells(labels.iter().map(|(_, label)| text::width(label)).sum()).min(left_area.width);
        Rect { x: left_area.right() - width, width, ..left_area }
    });
    let left_area = if layout.tabs.is_some() { left_area } else { Rect { width: tabs.x - left_area.x, ..left_area } };
    frame.render_widget(progress(model, usize::from(left_area.width), theme), left_area);
    draw_tabs(frame, tabs, model, theme, clicks);
    frame.render_widget(right.right_aligned(), right_area);
}

fn cells(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// Returns the width below which the progress would be cut.
fn min_progress(model: &Model, theme: &Theme) -> usize {
    let Some(figures) = model.spot_figures() else { return MIN_PROGRESS };
    text::width(&sample_summary(model, figures.accepted.total(), figures.drawn, theme)) + 12
}

/// Renders the dataset and the progress: as many parts as fit, most important first.
fn progress(model: &Model, width: usize, theme: &Theme) -> Line<'static> {
    let spot = model.spot_figures();
    let (total, reviewed) = match &spot {
        Some(figures) => (figures.drawn, figures.accepted.total()),
        None => (u64::from(model.tabs.total()), model.counters().reviewed),
    };
    let mut parts = Vec::new();
    match &spot {
        _ if model.is_drawing() => {
            parts.push(vec![Span::raw(format!("drawing the sample{}", theme.glyphs.ellipsis))]);
        }
        Some(_) => parts.push(vec![Span::raw(sample_summary(model, reviewed, total, theme))]),
        None if total == 0 => {}
        None => {
            parts.push(vec![Span::raw(format!("{reviewed}/{total} reviewed"))]);
            let (full, percent) = (reviewed * BAR / total, reviewed * 100 / total);
            let bar = |glyph: &str, length: u64| glyph.repeat(usize::try_from(length).unwrap_or(0));
            parts.push(vec![
                Span::styled(bar(theme.glyphs.bar.0, full), theme.good),
                Span::styled(bar(theme.glyphs.bar.1, BAR - full), theme.muted),
            ]);
            parts.push(vec![Span::styled(format!("{percent} %"), theme.muted)]);
        }
    }
    if !model.indexed && model.dataset_failure.is_none() {
        parts.push(vec![Span::styled(format!("loading{}", theme.glyphs.ellipsis), theme.busy)]);
    }
    if let (Some(pace), Some(rest)) = (model.pace.per_hour(), model.pace.time_for(total.saturating_sub(reviewed))) {
        let rest = match (rest.as_hours(), rest.as_mins() % 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes:02}"),
        };
        let dot = theme.glyphs.dot;
        parts.push(vec![Span::styled(format!("{dot} {pace}/h {dot} {rest} left"), theme.muted)]);
    }
    let first: usize = parts.first().map_or(0, |part| part.iter().map(Span::width).sum());
    let name_width = width.saturating_sub(first + 4).clamp(4, 24.max(width / 3));
    let name = text::truncate_to_width(&clean(&model.settings.dataset), name_width, theme.glyphs.ellipsis).into_owned();
    let mut line = Line::from(vec![Span::raw(" "), Span::styled(name, theme.accent), Span::raw(" ")]);
    for part in parts {
        let taken: usize = part.iter().map(Span::width).sum();
        if line.width() + taken + 2 <= width {
            line.push_span(Span::raw(" "));
            line.extend(part);
        }
    }
    line
}

/// Returns the sample, its progress and the result so far.
fn sample_summary(model: &Model, judged: u64, drawn: u64, theme: &Theme) -> String {
    let seed = model.settings.sample.as_ref().map_or(0, |sample| sample.seed);
    let blind = model.settings.sample.as_ref().is_some_and(|sample| sample.blind);
    let blind = if blind { format!(" {} blind", theme.glyphs.dot) } else { String::new() };
    let sample = format!("sample {drawn} {} seed {seed}{blind}  {judged}/{drawn}", theme.glyphs.dot);
    match model.spot_figures().and_then(|figures| figures.summary()) {
        Some(words) if theme.glyphs == Glyphs::ASCII => format!("{sample}  {}", words.replace('–', "-")),
        Some(words) => format!("{sample}  {words}"),
        None => sample,
    }
}

fn right(model: &Model, account: bool, theme: &Theme) -> Line<'static> {
    let mut parts = Vec::new();
    match &model.session {
        SessionStatus::Opening => parts.push(Span::styled(format!("opening{}", theme.glyphs.ellipsis), theme.busy)),
        SessionStatus::Open => {}
        SessionStatus::ReadOnly(_) => parts.push(Span::styled("read-only", theme.warning)),
        SessionStatus::Failed(_) => parts.push(Span::styled("no session", theme.bad)),
    }
    let describer = match &model.settings.describer {
        _ if model.is_blind() => String::new(),
        Some(name) if name == "local" => format!("local {} draft", theme.glyphs.dot),
        Some(name) if model.describer.model.is_empty() => clean(name),
        Some(name) => clean(&format!("{name} {}", model.describer.model)),
        None => "no describer".to_owned(),
    };
    parts.extend((!describer.is_empty()).then(|| Span::styled(describer, theme.muted)));
    let account = model.describer.account.as_ref().filter(|_| account && !model.is_blind());
    parts.extend(account.map(|account| Span::styled(clean(&account.short()), theme.muted)));
    let mut line = join_dots(parts, theme.muted, theme.glyphs.dot);
    line.spans.insert(0, Span::raw(" "));
    line.push_span(Span::raw(" "));
    line
}

/// Returns the labels of the tabs: the longest form that fits.
fn tab_labels(model: &Model, width: usize) -> Vec<(Tab, String)> {
    let counters = model.counters();
    let short = |tab: Tab| match tab {
        Tab::ToReview => "review",
        Tab::Problems => "probl.",
        other => other.title(),
    };
    let label = |index: usize, tab: Tab, title: &str| format!(" {} {title} {} ", index + 1, counters.of(tab));
    let labels = |form: &dyn Fn(usize, Tab) -> String| -> Vec<(Tab, String)> {
        Tab::ALL.into_iter().enumerate().map(|(index, tab)| (tab, form(index, tab))).collect()
    };
    let forms: [&dyn Fn(usize, Tab) -> String; 2] =
        [&|index, tab| label(index, tab, tab.title()), &|index, tab| label(index, tab, short(tab))];
    let fits = |labels: &Vec<(Tab, String)>| labels.iter().map(|(_, label)| text::width(label)).sum::<usize>() <= width;
    let current = model.list.tab;
    let numbers = |index: usize, tab: Tab| {
        if tab == current { label(index, tab, short(tab)) } else { format!(" {} ", index + 1) }
    };
    forms.into_iter().map(labels).find(fits).unwrap_or_else(|| labels(&numbers))
}

fn draw_tabs(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme, clicks: &mut Clicks) {
    let problems = model.counters().of(Tab::Problems);
    let mut x = area.x;
    for (tab, label) in tab_labels(model, usize::from(area.width)) {
        let style = if tab == model.list.tab {
            theme.selected
        } else if tab == Tab::Problems && problems > 0 {
            theme.warning
        } else {
            theme.muted
        };
        let width = cells(text::width(&label)).min(area.right().saturating_sub(x));
        let cell = Rect { x, width, ..area };
        clicks.add(cell, Target::Tab(tab));
        frame.render_widget(Span::styled(label, style), cell);
        x += width;
    }
}
