//! Operations on decoded pixels: resize, orient, flatten transparency.

use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{IntoImageView as _, IntoImageViewMut as _, PixelTrait, ResizeError, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, Rgb, RgbImage};

use super::{Decoded, PictureInfo};

/// Returns a size after applying an orientation: a quarter turn swaps the sides. The function is its own inverse.
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
    /// Returns the size of the pixels after applying the orientation.
    pub fn upright(&self) -> (u32, u32) {
        upright((self.pixels.width(), self.pixels.height()), self.orientation)
    }

    /// Crops and resizes the pixels, converts them to sRGB and applies the orientation. `start`, `part` and `size` refer to the upright picture;
    /// `start` and `part` are in pixels of the full-size file, even if `self.reduced`.
    pub fn resized_part(
        &self,
        start: (u32, u32),
        part: (u32, u32),
        size: (u32, u32),
    ) -> Result<DynamicImage, ResizeError> {
        let (width, height) = upright(size, self.orientation);
        let (stored_width, stored_height) = (self.pixels.width(), self.pixels.height());
        let fraction = |pixels: u32, whole: u32| f64::from(pixels) / f64::from(whole.max(1));
        let across = (fraction(start.0, self.info.width), fraction(part.0, self.info.width));
        let down = (fraction(start.1, self.info.height), fraction(part.1, self.info.height));
        let (across, down) = to_stored(across, down, self.orientation);
        let is_whole = across.1 >= 1.0 && down.1 >= 1.0;
        let mut resized;
        if is_whole && (width, height) == (stored_width, stored_height) {
            resized = self.pixels.clone();
        } else {
            let (w, h) = (f64::from(stored_width), f64::from(stored_height));
            let crop = ResizeOptions::new().crop(across.0 * w, down.0 * h, across.1 * w, down.1 * h);
            let options = if is_whole { ResizeOptions::new() } else { crop };
            resized = resize(&self.pixels, (width, height), &options)?;
        }
        if let Some(to_srgb) = &self.to_srgb {
            to_srgb.apply(&mut resized);
        }
        resized.apply_orientation(self.orientation);
        Ok(resized)
    }

    /// Returns the memory use of the pixels.
    pub fn bytes(&self) -> usize {
        self.pixels.as_bytes().len()
    }

    /// Returns all pixels in sRGB, without applying the orientation.
    pub fn into_srgb(mut self) -> DynamicImage {
        if let Some(to_srgb) = &self.to_srgb {
            to_srgb.apply(&mut self.pixels);
        }
        self.pixels
    }

    /// Creates a picture from upright pixels in sRGB.
    pub fn from_srgb(pixels: DynamicImage, info: PictureInfo) -> Self {
        let orientation = Orientation::NoTransforms;
        Self { pixels, to_srgb: None, is_srgb: true, orientation, info, reduced: false }
    }

    /// Resizes the whole picture and applies the orientation. `size` refers to the upright picture.
    pub fn resized(&self, size: (u32, u32)) -> Result<DynamicImage, ResizeError> {
        self.resized_part((0, 0), (self.info.width, self.info.height), size)
    }
}

/// Resizes a picture with 8 bits per channel. `Resizer::resize` would also link the code for all other pixel types, which
/// takes megabytes.
pub(crate) fn resize(
    picture: &DynamicImage,
    (width, height): (u32, u32),
    options: &ResizeOptions,
) -> Result<DynamicImage, ResizeError> {
    fn typed<P: PixelTrait>(
        source: &DynamicImage,
        target: &mut DynamicImage,
        options: &ResizeOptions,
    ) -> Result<(), ResizeError> {
        match (source.image_view::<P>(), target.image_view_mut::<P>()) {
            (Some(source), Some(mut target)) => Resizer::new().resize_typed(&source, &mut target, options),
            _ => Err(ResizeError::PixelTypesAreDifferent),
        }
    }

    let mut resized = DynamicImage::new(width, height, picture.color());
    match picture.color() {
        ColorType::L8 => typed::<U8>(picture, &mut resized, options),
        ColorType::La8 => typed::<U8x2>(picture, &mut resized, options),
        ColorType::Rgb8 => typed::<U8x3>(picture, &mut resized, options),
        ColorType::Rgba8 => typed::<U8x4>(picture, &mut resized, options),
        _ => Err(ResizeError::PixelTypesAreDifferent),
    }?;
    Ok(resized)
}

/// Start and length of an interval along a side, as fractions of the side.
type Interval = (f64, f64);

/// Converts a region of the upright picture to the stored, unoriented one.
fn to_stored(across: Interval, down: Interval, orientation: Orientation) -> (Interval, Interval) {
    let flip = |(start, length): Interval| ((1.0 - start - length).max(0.0), length);
    match orientation {
        Orientation::NoTransforms => (across, down),
        Orientation::FlipHorizontal => (flip(across), down),
        Orientation::FlipVertical => (across, flip(down)),
        Orientation::Rotate180 => (flip(across), flip(down)),
        Orientation::Rotate90 => (down, flip(across)),
        Orientation::Rotate270 => (flip(down), across),
        Orientation::Rotate90FlipH => (down, across),
        Orientation::Rotate270FlipH => (flip(down), flip(across)),
    }
}

/// Composites a picture over a grey background, given for each pixel.
pub(crate) fn opaque(picture: &DynamicImage, background: impl Fn(u32, u32) -> u8) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let background = u32::from(background(x, y));
        let mix =
            |colour: u32| u8::try_from((colour * alpha + background * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX);
        Rgb([mix(red), mix(green), mix(blue)])
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::picture::PictureFormat;

    /// Cropping the stored pixels and then orienting them equals cropping the upright picture.
    #[rstest]
    fn crops_are_independent_of_the_stored_orientation(#[values(1, 2, 3, 4, 5, 6, 7, 8)] exif: u8) {
        let orientation = Orientation::from_exif(exif).unwrap();
        let stored = RgbImage::from_fn(40, 24, |x, y| Rgb([x.to_le_bytes()[0] * 5, y.to_le_bytes()[0] * 9, 7]));
        let mut whole = DynamicImage::from(stored.clone());
        whole.apply_orientation(orientation);
        let (width, height) = (whole.width(), whole.height());
        let info = PictureInfo { width, height, format: PictureFormat::Jpeg, bytes: 1, damage: None };
        let decoded = Decoded { orientation, ..Decoded::from_srgb(stored.into(), info) };
        let part = decoded.resized_part((3, 5), (16, 12), (16, 12)).unwrap().to_rgb8();
        let expected = whole.crop_imm(3, 5, 16, 12).to_rgb8();
        let worst = part.iter().zip(expected.iter()).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(worst <= Some(1), "{orientation:?}: {worst:?}");
    }
}
