//! Puts findings into words: one caption of plain English, as long as asked, never longer than allowed.

use super::{
    colour::ColourName,
    findings::{
        Background, Bottoms, BottomsKind, Clothes, Findings, Framing, PersonFindings, Side, Sleeves, Subject, Surface,
        Thing, Tint, Top,
    },
};
use crate::describe::Detail;

/// One kind of thing a caption can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// How much of the person is in view; whether the picture is black and white.
    Framing,
    /// The main colour of the top, or of what is in view.
    MainColour,
    Bottoms,
    /// Sleeves and pattern.
    Cut,
    /// All colours of the clothes.
    Colours,
    Accessories,
    Background,
    OtherPeople,
    Objects,
    BackgroundColours,
    /// On which side of the picture the person is.
    Side,
    /// The colours of the whole picture.
    Palette,
}

/// All topics, the most important first: a level of detail tells the first few, and a caption that is too long gives
/// up the last ones.
const TOPICS: [Topic; 12] = [
    Topic::Framing,
    Topic::MainColour,
    Topic::Bottoms,
    Topic::Cut,
    Topic::Colours,
    Topic::Accessories,
    Topic::Background,
    Topic::OtherPeople,
    Topic::Objects,
    Topic::BackgroundColours,
    Topic::Side,
    Topic::Palette,
];

const fn topic_count(detail: Detail) -> usize {
    match detail {
        Detail::Brief => 2,
        Detail::Standard => 8,
        Detail::Detailed => TOPICS.len(),
    }
}

/// The caption: ends with a full stop, has at least one word and at most `max_words` (zero counts as one).
pub(super) fn write(findings: &Findings, detail: Detail, max_words: usize) -> String {
    let fits = |text: &String| text.split_whitespace().count() <= max_words.max(1);
    (0..=topic_count(detail))
        .rev()
        .map(|count| compose(findings, &TOPICS[..count]))
        .chain(shortest(findings))
        .find(fits)
        .unwrap_or_else(|| "Picture.".to_owned())
}

/// What is left to say when even a caption without topics is too long.
fn shortest(findings: &Findings) -> impl Iterator<Item = String> {
    let (two_words, one_word) = match &findings.subject {
        Subject::Person(person) if person.prominent > 1 => (capitalised(&people(person.prominent)), "People"),
        Subject::Person(_) => ("A person".to_owned(), "Person"),
        Subject::NoPerson(_) => ("No person".to_owned(), "Picture"),
    };
    [two_words, one_word.to_owned()].into_iter().map(|text| text + ".")
}

fn compose(findings: &Findings, topics: &[Topic]) -> String {
    let told = Told { findings, topics };
    let mut sentences = vec![match &findings.subject {
        Subject::Person(person) => told.person(person),
        Subject::NoPerson(thing) => told.no_person(thing.as_ref()),
    }];
    sentences.extend(told.further_sentences());
    sentences.join(". ") + "."
}

/// The findings, and which of them to tell. Its methods give phrases without final punctuation.
struct Told<'a> {
    findings: &'a Findings,
    topics: &'a [Topic],
}

impl Told<'_> {
    fn tells(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    fn person(&self, person: &PersonFindings) -> String {
        let mut photo = match person.framing {
            framing if self.tells(Topic::Framing) => framing_adjective(framing),
            _ => "",
        }
        .to_owned();
        if self.findings.black_and_white && self.tells(Topic::Framing) {
            push_word(&mut photo, "black-and-white");
        }
        push_word(&mut photo, "photo of");
        push_word(&mut photo, &people(person.prominent));

        let mut clauses = vec![capitalised(&photo)];
        let several = person.prominent > 1;
        if person.framing == Framing::FaceNotInView && !several && self.tells(Topic::Framing) {
            clauses.push("face not in view".to_owned());
        }
        if let Some(clothes) = self.clothes(&person.clothes) {
            match (&person.clothes, several) {
                (_, true) => clauses.push(format!("the most prominent {clothes}")),
                (Clothes::Garments { .. }, false) => push_word(&mut clauses[0], &clothes),
                (Clothes::Overall(_), false) => clauses.push(clothes),
            }
        }
        if self.tells(Topic::Accessories) && !person.accessories.is_empty() {
            clauses.push(format!("with {}", things(&person.accessories)));
        }
        clauses.extend(self.background());
        clauses.join(", ")
    }

    /// "wearing a red top and grey trousers", "in mainly red clothing".
    fn clothes(&self, clothes: &Clothes) -> Option<String> {
        match clothes {
            Clothes::Garments { top, bottoms } => {
                let top = top.as_ref().filter(|_| self.tells(Topic::MainColour)).map(|top| self.top(top));
                let bottoms =
                    bottoms.as_ref().filter(|_| self.tells(Topic::Bottoms)).map(|bottoms| self.bottoms(bottoms));
                let worn: Vec<String> = [top, bottoms].into_iter().flatten().collect();
                (!worn.is_empty()).then(|| format!("wearing {}", enumeration(&worn)))
            }
            Clothes::Overall(Some(tint)) if self.tells(Topic::MainColour) => {
                Some(format!("in mainly {} clothing", self.tint(tint, Topic::Colours)))
            }
            Clothes::Overall(_) => None,
        }
    }

    fn top(&self, top: &Top) -> String {
        let mut words = String::new();
        if self.tells(Topic::Cut) {
            push_word(&mut words, sleeves_adjective(top.sleeves));
            push_word(&mut words, if top.patterned { "patterned" } else { "" });
        }
        push_word(&mut words, &self.tint(&top.tint, Topic::Colours));
        push_word(&mut words, "top");
        with_article(&words)
    }

    fn bottoms(&self, bottoms: &Bottoms) -> String {
        let noun = match bottoms.kind {
            BottomsKind::Unknown => "bottoms",
            BottomsKind::Trousers => "trousers",
            BottomsKind::KneeLength => "knee-length bottoms",
            BottomsKind::Short => "shorts or a short skirt",
        };
        format!("{} {noun}", self.tint(&bottoms.tint, Topic::Colours))
    }

    fn no_person(&self, thing: Option<&Thing>) -> String {
        let mut text = "No person could be made out".to_owned();
        if self.findings.black_and_white && self.tells(Topic::Framing) {
            text += " in this black-and-white picture";
        }
        if !self.tells(Topic::MainColour) {
            return text;
        }
        let subject = match (thing, &self.findings.palette) {
            (Some(thing), _) => {
                let tint = self.tint(&thing.tint, Topic::Colours);
                let surface = match thing.surface.filter(|_| self.tells(Topic::Cut)) {
                    Some(Surface::Plain) => "plain, ",
                    Some(Surface::Patterned) => "patterned, ",
                    None => "",
                };
                format!("; the subject is {surface}mainly {tint}")
            }
            (None, Some(palette)) => format!("; the picture is mainly {}", self.tint(palette, Topic::Colours)),
            (None, None) => String::new(),
        };
        text += &subject;
        if let Some(background) = self.background() {
            text += ", ";
            text += &background;
        }
        text
    }

    /// "against a plain grey background".
    fn background(&self) -> Option<String> {
        let background = self.findings.background.as_ref().filter(|_| self.tells(Topic::Background))?;
        Some(match background {
            Background::Plain(colour) => format!("against a plain {} background", colour.text()),
            Background::Blurred(tint) => {
                format!("against a blurred {} background", self.tint(tint, Topic::BackgroundColours))
            }
            Background::Greenery => "with greenery behind".to_owned(),
            Background::SkyBlue => "with light blue above".to_owned(),
            Background::Busy(Tint::Tone(tone)) if self.tells(Topic::BackgroundColours) => {
                format!("against a busy, mostly {} background", tone.text())
            }
            Background::Busy(Tint::Colours(colours)) if self.tells(Topic::BackgroundColours) => {
                format!("against a busy background, mainly {}", enumeration(&texts(colours)))
            }
            Background::Busy(_) => "against a busy background".to_owned(),
        })
    }

    fn further_sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if let Subject::Person(person) = &self.findings.subject {
            if let Some(side) = person.side.filter(|_| person.prominent == 1 && self.tells(Topic::Side)) {
                let side = match side {
                    Side::Left => "left",
                    Side::Right => "right",
                };
                sentences.push(format!("The person is on the {side} of the picture"));
            }
            if person.others_behind && self.tells(Topic::OtherPeople) {
                sentences.push("Other people are in view".to_owned());
            }
        }
        if self.tells(Topic::Objects) && !self.findings.objects.is_empty() {
            sentences.push(format!("Also in view: {}", things(&self.findings.objects)));
        }
        if self.tells(Topic::Palette) {
            sentences.extend(self.findings.palette.as_ref().map(palette_sentence));
        }
        sentences
    }

    /// The colours of something; all of them if the topic is told, else the main one.
    fn tint(&self, tint: &Tint, all: Topic) -> String {
        match tint {
            Tint::Colours(colours) if self.tells(all) => enumeration(&texts(colours)),
            Tint::Colours(colours) => colours.first().map_or("", |colour| colour.text()).to_owned(),
            Tint::Tone(tone) => tone.text().to_owned(),
        }
    }
}

fn palette_sentence(palette: &Tint) -> String {
    match palette {
        Tint::Colours(colours) if colours.len() == 1 => {
            format!("The main colour of the picture is {}", enumeration(&texts(colours)))
        }
        Tint::Colours(colours) => format!("The main colours of the picture are {}", enumeration(&texts(colours))),
        Tint::Tone(tone) => format!("The picture is mostly {}", tone.text()),
    }
}

fn framing_adjective(framing: Framing) -> &'static str {
    match framing {
        Framing::FullLength => "full-length",
        Framing::ThreeQuarter => "three-quarter",
        Framing::WaistUp => "waist-up",
        Framing::HeadAndShoulders => "head-and-shoulders",
        Framing::CloseUp => "close-up",
        Framing::FaceNotInView => "",
    }
}

fn sleeves_adjective(sleeves: Option<Sleeves>) -> &'static str {
    match sleeves {
        None => "",
        Some(Sleeves::None) => "sleeveless",
        Some(Sleeves::Short) => "short-sleeved",
        Some(Sleeves::Long) => "long-sleeved",
    }
}

/// "a person", "two people", "many people".
fn people(count: usize) -> String {
    const WORDS: [&str; 9] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    match count {
        0 | 1 => "a person".to_owned(),
        _ => format!("{} people", WORDS.get(count - 2).unwrap_or(&"many")),
    }
}

/// "a car, an umbrella and a bench".
fn things(nouns: &[&str]) -> String {
    enumeration(&nouns.iter().map(|noun| with_article(noun)).collect::<Vec<_>>())
}

fn texts(colours: &[ColourName]) -> Vec<String> {
    colours.iter().map(|colour| colour.text().to_owned()).collect()
}

/// "one", "one and two", "one, two and three".
fn enumeration(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The indefinite article goes by the first letter: every word used here is pronounced as it is spelt.
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Adds a word after a space; nothing for an empty one.
fn push_word(text: &mut String, word: &str) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

#[cfg(test)]
mod tests;
