//! Converts sRGB to CIELAB, maps colours to English names, and finds the dominant colours of a region with k-means.

use std::sync::LazyLock;

use super::observations::Tint;

/// A CIELAB colour (L*a*b*, D65 white point). `l` is lightness from 0 to 100, `a` goes from green to red, `b` from blue to
/// yellow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lab {
    pub l: f32,
    pub a: f32,
    pub b: f32,
}

/// The inverse transfer function of sRGB (IEC 61966-2-1), for each byte value.
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let value = byte as f32 / 255.0;
        if value > 0.040_45 { ((value + 0.055) / 1.055).powf(2.4) } else { value / 12.92 }
    })
});

impl Lab {
    pub(super) fn from_srgb(rgb: [u8; 3]) -> Self {
        Self::from_linear(rgb.map(|byte| LINEAR[usize::from(byte)]))
    }

    /// Converts linear sRGB values from 0 to 1.
    fn from_linear([red, green, blue]: [f32; 3]) -> Self {
        // The RGB to XYZ matrix of IEC 61966-2-1, relative to the D65 white point.
        let x = lab_curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
        let y = lab_curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let z = lab_curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
        Self { l: 116.0 * y - 16.0, a: 500.0 * (x - y), b: 200.0 * (y - z) }
    }

    /// Returns the linear interpolation between `self` (`t` = 0) and `other` (`t` = 1).
    fn towards(self, other: Self, t: f32) -> Self {
        let between = |from: f32, to: f32| from + (to - from) * t;
        Self { l: between(self.l, other.l), a: between(self.a, other.a), b: between(self.b, other.b) }
    }

    /// Returns the distance from grey.
    pub(super) fn chroma(self) -> f32 {
        self.a.hypot(self.b)
    }

    /// Returns the hue angle in degrees; 0 is red.
    pub(super) fn hue(self) -> f32 {
        self.b.atan2(self.a).to_degrees().rem_euclid(360.0)
    }

    /// Returns the Euclidean distance (ΔE*ab, CIE 1976).
    pub(super) fn distance(self, other: Self) -> f32 {
        self.distance_squared(other).sqrt()
    }

    fn distance_squared(self, other: Self) -> f32 {
        (self.l - other.l).powi(2) + (self.a - other.a).powi(2) + (self.b - other.b).powi(2)
    }

    /// Returns the distance with lightness weighted less, so that a material in sun and in shadow stays close.
    pub(super) fn material_distance(self, other: Self) -> f32 {
        const LIGHTNESS_WEIGHT: f32 = 0.45;
        ((LIGHTNESS_WEIGHT * (self.l - other.l)).powi(2) + (self.a - other.a).powi(2) + (self.b - other.b).powi(2))
            .sqrt()
    }

    /// Returns the median of each coordinate, or `None` if there are fewer than `min_count` pixels.
    pub(super) fn median(pixels: &[Self], min_count: usize) -> Option<Self> {
        if pixels.is_empty() || pixels.len() < min_count {
            return None;
        }
        let median = |coordinate: fn(&Self) -> f32| {
            let mut values: Vec<f32> = pixels.iter().map(coordinate).collect();
            let index = values.len() / 2;
            *values.select_nth_unstable_by(index, f32::total_cmp).1
        };
        Some(Self { l: median(|p| p.l), a: median(|p| p.a), b: median(|p| p.b) })
    }
}

/// The colour cast that the light gives to grey things: `a` and `b` of a light grey.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cast {
    a: f32,
    b: f32,
}

impl Cast {
    /// Estimates the cast from pixels of many things, by shades of grey (Finlayson and Trezzi, 2004): the Minkowski mean of each
    /// channel. If the things have a colour in common, so has the estimate.
    pub(super) fn of(pixels: impl Iterator<Item = [u8; 3]>) -> Self {
        const NORM: i32 = 6;
        /// The linear value of the brightest channel of a light grey.
        const LIGHT_GREY: f32 = 0.7;
        let mut sums = [0.0_f32; 3];
        for pixel in pixels {
            for (sum, byte) in sums.iter_mut().zip(pixel) {
                *sum += LINEAR[usize::from(byte)].powi(NORM);
            }
        }
        let means = sums.map(|sum| sum.powf(1.0 / NORM as f32));
        let brightest = means.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let grey = Lab::from_linear(means.map(|mean| mean / brightest * LIGHT_GREY));
        Self { a: grey.a, b: grey.b }
    }

    /// Returns true if a colour may be grey, black or white in this light.
    fn could_be_neutral(self, colour: Lab) -> bool {
        /// The lightness of the light grey.
        const LIGHT_GREY: f32 = 87.0;
        const NEUTRAL: f32 = 9.0;
        /// Casts below this chroma do not change the name of a colour.
        const MIN_CAST: f32 = 6.0;
        let share = colour.l / LIGHT_GREY;
        self.a.hypot(self.b) > MIN_CAST && (colour.a - share * self.a).hypot(colour.b - share * self.b) < NEUTRAL
    }
}

/// Applies the nonlinearity of CIELAB (CIE 15), including its linear segment near zero.
fn lab_curve(ratio: f32) -> f32 {
    if ratio > 0.008_856 { ratio.cbrt() } else { 7.787 * ratio + 16.0 / 116.0 }
}

macro_rules! colour_names {
    ($($variant:ident $text:literal of $family:ident),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(super) enum ColourName { $(#[doc = $text] $variant),+ }

        impl ColourName {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];

            pub(super) const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the name without its lightness. "Dark red" and "red" are one family, of which a caption names one.
            const fn family(self) -> Self {
                match self { $(Self::$variant => Self::$family),+ }
            }
        }
    };
}

colour_names! {
    Black "black" of Black, DarkGrey "dark grey" of Grey, Grey "grey" of Grey, LightGrey "light grey" of Grey,
    White "white" of White, Cream "cream" of Cream, Beige "beige" of Beige, Tan "tan" of Tan, Khaki "khaki" of Khaki,
    Brown "brown" of Brown, DarkBrown "dark brown" of Brown, Olive "olive" of Olive, Pink "pink" of Pink,
    DustyPink "dusty pink" of DustyPink, Mauve "mauve" of Mauve, DarkRed "dark red" of Red, Red "red" of Red,
    Coral "coral" of Coral, Orange "orange" of Orange, Mustard "mustard" of Mustard, Yellow "yellow" of Yellow,
    DarkGreen "dark green" of Green, Green "green" of Green, LightGreen "light green" of Green, Teal "teal" of Teal,
    Turquoise "turquoise" of Turquoise, Navy "navy" of Navy, Blue "blue" of Blue, LightBlue "light blue" of Blue,
    GreyBlue "grey-blue" of GreyBlue, DarkPurple "dark purple" of Purple, Purple "purple" of Purple,
    Lilac "lilac" of Lilac, Magenta "magenta" of Magenta,
}

impl ColourName {
    /// Returns the name of a colour. The boundaries were tuned by eye on photographs of clothes and checked against the named
    /// colours of CSS Color 4.
    pub(super) fn of(colour: Lab) -> Self {
        let (lightness, chroma, hue) = (colour.l, colour.chroma(), colour.hue());
        if lightness < 17.0 && chroma < 18.0 {
            return Self::Black;
        }
        if chroma < 8.0 || (lightness > 88.0 && chroma < 11.0) {
            return Self::of_grey(lightness);
        }
        match hue {
            45.0..110.0 if chroma < 32.0 => Self::of_earth(lightness, hue),
            45.0..78.0 if lightness < 45.0 => Self::Brown,
            45.0..70.0 => Self::Orange,
            70.0..78.0 if chroma > 60.0 => Self::Orange,
            70.0..88.0 if lightness < 77.0 => Self::Mustard,
            70.0..88.0 => Self::Yellow,
            88.0..112.0 if lightness > 68.0 => Self::Yellow,
            88.0..112.0 => Self::Olive,
            112.0..165.0 if lightness < 32.0 => Self::DarkGreen,
            112.0..165.0 if lightness > 72.0 && chroma < 60.0 => Self::LightGreen,
            112.0..165.0 => Self::Green,
            165.0..215.0 if lightness < 58.0 => Self::Teal,
            165.0..215.0 => Self::Turquoise,
            215.0..300.0 => Self::of_blue(lightness, chroma),
            // CIELAB shifts saturated blues towards purple: pure sRGB blue has a hue of 306°.
            300.0..310.0 if lightness < 45.0 && chroma > 45.0 => Self::of_blue(lightness, chroma),
            300.0..345.0 => Self::of_purple(lightness, chroma, hue),
            _ => Self::of_red(lightness, chroma, hue),
        }
    }

    fn of_grey(lightness: f32) -> Self {
        match lightness {
            ..22.0 => Self::Black,
            ..42.0 => Self::DarkGrey,
            ..65.0 => Self::Grey,
            ..83.0 => Self::LightGrey,
            _ => Self::White,
        }
    }

    fn of_earth(lightness: f32, hue: f32) -> Self {
        match lightness {
            83.0.. => Self::Cream,
            66.0.. => Self::Beige,
            50.0.. if hue < 90.0 => Self::Tan,
            50.0.. => Self::Khaki,
            _ if hue >= 88.0 => Self::Olive,
            24.0.. => Self::Brown,
            _ => Self::DarkBrown,
        }
    }

    fn of_blue(lightness: f32, chroma: f32) -> Self {
        match lightness {
            ..26.0 => Self::Navy,
            62.0.. => Self::LightBlue,
            _ if chroma > 22.0 => Self::Blue,
            _ => Self::GreyBlue,
        }
    }

    fn of_purple(lightness: f32, chroma: f32, hue: f32) -> Self {
        match lightness {
            ..28.0 => Self::DarkPurple,
            _ if hue > 320.0 && chroma > 60.0 && lightness > 40.0 => Self::Magenta,
            65.0.. => Self::Lilac,
            _ => Self::Purple,
        }
    }

    /// Handles hues from 345° through 0° to 45°.
    fn of_red(lightness: f32, chroma: f32, hue: f32) -> Self {
        let bluish = !(12.0..345.0).contains(&hue);
        if lightness < 32.0 {
            return if chroma < 12.0 { Self::DarkBrown } else { Self::DarkRed };
        }
        if chroma < 22.0 {
            return match lightness {
                66.0.. => Self::Pink,
                50.0.. => Self::DustyPink,
                _ if bluish => Self::Mauve,
                _ => Self::Brown,
            };
        }
        match lightness {
            66.0.. if chroma < 45.0 => Self::Pink,
            45.0.. if bluish => Self::Pink,
            // Saturated red has this hue too.
            50.0..60.0 if hue > 38.0 && chroma < 75.0 => Self::Orange,
            60.0.. if hue > 25.0 => Self::Coral,
            _ => Self::Red,
        }
    }

    /// Returns the basic colour that this one is a shade of, if there is one.
    const fn basic(self) -> Option<Self> {
        match self {
            Self::Navy | Self::Blue | Self::LightBlue | Self::GreyBlue => Some(Self::Blue),
            Self::Pink | Self::DustyPink => Some(Self::Pink),
            Self::DarkRed | Self::Red => Some(Self::Red),
            Self::DarkGreen | Self::Green | Self::LightGreen => Some(Self::Green),
            Self::Tan | Self::Brown | Self::DarkBrown => Some(Self::Brown),
            Self::DarkPurple | Self::Purple | Self::Lilac => Some(Self::Purple),
            _ => None,
        }
    }

    /// Returns true for black, white and the greys.
    pub(super) const fn is_neutral(self) -> bool {
        matches!(self, Self::Black | Self::DarkGrey | Self::Grey | Self::LightGrey | Self::White)
    }

    /// Returns the tone, for black-and-white images.
    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::Black | Self::DarkGrey => Tone::Dark,
            Self::LightGrey | Self::White => Tone::Light,
            _ => Tone::Middle,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Dark,
    Middle,
    Light,
}

impl Tone {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Middle => "mid-toned",
            Self::Light => "light",
        }
    }
}

/// A colour family under the name of one of its shades.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shade {
    name: ColourName,
    /// The share of all pixels, 0 to 1.
    share: f32,
    /// The mean colour.
    mean: Lab,
}

impl Shade {
    fn is_doubtful(&self) -> bool {
        let (chroma, hue) = (self.mean.chroma(), self.mean.hue());
        match self.name {
            // Navy is this dark in a photograph.
            ColourName::Black => chroma > 3.0,
            // Black in strong light and white in shade are grey in a photograph.
            ColourName::DarkGrey | ColourName::Grey | ColourName::LightGrey => true,
            ColourName::White => chroma > 6.0,
            // Under tinted light, navy and black look dark red or brown.
            _ if self.mean.l < 32.0 && chroma < 22.0 && !(215.0..310.0).contains(&hue) => true,
            _ => chroma < 11.0 || ((290.0..345.0).contains(&hue) && chroma < 25.0),
        }
    }
}

/// The named colours of a set of pixels, the most frequent first. Empty only if there are no pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Palette(Vec<Shade>);

impl Palette {
    const MAX_COLOURS: usize = 3;
    /// A family takes the name of a shade that covers more than this share of it.
    const DOMINANT_SHARE: f32 = 0.6;

    /// Clusters the pixels into up to five colours and names them.
    pub(super) fn of(pixels: &[Lab]) -> Self {
        Self::of_clusters(&clusters(pixels, MAX_CLUSTERS))
    }

    pub(super) fn of_clusters(clusters: &[Cluster]) -> Self {
        let shade = |cluster: &Cluster| Shade {
            name: ColourName::of(cluster.centre),
            share: cluster.share,
            mean: cluster.centre,
        };
        let exact = sum_by(clusters.iter().map(shade), |name| name);
        let mut shades = sum_by(exact.iter().copied(), ColourName::family);
        for family in &mut shades {
            let members = exact.iter().filter(|shade| shade.name.family() == family.name);
            let largest = members.max_by(|a, b| a.share.total_cmp(&b.share));
            // Equal amounts of red and dark red are "red"; mostly dark red is "dark red".
            if let Some(largest) = largest.filter(|largest| largest.share > Self::DOMINANT_SHARE * family.share) {
                family.name = largest.name;
            }
        }
        shades.sort_by(|a, b| b.share.total_cmp(&a.share));
        Self(shades)
    }

    /// Returns the colours that can be named without doubt, or the tone if at least that is certain. Grey is doubtful, because
    /// it may be black or white, a colour if it is nearly grey, and purple if it is weak, because the light may have caused it.
    /// `min_main` and `min_other` are the shares from which the main colour and others are significant.
    pub(super) fn certain(&self, min_main: f32, min_other: f32, cast: Cast) -> Option<Tint> {
        /// The distance (ΔE*ab) from the main colour below which another one may be a shadow.
        const MIN_CONTRAST: f32 = 30.0;
        let Some(main) = self.0.first().filter(|shade| shade.share >= min_main) else {
            return self.basic(cast).or_else(|| self.tone().map(Tint::Tone));
        };
        if main.is_doubtful() || cast.could_be_neutral(main.mean) {
            return match main.mean.l {
                _ if main.name.is_neutral() => {
                    Some(main.name.tone()).filter(|tone| *tone != Tone::Middle).map(Tint::Tone)
                }
                ..40.0 => Some(Tint::Tone(Tone::Dark)),
                72.0.. => Some(Tint::Tone(Tone::Light)),
                _ => None,
            };
        }
        let differs = |shade: &&Shade| {
            shade.share >= min_other
                && shade.mean.distance(main.mean) > MIN_CONTRAST
                && !(shade.name.is_neutral() && main.name.is_neutral())
        };
        let others = self.0[1..].iter().filter(differs).map(|shade| shade.name);
        Some(Tint::Colours(std::iter::once(main.name).chain(others).take(Self::MAX_COLOURS).collect()))
    }

    /// Returns the basic colour that most of the colours are shades of, if none is doubtful.
    fn basic(&self, cast: Cast) -> Option<Tint> {
        const MOST: f32 = 0.7;
        let basic = self.0.first()?.name.basic()?;
        let shades = || self.0.iter().filter(|shade| shade.name.basic() == Some(basic));
        let is_certain = shades().all(|shade| !shade.is_doubtful() && !cast.could_be_neutral(shade.mean));
        let share: f32 = shades().map(|shade| shade.share).sum();
        (is_certain && share >= MOST).then(|| Tint::Colours(vec![basic]))
    }

    /// Returns the tone that nearly all of the colours have.
    fn tone(&self) -> Option<Tone> {
        const NEARLY_ALL: f32 = 0.8;
        let share = |is_of_tone: fn(f32) -> bool| {
            self.0.iter().filter(|shade| is_of_tone(shade.mean.l)).map(|shade| shade.share).sum::<f32>()
        };
        if share(|lightness| lightness > 72.0) >= NEARLY_ALL {
            Some(Tone::Light)
        } else if share(|lightness| lightness < 35.0) >= NEARLY_ALL {
            Some(Tone::Dark)
        } else {
            None
        }
    }

    /// Returns the colour of a ground if it covers at least `min_share` and can be named without doubt, or its tone.
    pub(super) fn certain_ground(&self, min_share: f32, black_and_white: bool) -> Option<Tint> {
        /// A wall of less lightness (L*) is not white beside a white sheet.
        const MIN_WHITE: f32 = 93.0;
        let tone = self.tone().map(Tint::Tone);
        let main = self.0.first().filter(|shade| shade.share >= min_share && !black_and_white);
        match main {
            Some(Shade { name: ColourName::White, mean, .. }) if mean.l < MIN_WHITE => tone,
            Some(shade) if !shade.is_doubtful() => Some(Tint::Colours(vec![shade.name])),
            _ => tone,
        }
    }

    pub(super) fn main(&self) -> Option<ColourName> {
        self.0.first().map(|shade| shade.name)
    }

    /// Returns the main colour and those that cover at least `min_share`, up to [`Self::MAX_COLOURS`].
    pub(super) fn significant(&self, min_share: f32) -> Vec<ColourName> {
        let is_significant = |(rank, shade): &(usize, &Shade)| *rank == 0 || shade.share >= min_share;
        let names = self.0.iter().enumerate().filter(is_significant).map(|(_, shade)| shade.name);
        names.take(Self::MAX_COLOURS).collect()
    }
}

/// Sums the shares of names that `group` maps to the same name.
fn sum_by(named: impl Iterator<Item = Shade>, group: fn(ColourName) -> ColourName) -> Vec<Shade> {
    let mut shades: Vec<Shade> = Vec::new();
    for Shade { name, share, mean } in named {
        let name = group(name);
        match shades.iter_mut().find(|shade| shade.name == name) {
            Some(shade) => {
                let total = shade.share + share;
                shade.mean = shade.mean.towards(mean, if total > 0.0 { share / total } else { 0.0 });
                shade.share = total;
            }
            None => shades.push(Shade { name, share, mean }),
        }
    }
    shades
}

/// The number of clusters that a palette is made from.
const MAX_CLUSTERS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cluster {
    pub centre: Lab,
    /// The share of all pixels, 0 to 1.
    pub share: f32,
}

/// Clusters pixels by colour with k-means (Lloyd's algorithm). The initial centres are chosen by farthest-first traversal,
/// so the result is deterministic. Returns up to `max` clusters, fewer for few pixels.
pub(super) fn clusters(pixels: &[Lab], max: usize) -> Vec<Cluster> {
    const MIN_PIXELS_PER_CLUSTER: usize = 10;
    const MAX_SAMPLES: usize = 3000;
    const ITERATIONS: usize = 15;

    let samples: Vec<Lab> = pixels.iter().copied().step_by((pixels.len() / MAX_SAMPLES).max(1)).collect();
    if samples.is_empty() {
        return Vec::new();
    }
    let count = (samples.len() / MIN_PIXELS_PER_CLUSTER).clamp(1, max);
    let mut centres = farthest_first(&samples, count);
    let mut members = vec![0_usize; count];
    for _ in 0..ITERATIONS {
        let mut sums = vec![Lab::default(); count];
        members.fill(0);
        for &sample in &samples {
            let nearest = nearest(centres.iter().copied(), sample);
            members[nearest] += 1;
            let sum = &mut sums[nearest];
            *sum = Lab { l: sum.l + sample.l, a: sum.a + sample.a, b: sum.b + sample.b };
        }
        for ((centre, sum), &members) in centres.iter_mut().zip(&sums).zip(&members) {
            if members > 0 {
                let members = members as f32;
                *centre = Lab { l: sum.l / members, a: sum.a / members, b: sum.b / members };
            }
        }
    }
    let total = samples.len() as f32;
    centres.into_iter().zip(members).map(|(centre, n)| Cluster { centre, share: n as f32 / total }).collect()
}

/// Chooses `count` samples by farthest-first traversal: each is the farthest from those chosen before.
fn farthest_first(samples: &[Lab], count: usize) -> Vec<Lab> {
    let mut chosen = vec![samples[samples.len() / 2]];
    let mut distances = vec![f32::MAX; samples.len()];
    while chosen.len() < count {
        let last = chosen[chosen.len() - 1];
        let mut farthest = 0;
        for (index, sample) in samples.iter().enumerate() {
            distances[index] = distances[index].min(sample.distance_squared(last));
            if distances[index] >= distances[farthest] {
                farthest = index;
            }
        }
        chosen.push(samples[farthest]);
    }
    chosen
}

/// Returns the index of the centre nearest to a colour.
pub(super) fn nearest(centres: impl Iterator<Item = Lab>, sample: Lab) -> usize {
    let distances = centres.map(|centre| centre.distance_squared(sample)).enumerate();
    distances.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn named(rgb: [u8; 3]) -> &'static str {
        ColourName::of(Lab::from_srgb(rgb)).text()
    }

    /// Expected values were computed by hand from the definition.
    #[rstest]
    #[case([255, 255, 255], [100.0, 0.0, 0.0])]
    #[case([0, 0, 0], [0.0, 0.0, 0.0])]
    #[case([255, 0, 0], [53.2, 80.1, 67.2])]
    #[case([0, 0, 255], [32.3, 79.2, -107.9])]
    #[case([119, 119, 119], [50.0, 0.0, 0.0])]
    fn lab_of_known_colours(#[case] rgb: [u8; 3], #[case] expected: [f32; 3]) {
        let lab = Lab::from_srgb(rgb);
        let [l, a, b] = expected;
        assert!((lab.l - l).abs() < 0.5 && (lab.a - a).abs() < 0.5 && (lab.b - b).abs() < 0.5, "{lab:?}");
    }

    /// CSS Color 4 colours with uncontroversial names, among others.
    #[rstest]
    #[case([0, 0, 0], "black")]
    #[case([255, 255, 255], "white")]
    #[case([128, 128, 128], "grey")]
    #[case([200, 200, 200], "light grey")]
    #[case([80, 80, 80], "dark grey")]
    #[case([255, 0, 0], "red")]
    #[case([220, 20, 60], "red")]
    #[case([128, 0, 0], "dark red")]
    #[case([255, 192, 203], "pink")]
    #[case([255, 105, 180], "pink")]
    #[case([250, 128, 114], "coral")]
    #[case([255, 165, 0], "orange")]
    #[case([255, 140, 0], "orange")]
    #[case([218, 96, 70], "orange")]
    #[case([139, 69, 19], "brown")]
    #[case([255, 255, 0], "yellow")]
    #[case([255, 215, 0], "yellow")]
    #[case([218, 165, 32], "mustard")]
    #[case([245, 222, 179], "cream")]
    #[case([128, 128, 0], "olive")]
    #[case([0, 128, 0], "green")]
    #[case([0, 100, 0], "green")]
    #[case([20, 50, 25], "dark green")]
    #[case([144, 238, 144], "light green")]
    #[case([0, 128, 128], "teal")]
    #[case([64, 224, 208], "turquoise")]
    #[case([0, 0, 128], "navy")]
    #[case([25, 25, 112], "navy")]
    #[case([0, 0, 255], "blue")]
    #[case([65, 105, 225], "blue")]
    #[case([70, 130, 180], "blue")]
    #[case([135, 206, 235], "light blue")]
    #[case([112, 128, 144], "grey-blue")]
    #[case([128, 0, 128], "purple")]
    #[case([138, 43, 226], "purple")]
    #[case([75, 0, 130], "dark purple")]
    #[case([221, 160, 221], "lilac")]
    #[case([255, 0, 255], "magenta")]
    fn names_of_known_colours(#[case] rgb: [u8; 3], #[case] name: &str) {
        assert_eq!(named(rgb), name);
    }

    #[test]
    fn a_palette_is_sorted_by_share_and_omits_small_ones() {
        let blue = Lab::from_srgb([30, 60, 200]);
        let white = Lab::from_srgb([255, 255, 255]);
        let red = Lab::from_srgb([210, 20, 30]);
        let mut pixels = vec![blue; 700];
        pixels.extend(vec![white; 270]);
        pixels.extend(vec![red; 30]);
        let palette = Palette::of(&pixels);
        assert_eq!(palette.main(), Some(ColourName::Blue));
        assert_eq!(palette.significant(0.2), [ColourName::Blue, ColourName::White]);
        assert_eq!(palette.significant(0.02), [ColourName::Blue, ColourName::White, ColourName::Red]);
    }

    #[test]
    fn shades_of_one_family_are_merged() {
        let (red, dark_red) = (Lab::from_srgb([200, 20, 30]), Lab::from_srgb([100, 10, 20]));
        let mut pixels = vec![dark_red; 320];
        pixels.extend(vec![red; 280]);
        pixels.extend(vec![Lab::from_srgb([0, 0, 0]); 400]);
        assert_eq!(Palette::of(&pixels).significant(0.1), [ColourName::Red, ColourName::Black]);
        assert_eq!(Palette::of(&[dark_red; 50]).significant(0.1), [ColourName::DarkRed]);
    }

    #[test]
    fn colours_that_the_light_may_have_caused_are_left_out() {
        let certain = |rgb: [u8; 3]| Palette::of(&[Lab::from_srgb(rgb); 50]).certain(0.5, 0.25, Cast::default());
        assert_eq!(certain([200, 20, 30]), Some(Tint::Colours(vec![ColourName::Red])));
        assert_eq!(certain([20, 20, 20]), Some(Tint::Colours(vec![ColourName::Black])));
        assert_eq!(certain([18, 20, 30]), Some(Tint::Tone(Tone::Dark)), "black or navy");
        assert_eq!(certain([70, 40, 45]), Some(Tint::Tone(Tone::Dark)), "navy in warm light");
        assert_eq!(certain([225, 215, 225]), Some(Tint::Tone(Tone::Light)), "white or lilac");
        assert_eq!(certain([150, 150, 165]), None, "grey or grey-blue");
        assert_eq!(certain([70, 70, 70]), Some(Tint::Tone(Tone::Dark)), "dark grey or black");
        assert_eq!(certain([190, 190, 190]), Some(Tint::Tone(Tone::Light)), "light grey or white");
        assert_eq!(certain([125, 125, 125]), None, "grey, white in shade or black in strong light");
    }

    #[test]
    fn shades_of_one_colour_have_its_basic_name() {
        let pixels = |colours: &[([u8; 3], usize)]| -> Vec<Lab> {
            colours.iter().flat_map(|(rgb, count)| std::iter::repeat_n(Lab::from_srgb(*rgb), *count)).collect()
        };
        let certain = |pixels: &[Lab]| Palette::of(pixels).certain(0.55, 1.0, Cast::default());
        let (navy, blue, sky) = ([20, 25, 110], [40, 70, 170], [130, 170, 230]);
        assert_eq!(certain(&pixels(&[(navy, 50), (sky, 48)])), Some(Tint::Colours(vec![ColourName::Blue])));
        assert_eq!(certain(&pixels(&[(blue, 30), ([200, 30, 30], 35), ([20, 120, 30], 35)])), None);
    }

    #[test]
    fn a_colour_that_tinted_light_may_have_caused_is_not_named() {
        let room = [[150, 110, 60], [230, 190, 120], [90, 60, 30], [250, 220, 150]];
        let lamplight = Cast::of(room.into_iter());
        let daylight = Cast::of([[250, 250, 250], [200, 40, 40], [40, 40, 200], [30, 160, 30]].into_iter());
        let certain = |rgb, cast| Palette::of(&[Lab::from_srgb(rgb); 50]).certain(0.5, 0.25, cast);
        let cream = [235, 205, 150];
        assert_eq!(certain(cream, daylight), Some(Tint::Colours(vec![ColourName::Cream])));
        assert_eq!(certain(cream, lamplight), Some(Tint::Tone(Tone::Light)), "white in this light");
        let red = [180, 20, 20];
        assert_eq!(certain(red, lamplight), certain(red, daylight), "red in any light");
    }

    #[test]
    fn without_pixels_there_are_no_colours() {
        assert_eq!(Palette::of(&[]), Palette::default());
        assert_eq!(Lab::median(&[], 0), None);
    }

    #[test]
    fn material_distance_weights_lightness_less() {
        let lit = Lab { l: 80.0, a: 10.0, b: 10.0 };
        let shaded = Lab { l: 60.0, ..lit };
        let other = Lab { a: 30.0, ..lit };
        assert!(lit.material_distance(shaded) < lit.material_distance(other));
    }

    proptest! {
        #[test]
        fn greys_have_grey_names(value: u8) {
            prop_assert!(["black", "dark grey", "grey", "light grey", "white"].contains(&named([value; 3])));
        }

        #[test]
        fn cluster_shares_add_up_to_one(bytes in prop::collection::vec(any::<[u8; 3]>(), 1..200)) {
            let pixels: Vec<Lab> = bytes.into_iter().map(Lab::from_srgb).collect();
            let total: f32 = clusters(&pixels, MAX_CLUSTERS).iter().map(|cluster| cluster.share).sum();
            prop_assert!((total - 1.0).abs() < 1e-4);
        }

        #[test]
        fn significant_colours_are_one_to_three(bytes in prop::collection::vec(any::<[u8; 3]>(), 1..200), min_share in 0.0_f32..1.0) {
            let pixels: Vec<Lab> = bytes.into_iter().map(Lab::from_srgb).collect();
            let colours = Palette::of(&pixels).significant(min_share);
            prop_assert!((1..=Palette::MAX_COLOURS).contains(&colours.len()));
        }
    }
}
