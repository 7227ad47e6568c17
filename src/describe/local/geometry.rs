//! Points, boxes and regions, in pixels with the origin at the top left.

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub x: f32,
    pub y: f32,
}

impl Point {
    pub(super) const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Returns the linear interpolation between `self` (`t` = 0) and `other` (`t` = 1).
    pub(super) fn towards(self, other: Self, t: f32) -> Self {
        Self::new(self.x + (other.x - self.x) * t, self.y + (other.y - self.y) * t)
    }

    pub(super) fn plus(self, offset: Self) -> Self {
        Self::new(self.x + offset.x, self.y + offset.y)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }

    pub(super) fn times(self, factor: f32) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }

    pub(super) fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// A set of pixels of an image.
pub(super) trait Region {
    /// Returns a box that contains the whole region.
    fn bounds(&self) -> Rect;
    fn contains(&self, point: Point) -> bool;
}

/// An axis-aligned box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Rect {
    pub(super) const fn new(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { left, top, right, bottom }
    }

    pub(super) fn width(&self) -> f32 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f32 {
        self.bottom - self.top
    }

    pub(super) fn area(&self) -> f32 {
        self.width() * self.height()
    }

    pub(super) fn centre(&self) -> Point {
        Point::new(f32::midpoint(self.left, self.right), f32::midpoint(self.top, self.bottom))
    }

    /// Returns the part of the box inside an image of the given size.
    pub(super) fn clipped(&self, width: usize, height: usize) -> Self {
        Self {
            left: self.left.max(0.0),
            top: self.top.max(0.0),
            right: self.right.min(width as f32),
            bottom: self.bottom.min(height as f32),
        }
    }

    fn shared_area(&self, other: &Self) -> f32 {
        let width = (self.right.min(other.right) - self.left.max(other.left)).max(0.0);
        let height = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0);
        width * height
    }

    /// Returns the intersection over union (IoU): 0 if disjoint, 1 if equal.
    pub(super) fn iou(&self, other: &Self) -> f32 {
        let shared = self.shared_area(other);
        shared / (self.area() + other.area() - shared).max(f32::MIN_POSITIVE)
    }
}

impl Rect {
    /// Returns the share of this box (0 to 1) that is inside another one.
    pub(super) fn share_inside(&self, other: &Self) -> f32 {
        self.shared_area(other) / self.area().max(f32::MIN_POSITIVE)
    }

    /// Returns true for a point that is not near the left or right side.
    pub(super) fn is_well_inside(&self, point: Point) -> bool {
        const MARGIN: f32 = 0.1;
        let margin = MARGIN * self.width();
        self.contains(point) && point.x > self.left + margin && point.x < self.right - margin
    }
}

impl Region for Rect {
    fn bounds(&self) -> Rect {
        *self
    }

    fn contains(&self, point: Point) -> bool {
        point.x >= self.left && point.x <= self.right && point.y >= self.top && point.y <= self.bottom
    }
}

/// A quadrilateral; the corners are in order around the outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quad(pub [Point; 4]);

impl Region for Quad {
    fn bounds(&self) -> Rect {
        let mut bounds = Rect::new(f32::MAX, f32::MAX, f32::MIN, f32::MIN);
        for corner in self.0 {
            bounds.left = bounds.left.min(corner.x);
            bounds.top = bounds.top.min(corner.y);
            bounds.right = bounds.right.max(corner.x);
            bounds.bottom = bounds.bottom.max(corner.y);
        }
        bounds
    }

    /// Even-odd rule: a point is inside if a ray to the right crosses an odd number of sides.
    fn contains(&self, point: Point) -> bool {
        let mut inside = false;
        let mut from = self.0[3];
        for to in self.0 {
            if (from.y > point.y) != (to.y > point.y) {
                let crossing = from.x + (to.x - from.x) * (point.y - from.y) / (to.y - from.y);
                inside ^= point.x < crossing;
            }
            from = to;
        }
        inside
    }
}

/// All points within half of `width` of a line segment; used for arms and legs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Strip {
    pub from: Point,
    pub to: Point,
    pub width: f32,
}

impl Strip {
    fn distance(&self, point: Point) -> f32 {
        let along = self.to.minus(self.from);
        let length_squared = along.x * along.x + along.y * along.y;
        if length_squared <= 0.0 {
            return self.from.distance(point);
        }
        let offset = point.minus(self.from);
        let t = (offset.x * along.x + offset.y * along.y) / length_squared;
        point.distance(self.from.plus(along.times(t.clamp(0.0, 1.0))))
    }
}

impl Region for Strip {
    fn bounds(&self) -> Rect {
        let reach = self.width / 2.0;
        Rect {
            left: self.from.x.min(self.to.x) - reach,
            top: self.from.y.min(self.to.y) - reach,
            right: self.from.x.max(self.to.x) + reach,
            bottom: self.from.y.max(self.to.y) + reach,
        }
    }

    fn contains(&self, point: Point) -> bool {
        self.distance(point) < self.width / 2.0
    }
}

/// The similarity transform from pixels of a square crop to pixels of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CropMap {
    /// Image offset of one crop pixel to the right.
    right: Point,
    /// Image offset of one crop pixel down.
    down: Point,
    /// Image position of the crop's first pixel.
    origin: Point,
}

impl CropMap {
    /// Maps a crop of `side` × `side` pixels to a square of `extent` image pixels around `centre`, rotated clockwise by
    /// `radians`.
    pub(super) fn square(centre: Point, extent: f32, radians: f32, side: usize) -> Self {
        let scale = extent / side as f32;
        let (sin, cos) = radians.sin_cos();
        let right = Point::new(cos * scale, sin * scale);
        let down = Point::new(-sin * scale, cos * scale);
        let half = side as f32 / 2.0;
        Self { right, down, origin: centre.minus(right.times(half)).minus(down.times(half)) }
    }

    /// Converts a position in the crop to one in the image.
    pub(super) fn to_picture(self, crop: Point) -> Point {
        self.origin.plus(self.right.times(crop.x)).plus(self.down.times(crop.y))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNIT_QUAD: Quad =
        Quad([Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(10.0, 10.0), Point::new(0.0, 10.0)]);

    #[test]
    fn iou_is_intersection_over_union() {
        let left = Rect::new(0.0, 0.0, 2.0, 2.0);
        let right = Rect::new(1.0, 0.0, 3.0, 2.0);
        assert!((left.iou(&right) - 1.0 / 3.0).abs() < 1e-6);
        assert!((left.iou(&left) - 1.0).abs() < 1e-6);
        assert!(left.iou(&Rect::new(5.0, 5.0, 6.0, 6.0)).abs() < 1e-6);
    }

    #[test]
    fn the_iou_of_empty_boxes_is_finite() {
        let empty = Rect::new(1.0, 1.0, 1.0, 1.0);
        assert!(empty.iou(&empty).is_finite());
    }

    #[test]
    fn a_quad_contains_its_centre_and_not_its_surroundings() {
        assert!(UNIT_QUAD.contains(Point::new(5.0, 5.0)));
        for outside in [Point::new(-1.0, 5.0), Point::new(11.0, 5.0), Point::new(5.0, -1.0), Point::new(5.0, 11.0)] {
            assert!(!UNIT_QUAD.contains(outside), "{outside:?}");
        }
    }

    #[test]
    fn a_strip_extends_half_its_width_to_each_side() {
        let strip = Strip { from: Point::new(0.0, 0.0), to: Point::new(10.0, 0.0), width: 4.0 };
        assert!(strip.contains(Point::new(5.0, 1.9)));
        assert!(!strip.contains(Point::new(5.0, 2.1)));
        assert!(!strip.contains(Point::new(13.0, 0.0)));
    }

    #[test]
    fn a_strip_of_zero_length_is_a_disc() {
        let disc = Strip { from: Point::new(3.0, 3.0), to: Point::new(3.0, 3.0), width: 4.0 };
        assert!(disc.contains(Point::new(3.0, 4.5)));
        assert!(!disc.contains(Point::new(3.0, 5.5)));
    }

    #[test]
    fn a_crop_maps_centre_to_centre_and_corner_to_corner() {
        let upright = CropMap::square(Point::new(50.0, 40.0), 20.0, 0.0, 10);
        assert_eq!(upright.to_picture(Point::new(5.0, 5.0)), Point::new(50.0, 40.0));
        assert_eq!(upright.to_picture(Point::new(0.0, 0.0)), Point::new(40.0, 30.0));
    }

    #[test]
    fn a_crop_rotated_by_a_quarter_turn_maps_right_to_down() {
        let rotated = CropMap::square(Point::new(0.0, 0.0), 10.0, std::f32::consts::FRAC_PI_2, 10);
        let position = rotated.to_picture(Point::new(10.0, 5.0));
        assert!(position.distance(Point::new(0.0, 5.0)) < 1e-4, "{position:?}");
    }

    proptest! {
        #[test]
        fn regions_stay_inside_their_bounds(
            corners in prop::array::uniform8(-50.0_f32..50.0),
            width in 0.0_f32..30.0,
            x in -80.0_f32..80.0,
            y in -80.0_f32..80.0,
        ) {
            let [ax, ay, bx, by, cx, cy, dx, dy] = corners;
            let quad = Quad([Point::new(ax, ay), Point::new(bx, by), Point::new(cx, cy), Point::new(dx, dy)]);
            let strip = Strip { from: quad.0[0], to: quad.0[1], width };
            let point = Point::new(x, y);
            prop_assert!(!quad.contains(point) || quad.bounds().contains(point));
            prop_assert!(!strip.contains(point) || strip.bounds().contains(point));
        }

        #[test]
        fn iou_is_symmetric_and_between_zero_and_one(a in prop::array::uniform4(0.0_f32..100.0), b in prop::array::uniform4(0.0_f32..100.0)) {
            let rect = |[x, y, width, height]: [f32; 4]| Rect::new(x, y, x + width, y + height);
            let (one, other) = (rect(a), rect(b));
            let overlap = one.iou(&other);
            prop_assert!((0.0..=1.0001).contains(&overlap));
            prop_assert!((overlap - other.iou(&one)).abs() < 1e-4);
        }
    }
}
