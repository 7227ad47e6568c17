//! The image in the form that the describer analyses: decoded within limits, upright, downscaled, and converted to CIELAB.

use std::path::Path;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};
use image::{DynamicImage, RgbImage, metadata::Orientation};

use super::{
    colour::Lab,
    geometry::{CropMap, Point, Region},
};
use crate::picture::{UnusablePicture, decode_undamaged, opaque, read, resize};

/// The longest side after downscaling, in pixels. All thresholds of this describer were tuned at this size.
const WORKING_SIDE: u32 = 640;

pub(super) struct Picture {
    pixels: RgbImage,
    /// Row by row.
    colours: Vec<Lab>,
}

impl Picture {
    pub(super) fn open(path: &Path, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Self, UnusablePicture> {
        // Decode at full size: scaled decoding would change the pixels that the thresholds were tuned on.
        let full_size = (u32::MAX, u32::MAX);
        let decoded = read(path)
            .and_then(|bytes| decode_undamaged(is_cancelled, &bytes, full_size))
            .map_err(|error| error.at(path))?;
        let orientation = decoded.orientation;
        Ok(Self::new(decoded.into_srgb(), orientation))
    }

    /// Downscales, rotates and flattens a decoded image.
    pub(super) fn new(image: DynamicImage, orientation: Orientation) -> Self {
        let mut image = shrink(image);
        image.apply_orientation(orientation);
        let pixels = flatten(image);
        let colours = pixels.pixels().map(|pixel| Lab::from_srgb(pixel.0)).collect();
        Self { pixels, colours }
    }

    pub(super) fn width(&self) -> usize {
        self.pixels.width() as usize
    }

    pub(super) fn height(&self) -> usize {
        self.pixels.height() as usize
    }

    pub(super) fn longest_side(&self) -> usize {
        self.width().max(self.height())
    }

    pub(super) fn contains(&self, point: Point) -> bool {
        point.x >= 0.0 && point.y >= 0.0 && point.x < self.width() as f32 && point.y < self.height() as f32
    }

    /// Returns the colours of all pixels, row by row.
    pub(super) fn colours(&self) -> &[Lab] {
        &self.colours
    }

    /// Returns the colour of a pixel, which must be inside the image.
    pub(super) fn colour(&self, x: usize, y: usize) -> Lab {
        self.colours[y * self.width() + x]
    }

    /// Returns the sRGB values of a pixel, which must be inside the image.
    pub(super) fn srgb(&self, x: usize, y: usize) -> [u8; 3] {
        self.pixels.get_pixel(x as u32, y as u32).0
    }

    /// Returns the colours at some positions as if the brightest parts of the picture were nearly white, so that a white thing
    /// in a dark picture is not grey.
    pub(super) fn exposed(&self, positions: &[(usize, usize)]) -> Vec<Lab> {
        const BRIGHTEST: f32 = 0.02;
        const NEARLY_WHITE: f32 = 240.0;
        const MAX_GAIN: f32 = 1.6;
        let pixels: Vec<[u8; 3]> = positions.iter().map(|&(x, y)| self.srgb(x, y)).collect();
        // Rec. 709 luma.
        let luma = |[red, green, blue]: [u8; 3]| {
            0.2126 * f32::from(red) + 0.7152 * f32::from(green) + 0.0722 * f32::from(blue)
        };
        let mut ranked = pixels.clone();
        ranked.sort_unstable_by(|a, b| luma(*b).total_cmp(&luma(*a)));
        ranked.truncate(((ranked.len() as f32 * BRIGHTEST) as usize).max(1));
        let mean = |channel: usize| {
            ranked.iter().map(|pixel| f32::from(pixel[channel])).sum::<f32>() / ranked.len().max(1) as f32
        };
        let brightest = (0..3).map(mean).fold(1.0, f32::max);
        let gain = (NEARLY_WHITE / brightest).clamp(1.0, MAX_GAIN);
        let brightened = |value: u8| (f32::from(value) * gain).min(255.0) as u8;
        pixels.into_iter().map(|pixel| Lab::from_srgb(pixel.map(brightened))).collect()
    }

    /// Returns the positions of every `step`th pixel in both directions, row by row.
    pub(super) fn grid(&self, step: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (width, height) = (self.width(), self.height());
        (0..height).step_by(step).flat_map(move |y| (0..width).step_by(step).map(move |x| (x, y)))
    }

    /// Returns the positions of the pixels in a region, row by row.
    pub(super) fn positions_in<'a, R: Region>(
        &self,
        region: &'a R,
    ) -> impl Iterator<Item = (usize, usize)> + use<'a, R> {
        let bounds = region.bounds().clipped(self.width(), self.height());
        let columns = span(bounds.left, bounds.right, self.width());
        let rows = span(bounds.top, bounds.bottom, self.height());
        rows.flat_map(move |y| columns.clone().map(move |x| (x, y)))
            .filter(|&(x, y)| region.contains(Point::new(x as f32, y as f32)))
    }

    /// Returns the whole image resized to a square of `side` pixels, without keeping the aspect ratio, as the networks
    /// expect it.
    pub(super) fn squeezed(&self, side: u32) -> Vec<[f32; 3]> {
        let square = scale_to(&DynamicImage::ImageRgb8(self.pixels.clone()), side, side).into_rgb8();
        square.pixels().map(|pixel| pixel.0.map(f32::from)).collect()
    }

    /// Returns a square crop of `side` pixels with bilinear interpolation; black outside the image.
    pub(super) fn crop(&self, map: CropMap, side: usize) -> Vec<[f32; 3]> {
        let mut crop = Vec::with_capacity(side * side);
        for y in 0..side {
            for x in 0..side {
                crop.push(self.sample(map.to_picture(Point::new(x as f32, y as f32))));
            }
        }
        crop
    }

    /// Bilinear interpolation.
    fn sample(&self, position: Point) -> [f32; 3] {
        let (left, top) = (position.x.floor(), position.y.floor());
        let (right_share, lower_share) = (position.x - left, position.y - top);
        let corner = |x: f32, y: f32| self.pixel_or_black(x, y);
        let (upper_left, upper_right) = (corner(left, top), corner(left + 1.0, top));
        let (lower_left, lower_right) = (corner(left, top + 1.0), corner(left + 1.0, top + 1.0));
        std::array::from_fn(|channel| {
            let upper = upper_left[channel] * (1.0 - right_share) + upper_right[channel] * right_share;
            let lower = lower_left[channel] * (1.0 - right_share) + lower_right[channel] * right_share;
            upper * (1.0 - lower_share) + lower * lower_share
        })
    }

    fn pixel_or_black(&self, x: f32, y: f32) -> [f32; 3] {
        if self.contains(Point::new(x, y)) {
            self.pixels.get_pixel(x as u32, y as u32).0.map(f32::from)
        } else {
            [0.0; 3]
        }
    }
}

/// Returns the indices from `from` to `to`, inclusive, clamped to `0..length`.
fn span(from: f32, to: f32, length: usize) -> std::ops::Range<usize> {
    let start = from.max(0.0).ceil() as usize;
    let end = (to.max(-1.0).floor() + 1.0) as usize;
    start..end.min(length)
}

/// Downscales to [`WORKING_SIDE`]. Smaller images are unchanged.
fn shrink(image: DynamicImage) -> DynamicImage {
    let longest = image.width().max(image.height());
    if longest <= WORKING_SIDE {
        return image;
    }
    let scale = f64::from(WORKING_SIDE) / f64::from(longest);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    scale_to(&image, scaled(image.width()), scaled(image.height()))
}

fn scale_to(image: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    resize(image, (width, height), &options)
        // More than 8 bits per channel.
        .unwrap_or_else(|_| image.resize_exact(width, height, image::imageops::FilterType::Triangle))
}

/// Converts to 8-bit RGB. Transparent images are blended onto white, the background of most web pages.
fn flatten(image: DynamicImage) -> RgbImage {
    if image.color().has_alpha() { opaque(&image, |_, _| u8::MAX) } else { image.into_rgb8() }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        fs::{self, File},
        io::{self, Write},
    };

    use image::{ImageBuffer, ImageFormat, Luma, Rgb, RgbaImage};
    use proptest::prelude::*;

    use super::*;
    use crate::describe::local::geometry::Rect;
    use crate::picture::fixture;

    pub(in crate::describe::local) fn plain(width: u32, height: u32, rgb: [u8; 3]) -> Picture {
        painted(width, height, |_, _| rgb)
    }

    pub(in crate::describe::local) fn painted(width: u32, height: u32, paint: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let image = RgbImage::from_fn(width, height, |x, y| Rgb(paint(x, y)));
        Picture::new(DynamicImage::ImageRgb8(image), Orientation::NoTransforms)
    }

    fn error_of(path: &Path) -> String {
        Picture::open(path, &|| false).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn large_images_are_downscaled_with_their_aspect_ratio() {
        let picture = plain(1600, 800, [10, 20, 30]);
        assert_eq!((picture.width(), picture.height()), (640, 320));
    }

    #[test]
    fn thin_images_keep_at_least_one_pixel() {
        let picture = plain(3000, 1, [10, 20, 30]);
        assert_eq!((picture.width(), picture.height()), (640, 1));
    }

    #[test]
    fn orientation_is_applied() {
        let mut image = RgbImage::new(2, 1);
        image.put_pixel(0, 0, Rgb([255, 0, 0]));
        let upright = Picture::new(DynamicImage::ImageRgb8(image), Orientation::Rotate90);
        assert_eq!((upright.width(), upright.height()), (1, 2));
        assert!(upright.colour(0, 0).a > 50.0, "red moves from the left to the top");
    }

    #[test]
    fn the_orientation_is_read_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turned.jpg");
        let mut jpeg = io::Cursor::new(Vec::new());
        RgbImage::new(16, 8).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        // An Exif segment with one entry: orientation (0x0112), type short (3), count 1, value 6 (rotate 90° clockwise).
        let mut exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec();
        exif.extend([0; 4]);
        let mut bytes = jpeg.into_inner();
        bytes.splice(2..2, exif);
        fs::write(&path, bytes).unwrap();
        let picture = Picture::open(&path, &|| false).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((picture.width(), picture.height()), (8, 16));
    }

    #[test]
    fn transparent_pixels_are_blended_onto_white() {
        let image = RgbaImage::from_pixel(4, 4, image::Rgba([0, 0, 0, 0]));
        let picture = Picture::new(DynamicImage::ImageRgba8(image), Orientation::NoTransforms);
        assert!(picture.colour(1, 1).l > 99.0);
    }

    #[test]
    fn sixteen_bit_grey_keeps_its_lightness() {
        let image: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_pixel(900, 3, Luma([119 * 257]));
        let picture = Picture::new(DynamicImage::ImageLuma16(image), Orientation::NoTransforms);
        assert!((picture.colour(0, 0).l - 50.0).abs() < 0.5);
    }

    #[test]
    fn every_supported_format_opens() {
        let folder = tempfile::tempdir().unwrap();
        let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(8, 6, Rgb([200, 30, 30])));
        let formats = [
            (ImageFormat::Jpeg, "a.jpg"),
            (ImageFormat::Png, "a.png"),
            (ImageFormat::Gif, "a.gif"),
            (ImageFormat::WebP, "a.webp"),
            (ImageFormat::Bmp, "a.bmp"),
            (ImageFormat::Tiff, "a.tiff"),
        ];
        for (format, name) in formats {
            let path = folder.path().join(name);
            image.save_with_format(&path, format).unwrap();
            let picture = Picture::open(&path, &|| false).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((picture.width(), picture.height()), (8, 6), "{name}");
        }
    }

    #[test]
    fn the_format_is_detected_from_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("really-a-png.jpg");
        RgbImage::new(3, 3).save_with_format(&path, ImageFormat::Png).unwrap();
        assert!(Picture::open(&path, &|| false).is_ok());
    }

    #[test]
    fn errors_name_the_file_and_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.jpg");
        let message = error_of(&missing);
        assert!(message.contains("missing.jpg") && message.contains("restore the file"), "{message}");

        let message = error_of(folder.path());
        assert!(message.contains("not a picture file but a folder"), "{message}");

        let text = folder.path().join("notes.txt");
        fs::write(&text, "just words").unwrap();
        let message = error_of(&text);
        assert!(message.contains("notes.txt") && message.contains("convert it"), "{message}");

        let cut = folder.path().join("cut.png");
        let mut bytes = io::Cursor::new(Vec::new());
        RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, x as u8, y as u8]))
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        fs::write(&cut, &bytes.get_ref()[..200]).unwrap();
        let message = error_of(&cut);
        assert!(message.contains("cut.png") && message.contains("cut off"), "{message}");
    }

    #[test]
    fn colours_are_converted_by_the_profile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("swapped.png");
        let red = RgbImage::from_pixel(8, 8, Rgb(fixture::RED));
        fs::write(&path, fixture::with_profile(red, ImageFormat::Png, &fixture::swapped_profile())).unwrap();
        let picture = Picture::open(&path, &|| false).unwrap_or_else(|error| panic!("{error}"));
        assert!(picture.colour(4, 4).a < -50.0, "the profile makes it green");
    }

    #[test]
    fn huge_dimensions_are_rejected_before_decoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.bmp");
        // The header of a 24-bit BMP of 30,000 × 30,000 pixels (2.5 GB), without pixel data.
        let side = 30_000_i32.to_le_bytes();
        let mut header = Vec::new();
        header.extend(b"BM");
        header.extend(54_u32.to_le_bytes());
        header.extend([0; 4]);
        header.extend(54_u32.to_le_bytes());
        header.extend(40_u32.to_le_bytes());
        header.extend(side);
        header.extend(side);
        header.extend(1_u16.to_le_bytes());
        header.extend(24_u16.to_le_bytes());
        header.extend([0; 24]);
        File::create(&path).unwrap().write_all(&header).unwrap();
        let message = error_of(&path);
        assert!(message.contains("30000×30000") && message.contains("shrink"), "{message}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_size_and_region_is_accepted(
            width in 1_u32..70,
            height in 1_u32..70,
            corners in prop::array::uniform4(-200.0_f32..200.0),
            radians in -4.0_f32..4.0,
        ) {
            let picture = plain(width, height, [1, 2, 3]);
            let region = Rect::new(corners[0], corners[1], corners[2], corners[3]);
            for (x, y) in picture.positions_in(&region) {
                let _ = picture.colour(x, y);
            }
            let map = CropMap::square(Point::new(corners[0], corners[1]), corners[2], radians, 9);
            prop_assert_eq!(picture.crop(map, 9).len(), 81);
            prop_assert_eq!(picture.squeezed(7).len(), 49);
            prop_assert_eq!(picture.grid(2).count(), (width.div_ceil(2) * height.div_ceil(2)) as usize);
        }

        #[test]
        fn positions_in_yields_exactly_the_pixels_of_a_region(
            width in 1_u32..20, height in 1_u32..20,
            left in -5.0_f32..25.0, top in -5.0_f32..25.0, right in -5.0_f32..25.0, bottom in -5.0_f32..25.0,
        ) {
            let picture = plain(width, height, [0; 3]);
            let region = Rect::new(left, top, right, bottom);
            let expected: Vec<_> =
                picture.grid(1).filter(|&(x, y)| region.contains(Point::new(x as f32, y as f32))).collect();
            prop_assert_eq!(picture.positions_in(&region).collect::<Vec<_>>(), expected);
        }
    }
}
