//! Zooming and panning: which part of a picture is visible. Shared by the reviewer's state and the workers that encode
//! its pictures.

use super::fit::{CellArea, CellSize, cells_of, fit, scale_to_fit};
use super::shape::Areas;

/// The scale of one step: two steps double the size.
const STEP: f64 = std::f64::consts::SQRT_2;
/// The maximum scale of a small picture that is fitted to an area. Large enough to judge a thumbnail.
const MAX_FIT_SCALE: f64 = 4.0;
/// The maximum scale when zooming in.
const MAX_SCALE: f64 = 16.0;
/// The distance of one pan step, as a fraction of the visible part.
const PAN_STEP: f64 = 0.25;
/// The centre of a side, in the unit of [`Zoom::centre`].
const MIDDLE: u16 = 0x8000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zoom {
    /// Zoom steps beyond the fitted picture.
    pub steps: u8,
    /// The centre of the visible part, across and down, in 65536ths of the picture.
    pub centre: (u16, u16),
}

impl Zoom {
    pub const FIT: Self = Self { steps: 0, centre: (MIDDLE, MIDDLE) };

    pub(super) fn factor(self) -> f64 {
        STEP.powi(i32::from(self.steps))
    }
}

impl Default for Zoom {
    fn default() -> Self {
        Self::FIT
    }
}

/// A part of a picture, and the area to show it in, which depends on the picture's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PictureView {
    pub areas: Areas,
    pub zoom: Zoom,
}

impl PictureView {
    /// Returns the view of the whole picture.
    #[must_use]
    pub const fn fit(area: CellArea) -> Self {
        Self { areas: Areas::same(area), zoom: Zoom::FIT }
    }
}

/// The geometry of a picture in an area of cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// The size of the upright picture in pixels.
    pub picture: (u32, u32),
    pub area: CellArea,
    pub cell: CellSize,
    /// The maximum scale when fitting the picture to the area.
    pub max_scale: f64,
}

/// The visible part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// The top left pixel.
    pub start: (u32, u32),
    /// In pixels of the picture.
    pub size: (u32, u32),
    /// The cells that it is drawn on.
    pub cells: CellArea,
}

impl Framing {
    /// Enlarges a small picture up to four times.
    #[must_use]
    pub const fn new(picture: (u32, u32), area: CellArea, cell: CellSize) -> Self {
        Self { picture, area, cell, max_scale: MAX_FIT_SCALE }
    }

    /// Returns the visible part, or `None` if the picture or the area is empty.
    #[must_use]
    pub fn crop(&self, zoom: Zoom) -> Option<Crop> {
        let cells = fit(self.picture, self.area, self.cell, self.max_scale)?;
        if zoom.steps == 0 {
            return Some(Crop { start: (0, 0), size: self.picture, cells });
        }
        let (across, down) = cells_of(self.picture, self.cell);
        let scale = self.scale(zoom);
        let side = |length: u32, cells: f64, available: u16, centre: u16| {
            let fraction = f64::from(available) / (cells * scale);
            if fraction >= 1.0 {
                return (0, length, round_cells(cells * scale).clamp(1, available));
            }
            let visible = pixels(f64::from(length) * fraction).clamp(1, length);
            let middle = f64::from(length) * f64::from(centre) / 65_536.0;
            let start = pixels(middle - f64::from(visible) / 2.0).min(length - visible);
            (start, visible, available)
        };
        let (x, width, columns) = side(self.picture.0, across, self.area.columns, zoom.centre.0);
        let (y, height, rows) = side(self.picture.1, down, self.area.rows, zoom.centre.1);
        Some(Crop { start: (x, y), size: (width, height), cells: CellArea { columns, rows } })
    }

    /// Zooms in by one step around the centre of the visible part, unless that exceeds the maximum scale.
    #[must_use]
    pub fn zoom_in(&self, zoom: Zoom) -> Zoom {
        let next = Zoom { steps: zoom.steps.saturating_add(1), ..zoom };
        if self.scale(next) > MAX_SCALE { zoom } else { self.clamped(next) }
    }

    /// Zooms out by one step.
    #[must_use]
    pub fn zoom_out(&self, zoom: Zoom) -> Zoom {
        self.clamped(Zoom { steps: zoom.steps.saturating_sub(1), ..zoom })
    }

    /// Moves the visible part by steps of a quarter of its size. Positive is right and down.
    #[must_use]
    pub fn pan(&self, zoom: Zoom, right: i8, down: i8) -> Zoom {
        let (width, height) = self.visible_fractions(zoom);
        let moved = |centre: u16, steps: i8, fraction: f64| {
            position(f64::from(centre) / 65_536.0 + f64::from(steps) * PAN_STEP * fraction)
        };
        let centre = (moved(zoom.centre.0, right, width), moved(zoom.centre.1, down, height));
        self.clamped(Zoom { centre, ..zoom })
    }

    /// Returns the scale in percent.
    #[must_use]
    pub fn percent(&self, zoom: Zoom) -> u32 {
        pixels(self.scale(zoom) * 100.0)
    }

    fn scale(&self, zoom: Zoom) -> f64 {
        scale_to_fit(self.picture, self.area, self.cell).min(self.max_scale) * zoom.factor()
    }

    /// Returns the visible fractions of the picture's width and height.
    fn visible_fractions(&self, zoom: Zoom) -> (f64, f64) {
        let (across, down) = cells_of(self.picture, self.cell);
        let scale = self.scale(zoom);
        let fraction = |cells: f64, available: u16| (f64::from(available) / (cells * scale)).min(1.0);
        (fraction(across, self.area.columns), fraction(down, self.area.rows))
    }

    /// Moves the centre so that the visible part is within the picture.
    fn clamped(&self, zoom: Zoom) -> Zoom {
        if zoom.steps == 0 {
            return Zoom::FIT;
        }
        let (width, height) = self.visible_fractions(zoom);
        let within = |centre: u16, fraction: f64| {
            let half = fraction / 2.0;
            position((f64::from(centre) / 65_536.0).clamp(half, (1.0 - half).max(half)))
        };
        Zoom { centre: (within(zoom.centre.0, width), within(zoom.centre.1, height)), ..zoom }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
fn pixels(value: f64) -> u32 {
    value.round() as u32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
fn round_cells(cells: f64) -> u16 {
    cells.round() as u16
}

/// Converts a position along a side, from 0 to 1, to the unit of [`Zoom::centre`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
fn position(fraction: f64) -> u16 {
    (fraction * 65_536.0).round() as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framing(picture: (u32, u32), (columns, rows): (u16, u16)) -> Framing {
        Framing::new(picture, CellArea { columns, rows }, CellSize { width: 10, height: 20 })
    }

    #[derive(Clone, Copy, Debug)]
    enum Key {
        In,
        Out,
        Pan(i8, i8),
    }

    fn key() -> impl Strategy<Value = Key> {
        prop_oneof![
            3 => Just(Key::In),
            1 => Just(Key::Out),
            3 => (-1..=1_i8, -1..=1_i8).prop_map(|(right, down)| Key::Pan(right, down)),
        ]
    }

    fn press(framing: &Framing, zoom: Zoom, key: Key) -> Zoom {
        match key {
            Key::In => framing.zoom_in(zoom),
            Key::Out => framing.zoom_out(zoom),
            Key::Pan(right, down) => framing.pan(zoom, right, down),
        }
    }

    proptest! {
        #[test]
        fn the_crop_is_within_the_picture_and_the_area(
            width in 1..9_000_u32, height in 1..9_000_u32, columns in 1..300_u16, rows in 1..100_u16,
            keys in prop::collection::vec(key(), 0..30),
        ) {
            let framing = framing((width, height), (columns, rows));
            let mut zoom = Zoom::FIT;
            for key in keys {
                zoom = press(&framing, zoom, key);
                let crop = framing.crop(zoom).expect("a crop");
                prop_assert!(crop.size.0 >= 1 && crop.start.0 + crop.size.0 <= width);
                prop_assert!(crop.size.1 >= 1 && crop.start.1 + crop.size.1 <= height);
                prop_assert!((1..=columns).contains(&crop.cells.columns) && (1..=rows).contains(&crop.cells.rows));
                // A part fills the area.
                prop_assert!(crop.size.0 == width || crop.cells.columns == columns);
                prop_assert!(crop.size.1 == height || crop.cells.rows == rows);
            }
        }

        #[test]
        fn zooming_out_as_often_as_in_fits_the_picture(
            width in 1..9_000_u32, height in 1..9_000_u32, keys in prop::collection::vec(key(), 0..30),
        ) {
            let framing = framing((width, height), (80, 24));
            let zoom = keys.into_iter().fold(Zoom::FIT, |zoom, key| press(&framing, zoom, key));
            let back = (0..zoom.steps).fold(zoom, |zoom, _| framing.zoom_out(zoom));
            prop_assert_eq!(back, Zoom::FIT);
        }

        #[test]
        fn panning_ends_at_the_edge(width in 40..9_000_u32, height in 40..9_000_u32, steps in 1..8_u8) {
            let framing = framing((width, height), (80, 24));
            let close = (0..steps).fold(Zoom::FIT, |zoom, _| framing.zoom_in(zoom));
            let corner = (0..200).fold(close, |zoom, _| framing.pan(zoom, 1, 1));
            prop_assert_eq!(framing.pan(corner, 1, 1), corner);
            let crop = framing.crop(corner).expect("a crop");
            prop_assert_eq!((crop.start.0 + crop.size.0, crop.start.1 + crop.size.1), (width, height));
            let corner = (0..200).fold(corner, |zoom, _| framing.pan(zoom, -1, -1));
            prop_assert_eq!(framing.crop(corner).expect("a crop").start, (0, 0));
        }
    }

    #[test]
    fn two_steps_double() {
        // The area has 800×480 pixels.
        let framing = framing((1600, 960), (80, 24));
        assert_eq!(framing.percent(Zoom::FIT), 50);
        let close = framing.zoom_in(framing.zoom_in(Zoom::FIT));
        assert_eq!(framing.percent(close), 100);
        let crop = framing.crop(close).expect("a crop");
        assert_eq!((crop.start, crop.size), ((400, 240), (800, 480)), "the centre, at 100 %");
        let right = framing.crop(framing.pan(close, 1, 0)).expect("a crop");
        assert_eq!((right.start, right.size), ((600, 240), (800, 480)), "a quarter of the visible part");
    }

    #[test]
    fn the_scale_is_limited() {
        let framing = framing((64, 64), (80, 24));
        let deepest = (0..50).fold(Zoom::FIT, |zoom, _| framing.zoom_in(zoom));
        assert_eq!(framing.zoom_in(deepest), deepest);
        assert!((1131..=1600).contains(&framing.percent(deepest)), "{}", framing.percent(deepest));
    }

    #[test]
    fn zooming_in_fills_the_width_with_a_tall_picture() {
        // It fits in 12 columns and grows in both directions until the area is full.
        let framing = framing((240, 960), (80, 24));
        let cells = |zoom| framing.crop(zoom).expect("a crop").cells;
        assert_eq!(cells(Zoom::FIT), CellArea { columns: 12, rows: 24 });
        assert_eq!(cells(framing.zoom_in(framing.zoom_in(Zoom::FIT))), CellArea { columns: 24, rows: 24 });
    }
}
