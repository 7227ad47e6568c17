//! What reviewing has come to: a session and its dataset added up to figures, and figures put into words or JSON. Reads
//! what is given to it and changes nothing.

mod comparison;
mod draw;
mod figures;
mod gather;
mod json;
mod lengths;
mod merge;
mod pace;
mod page;
mod phrases;
mod plan;
mod print;
mod spot;
mod spot_report;

pub use comparison::{Comparison, Disagreement};
pub use draw::{DrawError, draw};
pub use figures::{Counts, Figures, Judged, TextFigures};
pub(crate) use gather::{edits, origin};
pub use lengths::{Bin, Lengths};
pub use merge::{LeftOut, Merge};
pub use pace::{LONGEST_PAUSE, Pace};
pub use page::{Bars, Counted, Page, Row, RowKind};
pub use phrases::Phrase;
pub use plan::{Plan, Precise, Showing};
pub use spot::{SpotFigures, StratumFigures};
pub use spot_report::{SpotRecord, SpotReport};
