//! The captions of a record in rows: the original, the candidates from the oldest to the newest, the edited caption, the
//! text being written, then notes. New ones are added at the end, so that nothing above moves.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::comparison::{clipped, difference};
use super::heading::{Count, Heading, Source, source};
use crate::dataset::{Entry, OtherCaption, RecordId};
use crate::describe::StopReason;
use crate::lint::{Finding, Severity};
use crate::review::{Job, JobState, Model, Version};
use crate::session::{Provenance, Verification};
use crate::text::{DiffKind, JsonObject};
use crate::tui::marked_text::{Mark, MarkedText, wrapped};
use crate::tui::theme::Theme;
use crate::tui::view::records::place;
use crate::tui::view::{clean, join_dots};

/// Returns a text in the form that is shown, with its marks: a JSON object is indented.
pub(super) fn shown_form<'a>(words: &'a str, marks: Vec<Mark>, theme: &Theme) -> (Cow<'a, str>, Vec<Mark>) {
    let Ok(object) = JsonObject::parse(words) else { return (words.into(), marks) };
    let indented = object.indented();
    let keys = indented.keys.iter().map(|key| (key.clone(), theme.muted));
    let marks = keys.chain(marks.into_iter().map(|(own, style)| (indented.range(&own), style))).collect();
    (indented.text.into(), marks)
}

pub(super) struct Page<'a> {
    pub(super) model: &'a Model,
    pub(super) record: RecordId,
    pub(super) theme: &'a Theme,
    /// The width of the text in columns.
    pub(super) width: usize,
}

/// Rows that belong together.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The caption, if it can be selected.
    pub(super) version: Option<Version>,
    pub(super) lines: Vec<Line<'static>>,
    /// The number of the last rows that are findings.
    pub(super) findings: usize,
    /// A structured caption, which rarely fits: its findings come first.
    pub(super) is_structured: bool,
}

impl Page<'_> {
    /// Returns the original, or why there is none.
    pub(super) fn original(&self) -> Vec<Block> {
        let Self { model, record, theme, .. } = *self;
        let line = match model.entry(record) {
            None => return vec![self.plain(&[Line::styled(theme.glyphs.ellipsis, theme.muted)])],
            Some(Entry::Bad(bad)) => {
                let error = clean(&format!("line {}: {}", bad.line, bad.error));
                return vec![self.plain(&[
                    Line::styled("invalid line", theme.bad),
                    Line::styled(error, theme.text),
                    Line::default(),
                    Line::styled(clean(&bad.preview), theme.muted),
                ])];
            }
            Some(Entry::Record(line)) => line,
        };
        let findings: Vec<Line> = line.findings.iter().map(|finding| self.warning(&finding.to_string())).collect();
        let caption = match (model.pair(record), model.other_caption(record)) {
            (Some(pair), _) => self.unlabelled(pair, 0),
            (None, Some(other)) => self.other_caption(other),
            (None, None) => {
                self.original_against(self.in_focus().and_then(|version| model.text(record, version)).as_deref())
            }
        };
        [self.plain(&findings), caption].into_iter().filter(|block| !block.lines.is_empty()).collect()
    }

    /// Returns the other captions and the pending request: none before the line is read, because the original above them
    /// would move them, and nothing can be decided yet.
    pub(super) fn others(&self) -> Vec<Block> {
        let Self { model, record, theme, .. } = *self;
        let mut blocks = Vec::new();
        if model.entry(record).is_none() {
            return blocks;
        }
        if let Some(pair) = model.pair(record) {
            blocks.push(self.unlabelled(pair, 1));
        } else {
            let versions = model.versions(record).into_iter().filter(|version| *version != Version::Original);
            blocks.extend(versions.map(|version| self.version(version)));
        }
        let state = model.state(record);
        if let Some(draft) = &state.draft {
            let heading = Heading {
                name: "unfinished edit".to_owned(),
                facts: vec![Span::styled("e resumes", theme.muted)],
                essential: 1,
                count: Some(self.count(&draft.text)),
                ..Heading::default()
            };
            blocks.push(self.caption(None, &heading, &draft.text, self.matches(&draft.text)));
        }
        if let Some(job) = model.jobs.get(&record) {
            blocks.push(self.job(job));
        }
        if model.batch.is_waiting(record) {
            blocks.push(self.in_batch());
        }
        if let Some(reason) = &state.failure {
            let heading = format!("{} request failed {} r retries", theme.glyphs.failed, theme.glyphs.dot);
            blocks.push(self.plain(&[Line::styled(heading, theme.bad), Line::styled(clean(reason), theme.muted)]));
        }
        if let Some(describer) = state.unrecognised.as_deref().filter(|_| !state.decision.is_final()) {
            let text = format!("{} recognised nothing in this image: no candidate", clean(describer));
            blocks.push(self.plain(&[Line::styled(text, theme.muted)]));
        }
        if !state.note.is_empty() {
            let note = [Span::styled("note  ", theme.accent), Span::styled(clean(&state.note), theme.text)];
            blocks.push(self.plain(&[Line::from(note.to_vec())]));
        }
        blocks.into_iter().filter(|block| !block.lines.is_empty()).collect()
    }

    /// Returns the other captions of the image, as they would be saved, then the other text fields of the record, such as a
    /// caption in another language. In a blind check, other captions could reveal which one is the original.
    pub(super) fn other_texts(&self) -> Block {
        let Self { model, record, theme, .. } = *self;
        let line = |name: &str, text: &str| {
            let name = Span::styled(format!("{}  ", clean(name)), theme.accent);
            Line::from(vec![name, Span::styled(clean(text), theme.muted)])
        };
        let siblings = model.siblings(record).map(RecordId).filter_map(|other| {
            let sibling = model.line(other)?.sibling.as_ref()?;
            Some((other, sibling))
        });
        let mut lines = Vec::new();
        let mut fields = Vec::new();
        for (other, sibling) in siblings {
            fields.extend(sibling.field.as_deref());
            if other != record && model.pair(record).is_none() {
                lines.push(line(&place(sibling), &model.current(other).unwrap_or_default()));
            }
        }
        let texts = model.other_texts(record).iter().filter(|(name, _)| !fields.contains(&name.as_str()));
        lines.extend(texts.map(|(name, text)| line(name, text)));
        self.plain(&lines)
    }

    /// Returns the caption that the original is compared with: the selected one or, if that is the original, the newest.
    fn in_focus(&self) -> Option<Version> {
        let shown = Some(self.model.shown(self.record)).filter(|version| *version != Version::Original);
        shown.or_else(|| self.model.versions(self.record).pop().filter(|version| *version != Version::Original))
    }

    /// Renders the original with the words marked that `other` lacks.
    pub(super) fn original_against(&self, other: Option<&str>) -> Block {
        let Self { model, record, theme, .. } = *self;
        let Some(original) = model.original(record) else { return Block::default() };
        let count = (!original.is_empty()).then(|| self.count(original));
        let heading = Heading { name: "original".to_owned(), count, ..Heading::default() };
        let findings = model.findings(record, Version::Original);
        let mut marks = match other {
            Some(other) => difference(original, other, DiffKind::Removed, theme.removed),
            None => Vec::new(),
        };
        marks.extend(self.finding_marks(&findings));
        marks.extend(self.matches(original));
        let mut block = self.caption(Some(Version::Original), &heading, original, marks);
        self.append_findings(&mut block, &findings);
        block.lines.extend(self.verification(Version::Original));
        block
    }

    /// Renders an original that is not a string, as JSON. The line's findings name its kind.
    fn other_caption(&self, other: &OtherCaption) -> Block {
        let facts = vec![Span::styled("as JSON", self.theme.muted)];
        let heading = Heading { name: "original".to_owned(), facts, essential: 1, ..Heading::default() };
        self.caption(Some(Version::Original), &heading, &other.json, self.matches(&other.json))
    }

    /// Renders one of two captions in a blind check, without its source. Both have the same style for words that the other
    /// lacks.
    pub(super) fn unlabelled(&self, pair: [Version; 2], side: usize) -> Block {
        let Self { model, record, theme, .. } = *self;
        let words = &*model.text(record, pair[side]).unwrap_or_default();
        let other = &*model.text(record, pair[1 - side]).unwrap_or_default();
        let fact = if model.shown(record) == pair[side] { "a accepts it" } else { "[ and ] select it" };
        let heading = Heading {
            name: ["A", "B"][side].to_owned(),
            facts: vec![Span::styled(fact, theme.muted)],
            count: Some(self.count(words)),
            ..Heading::default()
        };
        let mut marks = difference(words, other, DiffKind::Added, theme.added);
        marks.extend(self.matches(words));
        self.caption(Some(pair[side]), &heading, words, marks)
    }

    /// Renders a candidate or the edited caption. The one in focus is compared with the original; the others are dimmed.
    fn version(&self, version: Version) -> Block {
        let Self { model, record, theme, .. } = *self;
        let words = &*model.text(record, version).unwrap_or_default();
        let heading = Heading { count: Some(self.count(words)), ..self.name(version) };
        let is_in_focus = self.in_focus() == Some(version);
        let style = if is_in_focus { theme.text } else { theme.muted };
        let findings = model.findings(record, version);
        let mut marks = if is_in_focus { self.added(words) } else { Vec::new() };
        marks.extend(self.finding_marks(&findings));
        marks.extend(self.matches(words));
        let mut block = self.styled(Some(version), &heading, words, style, marks);
        let stop = model.candidate(record, version).map(|candidate| &candidate.provenance.stop);
        if let Some(StopReason::Other(reason)) = stop {
            block.lines.extend(wrapped(&self.warning(&format!("stopped: {reason}")), self.width));
        }
        self.append_findings(&mut block, &findings);
        block.lines.extend(self.verification(version));
        block
    }

    /// Returns the verifier of a caption, with the date and the cost, or that it is being verified.
    fn verification(&self, version: Version) -> Vec<Line<'static>> {
        let Self { model, record, theme, .. } = *self;
        let words = match model.verification(record, version) {
            Some(Verification { verdict, provenance }) => {
                let Source { facts, essential, .. } =
                    source(&Provenance { parameters: String::new(), ..provenance.clone() }, theme);
                let facts = facts.into_iter().take(essential.max(1)).map(|fact| fact.content.into_owned());
                let date = provenance.at.strftime("%Y-%m-%d").to_string();
                let clean = (!verdict.has_findings()).then(|| "no findings".to_owned());
                let facts: Vec<String> = facts.chain([date]).chain(clean).collect();
                format!("verified by {}", facts.join(&format!(" {} ", theme.glyphs.dot)))
            }
            None if model.verifying.jobs.contains_key(&record) && model.shown(record) == version => {
                format!("being verified{}", theme.glyphs.ellipsis)
            }
            None => return Vec::new(),
        };
        wrapped(&Line::styled(words, theme.muted), self.width)
    }

    /// Returns the heading of a candidate or the edited caption, without its number of words.
    pub(super) fn name(&self, version: Version) -> Heading {
        let Self { model, record, theme, .. } = *self;
        match (version, model.candidate(record, version)) {
            (Version::Candidate(index), Some(candidate)) => {
                let source = source(&candidate.provenance, theme);
                let (facts, essential) = (source.facts, source.essential);
                Heading { facts, essential, gives_way: !source.is_model, ..self.numbered(index) }
            }
            _ if model.state(record).amended.is_some() => {
                Heading { name: "changed by :s".to_owned(), ..Heading::default() }
            }
            _ => Heading { name: "edited".to_owned(), ..Heading::default() },
        }
    }

    /// Returns the name of a candidate among those that there are, and will be after the request.
    fn numbered(&self, index: usize) -> Heading {
        let pending = usize::from(self.model.jobs.contains_key(&self.record));
        match self.model.state(self.record).candidates.len() + pending {
            1 => Heading { name: "candidate".to_owned(), ..Heading::default() },
            total => {
                let number = format!("{}/{total}", index + 1);
                Heading { name: format!("candidate {number}"), short_name: Some(number), ..Heading::default() }
            }
        }
    }

    /// Renders the state of a request and the text streamed so far, in the place of the candidate that it will be.
    fn job(&self, job: &Job) -> Block {
        let theme = self.theme;
        let describer = clean(self.model.settings.describer.as_deref().unwrap_or_default());
        let (glyph, state) = match &job.state {
            JobState::Queued => (theme.glyphs.queued, format!("waiting for {describer}")),
            JobState::Waiting(reason) => (theme.glyphs.queued, clean(reason)),
            JobState::Streaming(_) => (theme.glyphs.generating, format!("{describer} is describing")),
        };
        let mut facts = vec![Span::styled(format!("{glyph} {state}"), theme.busy)];
        facts.extend(job.reason.as_ref().map(|reason| Span::styled(clean(reason.as_str()), theme.text)));
        let essential = facts.len();
        if job.reason.is_none() && self.model.settings.levels_of_detail && !matches!(job.state, JobState::Waiting(_)) {
            facts.push(Span::styled(format!("detail: {}", job.detail.name()), theme.muted));
        }
        let number = self.model.state(self.record).candidates.len();
        let heading = Heading { facts, essential, ..self.numbered(number) };
        let mut block = if let JobState::Streaming(text) = &job.state {
            self.caption(None, &heading, &format!("{text}{}", theme.glyphs.streaming), Vec::new())
        } else {
            // A long reason is readable in full.
            let mut line = Line::from(Span::styled(format!("{}  ", heading.name), theme.accent));
            line.extend(join_dots(heading.facts, theme.muted, theme.glyphs.dot));
            self.plain(&[line])
        };
        if job.accept {
            let words = Line::styled("will be accepted when it arrives (u cancels)", theme.warning);
            block.lines.extend(wrapped(&words, self.width));
        }
        block
    }

    /// Renders that the record waits for a batch job, with the way to its result.
    fn in_batch(&self) -> Block {
        let theme = self.theme;
        let what = if self.model.batch.candidates().contains(self.record.0) { "candidate" } else { "verdict" };
        let state = if self.model.batch.collecting.is_some() {
            "results are being collected".to_owned()
        } else {
            format!("in a batch {} g c collects results", theme.glyphs.dot)
        };
        let mut line = Line::from(Span::styled(format!("{what}  "), theme.accent));
        line.push_span(Span::styled(format!("{} {state}", theme.glyphs.in_batch), theme.busy));
        self.plain(&[line])
    }

    /// Renders a caption below its heading.
    fn caption(&self, version: Option<Version>, heading: &Heading, words: &str, marks: Vec<Mark>) -> Block {
        self.styled(version, heading, words, self.theme.text, marks)
    }

    fn styled(
        &self,
        version: Option<Version>,
        heading: &Heading,
        words: &str,
        style: Style,
        marks: Vec<Mark>,
    ) -> Block {
        let is_structured = JsonObject::is(words);
        let (words, marks) = shown_form(words, marks, self.theme);
        let shown = clipped(&words);
        let mut lines = vec![heading.line(self.width, self.theme)];
        lines.extend(MarkedText { text: shown, style, marks }.lines(self.columns()));
        if shown.len() < words.len() {
            let left = words[shown.len()..].chars().count();
            lines.push(Line::styled(format!("({left} more characters)"), self.theme.muted));
        }
        Block { version, lines, findings: 0, is_structured }
    }

    /// The columns of captions. One is left for the cursor of the editor, which wraps alike.
    pub(super) const fn columns(&self) -> usize {
        let columns = self.width.saturating_sub(1);
        if columns == 0 { 1 } else { columns }
    }

    /// Wraps lines of our own.
    fn plain(&self, lines: &[Line<'static>]) -> Block {
        let lines = lines.iter().flat_map(|line| wrapped(line, self.width)).collect();
        Block { lines, ..Block::default() }
    }

    pub(super) fn count(&self, words: &str) -> Count {
        let rules = &self.model.settings.rules;
        let unit = if rules.are_tags() { "tags" } else { "words" };
        Count { length: rules.length(words), limit: rules.max_length(), unit }
    }

    /// Marks the words that the original lacks.
    pub(super) fn added(&self, words: &str) -> Vec<Mark> {
        let Some(original) = self.model.original(self.record) else { return Vec::new() };
        // A structured caption that is being edited is indented.
        let same_form = JsonObject::parse(words).ok().zip(JsonObject::parse(original).ok());
        let original = match same_form.filter(|_| words.contains('\n')) {
            Some((_, object)) => Cow::Owned(object.indented().text),
            None => Cow::Borrowed(original),
        };
        difference(words, &original, DiffKind::Added, self.theme.added)
    }

    /// Marks the matches of the search and the filter.
    fn matches(&self, words: &str) -> Vec<Mark> {
        let patterns = self.model.highlighted_patterns();
        let shown = clipped(words);
        let ranges = patterns.iter().flat_map(|pattern| pattern.match_ranges(shown));
        ranges.map(|range| (range, self.theme.found)).collect()
    }

    pub(super) fn finding_marks(&self, findings: &[Finding]) -> Vec<Mark> {
        findings.iter().filter_map(|finding| Some((finding.span.clone()?, self.theme.finding))).collect()
    }

    pub(super) fn append_findings(&self, block: &mut Block, findings: &[Finding]) {
        let lines = self.findings(findings);
        if block.is_structured {
            // Below the heading.
            block.lines.splice(1..1, lines);
            return;
        }
        block.findings = lines.len();
        block.lines.extend(lines);
    }

    pub(super) fn findings(&self, findings: &[Finding]) -> Vec<Line<'static>> {
        findings.iter().flat_map(|finding| wrapped(&self.finding(finding), self.width)).collect()
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

    fn warning(&self, words: &str) -> Line<'static> {
        Line::styled(format!("{} {}", self.theme.glyphs.finding, clean(words)), self.theme.warning)
    }
}
