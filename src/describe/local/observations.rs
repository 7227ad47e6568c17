//! The facts detected in an image, from which its caption is composed.

use super::colour::{ColourName, Palette, Tone};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observations {
    pub black_and_white: bool,
    pub subject: Subject,
    /// Objects that are not worn or carried, by descending score.
    pub objects: Vec<&'static str>,
    /// `None` if too little of it is visible.
    pub background: Option<Background>,
    /// The colours of the whole image.
    pub palette: Option<Tint>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Person(PersonObservations),
    /// No person was detected.
    Garment(GarmentObservations),
}

/// The main person and the people around.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PersonObservations {
    /// `None` if it is uncertain.
    pub framing: Option<Framing>,
    pub prominent: Prominent,
    /// True if there are also smaller people.
    pub others_behind: bool,
    /// Set if the person is clearly off-centre.
    pub side: Option<Side>,
    pub clothes: Clothes,
    pub accessories: Vec<&'static str>,
}

/// The number of people about as large as the main person, who is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prominent {
    One,
    Two,
    Three,
    /// Four or more.
    Many,
    /// Two or more.
    Some,
}

impl Prominent {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::One => "a person",
            Self::Two => "two people",
            Self::Three => "three people",
            Self::Many => "a group of people",
            Self::Some => "people",
        }
    }
}

impl PersonObservations {
    /// Returns true if there is nothing to state but that there is a person, or that there are people.
    pub(super) fn is_empty(&self) -> bool {
        let is_number_known = matches!(self.prominent, Prominent::Two | Prominent::Three | Prominent::Many);
        let is_framing_stated = self.prominent == Prominent::One && self.framing.is_some();
        !is_number_known
            && !is_framing_stated
            && self.accessories.is_empty()
            && matches!(self.clothes, Clothes::Garments { top: None, bottoms: None } | Clothes::Overall(None))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    FullLength,
    /// To the knees.
    ThreeQuarter,
    WaistUp,
    HeadAndShoulders,
    CloseUp,
}

/// A side of the image, from the viewer's perspective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clothes {
    /// The torso was located.
    Garments { top: Option<Top>, bottoms: Option<Bottoms> },
    /// The torso was not located; the colours are those of the whole person.
    Overall(Option<Tint>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Top {
    pub tint: Tint,
    pub patterned: bool,
    pub sleeves: Option<Sleeves>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleeves {
    None,
    Short,
    Long,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bottoms {
    pub tint: Tint,
    pub kind: BottomsKind,
}

/// The kind of garment, derived from how much of the legs is bare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BottomsKind {
    Unknown,
    /// Shins covered.
    Trousers,
    /// Shins bare.
    KneeLength,
    /// Shins and thighs bare.
    Short,
}

/// A garment laid out or on a hanger.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GarmentObservations {
    pub kind: GarmentKind,
    /// `None` if it does not stand out from its ground.
    pub tint: Option<Tint>,
    /// True only if certain: folds and seams in plain cloth look like a faint print.
    pub patterned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GarmentKind {
    Dress,
    Hat,
    LongSleevedTop,
    /// Jackets, coats and gilets.
    Outerwear,
    Trousers,
    Shirt,
    Shoes,
    Shorts,
    Skirt,
    TShirt,
    /// One of the three kinds of tops.
    Top,
}

impl GarmentKind {
    pub(super) const fn is_top(self) -> bool {
        matches!(self, Self::LongSleevedTop | Self::Shirt | Self::TShirt | Self::Top)
    }

    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Dress => "dress",
            Self::Hat => "hat",
            Self::LongSleevedTop => "long-sleeved top",
            Self::Outerwear => "outerwear",
            Self::Trousers => "trousers",
            Self::Shirt => "shirt",
            Self::Shoes => "shoes",
            Self::Shorts => "shorts",
            Self::Skirt => "skirt",
            Self::TShirt => "T-shirt",
            Self::Top => "top",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Background {
    /// Even; `None` if its colour is uncertain.
    Plain(Option<Tint>),
    /// Uneven, with one frequent colour.
    Mostly(Tint),
    Greenery,
    /// Blue in the upper third.
    SkyBlue,
}

/// The colours of a region, or its tone in a black-and-white image.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tint {
    /// Not empty, the main colour first.
    Colours(Vec<ColourName>),
    Tone(Tone),
}

impl Tint {
    /// Returns the colours of a palette that cover at least `min_share` (0 to 1), or its tone; `None` for an empty palette.
    pub(super) fn of(palette: &Palette, min_share: f32, black_and_white: bool) -> Option<Self> {
        let main = palette.main()?;
        Some(if black_and_white { Self::Tone(main.tone()) } else { Self::Colours(palette.significant(min_share)) })
    }
}
