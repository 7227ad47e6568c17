//! The texts of a record one below the other: what is arriving, what is shown, the original, and what was said of them.

use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::offending::set_off;
use super::words::{compared, paragraphs};
use crate::dataset::{Entry, RecordId};
use crate::describe::StopReason;
use crate::lint::{Finding, Severity};
use crate::review::{Job, JobState, Model, Version};
use crate::session::Candidate;
use crate::text::{self, DiffKind};
use crate::tui::theme::Theme;
use crate::tui::view::highlight::highlighted;
use crate::tui::view::{clean, join_dots};

/// What the texts are made from, and for how many columns.
pub(super) struct Page<'a> {
    pub(super) model: &'a Model,
    pub(super) record: RecordId,
    pub(super) theme: &'a Theme,
    pub(super) width: usize,
}

impl Page<'_> {
    pub(super) fn body(&self) -> Text<'static> {
        let Self { model, record, theme, .. } = *self;
        let line = match model.entry(record) {
            None => return Text::from(Line::styled(theme.glyphs.ellipsis, theme.muted)),
            Some(Entry::Bad(bad)) => {
                return Text::from(vec![
                    Line::styled("this line cannot be read", theme.bad),
                    Line::styled(clean(&format!("line {}: {}", bad.line, bad.error)), theme.text),
                    Line::default(),
                    Line::styled(clean(&bad.preview), theme.muted),
                ]);
            }
            Some(Entry::Record(line)) => line,
        };
        let mut blocks: Vec<Vec<Line>> =
            vec![line.findings.iter().map(|finding| self.warn(&finding.to_string())).collect()];
        if let Some(job) = model.jobs.get(&record) {
            blocks.push(self.arriving(job));
        }
        let state = model.state(record);
        if let Some(draft) = &state.draft {
            let mut block = vec![self.heading("unfinished edit", &["e takes it up".to_owned()], Some(&draft.text))];
            block.extend(self.marked(paragraphs(&draft.text, theme.text)));
            blocks.push(block);
        }
        if let Some(pair) = model.pair(record) {
            blocks.extend([0, 1].map(|side| self.unlabelled(pair, side)));
        } else {
            let shown = model.shown(record);
            if shown != Version::Original {
                blocks.push(self.version(shown));
            }
            blocks.push(self.original(shown));
        }
        if let Some(reason) = &state.failure {
            let heading = format!("{} not described {} r tries again", theme.glyphs.failed, theme.glyphs.dot);
            blocks.push(vec![Line::styled(heading, theme.bad), Line::styled(clean(reason), theme.muted)]);
        }
        if !state.note.is_empty() {
            blocks.push(vec![Line::from(vec![
                Span::styled("note  ", theme.accent),
                Span::styled(clean(&state.note), theme.text),
            ])]);
        }
        blocks.push(self.other_texts());
        let mut lines = Vec::new();
        for block in blocks.into_iter().filter(|block| !block.is_empty()) {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.extend(block);
        }
        Text::from(lines)
    }

    /// The text that is shown, compared with the original. Judged blind, the second text.
    pub(super) fn shown_compared(&self) -> Text<'static> {
        if let Some(pair) = self.model.pair(self.record) {
            return Text::from(self.unlabelled(pair, 1));
        }
        Text::from(self.version(self.model.shown(self.record)))
    }

    /// The original, compared with the text that is shown. Judged blind, the first text.
    pub(super) fn original_compared(&self) -> Text<'static> {
        if let Some(pair) = self.model.pair(self.record) {
            return Text::from(self.unlabelled(pair, 0));
        }
        Text::from(self.original(self.model.shown(self.record)))
    }

    /// The original, to look at while editing.
    pub(super) fn original_alone(&self) -> Text<'static> {
        if let Some(pair) = self.model.pair(self.record) {
            return Text::from(self.unlabelled(pair, usize::from(self.model.shown(self.record) == pair[0])));
        }
        let original = self.model.original(self.record).unwrap_or_default();
        let mut lines = vec![self.heading("original", &[], Some(original))];
        lines.extend(paragraphs(original, self.theme.muted));
        let others = self.other_texts();
        if !others.is_empty() {
            lines.push(Line::default());
            lines.extend(others);
        }
        Text::from(lines)
    }

    /// The other texts of the record, such as its caption in another language.
    fn other_texts(&self) -> Vec<Line<'static>> {
        let theme = self.theme;
        let line = |(name, text): &(String, String)| {
            Line::from(vec![
                Span::styled(format!("{}  ", clean(name)), theme.accent),
                Span::styled(clean(text), theme.muted),
            ])
        };
        self.model.other_texts(self.record).iter().map(line).collect()
    }

    /// The number of words, against the limit.
    pub(super) fn count(&self, words: &str) -> Span<'static> {
        let (count, limit) = (text::word_count(words), self.model.settings.rules.max_words);
        let style = if count > limit { self.theme.warning } else { self.theme.muted };
        Span::styled(format!("{count}/{limit} words"), style)
    }

    /// A text on its way.
    fn arriving(&self, job: &Job) -> Vec<Line<'static>> {
        let theme = self.theme;
        let describer = clean(self.model.settings.describer.as_deref().unwrap_or_default());
        let (glyph, what) = match &job.state {
            JobState::Queued => (theme.glyphs.queued, format!("waiting for {describer}")),
            JobState::Waiting(why) => (theme.glyphs.queued, clean(why)),
            JobState::Streaming(_) => (theme.glyphs.generating, format!("{describer} is describing")),
        };
        let mut parts = vec![Span::styled(format!("{glyph} {what}"), theme.busy)];
        match &job.reason {
            Some(reason) => parts.push(Span::styled(clean(reason.as_str()), theme.muted)),
            None if !self.model.settings.has_levels_of_detail() || matches!(job.state, JobState::Waiting(_)) => {}
            None => parts.push(Span::styled(format!("detail: {}", job.detail.name()), theme.muted)),
        }
        let mut lines = vec![join_dots(parts, theme.muted, theme.glyphs.dot)];
        if job.accept {
            lines.push(Line::styled("will be accepted when it is there (u takes that back)", theme.warning));
        }
        if let JobState::Streaming(text) = &job.state {
            lines.extend(paragraphs(&format!("{text}{}", theme.glyphs.arriving), theme.text));
        }
        lines
    }

    /// One of two texts, with nothing that tells which it is: the words the other has not are set off in both alike.
    fn unlabelled(&self, pair: [Version; 2], side: usize) -> Vec<Line<'static>> {
        let Self { model, record, theme, .. } = *self;
        let words = model.text(record, pair[side]).unwrap_or_default();
        let other = model.text(record, pair[1 - side]).unwrap_or_default();
        let name = ["A", "B"][side];
        let (name, fact, style) = if model.shown(record) == pair[side] {
            (format!("{} {name}", theme.glyphs.generating), "a takes it", theme.text)
        } else {
            (format!("  {name}"), "[ and ] show it", theme.muted)
        };
        let mut lines = vec![self.heading(&name, &[fact.to_owned()], Some(words))];
        lines.extend(self.marked(compared(words, other, DiffKind::Added, style, theme.added)));
        lines
    }

    /// A candidate, or the operator's own text, with the words the original has not set off.
    fn version(&self, shown: Version) -> Vec<Line<'static>> {
        let Self { model, record, theme, .. } = *self;
        let words = model.text(record, shown).unwrap_or_default();
        let mut lines = match (shown, model.candidate(record, shown)) {
            (Version::Candidate(index), Some(candidate)) => {
                let total = model.state(record).candidates.len();
                let name = if total == 1 { "candidate".to_owned() } else { format!("candidate {}/{total}", index + 1) };
                let mut lines = vec![self.heading(&name, &self.source(candidate), Some(words))];
                if let StopReason::Other(reason) = &candidate.provenance.stop {
                    lines.push(self.warn(&format!("stopped: {reason}")));
                }
                lines
            }
            _ if model.state(record).amended.is_some() => vec![self.heading("amended", &[], Some(words))],
            _ => vec![self.heading("your text", &[], Some(words))],
        };
        let findings = model.findings(record, shown);
        lines.extend(findings.iter().map(|finding| self.finding(finding)));
        let text_begins = lines.len();
        lines.extend(self.marked(match model.original(record) {
            Some(original) => compared(words, original, DiffKind::Added, theme.text, theme.added),
            None => paragraphs(words, theme.text),
        }));
        set_off(&mut lines[text_begins..], words, &findings, theme.offending);
        lines
    }

    /// The dataset's caption, with the words that what is shown has not set off.
    fn original(&self, shown: Version) -> Vec<Line<'static>> {
        let Self { model, record, theme, .. } = *self;
        let Some(original) = model.original(record) else { return Vec::new() };
        let mut lines = vec![self.heading("original", &[], Some(original).filter(|words| !words.is_empty()))];
        let findings = model.findings(record, Version::Original);
        lines.extend(findings.iter().map(|finding| self.finding(finding)));
        let text_begins = lines.len();
        if shown == Version::Original {
            lines.extend(self.marked(paragraphs(original, theme.text)));
        } else {
            let other = model.text(record, shown).unwrap_or_default();
            lines.extend(self.marked(compared(original, other, DiffKind::Removed, theme.muted, theme.removed)));
        }
        set_off(&mut lines[text_begins..], original, &findings, theme.offending);
        lines
    }

    /// Where a candidate comes from. A draft is always called one.
    fn source(&self, candidate: &Candidate) -> Vec<String> {
        let provenance = &candidate.provenance;
        let mut facts = match provenance.describer.as_str() {
            "local" => vec![format!("local {} draft", self.theme.glyphs.dot)],
            crate::review::FILE => vec![format!("from {}", provenance.model)],
            describer => vec![format!("{describer} {} {}", self.theme.glyphs.dot, provenance.model)],
        };
        if !provenance.parameters.is_empty() {
            facts.push(provenance.parameters.clone());
        }
        facts
    }

    /// A text's name and, as far as there is room, facts about it; at the right end the number of its words.
    fn heading(&self, name: &str, facts: &[String], words: Option<&str>) -> Line<'static> {
        let theme = self.theme;
        let count = words.map(|words| self.count(words)).unwrap_or_default();
        let mut room = self.width.saturating_sub(text::width(name) + count.width() + 1);
        let mut spans = vec![Span::styled(name.to_owned(), theme.accent)];
        for (place, fact) in facts.iter().enumerate() {
            let separator = if place == 0 { "  ".to_owned() } else { format!(" {} ", theme.glyphs.dot) };
            let fact = format!("{separator}{}", clean(fact));
            let Some(left) = room.checked_sub(text::width(&fact)) else { break };
            room = left;
            spans.push(Span::styled(fact, theme.muted));
        }
        spans.push(Span::raw(" ".repeat(room + 1)));
        spans.push(count);
        Line::from(spans)
    }

    /// A text with what was searched for set off.
    fn marked(&self, text: Vec<Line<'static>>) -> Vec<Line<'static>> {
        let sought = self.model.sought();
        text.into_iter().map(|line| highlighted(line, &sought, self.theme.found)).collect()
    }

    /// A finding: a badge with its name, then what is wrong.
    fn finding(&self, finding: &Finding) -> Line<'static> {
        let theme = self.theme;
        let style = match finding.severity {
            Severity::Error => theme.bad,
            Severity::Warn => theme.warning,
            Severity::Info | Severity::Off => theme.muted,
        };
        Line::from(vec![
            Span::styled(format!("{} {}", theme.glyphs.finding, finding.kind), style),
            Span::styled(format!("  {}", clean(&finding.message)), theme.muted),
        ])
    }

    fn warn(&self, words: &str) -> Line<'static> {
        let style: Style = self.theme.warning;
        Line::styled(format!("{} {}", self.theme.glyphs.finding, clean(words)), style)
    }
}
