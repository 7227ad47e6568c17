//! The messages of the status line, kept for reading them again.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::Notice;

/// The number of messages kept.
const LIMIT: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub notice: Notice,
    pub at: Timestamp,
}

/// The last messages, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages(VecDeque<Message>);

impl Messages {
    /// Adds a message. A message that repeats the newest replaces it.
    pub(super) fn add(&mut self, notice: Notice, at: Timestamp) {
        if self.0.front().is_some_and(|newest| newest.notice == notice) {
            self.0.pop_front();
        }
        self.0.push_front(Message { notice, at });
        self.0.truncate(LIMIT);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Message> {
        self.0.iter()
    }

    #[must_use]
    pub fn last_index(&self) -> usize {
        self.0.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{Holds, NoticeKind};

    #[test]
    fn the_newest_messages_are_kept_without_repetitions() {
        let mut messages = Messages::default();
        let mut add = |text: &str, second| {
            let notice = Notice { kind: NoticeKind::Info, text: text.to_owned(), holds: Holds::Always };
            messages.add(notice, Timestamp::from_second(second).expect("a time"));
        };
        for (number, second) in (0..200).zip(0..) {
            add(&number.to_string(), second);
        }
        add("saved", 300);
        add("saved", 400);
        let kept: Vec<(&str, i64)> =
            messages.iter().map(|message| (message.notice.text.as_str(), message.at.as_second())).collect();
        assert_eq!((kept.len(), &kept[..2], kept[99]), (LIMIT, &[("saved", 400), ("199", 199)][..], ("101", 101)));
    }
}
