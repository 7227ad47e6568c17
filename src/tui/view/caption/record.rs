//! The title row of the captions: the badge, number and file name of the record, and its decision or the facts about its
//! picture.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::dataset::{Entry, RecordId};
use crate::review::Model;
use crate::session::{Actor, Decision};
use crate::text;
use crate::tui::theme::Theme;
use crate::tui::view::{join_dots, records, title};

/// Draws the row. Without a `right` part, it ends with the decision and as many facts about the picture as fit.
pub(super) fn draw(
    frame: &mut Frame,
    pane: Rect,
    model: &Model,
    record: RecordId,
    right: Option<Line<'static>>,
    theme: &Theme,
) {
    let (badge, badge_style) = records::badge(model, record, theme);
    let mut left = Line::from(vec![
        Span::raw(" "),
        Span::styled(badge, badge_style),
        Span::styled(format!(" {} ", u64::from(record.0) + 1), theme.muted),
    ]);
    let room = usize::from(pane.width).saturating_sub(left.width() + 4);
    // Most important last: the name has priority over the facts, but not over a damaged picture or the decision.
    let mut ends = right.map_or_else(|| ends(model, record, theme), |right| vec![right]);
    let last = ends.last().map_or(0, Line::width);
    let name = match model.entry(record) {
        Some(Entry::Record(line)) => records::record_title(line, room.saturating_sub(last), theme.glyphs.ellipsis),
        Some(Entry::Bad(_)) | None => String::new(),
    };
    let room = room.saturating_sub(text::width(&name));
    let end = ends.iter().position(|end| end.width() <= room).map(|fits| ends.swap_remove(fits));
    left.push_span(Span::styled(name, theme.accent));
    left.push_span(Span::raw(" "));
    title(frame, pane, left, end.unwrap_or_default(), theme);
}

/// Returns the end of the row, from the full to the shortest form.
fn ends(model: &Model, record: RecordId, theme: &Theme) -> Vec<Line<'static>> {
    let decision = decision(model, record, theme);
    let line = |fact: Option<Span<'static>>| {
        let parts: Vec<Span> = decision.iter().cloned().chain(fact).collect();
        let mut line = join_dots(parts, theme.muted, theme.glyphs.dot);
        if !line.spans.is_empty() {
            line.spans.insert(0, Span::raw(" "));
            line.push_span(Span::raw(" "));
        }
        line
    };
    picture_facts(model, theme).into_iter().map(line).collect()
}

/// Returns the facts about the picture, from the full to the shortest form, which is nothing unless it is damaged.
fn picture_facts(model: &Model, theme: &Theme) -> Vec<Option<Span<'static>>> {
    let Some(Ok(preview)) = model.preview() else { return vec![None] };
    let info = preview.info();
    let style = if info.damage.is_some() { theme.warning } else { theme.muted };
    let damage = info.damage.map(|damage| damage.to_string());
    let size = format!("{}×{}", info.width, info.height);
    let short = damage.iter().fold(size, |size, damage| format!("{size}, {damage}"));
    let forms = [Some(info.to_string()), Some(short), damage];
    let span = |form: String| Span::styled(theme.words(&form).into_owned(), style);
    forms.into_iter().map(|form| form.map(span)).collect()
}

/// Returns the decision in words; the badge shows it as well.
fn decision(model: &Model, record: RecordId, theme: &Theme) -> Vec<Span<'static>> {
    let state = model.state(record);
    let (_, style) = records::decision_badge(&state.decision, theme);
    let word = match &state.decision {
        // In a blind check, an earlier decision could reveal which caption is the original.
        _ if model.pair(record).is_some() => return Vec::new(),
        Decision::Undecided => return Vec::new(),
        Decision::Accepted { .. } => "accepted",
        Decision::Edited { .. } => "edited",
        Decision::Kept => "original kept",
        Decision::Skipped => "skipped",
        Decision::Excluded => "excluded",
    };
    let mut parts = vec![Span::styled(word, style)];
    if state.by == Actor::Run {
        parts.push(Span::styled("by a run", theme.muted));
    }
    if state.amended.is_some() && state.decision.is_final() {
        parts.push(Span::styled("changed since", theme.accent));
    }
    if state.original_changed {
        parts.push(Span::styled("original changed", theme.warning));
    }
    parts
}
