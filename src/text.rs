//! Text utilities: word counts, diffs, sanitising, and cell widths. Pure, and independent of the other modules.

mod affix;
mod amount;
mod cells;
mod diff;
mod distance;
mod edit;
mod excerpt;
mod file;
mod phrase;
mod removal;
mod rows;
mod sanitize;
mod sentence;
mod shell;
mod tag_counts;
mod tags;
mod url;
mod words;

pub use affix::{with_prefix, with_suffix};
pub use amount::{counted, span, thousands};
pub use cells::{truncate_to_width, width};
pub use diff::{DiffKind, DiffSegment, diff_words};
pub use distance::{char_distance, word_distance};
pub use edit::{edited, joins_lines};
pub use excerpt::excerpt;
pub use file::{EncodingError, decode, from_file};
pub use phrase::{BareWord, Phrase, bare_words};
pub use removal::without;
pub use rows::{Cluster, Rows};
pub use sanitize::{hidden_characters, is_blank, sanitize, sanitize_multiline, without_controls};
pub use sentence::{capitalised, is_sentence_ended, with_full_stop};
pub use shell::shell_quoted;
pub use tag_counts::{TagCount, TagCounter, TagTable, TagUnit};
pub use tags::{has_tag, is_tag_list, separates_tags, tag_key, tags, with_tag_renamed, with_unique_tags, without_tag};
pub use url::without_password;
pub use words::{clip_words, is_space, single_line, trim, word_count, words};
