//! What is done to pixels wherever they go: another size, upright, opaque.

use fast_image_resize::{ResizeError, ResizeOptions, Resizer};
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

    /// A part of the pixels turned upright, at a size given as it is then. The part is given in the pixels of the whole
    /// file, upright: where it starts and how large it is.
    pub fn resized_part(
        &self,
        start: (u32, u32),
        part: (u32, u32),
        size: (u32, u32),
    ) -> Result<DynamicImage, ResizeError> {
        let (width, height) = upright(size, self.orientation);
        let (stored_width, stored_height) = (self.pixels.width(), self.pixels.height());
        let share = |pixels: u32, whole: u32| f64::from(pixels) / f64::from(whole.max(1));
        let across = (share(start.0, self.info.width), share(part.0, self.info.width));
        let down = (share(start.1, self.info.height), share(part.1, self.info.height));
        let (across, down) = as_stored(across, down, self.orientation);
        let is_whole = across.1 >= 1.0 && down.1 >= 1.0;
        let mut resized;
        if is_whole && (width, height) == (stored_width, stored_height) {
            resized = self.pixels.clone();
        } else {
            let (wide, high) = (f64::from(stored_width), f64::from(stored_height));
            let crop = ResizeOptions::new().crop(across.0 * wide, down.0 * high, across.1 * wide, down.1 * high);
            let options = if is_whole { ResizeOptions::new() } else { crop };
            resized = DynamicImage::new(width, height, self.pixels.color());
            Resizer::new().resize(&self.pixels, &mut resized, &options)?;
        }
        resized.apply_orientation(self.orientation);
        Ok(resized)
    }

    /// The whole turned upright, at a size given as it is then.
    pub fn resized(&self, size: (u32, u32)) -> Result<DynamicImage, ResizeError> {
        self.resized_part((0, 0), (self.info.width, self.info.height), size)
    }
}

/// A stretch along a side: where it starts and how long it is, as shares of the side.
type Stretch = (f64, f64);

/// Where a part of the upright picture, across and down, lies in the picture as it is stored.
fn as_stored(across: Stretch, down: Stretch, orientation: Orientation) -> (Stretch, Stretch) {
    let back = |(start, length): Stretch| ((1.0 - start - length).max(0.0), length);
    match orientation {
        Orientation::NoTransforms => (across, down),
        Orientation::FlipHorizontal => (back(across), down),
        Orientation::FlipVertical => (across, back(down)),
        Orientation::Rotate180 => (back(across), back(down)),
        Orientation::Rotate90 => (down, back(across)),
        Orientation::Rotate270 => (back(down), across),
        Orientation::Rotate90FlipH => (down, across),
        Orientation::Rotate270FlipH => (back(down), back(across)),
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::picture::{PictureFormat, PictureInfo};

    /// A part cut out of the stored pixels and turned upright is that part of the upright picture.
    #[rstest]
    fn a_part_is_the_same_whichever_way_the_picture_is_stored(#[values(1, 2, 3, 4, 5, 6, 7, 8)] exif: u8) {
        let orientation = Orientation::from_exif(exif).unwrap();
        let stored = RgbImage::from_fn(40, 24, |x, y| Rgb([x.to_le_bytes()[0] * 5, y.to_le_bytes()[0] * 9, 7]));
        let mut whole = DynamicImage::from(stored.clone());
        whole.apply_orientation(orientation);
        let info = PictureInfo { width: whole.width(), height: whole.height(), format: PictureFormat::Jpeg, bytes: 1 };
        let decoded = Decoded { pixels: stored.into(), orientation, info, reduced: false };
        let part = decoded.resized_part((3, 5), (16, 12), (16, 12)).unwrap().to_rgb8();
        let expected = whole.crop_imm(3, 5, 16, 12).to_rgb8();
        let worst = part.iter().zip(expected.iter()).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(worst <= Some(1), "{orientation:?}: {worst:?}");
    }
}
