//! The command palette: what is typed after `:` finds actions by their names and what they do.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::Action;

/// A line typed after `:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The line.
    pub text: String,
    /// Which of the actions it finds is chosen, from the best.
    pub chosen: usize,
}

impl CommandLine {
    /// The actions the line finds, best first: all of them for an empty one.
    #[must_use]
    pub fn actions(&self) -> Vec<Action> {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&self.text, CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut found: Vec<(u32, Action)> = Action::ALL
            .iter()
            .filter(|action| action.is_for_the_list())
            .filter_map(|action| {
                let words = format!("{} {}", action.name(), action.help());
                // What an action is called says more of it than what is said about it.
                let mut score = |words: &str, weight: u32| {
                    pattern.score(Utf32Str::new(words, &mut buffer), &mut matcher).map(|score| score * weight)
                };
                let by_name = score(action.name(), 2);
                Some((by_name.max(score(&words, 1))?, *action))
            })
            .collect();
        // Stable: equals stay in the order of the help.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, action)| action).collect()
    }

    /// The chosen action, if any is found.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.actions().get(self.chosen).copied()
    }

    pub(super) fn type_in(&mut self, text: String) {
        *self = Self { text, chosen: 0 };
    }

    pub(super) fn step(&mut self, step: isize) {
        let last = self.actions().len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(step).min(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<Action> {
        CommandLine { text: text.to_owned(), chosen: 0 }.action()
    }

    #[test]
    fn a_few_letters_find_an_action() {
        assert_eq!(first("accept"), Some(Action::Accept));
        assert_eq!(first("excl"), Some(Action::Exclude));
        assert_eq!(first("regen"), Some(Action::Regenerate));
        assert_eq!(first("gen all"), Some(Action::GenerateAll));
        assert_eq!(first("full screen"), Some(Action::Zoom));
        assert_eq!(first("qqqq"), None);
    }

    #[test]
    fn every_action_of_the_list_is_found_by_its_name() {
        for action in Action::ALL.iter().filter(|action| action.is_for_the_list()) {
            assert_eq!(first(action.name()), Some(*action), "{}", action.name());
        }
    }

    #[test]
    fn choosing_stays_among_what_is_found() {
        let mut line = CommandLine::default();
        line.step(-1);
        assert_eq!(line.chosen, 0);
        for _ in 0..1_000 {
            line.step(1);
        }
        assert_eq!(line.chosen + 1, line.actions().len());
        line.type_in("tab".to_owned());
        assert_eq!(line.chosen, 0);
    }
}
