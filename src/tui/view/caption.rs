//! The caption pane: what is shown, how it differs from the original, what was said of it; or the editor.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

use super::{Look, clean, join_dots, title};
use crate::dataset::{Entry, RecordId};
use crate::describe::StopReason;
use crate::lint::Finding;
use crate::review::{Job, JobState, Mode, Model, Version};
use crate::session::{Actor, Decision};
use crate::text::{self, DiffKind};
use crate::tui::layout::inside;
use crate::tui::theme::Theme;

/// Longer captions are shown up to here: wrapping a million characters takes longer than a frame may.
const LONGEST_SHOWN: usize = 6_000;

/// Below this share of common words two texts are just different, and marking every word tells nothing.
const ALIKE: f64 = 0.35;

pub(super) fn draw(frame: &mut Frame, area: Rect, model: &Model, look: Look) {
    let theme = look.theme;
    let room = inside(area);
    let Some(record) = model.list.cursor else {
        title(frame, area, Line::styled(" caption ", theme.muted), Line::default(), theme);
        return;
    };
    match (&model.mode, look.entry) {
        (Mode::Edit(editor), Some(entry)) => {
            let words = counted(&editor.draft.text, model.settings.max_words, theme);
            title(frame, area, Line::styled(" editing the caption ", theme.accent), pad(words), theme);
            let [field, original] = split(room);
            entry.draw(frame, padded(field));
            draw_original(frame, original, model, record, theme);
        }
        (Mode::Note(_), Some(entry)) => {
            title(frame, area, Line::styled(" note ", theme.accent), Line::default(), theme);
            entry.draw(frame, padded(room));
        }
        _ => {
            title(frame, area, Line::styled(" caption ", theme.muted), verdict(model, record, theme), theme);
            let paragraph = Paragraph::new(body(model, record, theme)).wrap(Wrap { trim: false });
            let rows = u16::try_from(paragraph.line_count(padded(room).width)).unwrap_or(u16::MAX);
            let scroll = model.caption.scroll.min(rows.saturating_sub(room.height));
            frame.render_widget(paragraph.scroll((scroll, 0)), padded(room));
            if rows.saturating_sub(scroll) > room.height {
                more_below(frame, room, theme);
            }
        }
    }
}

fn padded(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

fn pad(mut line: Line<'static>) -> Line<'static> {
    line.spans.insert(0, Span::raw(" "));
    line.push_span(Span::raw(" "));
    line
}

/// The editor above, the original below, where there is room for both.
fn split(area: Rect) -> [Rect; 2] {
    let field = if area.height < 8 { area.height } else { area.height * 3 / 5 };
    [Rect { height: field, ..area }, Rect { y: area.y + field, height: area.height - field, ..area }]
}

fn draw_original(frame: &mut Frame, area: Rect, model: &Model, record: RecordId, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let mut lines = vec![heading("original", None, model.original(record), model.settings.max_words, theme)];
    lines.extend(paragraphs(model.original(record).unwrap_or_default(), theme.muted));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), padded(area));
}

fn more_below(frame: &mut Frame, area: Rect, theme: &Theme) {
    let words = format!(" J more{} ", theme.glyphs.ellipsis);
    let width = u16::try_from(text::width(&words)).unwrap_or(0).min(area.width);
    let at = Rect { x: area.right() - width, y: area.bottom() - 1, width, height: 1 };
    frame.render_widget(Span::styled(words, theme.muted), at);
}

/// What was said of the record, for the title row.
fn verdict(model: &Model, record: RecordId, theme: &Theme) -> Line<'static> {
    let state = model.state(record);
    let (glyph, style) = super::records::badge(model, record, theme);
    let word = match &state.decision {
        Decision::Undecided => return Line::default(),
        Decision::Accepted { .. } => "accepted",
        Decision::Edited { .. } => "edited",
        Decision::Kept => "original kept",
        Decision::Skipped => "skipped",
        Decision::Excluded => "left out",
    };
    let mut parts = vec![Span::styled(word, style)];
    if state.by == Actor::Run {
        parts.push(Span::styled("by a run", theme.muted));
    }
    if state.original_changed {
        parts.push(Span::styled("original changed", theme.warning));
    }
    let mut line = join_dots(parts, theme.muted, theme.glyphs.dot);
    line.spans.insert(0, Span::styled(format!(" {glyph} "), style));
    line.push_span(Span::raw(" "));
    line
}

fn body(model: &Model, record: RecordId, theme: &Theme) -> Text<'static> {
    let mut lines = Vec::new();
    match model.entry(record) {
        None => return Text::from(Line::styled(theme.glyphs.ellipsis, theme.muted)),
        Some(Entry::Bad(bad)) => {
            lines.push(Line::styled("this line cannot be read", theme.bad));
            lines.push(Line::styled(clean(&format!("line {}: {}", bad.line, bad.error)), theme.text));
            lines.push(Line::default());
            lines.push(Line::styled(clean(&bad.preview), theme.muted));
            return Text::from(lines);
        }
        Some(Entry::Record(line)) => {
            lines.extend(line.findings.iter().map(|finding| Line::styled(clean(&finding.to_string()), theme.warning)));
        }
    }
    let state = model.state(record);
    if let Some(job) = model.jobs.get(&record) {
        lines.extend(arriving(model, job, theme));
    }
    if let Some(draft) = &state.draft {
        lines.push(Line::styled(
            format!("{} unfinished edit {} e takes it up", theme.glyphs.draft, theme.glyphs.dot),
            theme.warning,
        ));
        lines.extend(paragraphs(&draft.text, theme.text));
        lines.push(Line::default());
    }
    let shown = model.shown(record);
    if shown != Version::Original {
        lines.extend(shown_version(model, record, shown, theme));
        lines.push(Line::default());
    }
    let findings = if shown == Version::Original { model.findings(record, shown) } else { Vec::new() };
    let original = model.original(record);
    lines.push(heading("original", None, original, model.settings.max_words, theme));
    lines.extend(finding_lines(&findings, theme));
    let other = model.text(record, shown).filter(|_| shown != Version::Original);
    lines.extend(match (original, other) {
        (Some(""), _) => vec![Line::styled("(no caption)", theme.muted)],
        (Some(original), Some(other)) => compared(original, other, DiffKind::Removed, theme.muted, theme.removed),
        (Some(original), None) => paragraphs(original, theme.text),
        (None, _) => Vec::new(),
    });
    if let Some(reason) = &state.failure {
        lines.push(Line::default());
        lines.push(Line::styled(
            format!("{} not described {} r tries again", theme.glyphs.failed, theme.glyphs.dot),
            theme.bad,
        ));
        lines.push(Line::styled(clean(reason), theme.muted));
    }
    if !state.note.is_empty() {
        lines.push(Line::default());
        lines.push(Line::from(vec![Span::styled("note ", theme.accent), Span::raw(clean(&state.note))]));
    }
    Text::from(lines)
}

/// A text on its way.
fn arriving(model: &Model, job: &Job, theme: &Theme) -> Vec<Line<'static>> {
    let describer = model.settings.describer.clone().unwrap_or_default();
    let what = match &job.state {
        JobState::Queued => format!("waiting for {describer}"),
        JobState::Streaming(_) => format!("{describer} is describing"),
    };
    let mut parts = vec![
        Span::styled(clean(&what), theme.busy),
        Span::styled(format!("detail: {}", job.detail.name()), theme.muted),
    ];
    if job.accept {
        parts.push(Span::styled("will be accepted (u takes it back)", theme.warning));
    }
    let mut lines = vec![join_dots(parts, theme.muted, theme.glyphs.dot)];
    if let JobState::Streaming(text) = &job.state {
        lines.extend(paragraphs(&format!("{text}{}", theme.glyphs.arriving), theme.text));
    }
    lines.push(Line::default());
    lines
}

fn shown_version(model: &Model, record: RecordId, shown: Version, theme: &Theme) -> Vec<Line<'static>> {
    let words = model.text(record, shown);
    let total = model.state(record).candidates.len();
    let (name, facts) = match (shown, model.candidate(record, shown)) {
        (Version::Candidate(index), Some(candidate)) => {
            let name = if total == 1 { "candidate".to_owned() } else { format!("candidate {}/{total}", index + 1) };
            let provenance = &candidate.provenance;
            let source = match provenance.describer.as_str() {
                "local" => format!("local {} draft", theme.glyphs.dot),
                "file" => format!("from {}", provenance.model),
                other => format!("{other} {} {}", theme.glyphs.dot, provenance.model),
            };
            let parameters = Some(&provenance.parameters).filter(|parameters| !parameters.is_empty());
            let stale =
                if candidate.stale { format!(" {} of another picture?", theme.glyphs.dot) } else { String::new() };
            let parameters = parameters.map(|words| format!(" {} {words}", theme.glyphs.dot)).unwrap_or_default();
            (name, clean(&format!("{source}{parameters}{stale}")))
        }
        _ => ("your text".to_owned(), String::new()),
    };
    let mut lines = vec![heading(&name, Some(facts), words, model.settings.max_words, theme)];
    lines.extend(finding_lines(&model.findings(record, shown), theme));
    if let Some(candidate) = model.candidate(record, shown)
        && let StopReason::Other(reason) = &candidate.provenance.stop
    {
        lines.push(Line::styled(format!("stopped: {}", clean(reason)), theme.warning));
    }
    lines.extend(match (model.original(record), words) {
        (Some(original), Some(words)) => compared(words, original, DiffKind::Added, theme.text, theme.added),
        (None, Some(words)) => paragraphs(words, theme.text),
        (_, None) => Vec::new(),
    });
    lines
}

fn heading(name: &str, facts: Option<String>, words: Option<&str>, limit: usize, theme: &Theme) -> Line<'static> {
    let mut parts = vec![Span::styled(name.to_owned(), theme.accent)];
    if let Some(facts) = facts.filter(|facts| !facts.is_empty()) {
        parts.push(Span::styled(facts, theme.muted));
    }
    parts.extend(words.map(|words| counted(words, limit, theme)).into_iter().flat_map(|line| line.spans));
    join_dots(parts, theme.muted, theme.glyphs.dot)
}

/// The number of words, against the limit where it is over.
fn counted(words: &str, limit: usize, theme: &Theme) -> Line<'static> {
    let count = text::word_count(words);
    if count > limit {
        Line::styled(format!("{count} words, {} over {limit}", count - limit), theme.warning)
    } else {
        Line::styled(format!("{count} words"), theme.muted)
    }
}

fn finding_lines(findings: &[Finding], theme: &Theme) -> Vec<Line<'static>> {
    findings
        .iter()
        .map(|finding| Line::styled(format!("{} {}", theme.glyphs.finding, clean(&finding.message)), theme.warning))
        .collect()
}

fn clipped(words: &str) -> &str {
    words.char_indices().nth(LONGEST_SHOWN).map_or(words, |(end, _)| &words[..end])
}

fn paragraphs(words: &str, style: Style) -> Vec<Line<'static>> {
    let shown = clipped(words);
    let mut lines: Vec<Line> =
        text::sanitize_multiline(shown).split('\n').map(|line| Line::styled(line.to_owned(), style)).collect();
    if shown.len() < words.len() {
        lines.push(Line::styled(format!("({} more characters)", words[shown.len()..].chars().count()), style));
    }
    lines
}

/// One of two texts, with the words only it has set off, where the two are alike at all.
fn compared(own: &str, other: &str, mark: DiffKind, plain: Style, marked: Style) -> Vec<Line<'static>> {
    let (own_shown, other) = (clipped(own), clipped(other));
    let (old, new) = if mark == DiffKind::Added { (other, own_shown) } else { (own_shown, other) };
    let segments = text::diff_words(old, new);
    let length = |kind: DiffKind| -> usize {
        segments.iter().filter(|segment| segment.kind == kind).map(|segment| segment.text.len()).sum()
    };
    let (same, all) = (length(DiffKind::Same), own_shown.len().max(other.len()));
    #[expect(clippy::cast_precision_loss, reason = "a share of two text lengths")]
    let alike = same as f64 >= ALIKE * all as f64;
    if !alike || own_shown.len() < own.len() {
        return paragraphs(own, plain);
    }
    let mut lines = vec![Line::default()];
    for segment in segments.iter().filter(|segment| segment.kind == DiffKind::Same || segment.kind == mark) {
        let style = if segment.kind == mark { plain.patch(marked) } else { plain };
        for (place, part) in text::sanitize_multiline(segment.text).split('\n').enumerate() {
            if place > 0 {
                lines.push(Line::default());
            }
            if let Some(line) = lines.last_mut().filter(|_| !part.is_empty()) {
                line.push_span(Span::styled(part.to_owned(), style));
            }
        }
    }
    lines
}
