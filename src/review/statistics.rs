//! The query behind each row of the statistics.

use super::Model;
use super::query::quoted;
use crate::report::{Bars, Counted};
use crate::session::DecisionKind;

impl Model {
    /// Returns the query for the records that a row counts.
    #[must_use]
    pub fn query_of_row(&self, row: usize) -> Option<String> {
        let Some(Ok(figures)) = &self.figures else { return None };
        let counted = figures.page(Bars::Blocks).rows.into_iter().nth(row)?.counts?;
        let caption = match counted {
            Counted::Decided(kind) => return Some(format!("status:{}", kind.name())),
            Counted::Flagged => return Some("flag:".to_owned()),
            Counted::Noted => return Some("note:".to_owned()),
            Counted::Words { from, to: None } => format!("words:>={from}"),
            Counted::Words { from, to: Some(to) } if from == to => format!("words:{from}"),
            Counted::Words { from, to: Some(to) } => format!("words:{from}..{to}"),
            Counted::Opening(words) => format!("begins:{}", quoted(&words)),
            Counted::Phrase(words) => format!("phrase:{}", quoted(&words)),
        };
        // Excluded captions are not counted.
        let excluded = figures.decisions.contains_key(&DecisionKind::Excluded);
        Some(if excluded { format!("{caption} not status:excluded") } else { caption })
    }
}
