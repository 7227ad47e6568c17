//! Exact captions for common cases, and grammatical invariants as property tests.

use proptest::{option, prelude::*, sample::select};
use rstest::rstest;

use super::*;
use crate::describe::local::{colour::Tone, observations::GarmentKind};

const AMPLE: usize = 100;

/// Claims about gender, age and origin, and hedges.
const FORBIDDEN: [&str; 28] = [
    "man",
    "woman",
    "men",
    "women",
    "boy",
    "girl",
    "male",
    "female",
    "lady",
    "gentleman",
    "he",
    "she",
    "his",
    "her",
    "young",
    "old",
    "elderly",
    "child",
    "adult",
    "asian",
    "african",
    "european",
    "caucasian",
    "latino",
    "ethnic",
    "appears",
    "seems",
    "probably",
];

fn colours(names: &[ColourName]) -> Tint {
    Tint::Colours(names.to_vec())
}

fn dressed() -> Observations {
    Observations {
        black_and_white: false,
        subject: Subject::Person(PersonObservations {
            framing: Some(Framing::FullLength),
            prominent: Prominent::One,
            others_behind: true,
            side: Some(Side::Left),
            clothes: Clothes::Garments {
                top: Some(Top {
                    tint: colours(&[ColourName::Orange, ColourName::White]),
                    patterned: true,
                    sleeves: Some(Sleeves::Short),
                }),
                bottoms: Some(Bottoms { tint: colours(&[ColourName::Blue]), kind: BottomsKind::Trousers }),
            },
            accessories: vec!["umbrella", "handbag"],
        }),
        objects: vec!["car", "bench", "dog"],
        background: Some(Background::Mostly(colours(&[ColourName::Grey, ColourName::Teal]))),
        palette: Some(colours(&[ColourName::Grey])),
    }
}

fn laid_out() -> Observations {
    Observations {
        black_and_white: false,
        subject: Subject::Garment(GarmentObservations {
            kind: GarmentKind::LongSleevedTop,
            tint: Some(colours(&[ColourName::Red, ColourName::Black])),
            patterned: true,
        }),
        objects: Vec::new(),
        background: Some(Background::Plain(Some(colours(&[ColourName::White])))),
        palette: Some(colours(&[ColourName::White, ColourName::Red])),
    }
}

#[rstest]
#[case(Detail::Brief, "Full-length photo of a person wearing an orange top.")]
#[case(
    Detail::Standard,
    "Full-length photo of a person wearing a short-sleeved patterned orange and white top and blue trousers, \
     with an umbrella and a handbag, against a mostly grey background. Other people are in view."
)]
#[case(
    Detail::Detailed,
    "Full-length photo of a person wearing a short-sleeved patterned orange and white top and blue trousers, \
     with an umbrella and a handbag, against a mostly grey and teal background. The person is on the left of the \
     picture. Other people are in view. Also in view: a car, a bench and a dog. The main colour of the picture is \
     grey."
)]
fn a_person_with_clothes(#[case] detail: Detail, #[case] caption: &str) {
    assert_eq!(write(&dressed(), detail, AMPLE), caption);
}

#[rstest]
#[case(Detail::Brief, "Red long-sleeved top.")]
#[case(Detail::Standard, "Red and black patterned long-sleeved top on a plain white background.")]
#[case(
    Detail::Detailed,
    "Red and black patterned long-sleeved top on a plain white background. The main colours of the picture are \
     white and red."
)]
fn a_garment_without_a_person(#[case] detail: Detail, #[case] caption: &str) {
    assert_eq!(write(&laid_out(), detail, AMPLE), caption);
}

#[test]
fn several_people_in_black_and_white() {
    let observations = Observations {
        black_and_white: true,
        subject: Subject::Person(PersonObservations {
            framing: Some(Framing::WaistUp),
            prominent: Prominent::Three,
            others_behind: false,
            side: None,
            clothes: Clothes::Garments {
                top: Some(Top { tint: Tint::Tone(Tone::Dark), patterned: false, sleeves: None }),
                bottoms: None,
            },
            accessories: Vec::new(),
        }),
        objects: Vec::new(),
        background: None,
        palette: Some(Tint::Tone(Tone::Light)),
    };
    assert_eq!(
        write(&observations, Detail::Detailed, AMPLE),
        "Black-and-white photo of three people, one wearing a dark top. The picture is mostly light."
    );
}

#[test]
fn a_person_of_whom_little_is_certain() {
    let mut observations = dressed();
    observations.background = Some(Background::Plain(None));
    if let Subject::Person(person) = &mut observations.subject {
        person.framing = None;
        person.clothes = Clothes::Overall(Some(colours(&[ColourName::Navy])));
        person.accessories.clear();
        person.others_behind = false;
    }
    assert_eq!(
        write(&observations, Detail::Standard, AMPLE),
        "Photo of a person in mainly navy clothing, against a plain background."
    );
}

#[test]
fn the_word_limit_drops_the_least_important_topics_first() {
    let words = |text: &str| text.split_whitespace().count();
    let observations = dressed();
    let standard = write(&observations, Detail::Standard, AMPLE);
    assert_eq!(
        write(&observations, Detail::Standard, words(&standard) - 1),
        "Full-length photo of a person wearing a short-sleeved patterned orange and white top and blue trousers, \
         with an umbrella and a handbag, against a mostly grey background."
    );
    assert_eq!(write(&observations, Detail::Standard, 9), "Full-length photo of a person wearing an orange top.");
    assert_eq!(write(&observations, Detail::Standard, 8), "Full-length photo of a person.");
    assert_eq!(write(&observations, Detail::Standard, 4), "Photo of a person.");
    assert_eq!(write(&observations, Detail::Standard, 3), "A person.");
    assert_eq!(write(&observations, Detail::Standard, 0), "Person.");
    assert_eq!(write(&laid_out(), Detail::Standard, 2), "Long-sleeved top.");
    assert_eq!(write(&laid_out(), Detail::Standard, 0), "Top.");
}

#[rstest]
#[case(Prominent::One, "Photo of a person wearing an orange top. Other people are in view.")]
#[case(Prominent::Many, "Photo of a group of people, one wearing an orange top. Other people are in view.")]
#[case(Prominent::Some, "Photo of people, one wearing an orange top.")]
fn clothes_are_those_of_one_person(#[case] prominent: Prominent, #[case] caption: &str) {
    let mut observations = dressed();
    observations.background = None;
    if let Subject::Person(person) = &mut observations.subject {
        person.prominent = prominent;
        person.framing = None;
        person.accessories.clear();
        if let Clothes::Garments { top: Some(top), bottoms } = &mut person.clothes {
            *top = Top { tint: colours(&[ColourName::Orange]), patterned: false, sleeves: None };
            *bottoms = None;
        }
    }
    assert_eq!(write(&observations, Detail::Standard, AMPLE), caption);
}

fn any_tint() -> impl Strategy<Value = Tint> {
    prop_oneof![
        prop::collection::vec(select(ColourName::ALL), 1..=3).prop_map(Tint::Colours),
        select(&[Tone::Dark, Tone::Middle, Tone::Light][..]).prop_map(Tint::Tone),
    ]
}

fn any_background() -> impl Strategy<Value = Background> {
    prop_oneof![
        option::of(any_tint()).prop_map(Background::Plain),
        any_tint().prop_map(Background::Mostly),
        Just(Background::Greenery),
        Just(Background::SkyBlue),
    ]
}

fn any_top() -> impl Strategy<Value = Top> {
    let sleeves = option::of(select(&[Sleeves::None, Sleeves::Short, Sleeves::Long][..]));
    (any_tint(), any::<bool>(), sleeves).prop_map(|(tint, patterned, sleeves)| Top { tint, patterned, sleeves })
}

fn any_bottoms() -> impl Strategy<Value = Bottoms> {
    let kinds = [BottomsKind::Unknown, BottomsKind::Trousers, BottomsKind::KneeLength, BottomsKind::Short];
    (any_tint(), select(kinds.to_vec())).prop_map(|(tint, kind)| Bottoms { tint, kind })
}

fn any_clothes() -> impl Strategy<Value = Clothes> {
    prop_oneof![
        (option::of(any_top()), option::of(any_bottoms()))
            .prop_map(|(top, bottoms)| Clothes::Garments { top, bottoms }),
        option::of(any_tint()).prop_map(Clothes::Overall),
    ]
}

fn any_person() -> impl Strategy<Value = PersonObservations> {
    let framings =
        [Framing::FullLength, Framing::ThreeQuarter, Framing::WaistUp, Framing::HeadAndShoulders, Framing::CloseUp];
    let numbers = [Prominent::One, Prominent::Two, Prominent::Three, Prominent::Many, Prominent::Some];
    let accessories = prop::collection::vec(select(&["tie", "umbrella", "handbag"][..]), 0..3);
    let side = option::of(select(&[Side::Left, Side::Right][..]));
    (option::of(select(framings.to_vec())), select(numbers.to_vec()), any::<bool>(), side, any_clothes(), accessories)
        .prop_map(|(framing, prominent, others_behind, side, clothes, accessories)| PersonObservations {
            framing,
            prominent,
            others_behind,
            side,
            clothes,
            accessories,
        })
}

fn any_garment() -> impl Strategy<Value = GarmentObservations> {
    let kinds = [GarmentKind::Dress, GarmentKind::LongSleevedTop, GarmentKind::Outerwear, GarmentKind::Trousers];
    (select(kinds.to_vec()), option::of(any_tint()), any::<bool>())
        .prop_map(|(kind, tint, patterned)| GarmentObservations { kind, tint, patterned })
}

fn any_observations() -> impl Strategy<Value = Observations> {
    let subject = prop_oneof![any_person().prop_map(Subject::Person), any_garment().prop_map(Subject::Garment)];
    let objects = prop::collection::vec(select(&["car", "bench", "umbrella", "potted plant"][..]), 0..4);
    (any::<bool>(), subject, objects, option::of(any_background()), option::of(any_tint())).prop_map(
        |(black_and_white, subject, objects, background, palette)| Observations {
            black_and_white,
            subject,
            objects,
            background,
            palette,
        },
    )
}

fn any_detail() -> impl Strategy<Value = Detail> {
    select(&[Detail::Brief, Detail::Standard, Detail::Detailed][..])
}

/// Splits a caption into lowercase words, without punctuation and hyphens.
fn split_words(caption: &str) -> Vec<String> {
    caption.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

proptest! {
    #[test]
    fn every_caption_is_well_formed(observations in any_observations(), detail in any_detail(), max_words in 1_usize..90) {
        let caption = write(&observations, detail, max_words);
        prop_assert!(caption.ends_with('.') && !caption.ends_with(".."), "{}", caption);
        prop_assert!(caption.split_whitespace().count() <= max_words, "{}", caption);
        prop_assert!(caption.starts_with(char::is_uppercase), "{}", caption);
        for flaw in ["  ", " ,", " .", ",,", ", ,", ",.", " ;", ".,", "and and", "wearing,", "wearing and", "\n"] {
            prop_assert!(!caption.contains(flaw), "{:?} in {}", flaw, caption);
        }
        for sentence in caption.split_inclusive(". ") {
            prop_assert!(sentence.starts_with(char::is_uppercase), "{}", caption);
        }
    }

    #[test]
    fn articles_agree_with_the_next_word(observations in any_observations(), detail in any_detail()) {
        let caption = write(&observations, detail, AMPLE);
        let words: Vec<&str> = caption.split_whitespace().collect();
        for pair in words.windows(2) {
            let wrong = if pair[1].starts_with(['a', 'e', 'i', 'o', 'u']) { "a" } else { "an" };
            prop_assert!(!pair[0].eq_ignore_ascii_case(wrong), "{}", caption);
        }
    }

    #[test]
    fn captions_make_no_claims_about_gender_age_or_origin(observations in any_observations(), detail in any_detail()) {
        let caption = write(&observations, detail, AMPLE);
        for word in split_words(&caption) {
            prop_assert!(!FORBIDDEN.contains(&word.as_str()), "{} in {}", word, caption);
        }
    }

    #[test]
    fn captions_name_the_subject(observations in any_observations(), detail in any_detail()) {
        let caption = write(&observations, detail, AMPLE);
        match &observations.subject {
            Subject::Person(_) => prop_assert!(caption.contains("person") || caption.contains("people"), "{}", caption),
            Subject::Garment(garment) => {
                prop_assert!(caption.to_lowercase().contains(garment.kind.noun()), "{}", caption);
            }
        }
    }

    #[test]
    fn more_detail_means_more_words(observations in any_observations()) {
        let length = |detail| write(&observations, detail, AMPLE).split_whitespace().count();
        prop_assert!(length(Detail::Brief) <= length(Detail::Standard));
        prop_assert!(length(Detail::Standard) <= length(Detail::Detailed));
        if observations.palette.is_some() {
            prop_assert!(length(Detail::Standard) < length(Detail::Detailed));
        }
        let is_person = matches!(observations.subject, Subject::Person(_));
        if observations.background.as_ref().is_some_and(|ground| is_person || matches!(ground, Background::Plain(_))) {
            prop_assert!(length(Detail::Brief) < length(Detail::Standard));
        }
    }
}
