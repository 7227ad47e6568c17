//! The command line: parsing what follows `:`, and the palette, which finds commands by name and description.

use std::collections::VecDeque;
use std::path::PathBuf;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::replace::{self, ReplaceError, Wanted};
use super::{Command, Context};

/// The parameter of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// The command line with a placeholder, which is in brackets if it is optional.
    pub usage: &'static str,
    pub(super) kind: Kind,
    /// The command line that asks for the argument. Empty if it is optional.
    pub(super) prompt: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Path,
    /// A change to many captions, such as `s/old/new/`.
    Change,
    /// One of these words, and optionally more text.
    Choice(&'static [&'static str]),
}

/// The values of `--describer`.
pub const DESCRIBERS: [&str; 4] = ["bedrock", "openai", "local", "none"];
/// The values of `export --to`.
pub const FORMATS: [&str; 9] =
    ["txt", "csv", "tsv", "jsonl", "parquet", "imagefolder", "kohya", "captions-json", "webdataset"];
/// The values of `--theme`.
pub const THEMES: [&str; 5] = ["auto", "dark", "light", "high-contrast", "none"];

/// The argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Number(u64),
    Path(PathBuf),
    Change(Wanted),
    /// A word, and the text after it.
    Choice(&'static str, Option<String>),
}

impl Parameter {
    pub(super) const fn is_required(self) -> bool {
        !self.prompt.is_empty()
    }

    fn parse(self, text: &str) -> Result<Argument, String> {
        match self.kind {
            _ if text.is_empty() => Ok(Argument::None),
            Kind::Number => match text.parse() {
                Ok(number) => Ok(Argument::Number(number)),
                Err(_) => Err(format!("expected a number, found \"{text}\"")),
            },
            Kind::Path => Ok(Argument::Path(text.into())),
            Kind::Choice(words) => {
                let (word, more) = text.split_once(' ').unwrap_or((text, ""));
                let chosen = words.iter().find(|known| **known == word);
                let more = Some(more.trim()).filter(|more| !more.is_empty()).map(str::to_owned);
                chosen.map(|word| Argument::Choice(word, more)).ok_or_else(|| {
                    let (last, others) = words.split_last().unwrap_or((&"", &[]));
                    format!("expected {} or {last}, found \"{word}\"", others.join(", "))
                })
            }
            Kind::Change => change(text)
                .or_else(|| change(&format!("s{text}")))
                .unwrap_or_else(|| Err(ReplaceError::Form.to_string())),
        }
    }
}

impl Argument {
    pub(super) const fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn path(self) -> Option<PathBuf> {
        match self {
            Self::Path(path) => Some(path),
            _ => None,
        }
    }

    pub(super) fn choice(self) -> Option<(&'static str, Option<String>)> {
        match self {
            Self::Choice(word, more) => Some((word, more)),
            _ => None,
        }
    }

    pub(super) fn change(self) -> Option<Wanted> {
        match self {
            Self::Change(wanted) => Some(wanted),
            _ => None,
        }
    }
}

/// A command line that names a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub command: Command,
    /// The argument, or why it cannot be used.
    pub argument: Result<Argument, String>,
}

/// Parses a command line. Returns `None` if it does not begin with the name of a command.
pub(super) fn parse(line: &str) -> Option<Invocation> {
    let line = line.trim_start();
    if !line.is_empty() && line.trim_end().chars().all(|character| character.is_ascii_digit()) {
        return Some(Invocation {
            command: Command::GoTo,
            argument: Command::GoTo.parameter()?.parse(line.trim_end()),
        });
    }
    let named = Command::all().flat_map(|command| names(command).map(move |name| (command, name)));
    let matching = named.filter_map(|(command, name)| {
        let rest = line.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(' ')).then_some((command, name, rest.trim()))
    });
    let longest = matching.max_by_key(|(_, name, _)| name.len());
    if let Some(argument) = change(line) {
        let word = line.strip_prefix('%').unwrap_or(line).split(' ').next().unwrap_or_default();
        return Some(Invocation { command: Command::from_name(word).unwrap_or(Command::Substitute), argument });
    }
    let (command, _, rest) = longest?;
    match command.parameter() {
        Some(parameter) => Some(Invocation { command, argument: parameter.parse(rest) }),
        None => rest.is_empty().then_some(Invocation { command, argument: Ok(Argument::None) }),
    }
}

fn names(command: Command) -> impl Iterator<Item = &'static str> {
    std::iter::once(command.name()).chain([command.abbreviations(), command.aliases()].concat())
}

/// Parses a change to many captions. A change that lacks its text has no argument yet.
fn change(line: &str) -> Option<Result<Argument, String>> {
    match replace::parse(line)? {
        Ok(wanted) => Some(Ok(Argument::Change(wanted))),
        Err(ReplaceError::NoText) => Some(Ok(Argument::None)),
        Err(error) => Some(Err(error.to_string())),
    }
}

/// Returns true if a word of `text` begins with `beginning`.
fn begins_word(text: &str, beginning: &str) -> bool {
    text.match_indices(beginning).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}

/// The maximum number of command lines remembered.
const MAX_RECENT: usize = 6;

/// The command lines run before, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentLines(VecDeque<RecentLine>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct RecentLine {
    command: Command,
    text: String,
}

impl RecentLines {
    pub(super) fn add(&mut self, command: Command, text: &str) {
        let line = RecentLine { command, text: text.trim().to_owned() };
        self.0.retain(|other| *other != line);
        self.0.push_front(line);
        self.0.truncate(MAX_RECENT);
    }
}

/// A row of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub command: Command,
    /// The line to run, if the row stands for one that was run before.
    pub line: Option<String>,
    /// False if the command would change nothing now.
    pub is_possible: bool,
}

/// The command line being typed, and the selection in its palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub text: String,
    /// The index of the selected row. `None` until something is typed or the selection is moved.
    pub chosen: Option<usize>,
    /// The context that the commands act in.
    context: Context,
    recent: RecentLines,
    /// The commands that would change nothing now.
    impossible: Vec<Command>,
}

impl CommandLine {
    #[must_use]
    pub fn new(text: &str, context: Context) -> Self {
        let (recent, impossible) = (RecentLines::default(), Vec::new());
        let mut line = Self { text: String::new(), chosen: None, context, recent, impossible };
        line.set_text(text.to_owned());
        line
    }

    /// Offers the lines run before, and what is possible now before the rest.
    pub(super) fn with_history(mut self, recent: &RecentLines, impossible: Vec<Command>) -> Self {
        self.recent = recent.clone();
        self.impossible = impossible;
        self
    }

    #[must_use]
    pub const fn context(&self) -> Context {
        self.context
    }

    /// Returns the rows of the palette: for an empty line, the lines run before, the commands that are possible now, and
    /// the others; else the commands that match, best first.
    #[must_use]
    pub fn rows(&self) -> Vec<Choice> {
        let choice = |command, line| Choice { command, line, is_possible: !self.impossible.contains(&command) };
        let matches = self.matches();
        if !self.text.trim().is_empty() {
            return matches.into_iter().map(|command| choice(command, None)).collect();
        }
        let recent = self.recent.0.iter().filter(|line| line.command.acts_in(self.context));
        let recent = recent.map(|line| choice(line.command, Some(line.text.clone())));
        let mut commands: Vec<Choice> = matches.into_iter().map(|command| choice(command, None)).collect();
        commands.sort_by_key(|choice| (!choice.is_possible, choice.command.group().palette_place()));
        recent.chain(commands).collect()
    }

    /// Returns the matching commands, best first: the one the line names, those with a word in the name or in the
    /// description that begins like the line, then fuzzy matches. Every command matches an empty line.
    fn matches(&self) -> Vec<Command> {
        let named = parse(&self.text).map(|line| line.command).filter(|command| command.acts_in(self.context));
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&self.text, CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = Vec::new();
        let typed = self.text.trim().to_lowercase();
        let mut found: Vec<((u8, u32), Command)> = Command::all()
            .filter(|command| command.is_in_palette(self.context) && Some(*command) != named)
            .filter_map(|command| {
                let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
                // A match in the name counts twice.
                let by_name = score(command.name()).map(|score| score * 2);
                let by_description = score(&format!("{} {}", command.name(), command.description()));
                let tier = match command {
                    _ if begins_word(command.name(), &typed) => 2,
                    _ if begins_word(&command.description().to_lowercase(), &typed) => 1,
                    _ => 0,
                };
                Some(((tier, by_name.max(by_description)?), command))
            })
            .collect();
        // Stable: equal scores stay in the order of the help.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        named.into_iter().chain(found.into_iter().map(|(_, command)| command)).collect()
    }

    /// Returns the command that Enter runs.
    #[must_use]
    pub fn selected(&self) -> Option<Command> {
        self.selected_row().map(|choice| choice.command)
    }

    /// Returns the row that Enter runs.
    pub(super) fn selected_row(&self) -> Option<Choice> {
        self.rows().into_iter().nth(self.chosen?)
    }

    pub(super) fn set_text(&mut self, text: String) {
        self.chosen = (!text.trim().is_empty()).then_some(0);
        self.text = text;
    }

    pub(super) fn step(&mut self, step: isize) {
        let last = self.rows().len().saturating_sub(1);
        self.chosen = Some(self.chosen.map_or(0, |chosen| chosen.saturating_add_signed(step).min(last)));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn first(text: &str) -> Option<Command> {
        CommandLine::new(text, Context::Browse).selected()
    }

    #[rstest]
    #[case("accept", Some(Command::Accept))]
    #[case("excl", Some(Command::Exclude))]
    #[case("regen", Some(Command::Regenerate))]
    #[case("gen all", Some(Command::GenerateAll))]
    #[case("full screen", Some(Command::Zoom))]
    #[case("regular expression", Some(Command::Substitute))]
    #[case("spot check report", Some(Command::Report))]
    #[case("text", Some(Command::Prefix))]
    #[case("s", Some(Command::Substitute))]
    #[case("qqqq", None)]
    #[case("", None)]
    fn a_few_letters_find_a_command(#[case] text: &str, #[case] expected: Option<Command>) {
        assert_eq!(first(text), expected);
    }

    #[test]
    fn every_command_is_found_by_its_names() {
        for command in Command::all().filter(|command| command.is_in_palette(Context::Browse)) {
            for name in names(command) {
                assert_eq!(first(name), Some(command), "{name}");
            }
        }
    }

    #[rstest]
    #[case("w", Command::Save, Ok(Argument::None))]
    #[case("w!", Command::Overwrite, Ok(Argument::None))]
    #[case("wq", Command::SaveAndQuit, Ok(Argument::None))]
    #[case("x ", Command::SaveAndQuit, Ok(Argument::None))]
    #[case("q", Command::Quit, Ok(Argument::None))]
    #[case("q!", Command::QuitNow, Ok(Argument::None))]
    #[case(" stats", Command::Statistics, Ok(Argument::None))]
    #[case("12", Command::GoTo, Ok(Argument::Number(12)))]
    #[case("go-to 12", Command::GoTo, Ok(Argument::Number(12)))]
    #[case("go-to x", Command::GoTo, Err("expected a number, found \"x\""))]
    #[case("go-to", Command::GoTo, Ok(Argument::None))]
    #[case("report", Command::Report, Ok(Argument::None))]
    #[case("report a b.md", Command::Report, Ok(Argument::Path("a b.md".into())))]
    #[case("report! b.md", Command::ForceReport, Ok(Argument::Path("b.md".into())))]
    #[case("sort random 7", Command::SortRandom, Ok(Argument::Number(7)))]
    #[case("sort-random", Command::SortRandom, Ok(Argument::None))]
    #[case("prefix", Command::Prefix, Ok(Argument::None))]
    #[case("agree", Command::Confirm, Ok(Argument::None))]
    #[case("theme light", Command::Theme, Ok(Argument::Choice("light", None)))]
    #[case("theme blue", Command::Theme, Err("expected auto, dark, light, high-contrast or none, found \"blue\""))]
    #[case("ahead 5", Command::Ahead, Ok(Argument::Number(5)))]
    #[case("describer openai qwen3-vl:8b", Command::Describer, Ok(Argument::Choice("openai", Some("qwen3-vl:8b".to_owned()))))]
    #[case("export csv a b.csv", Command::Export, Ok(Argument::Choice("csv", Some("a b.csv".to_owned()))))]
    #[case("export! txt", Command::ForceExport, Ok(Argument::Choice("txt", None)))]
    fn command_lines_are_parsed(
        #[case] line: &str,
        #[case] command: Command,
        #[case] argument: Result<Argument, &str>,
    ) {
        let expected = Invocation { command, argument: argument.map_err(str::to_owned) };
        assert_eq!(parse(line), Some(expected));
    }

    #[rstest]
    #[case("s/a/b/", Command::Substitute, false)]
    #[case("%s/a/b/", Command::Substitute, true)]
    #[case("substitute /a/b/", Command::Substitute, false)]
    #[case("prefix a photo of", Command::Prefix, false)]
    #[case("%trim", Command::Trim, true)]
    fn changes_are_parsed(#[case] line: &str, #[case] command: Command, #[case] everywhere: bool) {
        let parsed = parse(line).expect("a command");
        let Ok(Argument::Change(wanted)) = parsed.argument else { panic!("{:?}", parsed.argument) };
        assert_eq!((parsed.command, wanted.everywhere), (command, everywhere));
    }

    #[rstest]
    #[case("")]
    #[case("nothing of the kind")]
    #[case("accept all")]
    #[case("reports")]
    fn other_lines_are_not_commands(#[case] line: &str) {
        assert_eq!(parse(line), None);
    }

    #[test]
    fn the_selection_overrides_the_name_in_the_line() {
        let mut line = CommandLine::new("w", Context::Browse);
        assert_eq!(line.selected(), Some(Command::Save));
        line.step(1);
        assert_eq!(line.selected(), Some(line.matches()[1]));
    }

    #[test]
    fn the_selection_stays_among_the_matches() {
        let mut line = CommandLine::new("", Context::Browse);
        line.step(-1);
        assert_eq!(line.chosen, Some(0));
        for _ in 0..1_000 {
            line.step(1);
        }
        assert_eq!(line.chosen, Some(line.matches().len() - 1));
        line.set_text("tab".to_owned());
        assert_eq!(line.chosen, Some(0));
    }

    #[test]
    fn an_empty_line_offers_recent_lines_then_possible_commands() {
        let mut recent = RecentLines::default();
        for (command, text) in [
            (Command::SortRandom, "sort random 7"),
            (Command::Substitute, "s/a/b/"),
            (Command::SortRandom, "sort random 7 "),
        ] {
            recent.add(command, text);
        }
        let line = CommandLine::new("", Context::Browse).with_history(&recent, vec![Command::Down]);
        let rows = line.rows();
        let lines: Vec<&str> = rows.iter().filter_map(|row| row.line.as_deref()).collect();
        assert_eq!(lines, ["sort random 7", "s/a/b/"], "newest first, each once");
        assert_eq!(rows[2].command, Command::Substitute, "first what is not a key away");
        assert_eq!(rows.last().map(|row| (row.command, row.is_possible)), Some((Command::Down, false)));
        assert_eq!(rows.len(), line.matches().len() + 2);
    }

    #[test]
    fn only_the_newest_lines_are_remembered() {
        let mut recent = RecentLines::default();
        (0..20).for_each(|number| recent.add(Command::GoTo, &number.to_string()));
        let rows = CommandLine::new("", Context::Browse).with_history(&recent, Vec::new()).rows();
        let lines: Vec<String> = rows.into_iter().filter_map(|row| row.line).collect();
        assert_eq!(lines, ["19", "18", "17", "16", "15", "14"]);
    }
}
