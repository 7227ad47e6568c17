//! Looking at a part of a picture: how closely, and where. Plain arithmetic, the same for the screen and for what
//! prepares its pictures.

use super::fit::{CellArea, CellSize, cells_of, fit, scale_to_fit};

/// Each step in enlarges by the square root of two: two steps double.
const STEP: f64 = std::f64::consts::SQRT_2;
/// How much a small picture is enlarged at most to fill a room: a thumbnail can be judged, and a dot stays a dot.
const ENLARGE: f64 = 4.0;
/// A pixel of the picture is drawn this large at most, in pixels of the screen.
const LARGEST_PIXEL: f64 = 16.0;
/// The share of what is seen by which it moves at a time.
const PAN: f64 = 0.25;
/// The middle of a side, in the unit of [`Zoom::centre`].
const MIDDLE: u16 = 0x8000;

/// How closely a picture is looked at, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zoom {
    /// Steps in from the whole picture; 0 is all of it.
    pub steps: u8,
    /// The middle of what is seen, across and down, in 65536ths of the picture.
    pub centre: (u16, u16),
}

impl Zoom {
    /// The whole picture.
    pub const WHOLE: Self = Self { steps: 0, centre: (MIDDLE, MIDDLE) };

    pub(super) fn factor(self) -> f64 {
        STEP.powi(i32::from(self.steps))
    }
}

impl Default for Zoom {
    fn default() -> Self {
        Self::WHOLE
    }
}

/// How a picture is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shot {
    /// The room for it.
    pub area: CellArea,
    /// Which part of it.
    pub zoom: Zoom,
}

impl Shot {
    /// The whole picture in an area.
    #[must_use]
    pub const fn whole(area: CellArea) -> Self {
        Self { area, zoom: Zoom::WHOLE }
    }
}

/// A picture, and the room it is looked at in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// Pixels of the picture, upright: across, down.
    pub picture: (u32, u32),
    /// The room.
    pub room: CellArea,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// How much a picture is enlarged at most to fill the room.
    pub enlarge: f64,
}

/// What is seen of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first pixel of the picture: from the left, from the top.
    pub start: (u32, u32),
    /// Its pixels: across, down.
    pub size: (u32, u32),
    /// The cells they are drawn on.
    pub cells: CellArea,
}

impl Framing {
    /// A picture in a room, enlarged a little where it is small.
    #[must_use]
    pub const fn new(picture: (u32, u32), room: CellArea, cell: CellSize) -> Self {
        Self { picture, room, cell, enlarge: ENLARGE }
    }

    /// What is seen; `None` where there is no room, or no picture.
    #[must_use]
    pub fn seen(&self, zoom: Zoom) -> Option<Seen> {
        let cells = fit(self.picture, self.room, self.cell, self.enlarge)?;
        if zoom.steps == 0 {
            return Some(Seen { start: (0, 0), size: self.picture, cells });
        }
        let (across, down) = cells_of(self.picture, self.cell);
        let scale = self.scale(zoom);
        let side = |length: u32, cells: f64, room: u16, centre: u16| {
            let share = f64::from(room) / (cells * scale);
            if share >= 1.0 {
                return (0, length, whole(cells * scale).clamp(1, room));
            }
            let seen = pixels(f64::from(length) * share).clamp(1, length);
            let middle = f64::from(length) * f64::from(centre) / 65_536.0;
            let start = pixels(middle - f64::from(seen) / 2.0).min(length - seen);
            (start, seen, room)
        };
        let (x, width, columns) = side(self.picture.0, across, self.room.columns, zoom.centre.0);
        let (y, height, rows) = side(self.picture.1, down, self.room.rows, zoom.centre.1);
        Some(Seen { start: (x, y), size: (width, height), cells: CellArea { columns, rows } })
    }

    /// A step closer, towards the middle of what is seen; as it is where that is close enough.
    #[must_use]
    pub fn closer(&self, zoom: Zoom) -> Zoom {
        let next = Zoom { steps: zoom.steps.saturating_add(1), ..zoom };
        if self.scale(next) > LARGEST_PIXEL { zoom } else { self.settled(next) }
    }

    /// A step back.
    #[must_use]
    pub fn further(&self, zoom: Zoom) -> Zoom {
        self.settled(Zoom { steps: zoom.steps.saturating_sub(1), ..zoom })
    }

    /// Moves what is seen, by a part of it: to the right and downwards where positive.
    #[must_use]
    pub fn panned(&self, zoom: Zoom, right: i8, down: i8) -> Zoom {
        let (seen_across, seen_down) = self.shares(zoom);
        let moved =
            |centre: u16, steps: i8, share: f64| place(f64::from(centre) / 65_536.0 + f64::from(steps) * PAN * share);
        let centre = (moved(zoom.centre.0, right, seen_across), moved(zoom.centre.1, down, seen_down));
        self.settled(Zoom { centre, ..zoom })
    }

    /// The pixels of the screen for a pixel of the picture, in percent.
    #[must_use]
    pub fn percent(&self, zoom: Zoom) -> u32 {
        pixels(self.scale(zoom) * 100.0)
    }

    fn scale(&self, zoom: Zoom) -> f64 {
        scale_to_fit(self.picture, self.room, self.cell).min(self.enlarge) * zoom.factor()
    }

    /// The shares of the picture's sides that are seen.
    fn shares(&self, zoom: Zoom) -> (f64, f64) {
        let (across, down) = cells_of(self.picture, self.cell);
        let scale = self.scale(zoom);
        let share = |cells: f64, room: u16| (f64::from(room) / (cells * scale)).min(1.0);
        (share(across, self.room.columns), share(down, self.room.rows))
    }

    /// The same with the middle where the picture fills what is seen.
    fn settled(&self, zoom: Zoom) -> Zoom {
        if zoom.steps == 0 {
            return Zoom::WHOLE;
        }
        let (seen_across, seen_down) = self.shares(zoom);
        let within = |centre: u16, share: f64| {
            let half = share / 2.0;
            place((f64::from(centre) / 65_536.0).clamp(half, (1.0 - half).max(half)))
        };
        Zoom { centre: (within(zoom.centre.0, seen_across), within(zoom.centre.1, seen_down)), ..zoom }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest number there is"
)]
fn pixels(value: f64) -> u32 {
    value.round() as u32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest number there is"
)]
fn whole(cells: f64) -> u16 {
    cells.round() as u16
}

/// A place along a side, from 0 to 1, in the unit of [`Zoom::centre`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest number there is"
)]
fn place(share: f64) -> u16 {
    (share * 65_536.0).round() as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framing(picture: (u32, u32), room: (u16, u16)) -> Framing {
        let room = CellArea { columns: room.0, rows: room.1 };
        Framing::new(picture, room, CellSize { width: 10, height: 20 })
    }

    #[derive(Clone, Copy, Debug)]
    enum Key {
        Closer,
        Further,
        Pan(i8, i8),
    }

    fn key() -> impl Strategy<Value = Key> {
        prop_oneof![
            3 => Just(Key::Closer),
            1 => Just(Key::Further),
            3 => (-1..=1_i8, -1..=1_i8).prop_map(|(right, down)| Key::Pan(right, down)),
        ]
    }

    fn press(framing: &Framing, zoom: Zoom, key: Key) -> Zoom {
        match key {
            Key::Closer => framing.closer(zoom),
            Key::Further => framing.further(zoom),
            Key::Pan(right, down) => framing.panned(zoom, right, down),
        }
    }

    proptest! {
        #[test]
        fn what_is_seen_lies_in_the_picture_and_in_the_room(
            width in 1..9_000_u32, height in 1..9_000_u32, columns in 1..300_u16, rows in 1..100_u16,
            keys in prop::collection::vec(key(), 0..30),
        ) {
            let framing = framing((width, height), (columns, rows));
            let mut zoom = Zoom::WHOLE;
            for key in keys {
                zoom = press(&framing, zoom, key);
                let seen = framing.seen(zoom).expect("there is room");
                prop_assert!(seen.size.0 >= 1 && seen.start.0 + seen.size.0 <= width);
                prop_assert!(seen.size.1 >= 1 && seen.start.1 + seen.size.1 <= height);
                prop_assert!((1..=columns).contains(&seen.cells.columns) && (1..=rows).contains(&seen.cells.rows));
                // Where a part is seen, it fills the room.
                prop_assert!(seen.size.0 == width || seen.cells.columns == columns);
                prop_assert!(seen.size.1 == height || seen.cells.rows == rows);
            }
        }

        #[test]
        fn stepping_back_as_often_shows_the_whole_picture(
            width in 1..9_000_u32, height in 1..9_000_u32, keys in prop::collection::vec(key(), 0..30),
        ) {
            let framing = framing((width, height), (80, 24));
            let zoom = keys.into_iter().fold(Zoom::WHOLE, |zoom, key| press(&framing, zoom, key));
            let back = (0..zoom.steps).fold(zoom, |zoom, _| framing.further(zoom));
            prop_assert_eq!(back, Zoom::WHOLE);
        }

        #[test]
        fn panning_ends_at_the_edge(width in 40..9_000_u32, height in 40..9_000_u32, steps in 1..8_u8) {
            let framing = framing((width, height), (80, 24));
            let close = (0..steps).fold(Zoom::WHOLE, |zoom, _| framing.closer(zoom));
            let corner = (0..200).fold(close, |zoom, _| framing.panned(zoom, 1, 1));
            prop_assert_eq!(framing.panned(corner, 1, 1), corner);
            let seen = framing.seen(corner).expect("there is room");
            prop_assert_eq!((seen.start.0 + seen.size.0, seen.start.1 + seen.size.1), (width, height));
            let corner = (0..200).fold(corner, |zoom, _| framing.panned(zoom, -1, -1));
            prop_assert_eq!(framing.seen(corner).expect("there is room").start, (0, 0));
        }
    }

    #[test]
    fn two_steps_double() {
        // 800×480 pixels of screen.
        let framing = framing((1600, 960), (80, 24));
        assert_eq!(framing.percent(Zoom::WHOLE), 50);
        let close = framing.closer(framing.closer(Zoom::WHOLE));
        assert_eq!(framing.percent(close), 100);
        let seen = framing.seen(close).expect("there is room");
        assert_eq!((seen.start, seen.size), ((400, 240), (800, 480)), "the middle, pixel for pixel");
        let right = framing.seen(framing.panned(close, 1, 0)).expect("there is room");
        assert_eq!((right.start, right.size), ((600, 240), (800, 480)), "a quarter of what is seen");
    }

    #[test]
    fn a_pixel_is_enlarged_only_so_far() {
        let framing = framing((64, 64), (80, 24));
        let deepest = (0..50).fold(Zoom::WHOLE, |zoom, _| framing.closer(zoom));
        assert_eq!(framing.closer(deepest), deepest);
        assert!((1131..=1600).contains(&framing.percent(deepest)), "{}", framing.percent(deepest));
    }

    #[test]
    fn a_tall_picture_fills_the_width_as_it_comes_closer() {
        // Fits in 12 columns; grows in both directions until the room is full.
        let framing = framing((240, 960), (80, 24));
        let cells = |zoom| framing.seen(zoom).expect("there is room").cells;
        assert_eq!(cells(Zoom::WHOLE), CellArea { columns: 12, rows: 24 });
        assert_eq!(cells(framing.closer(framing.closer(Zoom::WHOLE))), CellArea { columns: 24, rows: 24 });
    }
}
