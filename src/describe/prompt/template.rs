//! A template with `{variables}`. Lines with a variable that has no value are omitted.

use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("unclosed variable: close it with \"}}\" on the same line, or write {{{{ for a literal brace")]
    Unclosed,
    #[error("the prompt is empty")]
    Empty,
    #[error("second line \"--- user ---\": one separates the system prompt from the user message")]
    SecondSeparator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    lines: Vec<Line>,
}

/// One line, with its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

/// A literal brace, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brace {
    Single,
    Doubled,
}

/// Returns the name of the variable after `{` and the text after its `}`, or `None` if the brace encloses no name: nothing,
/// a quotation, or a list as in JSON and code.
fn variable(inside: &str) -> Result<Option<(&str, &str)>, TemplateError> {
    let end = inside.find(['{', '}', '"', '\n', '\r']).unwrap_or(inside.len());
    let name = inside[..end].trim();
    let is_list = name.ends_with([',', ':', ';']) || name.contains(", ") || name.contains(": ");
    if name.is_empty() || is_list || inside[end..].starts_with('"') {
        return Ok(None);
    }
    match inside[end..].strip_prefix('}') {
        Some(after) => Ok(Some((name, after))),
        None => Err(TemplateError::Unclosed),
    }
}

impl Template {
    /// Parses a template. An error has the line number, counted from one.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, TemplateError)> {
        if text.trim().is_empty() {
            return Err((1, TemplateError::Empty));
        }
        let mut open = Vec::new();
        let lines = text.split_inclusive('\n').enumerate();
        let lines = lines.map(|(index, line)| Line::parse(line, &mut open).map_err(|error| (index + 1, error)));
        Ok(Self { lines: lines.collect::<Result<_, _>>()? })
    }

    /// Returns the names of the variables, in order and with repetitions.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| &line.parts).filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Substitutes the variables. Omits lines with a variable that has no value, and blank lines that would become leading
    /// or repeated by that.
    pub(super) fn render<'v>(&self, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> String {
        let mut text = String::new();
        let (mut after_blank, mut after_omitted) = (true, false);
        for line in &self.lines {
            let Some(rendered) = line.render(&value) else {
                after_omitted = true;
                continue;
            };
            let blank = line.is_blank();
            if blank && after_blank && after_omitted {
                continue;
            }
            (after_blank, after_omitted) = (blank, false);
            text.push_str(&rendered);
        }
        text
    }
}

impl Line {
    /// Parses a line. `open` are the literal braces that earlier lines have opened.
    fn parse(text: &str, open: &mut Vec<Brace>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(after) = brace.strip_prefix("{{") {
                open.push(Brace::Doubled);
                literal.push('{');
                rest = after;
            } else if let Some(inside) = brace.strip_prefix('{') {
                if let Some((name, after)) = variable(inside)? {
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Variable(name.to_owned()));
                    rest = after;
                } else {
                    open.push(Brace::Single);
                    literal.push('{');
                    rest = inside;
                }
            } else {
                // Of "}}", each closes a brace if the last one is single: `{"a": {"b": 1}}`.
                let is_single = open.pop() == Some(Brace::Single);
                let doubled = brace.strip_prefix("}}").filter(|_| !is_single);
                literal.push('}');
                rest = doubled.unwrap_or(&brace[1..]);
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    fn is_blank(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(text) if text.trim().is_empty()))
    }

    fn render<'v>(&self, value: &impl Fn(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        self.parts.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(&value(name)?),
            }
            Some(text)
        })
    }
}
