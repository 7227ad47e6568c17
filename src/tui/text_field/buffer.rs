//! A text being edited: the cursor, the selection, and undo. The unit of every operation is the grapheme cluster.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// A movement of the cursor. Movements between rows are those of [`Rows`](crate::text::Rows).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Back,
    Forward,
    /// To the start of a word, as in Unicode's word boundaries.
    WordBack,
    /// To the end of a word.
    WordForward,
    /// To the start of a word between white space.
    SpaceBack,
    LineStart,
    LineEnd,
    /// To the end of the line, or from there over the line break.
    LineEndOrNext,
    Top,
    Bottom,
    /// To a byte offset, or the next boundary of a cluster.
    To(usize),
}

/// A replacement of text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    at: usize,
    removed: String,
    inserted: String,
    /// The cursor before.
    cursor: usize,
    /// True for typed characters, which are undone by word.
    typed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Buffer {
    text: String,
    /// A byte offset, between two clusters.
    cursor: usize,
    /// The other end of the selection.
    anchor: Option<usize>,
    undo: Vec<Edit>,
    redo: Vec<Edit>,
}

impl Buffer {
    /// Creates a buffer with the cursor after a number of characters.
    pub(super) fn new(text: &str, characters: usize) -> Self {
        let cursor = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
        let mut buffer = Self { text: text.to_owned(), ..Self::default() };
        buffer.cursor = buffer.boundary(cursor);
        buffer
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns the number of characters before the cursor.
    pub(super) fn characters_before(&self) -> usize {
        self.text[..self.cursor].chars().count()
    }

    pub(super) fn selection(&self) -> Option<Range<usize>> {
        let anchor = self.anchor.filter(|anchor| *anchor != self.cursor)?;
        Some(anchor.min(self.cursor)..anchor.max(self.cursor))
    }

    /// Moves the cursor, and extends the selection if `selects` is true.
    pub(super) fn go(&mut self, movement: Move, selects: bool) {
        self.anchor = if selects { self.anchor.or(Some(self.cursor)) } else { None };
        self.cursor = self.target(movement);
    }

    /// Inserts a text in place of the selection.
    pub(super) fn insert(&mut self, text: &str) {
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        self.replace(range, text, text.chars().nth(1).is_none());
    }

    /// Deletes the selection, or the text between the cursor and the target of a movement. Returns the deleted text.
    pub(super) fn delete(&mut self, movement: Move) -> String {
        let target = self.target(movement);
        let range = self.selection().unwrap_or(target.min(self.cursor)..target.max(self.cursor));
        let deleted = self.text[range.clone()].to_owned();
        self.replace(range, "", false);
        deleted
    }

    /// Exchanges the clusters around the cursor, or the last two of a line, and moves over them.
    pub(super) fn transpose(&mut self) {
        let end =
            if self.target(Move::LineEnd) == self.cursor { self.cursor } else { self.neighbour(self.cursor, true) };
        let middle = self.neighbour(end, false);
        let start = self.neighbour(middle, false);
        if self.target(Move::LineStart) < middle && start < middle {
            let exchanged = format!("{}{}", &self.text[middle..end], &self.text[start..middle]);
            self.replace(start..end, &exchanged, false);
        }
    }

    pub(super) fn undo(&mut self) {
        if let Some(edit) = self.undo.pop() {
            self.text.replace_range(edit.at..edit.at + edit.inserted.len(), &edit.removed);
            (self.cursor, self.anchor) = (edit.cursor, None);
            self.redo.push(edit);
        }
    }

    pub(super) fn redo(&mut self) {
        if let Some(edit) = self.redo.pop() {
            self.text.replace_range(edit.at..edit.at + edit.removed.len(), &edit.inserted);
            (self.cursor, self.anchor) = (self.boundary(edit.at + edit.inserted.len()), None);
            self.undo.push(edit);
        }
    }

    /// Changes the text as one edit, which can be undone, and sets the cursor after a number of characters.
    pub(super) fn change_to(&mut self, text: &str, characters: usize) {
        let same = |(one, other): &(char, char)| one == other;
        let start: usize = self.text.chars().zip(text.chars()).take_while(same).map(|(one, _)| one.len_utf8()).sum();
        let (old, new) = (&self.text[start..], &text[start..]);
        let end: usize = old.chars().rev().zip(new.chars().rev()).take_while(same).map(|(one, _)| one.len_utf8()).sum();
        self.replace(start..self.text.len() - end, &text[start..text.len() - end], false);
        let cursor = self.text.char_indices().nth(characters).map_or(self.text.len(), |(at, _)| at);
        self.cursor = self.boundary(cursor);
    }

    fn replace(&mut self, range: Range<usize>, text: &str, typed: bool) {
        let removed = self.text[range.clone()].to_owned();
        if removed.is_empty() && text.is_empty() {
            return;
        }
        self.redo.clear();
        self.text.replace_range(range.clone(), text);
        match self.undo.last_mut() {
            // A word typed in one place is undone as one.
            Some(last)
                if typed
                    && last.typed
                    && removed.is_empty()
                    && last.at + last.inserted.len() == range.start
                    && !text.starts_with(char::is_whitespace) =>
            {
                last.inserted.push_str(text);
            }
            _ => {
                let (inserted, cursor) = (text.to_owned(), self.cursor);
                self.undo.push(Edit { at: range.start, removed, inserted, cursor, typed });
            }
        }
        // The text may combine with its neighbours into one cluster.
        (self.cursor, self.anchor) = (self.boundary(range.start + text.len()), None);
    }

    fn target(&self, movement: Move) -> usize {
        let (text, at) = (self.text.as_str(), self.cursor);
        let target = match movement {
            Move::Back => self.neighbour(at, false),
            Move::Forward => self.neighbour(at, true),
            Move::WordBack => text[..at].unicode_word_indices().next_back().map_or(0, |(start, _)| start),
            Move::WordForward => {
                let word = text[at..].unicode_word_indices().next();
                word.map_or(text.len(), |(start, word)| at + start + word.len())
            }
            Move::SpaceBack => {
                let is_space = |(_, cluster): &(usize, &str)| cluster.trim().is_empty();
                let clusters = text[..at].grapheme_indices(true).rev().skip_while(is_space);
                clusters.take_while(|cluster| !is_space(cluster)).last().map_or(0, |(start, _)| start)
            }
            Move::LineStart => text[..at].rfind('\n').map_or(0, |line_feed| line_feed + 1),
            Move::LineEnd => {
                let end = text[at..].find('\n').map_or(text.len(), |line_feed| at + line_feed);
                if text[at..end].ends_with('\r') && end < text.len() { end - 1 } else { end }
            }
            Move::LineEndOrNext => match self.target(Move::LineEnd) {
                end if end == at => self.neighbour(at, true),
                end => end,
            },
            Move::Top => 0,
            Move::Bottom => text.len(),
            Move::To(at) => at.min(text.len()),
        };
        self.boundary(target)
    }

    /// Returns the next or previous boundary of a cluster.
    fn neighbour(&self, at: usize, forward: bool) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        let found = if forward { cursor.next_boundary(&self.text, 0) } else { cursor.prev_boundary(&self.text, 0) };
        // The whole text is one chunk, so no more context is ever needed.
        found.ok().flatten().unwrap_or(if forward { self.text.len() } else { 0 })
    }

    /// Returns `at`, or the end of the cluster that it is in.
    fn boundary(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        match cursor.is_boundary(&self.text, 0) {
            Ok(false) => self.neighbour(at, true),
            _ => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at_end(text: &str) -> Buffer {
        Buffer::new(text, usize::MAX)
    }

    #[rstest]
    #[case::family("👩\u{200d}👩\u{200d}👧")]
    #[case::flag("🇰🇷")]
    #[case::syllable_in_parts("\u{1112}\u{1161}\u{11ab}")]
    #[case::accent("e\u{301}")]
    #[case::keycap("1️⃣")]
    #[case::skin("👍🏽")]
    #[case::line_break("\r\n")]
    #[case::control("\u{1b}")]
    #[case::letter("a")]
    fn a_cluster_is_one_step_and_one_deletion(#[case] cluster: &str) {
        let text = format!("x{cluster}y");
        let mut buffer = at_end(&text);
        buffer.go(Move::Back, false);
        assert_eq!(buffer.cursor(), 1 + cluster.len());
        buffer.go(Move::Back, false);
        assert_eq!(buffer.cursor(), 1);
        buffer.go(Move::Forward, false);
        buffer.delete(Move::Back);
        assert_eq!((buffer.text(), buffer.cursor()), ("xy", 1));
        buffer.undo();
        assert_eq!((buffer.text(), buffer.cursor()), (text.as_str(), 1 + cluster.len()));
        buffer.go(Move::Back, false);
        buffer.delete(Move::Forward);
        assert_eq!(buffer.text(), "xy");
    }

    #[test]
    fn a_typed_word_is_undone_as_one() {
        let mut buffer = at_end("a");
        for character in [" ", "r", "e", "d", " ", "c"] {
            buffer.insert(character);
        }
        buffer.undo();
        assert_eq!(buffer.text(), "a red");
        buffer.undo();
        assert_eq!(buffer.text(), "a");
        buffer.redo();
        buffer.redo();
        assert_eq!((buffer.text(), buffer.cursor()), ("a red c", 7));
    }

    #[rstest]
    #[case("a, lo, b", "a, long hair, b", 12)]
    #[case("", "hat", 3)]
    #[case("hat", "hat", 3)]
    fn a_change_from_outside_is_one_edit(#[case] before: &str, #[case] after: &str, #[case] characters: usize) {
        let mut buffer = Buffer::new(before, 5);
        let cursor = buffer.cursor();
        buffer.change_to(after, characters);
        assert_eq!((buffer.text(), buffer.characters_before()), (after, characters));
        buffer.undo();
        assert_eq!((buffer.text(), buffer.cursor()), (before, cursor));
    }

    #[test]
    fn typing_replaces_the_selection() {
        let mut buffer = at_end("a red coat");
        buffer.go(Move::WordBack, true);
        assert_eq!(buffer.selection(), Some(6..10));
        buffer.insert("hat");
        assert_eq!((buffer.text(), buffer.selection()), ("a red hat", None));
        buffer.undo();
        assert_eq!(buffer.text(), "a red coat");
    }
}
