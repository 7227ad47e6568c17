//! The first two rows: dataset, progress, session and describer; and the tabs.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{clean, join_dots};
use crate::review::{Model, SessionStatus, Tab};
use crate::text;
use crate::tui::theme::{Glyphs, Theme};

/// The width of the progress bar.
const BAR: u64 = 12;

pub(super) fn draw(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme) {
    let right = right(model, theme);
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width / 2);
    let spot = model.spot_figures();
    let (total, reviewed) = match &spot {
        Some(figures) => (figures.drawn, figures.accepted.total()),
        None => (u64::from(model.tabs.total()), model.counters().reviewed),
    };
    let progress = match &spot {
        _ if model.is_drawing() => format!("drawing the sample{}", theme.glyphs.ellipsis),
        Some(_) => sample_summary(model, reviewed, total, theme),
        None if total == 0 => String::new(),
        None => format!("{reviewed}/{total} reviewed"),
    };
    let taken = if spot.is_some() { text::width(&progress) + 4 } else { progress.len() + 24 };
    let name_width = usize::from(area.width.saturating_sub(right_width)).saturating_sub(taken).max(8);
    let name = clean(&model.settings.dataset);
    let mut left = vec![
        Span::raw(" "),
        Span::styled(text::truncate_to_width(&name, name_width, theme.glyphs.ellipsis).into_owned(), theme.accent),
        Span::raw("  "),
        Span::raw(progress),
    ];
    if spot.is_none()
        && !model.is_drawing()
        && let (Some(full), Some(percent)) = ((reviewed * BAR).checked_div(total), (reviewed * 100).checked_div(total))
    {
        left.push(Span::raw(" "));
        left.push(Span::styled(theme.glyphs.bar.0.repeat(usize::try_from(full).unwrap_or(0)), theme.good));
        left.push(Span::styled(theme.glyphs.bar.1.repeat(usize::try_from(BAR - full).unwrap_or(0)), theme.muted));
        left.push(Span::styled(format!(" {percent} %"), theme.muted));
    }
    if !model.indexed && model.dataset_failure.is_none() {
        left.push(Span::styled(format!("  loading{}", theme.glyphs.ellipsis), theme.busy));
    }
    if let (Some(pace), Some(rest)) = (model.pace.per_hour(), model.pace.time_for(total.saturating_sub(reviewed))) {
        let rest = match (rest.as_hours(), rest.as_mins() % 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes:02}"),
        };
        let dot = theme.glyphs.dot;
        let words = Span::styled(format!(" {dot} {pace}/h {dot} {rest} left"), theme.muted);
        let taken: usize = left.iter().map(Span::width).sum();
        if taken + words.width() <= usize::from(area.width - right_width) {
            left.push(words);
        }
    }
    frame.render_widget(Line::from(left), Rect { width: area.width - right_width, ..area });
    let right_area = Rect { x: area.right() - right_width, width: right_width, ..area };
    frame.render_widget(right.right_aligned(), right_area);
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

fn right(model: &Model, theme: &Theme) -> Line<'static> {
    let mut parts = Vec::new();
    match &model.session {
        SessionStatus::Opening => parts.push(Span::styled(format!("opening{}", theme.glyphs.ellipsis), theme.busy)),
        SessionStatus::Open => {}
        SessionStatus::ReadOnly(_) => parts.push(Span::styled("read-only", theme.warning)),
        SessionStatus::Failed(_) => parts.push(Span::styled("no session", theme.bad)),
    }
    let describer = match &model.settings.describer {
        Some(name) if name == "local" => format!("local {} draft", theme.glyphs.dot),
        Some(name) if model.describer.model.is_empty() => clean(name),
        Some(name) => clean(&format!("{name} {}", model.describer.model)),
        None => "no describer".to_owned(),
    };
    parts.push(Span::styled(describer, theme.muted));
    let mut line = join_dots(parts, theme.muted, theme.glyphs.dot);
    line.push_span(Span::raw(" "));
    line
}

/// Returns the start column and the label of each tab.
pub(super) fn tab_cells(model: &Model, width: u16) -> Vec<(Tab, u16, String)> {
    let counters = model.counters();
    let wide: Vec<_> = Tab::ALL.iter().map(|tab| (*tab, tab.title())).collect();
    let narrow = |tab: Tab| match tab {
        Tab::ToReview => "review",
        Tab::Problems => "probl.",
        other => other.title(),
    };
    let labels = |short: bool| -> Vec<(Tab, String)> {
        wide.iter()
            .enumerate()
            .map(|(index, (tab, title))| {
                let title = if short { narrow(*tab) } else { title };
                (*tab, format!(" {} {title} {} ", index + 1, counters.of(*tab)))
            })
            .collect()
    };
    let fits =
        |labels: &[(Tab, String)]| labels.iter().map(|(_, label)| label.len()).sum::<usize>() <= usize::from(width);
    let mut chosen = labels(false);
    if !fits(&chosen) {
        chosen = labels(true);
    }
    if !fits(&chosen) {
        chosen.iter_mut().enumerate().for_each(|(index, (tab, label))| {
            if *tab != model.list.tab {
                *label = format!(" {} ", index + 1);
            }
        });
    }
    let mut x = 0;
    chosen
        .into_iter()
        .map(|(tab, label)| {
            let start = x;
            x += u16::try_from(label.len()).unwrap_or(u16::MAX);
            (tab, start, label)
        })
        .collect()
}

pub(super) fn draw_tabs(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme) {
    let problems = model.counters().of(Tab::Problems);
    let spans: Vec<Span> = tab_cells(model, area.width)
        .into_iter()
        .map(|(tab, _, label)| {
            let style = if tab == model.list.tab {
                theme.selected
            } else if tab == Tab::Problems && problems > 0 {
                theme.warning
            } else {
                theme.muted
            };
            Span::styled(label, style)
        })
        .collect();
    frame.render_widget(Line::from(spans), area);
}
