//! Which commands would do something now, so that the palette lists them first.

use super::{Command, Group, Model, SessionStatus};

impl Model {
    /// Returns the commands that would change nothing now.
    pub(super) fn impossible_commands(&self) -> Vec<Command> {
        Command::all().filter(|command| !self.is_possible(*command)).collect()
    }

    fn is_possible(&self, command: Command) -> bool {
        let is_open = self.session == SessionStatus::Open;
        let cursor = self.list.cursor;
        match command {
            Command::Undo => is_open && self.ledger.can_undo(),
            Command::Redo => is_open && self.ledger.can_redo(),
            Command::ClearFilter => self.filter.is_some(),
            Command::NextMatch | Command::PreviousMatch => self.search.is_some(),
            Command::SortFile | Command::SortAgain => self.sort.is_some(),
            Command::PreviousCandidate | Command::NextCandidate => {
                cursor.is_some_and(|cursor| self.versions(cursor).len() > 1)
            }
            Command::PreviousCaption | Command::NextCaption => {
                cursor.is_some_and(|cursor| self.siblings(cursor).len() > 1)
            }
            Command::Describer => is_open,
            Command::Stop => {
                !self.jobs.is_empty()
                    || self.bulk.is_some()
                    || !self.verifying.is_idle()
                    || self.batch.collecting.is_some()
            }
            Command::Collect => is_open && self.batch.left() > 0 && self.batch.collecting.is_none(),
            Command::Verify => is_open && cursor.is_some() && self.settings.verifier.is_some(),
            Command::DropUnsupported | Command::ReasonFindings => {
                is_open && cursor.is_some_and(|cursor| self.verifier_reason(cursor).is_some())
            }
            Command::Report | Command::ForceReport | Command::Reject => self.spot.is_some(),
            _ => match command.group() {
                Group::Sort => self.indexed && self.settings.sample.is_none(),
                Group::Describe => is_open && cursor.is_some() && self.settings.describer.is_some(),
                Group::Decide | Group::Edit => is_open && cursor.is_some(),
                Group::Replace => is_open && self.indexed && cursor.is_some(),
                Group::Select => cursor.is_some(),
                Group::Move | Group::Find | Group::View | Group::File => true,
            },
        }
    }
}
