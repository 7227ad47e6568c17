//! Local contrast, which distinguishes plain from patterned cloth and blurred from busy backgrounds.

use super::picture::Picture;

/// The radius of a pixel's neighbourhood (a square box), relative to the longest side of the image.
const RADIUS: f32 = 0.012;
/// In pixels.
const MIN_RADIUS: usize = 2;

/// The difference of each pixel's lightness from the mean of its neighbourhood.
pub(super) struct Texture<'a> {
    picture: &'a Picture,
    /// The integral image (summed-area table) of lightness, row by row.
    sums: Vec<f64>,
    radius: usize,
}

impl<'a> Texture<'a> {
    pub(super) fn of(picture: &'a Picture) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let stride = width + 1;
        let mut sums = vec![0.0; stride * (height + 1)];
        for y in 0..height {
            let mut row_sum = 0.0;
            for x in 0..width {
                row_sum += f64::from(picture.colour(x, y).l);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row_sum;
            }
        }
        let radius = ((RADIUS * picture.longest_side() as f32) as usize).max(MIN_RADIUS);
        Self { picture, sums, radius }
    }

    /// Returns the mean detail of the given pixels in units of L* (0 for an even surface), or `None` for no pixels.
    pub(super) fn mean(&self, positions: impl Iterator<Item = (usize, usize)>) -> Option<f32> {
        let (mut sum, mut count) = (0.0, 0_usize);
        for (x, y) in positions {
            sum += self.detail(x, y);
            count += 1;
        }
        (count > 0).then(|| sum / count as f32)
    }

    fn detail(&self, x: usize, y: usize) -> f32 {
        let (left, top) = (x.saturating_sub(self.radius), y.saturating_sub(self.radius));
        let right = (x + self.radius + 1).min(self.picture.width());
        let bottom = (y + self.radius + 1).min(self.picture.height());
        let sum_to = |x: usize, y: usize| self.sums[y * (self.picture.width() + 1) + x];
        let sum = sum_to(right, bottom) - sum_to(right, top) - sum_to(left, bottom) + sum_to(left, top);
        let mean = sum / ((right - left) * (bottom - top)) as f64;
        (self.picture.colour(x, y).l - mean as f32).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::picture::tests::{painted, plain};

    #[test]
    fn an_even_surface_has_no_detail() {
        let picture = plain(40, 30, [90, 140, 30]);
        let detail = Texture::of(&picture).mean(picture.grid(1)).unwrap();
        assert!(detail < 0.01, "{detail}");
    }

    #[test]
    fn stripes_have_more_detail_than_a_gradient() {
        let stripes = painted(60, 60, |x, _| if x % 4 < 2 { [20; 3] } else { [220; 3] });
        let gradient = painted(60, 60, |x, _| [(x * 4) as u8; 3]);
        let detail = |picture: &Picture| Texture::of(picture).mean(picture.grid(1)).unwrap();
        assert!(detail(&stripes) > 20.0);
        assert!(detail(&gradient) < 3.0);
    }

    #[test]
    fn no_pixels_have_no_mean() {
        let picture = plain(1, 1, [0; 3]);
        assert_eq!(Texture::of(&picture).mean(std::iter::empty()), None);
        assert_eq!(Texture::of(&picture).mean(picture.grid(1)), Some(0.0));
    }
}
