//! Text with `{variables}` in it, which leaves out the lines that have nothing to say.

use std::borrow::Cow;

/// What is wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// A `{` without its `}` on the same line.
    #[error("\"{{\" is not closed on this line; write {{{{ for a brace")]
    Unclosed,
    /// A `}` that closes nothing.
    #[error("\"}}\" closes nothing; write }}}} for a brace")]
    Unopened,
    /// Braces with no name between them.
    #[error("\"{{}}\" names no variable; write {{{{}}}} for braces")]
    NoName,
    /// Nothing but white space.
    #[error("the prompt is empty")]
    Empty,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    lines: Vec<Line>,
}

/// One line, with the break that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Reads a template; an error comes with the line it is on, from one.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, TemplateProblem)> {
        if text.trim().is_empty() {
            return Err((1, TemplateProblem::Empty));
        }
        let lines = text.split_inclusive('\n').enumerate();
        let lines = lines.map(|(index, line)| Line::parse(line).map_err(|problem| (index + 1, problem)));
        Ok(Self { lines: lines.collect::<Result<_, _>>()? })
    }

    /// The names of its variables, as often as they occur.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| &line.parts).filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Puts the values in. A line with a variable that has none is left out, and so is a blank line that would then
    /// follow another or come first.
    pub(super) fn render<'v>(&self, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> String {
        let mut text = String::new();
        let (mut after_blank, mut after_left_out) = (true, false);
        for line in &self.lines {
            let Some(rendered) = line.render(&value) else {
                after_left_out = true;
                continue;
            };
            let blank = line.is_blank();
            if blank && after_blank && after_left_out {
                continue;
            }
            (after_blank, after_left_out) = (blank, false);
            text.push_str(&rendered);
        }
        text
    }
}

impl Line {
    fn parse(text: &str) -> Result<Self, TemplateProblem> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(after) = brace.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(inside) = brace.strip_prefix('{') {
                let (name, after) = inside.split_once('}').ok_or(TemplateProblem::Unclosed)?;
                if name.contains('{') {
                    return Err(TemplateProblem::Unclosed);
                }
                let name = name.trim();
                if name.is_empty() {
                    return Err(TemplateProblem::NoName);
                }
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Variable(name.to_owned()));
                rest = after;
            } else {
                return Err(TemplateProblem::Unopened);
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
