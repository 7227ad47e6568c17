//! Text utilities: word counts, diffs, sanitising, and cell widths. Pure, and independent of the other modules.

mod amount;
mod cells;
mod diff;
mod distance;
mod phrase;
mod sanitize;
mod words;

pub use amount::{counted, span, thousands};
pub use cells::{truncate_to_width, width};
pub use diff::{DiffKind, DiffSegment, diff_words};
pub use distance::word_distance;
pub use phrase::{BareWord, Phrase, bare_words};
pub use sanitize::{hidden_characters, sanitize, sanitize_multiline};
pub use words::{clip_words, is_space, single_line, trim, word_count, words};
