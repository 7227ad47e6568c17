//! The shapes of pictures, in classes. The layout of the screen depends on the shape; with classes, it stays the same for
//! most pictures of a dataset.

use super::fit::CellArea;

/// The ratios of width to height that separate the classes. Common formats are just below a bound: 9:16, 2:3, 3:4, 4:5,
/// 1:1, 4:3, 3:2, 16:9.
const BOUNDS: [f64; Shape::COUNT + 1] = [0.2, 0.57, 0.68, 0.76, 0.91, 1.1, 1.42, 1.65, 2.2, 100.0];

/// A class of ratios of width to height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape(u8);

impl Default for Shape {
    /// 3:4.
    fn default() -> Self {
        Self::of((3, 4))
    }
}

impl Shape {
    pub const COUNT: usize = 9;

    /// Returns the shape of a picture with these sides.
    #[must_use]
    pub fn of((width, height): (u32, u32)) -> Self {
        let ratio = f64::from(width) / f64::from(height.max(1));
        let inner = &BOUNDS[1..Self::COUNT];
        let class = inner.iter().take_while(|bound| ratio > **bound).count();
        Self(u8::try_from(class).unwrap_or(0))
    }

    /// Returns every shape, the narrowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(Self::COUNT).map(Self)
    }

    /// Returns the lowest and the highest ratio of width to height. More extreme pictures belong to the outer classes.
    #[must_use]
    pub fn ratios(self) -> (f64, f64) {
        (BOUNDS[self.index()], BOUNDS[self.index() + 1])
    }

    /// Returns a ratio between them, for comparisons.
    #[must_use]
    pub fn typical_ratio(self) -> f64 {
        let (lowest, highest) = self.ratios();
        (lowest.max(0.45) * highest.min(3.0)).sqrt()
    }

    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The areas for a picture by its shape, which becomes known when the picture is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Areas([CellArea; Shape::COUNT]);

impl Areas {
    /// Returns the same area for every shape.
    #[must_use]
    pub const fn same(area: CellArea) -> Self {
        Self([area; Shape::COUNT])
    }

    #[must_use]
    pub fn by_shape(area: impl Fn(Shape) -> CellArea) -> Self {
        let mut areas = [CellArea::default(); Shape::COUNT];
        areas.iter_mut().zip(Shape::all()).for_each(|(slot, shape)| *slot = area(shape));
        Self(areas)
    }

    /// Returns the area for a picture with these sides.
    #[must_use]
    pub fn of(&self, picture: (u32, u32)) -> CellArea {
        self.0[Shape::of(picture).index()]
    }

    /// Returns the smallest area that contains all.
    #[must_use]
    pub fn bounds(&self) -> CellArea {
        self.0.iter().fold(CellArea::default(), |most, area| CellArea {
            columns: most.columns.max(area.columns),
            rows: most.rows.max(area.rows),
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|area| area.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::tall((1, 3), 0)]
    #[case::phone((9, 16), 0)]
    #[case::portrait((2, 3), 1)]
    #[case::portrait((3, 4), 2)]
    #[case::portrait((4, 5), 3)]
    #[case::square((1, 1), 4)]
    #[case::landscape((4, 3), 5)]
    #[case::landscape((3, 2), 6)]
    #[case::wide((16, 9), 7)]
    #[case::panorama((6, 1), 8)]
    #[case::broken((5, 0), 8)]
    fn formats_have_shapes(#[case] picture: (u32, u32), #[case] class: u8) {
        let shape = Shape::of(picture);
        assert_eq!(shape, Shape(class));
        assert!(shape.ratios().0 < shape.ratios().1);
    }

    #[test]
    fn areas_depend_on_the_shape() {
        let area = |columns, rows| CellArea { columns, rows };
        let areas = Areas::by_shape(|shape| if shape < Shape::of((1, 1)) { area(10, 20) } else { area(30, 8) });
        assert_eq!((areas.of((2, 3)), areas.of((3, 2))), (area(10, 20), area(30, 8)));
        assert_eq!(areas.bounds(), area(30, 20));
        assert!(!areas.is_empty() && Areas::same(area(0, 3)).is_empty());
    }
}
