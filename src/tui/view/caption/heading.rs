//! The headings of captions: their kind, origin and number of words or tags.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::describe::Dollars;
use crate::review::{FILE, REVIEWER, SAMPLE};
use crate::session::Provenance;
use crate::text;
use crate::tui::theme::Theme;
use crate::tui::view::{clean, join_dots};

/// A heading. If it does not fit, its least important parts are left out or shortened first.
#[derive(Clone, Debug, Default)]
pub(super) struct Heading {
    pub(super) name: String,
    /// A shorter name, if there is one.
    pub(super) short_name: Option<String>,
    /// Sanitised, most important first. The last ones are dropped first.
    pub(super) facts: Vec<Span<'static>>,
    /// The number of the first facts that are dropped last.
    pub(super) essential: usize,
    /// True if the number of words is more important than the essential facts.
    pub(super) gives_way: bool,
    pub(super) count: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) length: usize,
    pub(super) limit: Option<usize>,
    /// The unit: words or tags.
    pub(super) unit: &'static str,
}

impl Heading {
    pub(super) fn line(&self, width: usize, theme: &Theme) -> Line<'static> {
        let counts = [self.count.map(|count| count.full(theme)), self.count.map(|count| count.brief(theme))];
        let [full, brief] = counts.map(Option::unwrap_or_default);
        let short_name = self.short_name.as_ref().unwrap_or(&self.name);
        // From the whole heading to its essence.
        let all = (self.essential..=self.facts.len()).rev().map(|facts| (&self.name, facts, &full));
        let essence = [(&self.name, self.essential, &brief), (short_name, self.essential, &brief)];
        let least = self.gives_way.then_some((&self.name, 0, &brief));
        let mut line = Line::default();
        for (name, facts, count) in all.chain(essence).chain(least) {
            line = self.left(name, facts, theme);
            let gap = if count.content.is_empty() { 0 } else { 2 };
            if line.width() + gap + count.width() <= width {
                line.push_span(Span::raw(" ".repeat(width - line.width() - count.width())));
                line.push_span(count.clone());
                return line;
            }
        }
        truncated(line, width, theme.glyphs.ellipsis)
    }

    fn left(&self, name: &str, facts: usize, theme: &Theme) -> Line<'static> {
        let facts = join_dots(self.facts.iter().take(facts).cloned().collect(), theme.muted, theme.glyphs.dot);
        let mut line = Line::from(Span::styled(name.to_owned(), theme.accent));
        if !facts.spans.is_empty() {
            line.push_span(Span::raw("  "));
            line.extend(facts);
        }
        line
    }
}

impl Count {
    fn full(self, theme: &Theme) -> Span<'static> {
        let limit = self.limit.map(|limit| format!("/{limit}")).unwrap_or_default();
        Span::styled(format!("{}{limit} {}", self.length, self.unit), self.style(theme))
    }

    fn brief(self, theme: &Theme) -> Span<'static> {
        Span::styled(format!("{} {}", self.length, &self.unit[..1]), self.style(theme))
    }

    fn style(self, theme: &Theme) -> Style {
        if self.limit.is_some_and(|limit| self.length > limit) { theme.warning } else { theme.muted }
    }
}

fn truncated(line: Line<'static>, width: usize, ellipsis: &str) -> Line<'static> {
    if line.width() <= width {
        return line;
    }
    let mut left = width;
    let mut spans = Vec::new();
    for span in line.spans {
        let content = text::truncate_to_width(&span.content, left, ellipsis).into_owned();
        let is_cut = content != span.content;
        left -= text::width(&content).min(left);
        spans.push(Span::styled(content, span.style));
        if is_cut || left == 0 {
            break;
        }
    }
    Line::from(spans)
}

/// Where a candidate comes from.
pub(super) struct Source {
    /// Most important first.
    pub(super) facts: Vec<Span<'static>>,
    /// The number of the first facts that a heading drops last: the model or describer, the reason and the cost.
    pub(super) essential: usize,
    /// False for a file or a describer without models.
    pub(super) is_model: bool,
}

pub(super) fn source(provenance: &Provenance, theme: &Theme) -> Source {
    let muted = |words: &str| Span::styled(clean(words), theme.muted);
    let mut facts = vec![muted(&match provenance.describer.as_str() {
        "local" => "local draft".to_owned(),
        FILE => format!("from {}", provenance.model),
        SAMPLE => "sample".to_owned(),
        REVIEWER => format!("{} by {}", provenance.parameters, provenance.model),
        describer if provenance.model.is_empty() => describer.to_owned(),
        _ => short_model(&provenance.model),
    })];
    facts.extend(provenance.reason.as_deref().map(|reason| Span::styled(clean(reason), theme.text)));
    let cost = provenance.usage.and_then(|usage| usage.cost.amount()).filter(|cost| *cost > Dollars::default());
    facts.extend(cost.map(|cost| muted(&cost.to_string())));
    let is_model = !matches!(provenance.describer.as_str(), "local" | FILE | SAMPLE | REVIEWER);
    let essential = facts.len();
    let is_shown = provenance.parameters.is_empty() || provenance.describer == REVIEWER;
    facts.extend((!is_shown).then(|| muted(&provenance.parameters)));
    Source { facts, essential, is_model }
}

/// Returns the name of a model without its geography, vendor, date and revision: "sonnet 4.5" for
/// "eu.anthropic.claude-sonnet-4-5-20250929-v1:0". Other names stay as they are.
fn short_model(id: &str) -> String {
    let mut name = id.rsplit('/').next().unwrap_or(id);
    while let Some((prefix, rest)) = name.split_once('.') {
        // A prefix with a digit is part of the name: "gpt-4.1", "qwen2.5-vl".
        if rest.is_empty() || prefix.contains(|character: char| character.is_ascii_digit()) {
            break;
        }
        name = rest;
    }
    let Some(claude) = name.strip_prefix("claude-") else { return name.to_owned() };
    let is_number = |part: &&str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = claude.split('-').collect();
    let words: Vec<&str> =
        parts.iter().copied().filter(|part| part.bytes().all(|byte| byte.is_ascii_lowercase())).collect();
    let numbers: Vec<&str> = parts.iter().copied().filter(is_number).collect();
    if words.is_empty() || numbers.is_empty() {
        return claude.to_owned();
    }
    format!("{} {}", words.join("-"), numbers.join("."))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tui::theme::ColourScheme;

    #[rstest]
    #[case("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet 4.5")]
    #[case("arn:aws:bedrock:eu-west-1:1:inference-profile/us.anthropic.claude-sonnet-5-5", "sonnet 5.5")]
    #[case("anthropic.claude-3-7-sonnet-20250219-v1:0", "sonnet 3.7")]
    #[case("claude-haiku-5-5", "haiku 5.5")]
    #[case("anthropic.claude-sonnet-5", "sonnet 5")]
    #[case("claude-next", "next")]
    #[case("amazon.nova-lite-v1:0", "nova-lite-v1:0")]
    #[case("gpt-4.1-mini", "gpt-4.1-mini")]
    #[case("qwen2.5-vl:7b", "qwen2.5-vl:7b")]
    #[case("m1", "m1")]
    #[case("", "")]
    #[case("a.", "a.")]
    fn models_have_short_names(#[case] id: &str, #[case] name: &str) {
        assert_eq!(short_model(id), name);
    }

    #[rstest]
    #[case(70, "candidate 2/3  sonnet 5.5 · wrong colour · $0.004 · brief  27/50 words")]
    #[case(69, "candidate 2/3  sonnet 5.5 · wrong colour · $0.004         27/50 words")]
    #[case(60, "candidate 2/3  sonnet 5.5 · wrong colour · $0.004       27 w")]
    #[case(50, "2/3  sonnet 5.5 · wrong colour · $0.004       27 w")]
    #[case(40, "2/3  sonnet 5.5 · wrong colour · $0.004")]
    #[case(20, "2/3  sonnet 5.5 · w…")]
    #[case(0, "")]
    fn the_model_the_reason_and_the_cost_stay(#[case] width: usize, #[case] expected: &str) {
        let theme = Theme::new(ColourScheme::Dark, false);
        let facts = ["sonnet 5.5", "wrong colour", "$0.004", "brief"].map(Span::raw).to_vec();
        let heading = Heading {
            name: "candidate 2/3".to_owned(),
            short_name: Some("2/3".to_owned()),
            facts,
            essential: 3,
            count: Some(Count { length: 27, limit: Some(50), unit: "words" }),
            ..Heading::default()
        };
        assert_eq!(heading.line(width, &theme).to_string(), expected);
    }

    #[rstest]
    #[case("sample", 40, "candidate 1/2  sample        27/50 words")]
    #[case("sample", 32, "candidate 1/2  sample       27 w")]
    #[case("from captions-of-may.jsonl", 37, "1/2  from captions-of-may.jsonl  27 w")]
    #[case("from captions-of-may.jsonl", 32, "candidate 1/2               27 w")]
    fn the_source_gives_way_only_to_the_number_of_words(
        #[case] source: &'static str,
        #[case] width: usize,
        #[case] expected: &str,
    ) {
        let theme = Theme::new(ColourScheme::Dark, false);
        let heading = Heading {
            name: "candidate 1/2".to_owned(),
            short_name: Some("1/2".to_owned()),
            facts: vec![Span::raw(source)],
            essential: 1,
            gives_way: true,
            count: Some(Count { length: 27, limit: Some(50), unit: "words" }),
        };
        assert_eq!(heading.line(width, &theme).to_string(), expected);
    }
}
