//! The row about the current record, above its captions: its badge, number and file name, and the facts about its
//! picture.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{clean, records, title};
use crate::dataset::Entry;
use crate::review::Model;
use crate::text;
use crate::tui::theme::Theme;

pub(super) fn draw(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme) {
    let Some(record) = model.list.cursor else {
        title(frame, area, Line::default(), Line::default(), theme);
        return;
    };
    let name = match model.entry(record) {
        Some(Entry::Record(line)) => clean(line.file_name.rsplit('/').next().unwrap_or_default()),
        Some(Entry::Bad(_)) | None => String::new(),
    };
    let (badge, badge_style) = records::badge(model, record, theme);
    let mut left = Line::from(vec![
        Span::raw(" "),
        Span::styled(badge, badge_style),
        Span::styled(format!(" {} ", u64::from(record.0) + 1), theme.muted),
    ]);
    // The name has priority over the facts about the picture, but not over its damage.
    let mut facts = picture_facts(model, theme);
    let available = usize::from(area.width).saturating_sub(left.width() + 4);
    let damage = facts.last().map_or(0, Line::width);
    let name = records::file_title(&name, available.saturating_sub(damage), theme.glyphs.ellipsis);
    let room = available.saturating_sub(text::width(&name));
    let fact = facts.iter().position(|fact| fact.width() <= room).map(|fits| facts.swap_remove(fits));
    left.push_span(Span::styled(name, theme.accent));
    left.push_span(Span::raw(" "));
    title(frame, area, left, fact.unwrap_or_default(), theme);
}

/// Returns the facts about the picture, from the full to the shortest form, which is empty unless it is damaged.
fn picture_facts(model: &Model, theme: &Theme) -> Vec<Line<'static>> {
    let Some(Ok(preview)) = model.preview() else { return Vec::new() };
    let info = preview.info();
    let style = if info.damage.is_some() { theme.warning } else { theme.muted };
    let damage = info.damage.map(|damage| damage.to_string());
    let size = format!("{}×{}", info.width, info.height);
    let short = damage.iter().fold(size, |size, damage| format!("{size}, {damage}"));
    let forms = [info.to_string(), short, damage.unwrap_or_default()];
    let line = |form: String| {
        if form.is_empty() { Line::default() } else { Line::styled(format!(" {} ", theme.words(&form)), style) }
    };
    forms.into_iter().map(line).collect()
}
