//! The footer: the key hints or a text field, and the background jobs on the right. Notices have a place of their own, at
//! the bottom of the captions.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Clear, Paragraph, Wrap};

use super::clicks::Clicks;
use super::hints::Hints;
use super::records::selection_summary;
use super::{RenderContext, clean, join_dots};
use crate::describe::{Cost, LimitedBy};
use crate::review::{Collecting, FilterEntry, JobState, Mode, Model, Notice, NoticeKind, SearchEntry, Verifying};
use crate::text::{self, thousands};
use crate::tui::layout::Layout;
use crate::tui::theme::Theme;

pub(super) fn draw(frame: &mut Frame, area: Rect, model: &Model, render: RenderContext, clicks: &mut Clicks) {
    let theme = render.theme;
    let prompt = prompt(&model.mode);
    if let (false, Some(text_field)) = (prompt.is_empty(), render.text_field) {
        let width = u16::try_from(prompt.len()).unwrap_or(0).min(area.width);
        frame.render_widget(Span::styled(prompt, theme.accent), area);
        // The text has priority; its result takes the rest.
        let typed =
            u16::try_from(text::width(&text::sanitize(text_field.text()))).unwrap_or(u16::MAX).saturating_add(2);
        let available = (area.width - width).saturating_sub(typed.min((area.width - width) / 2));
        let result = input_result(model, usize::from(available), render.theme);
        let result_width = u16::try_from(result.width()).unwrap_or(u16::MAX).min(available);
        let field = Rect { x: area.x + width, width: area.width - width - result_width, ..area };
        text_field.draw(frame, field, Style::new(), Vec::new());
        let result_area = Rect { x: area.right() - result_width, width: result_width, ..area };
        frame.render_widget(result, result_area);
        return;
    }
    let hints = Hints::new(model, render);
    let right = background(model, render, usize::from(area.width).saturating_sub(hints.min_width()));
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);
    hints.draw(frame, Rect { width: area.width - right_width, ..area }, clicks);
    let right_area = Rect { x: area.right() - right_width, width: right_width, ..area };
    frame.render_widget(right, right_area);
}

fn notice_words(notice: &Notice, theme: &Theme) -> String {
    format!(" {}", theme.words(&clean(&notice.text)))
}

pub(super) fn notice_style(notice: &Notice, theme: &Theme) -> Style {
    match notice.kind {
        NoticeKind::Info => theme.busy,
        NoticeKind::Warning => theme.warning,
        NoticeKind::Error => theme.bad,
    }
}

/// A notice above the footer. Most end with a remedy, which must be readable in full.
pub(super) struct NoticeBox {
    area: Rect,
    text: Paragraph<'static>,
}

/// Returns the notice, at the bottom of `home` if it fits there, else across the screen. It takes at most half of it.
pub(super) fn notice(home: Rect, layout: &Layout, model: &Model, render: RenderContext) -> Option<NoticeBox> {
    let (notice, theme) = (model.notice.as_ref()?, render.theme);
    if render.text_field.is_some_and(|_| !prompt(&model.mode).is_empty()) {
        return None;
    }
    let screen = layout.zoom();
    let most = layout.screen.height / 2;
    // A word may leave the end of a row empty.
    let room = usize::from(most) * usize::from(screen.width) * 3 / 4;
    let words = notice_words(notice, theme);
    let words = text::truncate_to_width(words.trim_start(), room, theme.glyphs.ellipsis).into_owned();
    let width = u16::try_from(text::width(&words)).unwrap_or(u16::MAX).saturating_add(2);
    let text = Paragraph::new(Text::styled(words, notice_style(notice, theme))).wrap(Wrap { trim: true });
    let rows = |width: u16| u16::try_from(text.line_count(width.saturating_sub(2))).unwrap_or(u16::MAX).min(most);
    // In full screen, it covers no more of the picture than it needs.
    let home = Rect { width: home.width.min(if home == screen { width } else { home.width }), ..home };
    // Across the screen it covers the picture, which some terminals then hide.
    let place = if rows(home.width) <= (home.height / 2).max(4).min(home.height) { home } else { screen };
    let height = rows(place.width);
    Some(NoticeBox { area: Rect { y: place.bottom() - height, height, ..place }, text })
}

impl NoticeBox {
    pub(super) const fn area(&self) -> Rect {
        self.area
    }

    pub(super) fn draw(self, frame: &mut Frame) {
        frame.render_widget(Clear, self.area);
        frame.render_widget(self.text, self.area.inner(Margin::new(1, 0)));
    }
}

/// The prompt of the text field in the footer. Empty if it has none.
const fn prompt(mode: &Mode) -> &'static str {
    match mode {
        Mode::Command(_) => ":",
        Mode::Note(_) => " note: ",
        Mode::Search(_) => "/",
        Mode::Help(page) if page.typing => "/",
        Mode::Tags(page) if page.typing => "/",
        Mode::Filter(_) => " filter: ",
        Mode::CustomReason(..) | Mode::RejectReason(..) => " reason: ",
        _ => "",
    }
}

/// Renders the number of matches of the text being typed, or its error.
fn input_result(model: &Model, width: usize, theme: &Theme) -> Line<'static> {
    let cut = |words: &str| text::truncate_to_width(words, width, theme.glyphs.ellipsis).into_owned();
    if let Some(notice) = &model.notice {
        return Line::styled(cut(&format!("{} ", notice_words(notice, theme))), notice_style(notice, theme));
    }
    let hits = match &model.mode {
        Mode::Search(SearchEntry { error: Some(error), .. }) => {
            return Line::styled(cut(&format!(" {} ", clean(error))), theme.bad);
        }
        // Its box says why.
        Mode::Filter(FilterEntry { error: Some(_), .. }) => return Line::default(),
        Mode::Filter(FilterEntry { is_incomplete: true, .. }) => {
            return Line::styled(cut(&format!(" {} ", theme.glyphs.ellipsis)), theme.muted);
        }
        Mode::Search(_) => model.search.as_ref().map(|search| &search.hits),
        Mode::Filter(_) => model.filter.as_ref().map(|filter| &filter.hits),
        _ => None,
    };
    let Some(hits) = hits else { return Line::default() };
    let (count, complete) = (hits.count(), hits.is_complete());
    let (words, style) = match (count, complete) {
        (0, true) => (" no matches ".to_owned(), theme.warning),
        (1, true) => (" 1 match ".to_owned(), theme.muted),
        (_, true) => (format!(" {count} matches "), theme.muted),
        (_, false) => (format!(" {count} matches so far{} ", theme.glyphs.ellipsis), theme.busy),
    };
    Line::styled(cut(&words), style)
}

/// Renders the state of the background jobs: as many parts as fit, most important first.
fn background(model: &Model, render: RenderContext, width: usize) -> Line<'static> {
    let Theme { glyphs, muted, busy, warning, .. } = *render.theme;
    // In the order of the screen, each with its rank.
    let mut parts: Vec<(u8, Span<'static>)> = Vec::new();
    if let Mode::Zoom(_) = model.mode {
        let percent = model.framing().map(|framing| format!("{} %", framing.percent(model.zoom())));
        parts.extend(percent.map(|percent| (8, Span::styled(percent, muted))));
        parts.push((6, Span::styled(format!("{}/{}", model.list.position + 1, model.view().len()), muted)));
        parts.extend(selection_summary(model).map(|words| (5, Span::styled(words, render.theme.accent))));
    }
    if let Some(bulk) = &model.bulk {
        let failed = if bulk.failed == 0 { String::new() } else { format!(", {} failed", bulk.failed) };
        let words = format!("{} {}/{}{failed}", glyphs.generating, bulk.done + bulk.failed, bulk.total);
        parts.push((2, Span::styled(words, busy)));
        if let Some(rate) = bulk.rate() {
            parts.push((4, Span::styled(format!("{}/min", rate.per_minute()), busy)));
            let left = bulk.total.saturating_sub(bulk.done + bulk.failed);
            parts.extend(rate.time_for(left).map(|left| (3, Span::styled(format!("{left} left"), busy))));
        }
        parts.extend(limit(model).map(|words| (6, Span::styled(words, muted))));
    } else {
        if model.settings.describer.is_some() && !model.ahead_stopped && model.settings.ahead > 0 {
            match model.ready_ahead() {
                0 if model.jobs.is_empty() => {}
                ready => parts.push((6, Span::styled(format!("{} {ready} ahead", glyphs.generating), busy))),
            }
        }
        if let Some(pace) = model.describer.requests_per_minute.filter(|_| !model.jobs.is_empty()) {
            parts.push((7, Span::styled(format!("{pace}/min"), muted)));
        }
    }
    if model.verifying.is_running() {
        let Verifying { total, done, known, failed, .. } = model.verifying;
        let failures = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        let words = format!("verifying {}/{total}{failures}", done + known + failed);
        parts.push((2, Span::styled(words, busy)));
    }
    match (&model.batch.collecting, model.batch.left()) {
        (Some(Collecting { done, total, .. }), _) => {
            let words = format!("collecting {}/{}", thousands(*done), thousands(*total));
            parts.push((2, Span::styled(words, busy)));
        }
        (None, 0) => {}
        (None, left) => {
            let words = format!("{} {} in a batch", glyphs.in_batch, thousands(left));
            parts.push((7, Span::styled(words, muted)));
        }
    }
    if let Some(first) = model.describer.first_token.filter(|_| !model.jobs.is_empty()) {
        parts.push((9, Span::styled(format!("first token {:.1} s", first.as_secs_f64()), muted)));
    }
    if model.describer.paused.is_some() {
        parts.push((1, Span::styled("paused", warning)));
    }
    if model.verifier.paused.is_some() {
        parts.push((1, Span::styled("verifier paused", warning)));
    }
    match model.budget() {
        _ if model.is_blind() => {}
        Some((spent, budget)) => parts.push((4, Span::styled(format!("{spent} of {budget}"), muted))),
        None if model.spent != Cost::default() => parts.push((5, Span::styled(model.spent.summary(), muted))),
        None => {}
    }
    if model.unstored.is_some() {
        parts.push((0, Span::styled(format!("{} not stored", model.unstored_records()), warning)));
    }
    if model.save.running {
        parts.push((3, Span::styled(format!("saving{}", glyphs.ellipsis), busy)));
    } else if model.ledger.is_unsaved() {
        parts.push((4, Span::styled("unsaved", warning)));
    } else if let Some(at) = model.save.last {
        let at = at.to_zoned(render.zone.clone());
        parts.push((8, Span::styled(format!("saved {:02}:{:02}", at.hour(), at.minute()), muted)));
    }
    loop {
        let spans: Vec<Span> = parts.iter().map(|(_, span)| span.clone()).collect();
        if spans.is_empty() {
            return Line::default();
        }
        let mut line = join_dots(spans, muted, glyphs.dot);
        line.push_span(Span::raw(" "));
        if line.width() <= width {
            return line;
        }
        let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map_or(0, |(index, _)| index);
        parts.remove(least);
    }
}

/// Returns the reason why a run is not faster, as far as the describer tells.
fn limit(model: &Model) -> Option<String> {
    match (model.describer.limited_by, model.describer.requests_per_minute) {
        _ if model.describer.paused.is_some() => None,
        (Some(LimitedBy::Rate), Some(rate)) => Some(format!("limited by rate ({rate}/min)")),
        (Some(limit), _) => Some(format!("limited by {limit}")),
        _ => {
            let in_flight = model.jobs.values().filter(|job| matches!(job.state, JobState::Streaming(_))).count();
            (in_flight > 0).then(|| format!("{in_flight} in flight"))
        }
    }
}
