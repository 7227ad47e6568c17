//! Fuzzy matching of file names.

use std::cell::RefCell;

use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

thread_local! {
    // The matcher's tables take over 100 kB, so each thread has one.
    static MATCHER: RefCell<(Matcher, Vec<char>)> =
        RefCell::new((Matcher::new(Config::DEFAULT.match_paths()), Vec::new()));
}

/// Letters to match in order, with gaps. Smart case: case-sensitive if one of them is upper case.
#[derive(Clone, Debug)]
pub struct Fuzzy {
    source: String,
    atom: Atom,
}

impl PartialEq for Fuzzy {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Fuzzy {}

impl Fuzzy {
    #[must_use]
    pub fn new(letters: &str) -> Self {
        let atom = Atom::new(letters, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy, false);
        Self { source: letters.to_owned(), atom }
    }

    /// Returns the letters as typed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns true if the name contains the letters in order.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        MATCHER.with_borrow_mut(|(matcher, buffer)| self.atom.score(Utf32Str::new(name, buffer), matcher).is_some())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("msn151", "images/musinsa_0151.jpg", true)]
    #[case("MSN", "images/musinsa_0151.jpg", false)]
    #[case("151msn", "images/musinsa_0151.jpg", false)]
    #[case("사진", "images/사_진.jpg", true)]
    fn letters_match_in_order_with_gaps(#[case] letters: &str, #[case] name: &str, #[case] found: bool) {
        assert_eq!(Fuzzy::new(letters).matches(name), found);
    }
}
