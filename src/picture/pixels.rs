//! What is done to pixels wherever they go: another size, upright, opaque.

use fast_image_resize::{ResizeError, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, Rgb, RgbImage};

use super::Decoded;

/// A size after turning: a quarter turn swaps the sides. Turning back swaps them again.
pub(super) fn upright((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}

impl Decoded {
    /// Size of the pixels when turned upright.
    pub fn upright(&self) -> (u32, u32) {
        upright((self.pixels.width(), self.pixels.height()), self.orientation)
    }

    /// The pixels turned upright, at a size given as it is then.
    pub fn resized(&self, size: (u32, u32)) -> Result<DynamicImage, ResizeError> {
        let (width, height) = upright(size, self.orientation);
        let mut resized;
        if (width, height) == (self.pixels.width(), self.pixels.height()) {
            resized = self.pixels.clone();
        } else {
            resized = DynamicImage::new(width, height, self.pixels.color());
            Resizer::new().resize(&self.pixels, &mut resized, None)?;
        }
        resized.apply_orientation(self.orientation);
        Ok(resized)
    }
}

/// Lays a picture with transparent parts on a ground of grey, given for each place.
pub(crate) fn opaque(picture: &DynamicImage, ground: impl Fn(u32, u32) -> u8) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let ground = u32::from(ground(x, y));
        let mix = |colour: u32| u8::try_from((colour * alpha + ground * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX);
        Rgb([mix(red), mix(green), mix(blue)])
    })
}
