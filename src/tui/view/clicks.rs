//! The areas of a frame that react to clicks. Whatever is drawn registers its own area.

use ratatui::layout::{Position, Rect};

use crate::review::{Command, Tab};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Command(Command),
    Tab(Tab),
    /// A row of the list or a thumbnail, counted from the first on the screen.
    Row(u16),
    /// A position in the list.
    Position(usize),
    Picture,
    Caption,
}

/// The clickable areas of a frame.
#[derive(Clone, Debug, Default)]
pub struct Clicks(Vec<(Rect, Target)>);

impl Clicks {
    pub(super) fn add(&mut self, area: Rect, target: Target) {
        self.0.push((area, target));
    }

    /// Returns the target at a cell: of those that overlap, the last one drawn.
    #[must_use]
    pub fn at(&self, cell: Position) -> Option<Target> {
        self.0.iter().rev().find(|(area, _)| area.contains(cell)).map(|(_, target)| *target)
    }
}
