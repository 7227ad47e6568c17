//! Colour management: converts pixels to sRGB by the profile in the file.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use image::{DynamicImage, RgbImage};
use lru::LruCache;
use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients, TransferCharacteristics,
    Transform8BitExecutor, TransformOptions,
};
use twox_hash::XxHash3_128;

use crate::picture::catch_panic;

/// The largest ICC profile used, in bytes. Those of printing presses have up to 3 MB.
pub(super) const MAX_ICC_BYTES: usize = 8_000_000;

/// The largest difference from sRGB, of 255, at which a profile counts as sRGB: about the rounding errors of a conversion.
const TOLERANCE: u8 = 2;

/// The number of conversions kept. A dataset rarely has more than a few profiles.
const CACHED: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// The pixels converted at a time, so that they stay in the CPU's cache.
const CHUNK: usize = 2_048;

/// The description of a colour space in a file.
#[derive(Clone, Copy)]
pub(crate) enum Profile<'a> {
    Icc(&'a [u8]),
    /// Code points of ITU-T H.273.
    Cicp {
        primaries: u8,
        transfer: u8,
    },
}

/// The samples of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Samples {
    Grey,
    Rgb,
    Rgba,
    Cmyk,
}

impl Samples {
    /// Returns the samples of decoded pixels with 8 bits per channel.
    pub fn of(pixels: &DynamicImage) -> Option<Self> {
        match pixels {
            DynamicImage::ImageLuma8(_) | DynamicImage::ImageLumaA8(_) => Some(Self::Grey),
            DynamicImage::ImageRgb8(_) => Some(Self::Rgb),
            DynamicImage::ImageRgba8(_) => Some(Self::Rgba),
            _ => None,
        }
    }

    const fn space(self) -> DataColorSpace {
        match self {
            Self::Grey => DataColorSpace::Gray,
            Self::Rgb | Self::Rgba => DataColorSpace::Rgb,
            Self::Cmyk => DataColorSpace::Cmyk,
        }
    }
}

/// A conversion to sRGB.
pub(crate) enum ToSrgb {
    /// The value of each shade of grey.
    Grey(Box<[u8; 256]>),
    Colour(Samples, Arc<Transform8BitExecutor>),
}

type Key = (u128, Samples);
type Cache = LruCache<Key, Option<Arc<ToSrgb>>>;

impl ToSrgb {
    /// Returns the conversion from a profile, or `None` if the pixels are sRGB already, or the profile is for other pixels
    /// or broken. Building a conversion takes up to some milliseconds, so it is cached by the content of the profile.
    pub fn from_profile(profile: Profile, samples: Samples) -> Option<Arc<Self>> {
        static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(|| Mutex::new(LruCache::new(CACHED)));
        let hash = match profile {
            Profile::Icc(bytes) if bytes.len() > MAX_ICC_BYTES => return None,
            Profile::Icc(bytes) => XxHash3_128::oneshot(bytes),
            Profile::Cicp { primaries, transfer } => u128::from(primaries) << 8 | u128::from(transfer),
        };
        let cache = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(&(hash, samples)) {
            return known.clone();
        }
        let built = catch_panic(
            || Ok(Self::build(profile, samples)?.filter(|converter| !converter.is_identity())),
            |reason| reason,
        );
        let converter = built.unwrap_or_else(|reason| {
            tracing::debug!(reason, "a colour profile is ignored");
            None
        });
        let converter = converter.map(Arc::new);
        cache().put((hash, samples), converter.clone());
        converter
    }

    fn build(profile: Profile, samples: Samples) -> Result<Option<Self>, String> {
        let profile = match profile {
            Profile::Icc(bytes) => ColorProfile::new_from_slice(bytes).map_err(|error| error.to_string())?,
            Profile::Cicp { primaries, transfer } => {
                let primaries = match CicpColorPrimaries::try_from(primaries) {
                    Ok(CicpColorPrimaries::Unspecified) | Err(_) => CicpColorPrimaries::Bt709,
                    Ok(primaries) => primaries,
                };
                let transfer = match TransferCharacteristics::try_from(transfer) {
                    Ok(
                        transfer @ (TransferCharacteristics::Bt470M
                        | TransferCharacteristics::Bt470Bg
                        | TransferCharacteristics::Linear),
                    ) => transfer,
                    // High dynamic range needs tone mapping.
                    Ok(TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg) => return Ok(None),
                    // Encoders declare the curves of video for pictures in sRGB.
                    _ => TransferCharacteristics::Srgb,
                };
                ColorProfile::new_from_cicp(CicpProfile {
                    color_primaries: primaries,
                    transfer_characteristics: transfer,
                    matrix_coefficients: MatrixCoefficients::Identity,
                    full_range: true,
                })
            }
        };
        if profile.color_space != samples.space() {
            return Ok(None);
        }
        let (from, to) = match samples {
            Samples::Grey => (Layout::Gray, Layout::Rgb),
            Samples::Rgb => (Layout::Rgb, Layout::Rgb),
            Samples::Rgba => (Layout::Rgba, Layout::Rgba),
            // Four channels, like CMYK.
            Samples::Cmyk => (Layout::Rgba, Layout::Rgb),
        };
        let srgb = ColorProfile::new_srgb();
        let transform = profile
            .create_transform_8bit(from, &srgb, to, TransformOptions::default())
            .map_err(|error| error.to_string())?;
        if samples != Samples::Grey {
            return Ok(Some(Self::Colour(samples, transform)));
        }
        let shades: Vec<u8> = (0..=u8::MAX).collect();
        let mut colours = [0; 3 * 256];
        transform.transform(&shades, &mut colours).map_err(|error| error.to_string())?;
        Ok(Some(Self::Grey(Box::new(std::array::from_fn(|shade| colours[3 * shade])))))
    }

    /// Returns true if the conversion changes no colour visibly.
    fn is_identity(&self) -> bool {
        const STEPS: [u8; 9] = [0, 16, 48, 80, 112, 144, 184, 220, 255];
        match self {
            Self::Grey(shades) => (0..=u8::MAX).zip(shades.iter()).all(|(from, to)| from.abs_diff(*to) <= TOLERANCE),
            Self::Colour(Samples::Cmyk, _) => false,
            Self::Colour(samples, _) => {
                let colours =
                    STEPS.iter().flat_map(|r| STEPS.iter().flat_map(move |g| STEPS.map(|b| [*r, *g, b, 255])));
                let channels = if *samples == Samples::Rgba { 4 } else { 3 };
                let before: Vec<u8> = colours.flat_map(|colour| colour.into_iter().take(channels)).collect();
                let mut after = before.clone();
                self.convert(&mut after, channels);
                before.iter().zip(after).all(|(from, to)| from.abs_diff(to) <= TOLERANCE)
            }
        }
    }

    /// Converts pixels in place. Leaves pixels of other types unchanged.
    pub fn apply(&self, pixels: &mut DynamicImage) {
        match (self, pixels) {
            (Self::Grey(shades), DynamicImage::ImageLuma8(pixels)) => {
                pixels.iter_mut().for_each(|shade| *shade = shades[usize::from(*shade)]);
            }
            (Self::Grey(shades), DynamicImage::ImageLumaA8(pixels)) => {
                pixels.pixels_mut().for_each(|pixel| pixel.0[0] = shades[usize::from(pixel.0[0])]);
            }
            (Self::Colour(Samples::Rgb, _), DynamicImage::ImageRgb8(pixels)) => self.convert(pixels, 3),
            (Self::Colour(Samples::Rgba, _), DynamicImage::ImageRgba8(pixels)) => self.convert(pixels, 4),
            _ => {}
        }
    }

    fn convert(&self, pixels: &mut [u8], channels: usize) {
        let Self::Colour(_, transform) = self else { return };
        let mut before = Vec::with_capacity(CHUNK * channels);
        for chunk in pixels.chunks_mut(CHUNK * channels) {
            before.clear();
            before.extend_from_slice(chunk);
            if let Err(error) = transform.transform(&before, chunk) {
                tracing::debug!(%error, "pixels keep their colours");
                return;
            }
        }
    }

    /// Converts samples of CMYK, with 255 for full ink. Returns `None` if the conversion is for other samples.
    pub fn cmyk_to_rgb(&self, cmyk: &[u8], width: u32, height: u32) -> Option<RgbImage> {
        let Self::Colour(Samples::Cmyk, transform) = self else { return None };
        let mut rgb = RgbImage::new(width, height);
        transform.transform(cmyk, &mut rgb).ok()?;
        Some(rgb)
    }
}

#[cfg(test)]
mod tests;
