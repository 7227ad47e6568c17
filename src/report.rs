//! What reviewing has come to: a session and its dataset added up to figures, and figures put into words or JSON. Reads
//! what is given to it and changes nothing.

mod figures;
mod gather;
mod json;
mod lengths;
mod pace;
mod page;
mod phrases;
mod print;

pub use figures::{Counts, Figures, Judged, TextFigures};
pub use lengths::{Bin, Lengths};
pub use pace::{LONGEST_PAUSE, Pace};
pub use page::{Bars, Page, Row, RowKind};
pub use phrases::Phrase;
