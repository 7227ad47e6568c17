//! What was found in a picture, before it is put into words.

use super::colour::{ColourName, Palette, Tone};

/// Everything found in one picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Findings {
    /// The picture has no colours to tell.
    pub black_and_white: bool,
    pub subject: Subject,
    /// Objects in view that nobody wears or carries, the surest first.
    pub objects: Vec<&'static str>,
    /// What is behind the subject, if enough of it is in view.
    pub background: Option<Background>,
    /// The colours of the whole picture.
    pub palette: Option<Tint>,
}

/// What a picture is of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Person(PersonFindings),
    /// Nobody was made out; the thing in the middle was, if it differs from what is round it.
    NoPerson(Option<Thing>),
}

/// What was found of a person, and of the people with them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PersonFindings {
    pub framing: Framing,
    /// People about as large in the picture as this one, this one included: at least 1.
    pub prominent: usize,
    /// Whether there are smaller people too.
    pub others_behind: bool,
    /// Where the person is, if clearly to one side.
    pub side: Option<Side>,
    pub clothes: Clothes,
    /// Things the person wears or carries.
    pub accessories: Vec<&'static str>,
}

/// How much of a person is in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    FullLength,
    /// To the knees.
    ThreeQuarter,
    WaistUp,
    HeadAndShoulders,
    CloseUp,
    /// The face is cut off, covered or turned away, and the joints are not clear.
    FaceNotInView,
}

/// A side of the picture, as the viewer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// What a person wears.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clothes {
    /// Where the body could be located.
    Garments { top: Option<Top>, bottoms: Option<Bottoms> },
    /// Where it could not.
    Overall(Option<Tint>),
}

/// What the upper body wears.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Top {
    pub tint: Tint,
    pub patterned: bool,
    pub sleeves: Option<Sleeves>,
}

/// How much of the arms a garment covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleeves {
    None,
    Short,
    Long,
}

/// What the legs wear.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bottoms {
    pub tint: Tint,
    pub kind: BottomsKind,
}

/// What can be told of the kind of garment from how much of the legs is bare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BottomsKind {
    /// Nothing can.
    Unknown,
    /// Shins covered.
    Trousers,
    /// Shins bare.
    KneeLength,
    /// Shins and thighs bare.
    Short,
}

/// A thing in the middle of a picture without people: most often a garment laid out or hung up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thing {
    pub tint: Tint,
    /// `None` where it could be either: prints, folds and seams on plain cloth look alike.
    pub surface: Option<Surface>,
}

/// How even a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Plain,
    Patterned,
}

/// What is behind the subject.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Background {
    /// Even, in one colour.
    Plain(ColourName),
    /// Out of focus or little detailed.
    Blurred(Tint),
    Greenery,
    /// Light blue in its upper part.
    SkyBlue,
    /// Full of detail.
    Busy(Tint),
}

/// The colours of something, or its tone in a black-and-white picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tint {
    /// At least one colour, the main one first.
    Colours(Vec<ColourName>),
    Tone(Tone),
}

impl Tint {
    /// What to tell of a palette: colours that cover at least `least_share`. `None` for an empty one.
    pub(super) fn of(palette: &Palette, least_share: f32, black_and_white: bool) -> Option<Self> {
        let main = palette.main()?;
        Some(if black_and_white { Self::Tone(main.tone()) } else { Self::Colours(palette.told(least_share)) })
    }
}
