//! The operator's choice of panes, which is remembered for the next run, and the settled shape of the layout.

use super::model::{Mode, Model};
use super::msg::{Viewport, Viewports};
use crate::preview::{Areas, CellArea, PictureView, Preview, Shape};

/// The width of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ListPane {
    /// With file names; on a narrow screen, one row with the neighbours of the current record.
    #[default]
    Full,
    /// A column of badges and numbers.
    Narrow,
    Hidden,
}

impl ListPane {
    pub const ALL: [Self; 3] = [Self::Full, Self::Narrow, Self::Hidden];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Narrow => "narrow",
            Self::Hidden => "hidden",
        }
    }

    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Full => Self::Narrow,
            Self::Narrow => Self::Hidden,
            Self::Hidden => Self::Full,
        }
    }
}

/// The operator's choice of panes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Panes {
    pub list: ListPane,
    /// The width of a picture beside the captions, in thousandths of both; `None` for the width it needs.
    pub beside: Option<u16>,
    /// The height of a picture above the captions, in thousandths of both; `None` for the default.
    pub above: Option<u16>,
}

impl Model {
    /// Returns the areas of the image, by its shape.
    #[must_use]
    pub fn picture_areas(&self) -> Option<Areas> {
        let by_shape =
            |area: &dyn Fn(&Viewport) -> CellArea| Some(Areas::by_shape(|shape| area(self.viewports.of(shape))));
        match self.mode {
            Mode::Zoom(closeup) => by_shape(&|viewport| {
                if closeup.shows_texts(viewport) { viewport.zoom_with_texts } else { viewport.zoom }
            }),
            _ if self.shows_sheet() => None,
            _ if self.viewport.picture.is_none() => None,
            _ => by_shape(&|viewport| viewport.picture.unwrap_or_default()),
        }
    }

    /// Returns the shape of the image under the cursor; until it is known, that of the layout.
    #[must_use]
    pub fn picture_shape(&self) -> Shape {
        match self.preview() {
            Some(Ok(preview)) => Shape::of(sides(preview)),
            Some(Err(_)) | None => self.shape,
        }
    }

    /// Returns true if the zoom shows the captions of this image.
    #[must_use]
    pub fn zoom_shows_texts(&self) -> bool {
        let viewport = self.viewports.of(self.picture_shape());
        matches!(self.mode, Mode::Zoom(closeup) if closeup.shows_texts(viewport))
    }

    pub(super) fn set_viewports(&mut self, viewports: Box<Viewports>) {
        self.viewport = *viewports.of(self.shape);
        self.viewports = viewports;
    }

    /// Follows the shape of an image drawn for the panes. The layout stays if the image is as large in it as in its own,
    /// so that it does not jump in a dataset of mixed formats.
    pub(super) fn follow_shape(&mut self, view: PictureView, preview: &Preview) {
        let (shape, drawn) = (Shape::of(sides(preview)), preview.cells());
        let Some(pane) = self.viewport.picture else { return };
        if shape == self.shape || Some(view.areas) != self.picture_areas() || matches!(self.mode, Mode::Zoom(_)) {
            return;
        }
        let own = view.areas.of(sides(preview));
        let size = |area: CellArea| u32::from(area.columns) * u32::from(area.rows);
        let fits = drawn.columns <= pane.columns && drawn.rows <= pane.rows;
        // A tiny image is not enlarged to the size of any pane.
        let is_tiny = drawn.columns < own.columns && drawn.rows < own.rows;
        if !fits || !is_tiny && 3 * size(drawn) < 2 * size(pane) {
            self.shape = shape;
            self.viewport = *self.viewports.of(shape);
        }
    }
}

fn sides(preview: &Preview) -> (u32, u32) {
    (preview.info().width, preview.info().height)
}
