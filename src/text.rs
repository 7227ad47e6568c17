//! Text as people see it: words counted, two texts compared, hidden characters shown, cells measured. Pure, and of no
//! use only to captions: it knows nothing of the rest of the program.

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
