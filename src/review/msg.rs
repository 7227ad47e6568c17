//! The messages that the core accepts: actions, and reports of the runtime.

use std::path::PathBuf;
use std::sync::Arc;

use super::order::Order;
use super::query::Vocabulary;
use super::replace::Hits;
use super::scan::ScanId;
use super::{Command, Scanned};
use crate::dataset::RecordId;
use crate::engine::EngineEvent;
use crate::preview::{CellArea, CellSize, Ready, Shape};
use crate::text::TagTable;

/// The layout of the screen, as far as the core needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewport {
    pub list_rows: u16,
    /// The area of the image; `None` if the layout has none.
    pub picture: Option<CellArea>,
    /// The area of a zoomed image.
    pub zoom: CellArea,
    /// The area of a zoomed image with the captions beside or below.
    pub zoom_with_texts: CellArea,
    /// True if these captions are beside the image, where they cost it nothing.
    pub texts_beside_zoom: bool,
    /// The area of the picture and the captions together.
    pub body: CellArea,
    /// The area of the contact sheet; `None` if no images are drawn.
    pub sheet: Option<CellArea>,
    /// The size of a cell in pixels.
    pub cell: CellSize,
}

/// The layout for each shape of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewports([Viewport; Shape::COUNT]);

impl Viewports {
    #[must_use]
    pub fn by_shape(viewport: impl Fn(Shape) -> Viewport) -> Self {
        let mut viewports = Self::default();
        viewports.0.iter_mut().zip(Shape::all()).for_each(|(slot, shape)| *slot = viewport(shape));
        viewports
    }

    #[must_use]
    pub fn of(&self, shape: Shape) -> &Viewport {
        &self.0[shape.index()]
    }
}

impl From<Viewport> for Viewports {
    fn from(viewport: Viewport) -> Self {
        Self([viewport; Shape::COUNT])
    }
}

/// A message to the core.
#[derive(Debug)]
pub enum Msg {
    /// A key, as the command it is bound to.
    Command(Command),
    /// The text being typed, with the cursor in characters.
    Typed {
        text: String,
        cursor: usize,
    },
    /// A click on a row of the list or a thumbnail, counted from the first on the screen.
    ClickedRow(u16),
    ClickedTab(super::Tab),
    /// A click on a position of the list.
    ClickedPosition(usize),
    Resized(Box<Viewports>),
    /// The captions were drawn, and can be scrolled this far.
    CaptionLaidOut(super::CaptionExtent),
    /// The help is scrolled to its end if it begins at this row.
    HelpLaidOut {
        last_top: u16,
    },
    Engine(EngineEvent),
    /// The terminal has dropped the images it was sent.
    PicturesLost,
    Picture(Ready),
    /// Captions that a change applies to, in file order.
    Replacements {
        id: ScanId,
        hits: Hits,
        complete: bool,
    },
    /// The progress of a sort, in lines read.
    Sorting {
        id: ScanId,
        seen: u32,
    },
    Sorted {
        id: ScanId,
        order: Arc<Order>,
    },
    Scanned(Scanned),
    /// The vocabulary of all records, or of the first ones while the others are counted.
    VocabularyReady(ScanId, Vocabulary),
    /// The counts of the tags or words of all captions, or of the first ones while the others are counted.
    TagsCounted {
        id: ScanId,
        table: Arc<TagTable>,
        complete: bool,
    },
    /// The report of a spot check was written there, or the error.
    ReportWritten(Result<PathBuf, String>),
    /// What an export wrote, or the error.
    Exported(Result<String, String>),
    /// A describer was set up, or why it was not.
    DescriberChosen(Result<super::ChosenDescriber, String>),
    /// The external editor was closed, with the text or an error.
    EditedExternally {
        record: RecordId,
        result: Result<String, String>,
    },
    /// The editor that waits for its record must not open.
    OpeningCancelled,
    /// A warning for the status line.
    Notice(String),
}

impl From<EngineEvent> for Msg {
    fn from(event: EngineEvent) -> Self {
        Self::Engine(event)
    }
}
