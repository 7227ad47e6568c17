//! The versions of a caption: the one streaming in, the one shown and the original, with findings and notes.

use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::findings::highlight;
use super::words::{compared, paragraphs};
use crate::dataset::{Entry, OtherCaption, RecordId};
use crate::describe::StopReason;
use crate::lint::{Finding, Severity};
use crate::review::{Job, JobState, Model, Version};
use crate::session::Candidate;
use crate::text::{self, DiffKind};
use crate::tui::theme::Theme;
use crate::tui::view::highlight::highlighted;
use crate::tui::view::{clean, join_dots};

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
                    Line::styled("invalid line", theme.bad),
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
            blocks.push(self.job(job));
        }
        let state = model.state(record);
        if let Some(draft) = &state.draft {
            let mut block = vec![self.heading("unfinished edit", &["e resumes".to_owned()], Some(&draft.text))];
            block.extend(self.with_matches(paragraphs(&draft.text, theme.text)));
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
            let heading = format!("{} request failed {} r retries", theme.glyphs.failed, theme.glyphs.dot);
            blocks.push(vec![Line::styled(heading, theme.bad), Line::styled(clean(reason), theme.muted)]);
        }
        if let Some(describer) = state.unrecognised.as_deref().filter(|_| !state.decision.is_final()) {
            let text = format!("{} recognised nothing in this image: no candidate", clean(describer));
            blocks.push(vec![Line::styled(text, theme.muted)]);
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

    /// Renders the caption shown, as a diff against the original. In a blind check, the second caption.
    pub(super) fn shown_compared(&self) -> Text<'static> {
        if let Some(pair) = self.model.pair(self.record) {
            return Text::from(self.unlabelled(pair, 1));
        }
        Text::from(self.version(self.model.shown(self.record)))
    }

    /// Renders the original, as a diff against the caption shown. In a blind check, the first caption.
    pub(super) fn original_compared(&self) -> Text<'static> {
        if let Some(pair) = self.model.pair(self.record) {
            return Text::from(self.unlabelled(pair, 0));
        }
        Text::from(self.original(self.model.shown(self.record)))
    }

    /// Renders the original, for reference while editing.
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

    /// Renders the other text fields of the record, such as a caption in another language.
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

    /// Renders the number of words and the limit.
    pub(super) fn count(&self, words: &str) -> Span<'static> {
        let (count, limit) = (text::word_count(words), self.model.settings.rules.max_words);
        let style = if count > limit { self.theme.warning } else { self.theme.muted };
        Span::styled(format!("{count}/{limit} words"), style)
    }

    /// Renders the state of a request, and the text streamed so far.
    fn job(&self, job: &Job) -> Vec<Line<'static>> {
        let theme = self.theme;
        let describer = clean(self.model.settings.describer.as_deref().unwrap_or_default());
        let (glyph, state) = match &job.state {
            JobState::Queued => (theme.glyphs.queued, format!("waiting for {describer}")),
            JobState::Waiting(reason) => (theme.glyphs.queued, clean(reason)),
            JobState::Streaming(_) => (theme.glyphs.generating, format!("{describer} is describing")),
        };
        let mut parts = vec![Span::styled(format!("{glyph} {state}"), theme.busy)];
        match &job.reason {
            Some(reason) => parts.push(Span::styled(clean(reason.as_str()), theme.muted)),
            None if !self.model.settings.has_levels_of_detail() || matches!(job.state, JobState::Waiting(_)) => {}
            None => parts.push(Span::styled(format!("detail: {}", job.detail.name()), theme.muted)),
        }
        let mut lines = vec![join_dots(parts, theme.muted, theme.glyphs.dot)];
        if job.accept {
            lines.push(Line::styled("will be accepted when it arrives (u cancels)", theme.warning));
        }
        if let JobState::Streaming(text) = &job.state {
            lines.extend(paragraphs(&format!("{text}{}", theme.glyphs.streaming), theme.text));
        }
        lines
    }

    /// Renders one of two captions in a blind check, without its source. Both have the same style for words that the other
    /// lacks.
    fn unlabelled(&self, pair: [Version; 2], side: usize) -> Vec<Line<'static>> {
        let Self { model, record, theme, .. } = *self;
        let words = model.text(record, pair[side]).unwrap_or_default();
        let other = model.text(record, pair[1 - side]).unwrap_or_default();
        let name = ["A", "B"][side];
        let (name, fact, style) = if model.shown(record) == pair[side] {
            (format!("{} {name}", theme.glyphs.generating), "a accepts it", theme.text)
        } else {
            (format!("  {name}"), "[ and ] show it", theme.muted)
        };
        let mut lines = vec![self.heading(&name, &[fact.to_owned()], Some(words))];
        lines.extend(self.with_matches(compared(words, other, DiffKind::Added, style, theme.added)));
        lines
    }

    /// Renders a candidate or an edited caption, as a diff against the original.
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
            _ if model.state(record).amended.is_some() => vec![self.heading("changed by :s", &[], Some(words))],
            _ => vec![self.heading("edited", &[], Some(words))],
        };
        let findings = model.findings(record, shown);
        lines.extend(findings.iter().map(|finding| self.finding(finding)));
        let text_begins = lines.len();
        lines.extend(self.with_matches(match model.original(record) {
            Some(original) => compared(words, original, DiffKind::Added, theme.text, theme.added),
            None => paragraphs(words, theme.text),
        }));
        highlight(&mut lines[text_begins..], words, &findings, theme.finding);
        lines
    }

    /// Renders the original, as a diff against the version shown.
    fn original(&self, shown: Version) -> Vec<Line<'static>> {
        let Self { model, record, theme, .. } = *self;
        if let Some(other) = model.other_caption(record) {
            return self.other_caption(other);
        }
        let Some(original) = model.original(record) else { return Vec::new() };
        let mut lines = vec![self.heading("original", &[], Some(original).filter(|words| !words.is_empty()))];
        let findings = model.findings(record, Version::Original);
        lines.extend(findings.iter().map(|finding| self.finding(finding)));
        let text_begins = lines.len();
        if shown == Version::Original {
            lines.extend(self.with_matches(paragraphs(original, theme.text)));
        } else {
            let other = model.text(record, shown).unwrap_or_default();
            lines.extend(self.with_matches(compared(original, other, DiffKind::Removed, theme.muted, theme.removed)));
        }
        highlight(&mut lines[text_begins..], original, &findings, theme.finding);
        lines
    }

    /// Renders an original that is not a string, as JSON. The line's findings name its kind.
    fn other_caption(&self, other: &OtherCaption) -> Vec<Line<'static>> {
        let mut lines = vec![self.heading("original", &["as JSON".to_owned()], None)];
        lines.extend(self.with_matches(paragraphs(&other.json, self.theme.text)));
        lines
    }

    /// Returns the describer, model and parameters of a candidate.
    fn source(&self, candidate: &Candidate) -> Vec<String> {
        let provenance = &candidate.provenance;
        let mut facts = match provenance.describer.as_str() {
            "local" => vec![format!("local {} draft", self.theme.glyphs.dot)],
            crate::review::FILE => vec![format!("from {}", provenance.model)],
            crate::review::SAMPLE => vec!["sample".to_owned()],
            describer => vec![format!("{describer} {} {}", self.theme.glyphs.dot, provenance.model)],
        };
        if !provenance.parameters.is_empty() {
            facts.push(provenance.parameters.clone());
        }
        facts
    }

    /// Renders a title with as many details as fit, and the word count on the right.
    fn heading(&self, name: &str, facts: &[String], words: Option<&str>) -> Line<'static> {
        let theme = self.theme;
        let count = words.map(|words| self.count(words)).unwrap_or_default();
        let mut remaining = self.width.saturating_sub(text::width(name) + count.width() + 1);
        let mut spans = vec![Span::styled(name.to_owned(), theme.accent)];
        for (index, fact) in facts.iter().enumerate() {
            let separator = if index == 0 { "  ".to_owned() } else { format!(" {} ", theme.glyphs.dot) };
            let fact = format!("{separator}{}", clean(fact));
            let Some(left) = remaining.checked_sub(text::width(&fact)) else { break };
            remaining = left;
            spans.push(Span::styled(fact, theme.muted));
        }
        spans.push(Span::raw(" ".repeat(remaining + 1)));
        spans.push(count);
        Line::from(spans)
    }

    /// Highlights the matches of the search and the filter.
    fn with_matches(&self, text: Vec<Line<'static>>) -> Vec<Line<'static>> {
        let patterns = self.model.highlighted_patterns();
        text.into_iter().map(|line| highlighted(line, &patterns, self.theme.found)).collect()
    }

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
