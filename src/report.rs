//! Statistics of a session, rendered as text or JSON. Reads only.

mod calibration;
mod comparison;
mod draw;
mod figures;
mod gather;
mod json;
mod lengths;
mod merge;
mod overlap;
mod pace;
mod page;
mod phrases;
mod plan;
mod print;
mod reviewers;
mod spot_figures;
mod spot_report;
mod tags;
mod team;

pub use calibration::{Alarms, Calibration};
pub use comparison::{Comparison, Disagreement};
pub use draw::{DrawError, draw};
pub use figures::{Counts, Figures, TextFigures, TextOrigin, VerdictCounts};
pub(crate) use gather::{edits, origin};
pub use lengths::{Bin, Lengths};
pub use merge::{LeftOut, Merge};
pub use overlap::{Overlap, Rating};
pub use pace::{MAX_PAUSE, Pace};
pub use page::{Bars, Counted, Page, Row, RowKind};
pub use phrases::Phrase;
pub use plan::{AcceptanceSample, Plan, PrecisionSample};
pub use reviewers::{Conflicts, Reviewer, Reviewers, UNKNOWN};
pub use spot_figures::{SpotFigures, StratumFigures};
pub use spot_report::{SpotRecord, SpotReport};
pub use tags::TagFigures;
pub use team::{Opinion, Team};
