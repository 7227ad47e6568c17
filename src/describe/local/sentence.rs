//! Composes a caption from observations, from templates, within a word limit.

use super::{
    colour::ColourName,
    observations::{
        Background, Bottoms, BottomsKind, Clothes, Framing, GarmentObservations, Observations, PersonObservations,
        Prominent, Side, Sleeves, Subject, Tint, Top,
    },
};
use crate::describe::Detail;

/// A piece of information that a caption can include.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// How much of the person is visible, and whether the image is black and white.
    Framing,
    /// The main colour of the top, of the object or of the image.
    MainColour,
    Bottoms,
    /// Sleeves, and plain or patterned.
    Cut,
    /// All colours of the clothes.
    Colours,
    Accessories,
    Background,
    OtherPeople,
    Objects,
    BackgroundColours,
    /// The side of the image that the person is on.
    Side,
    /// The colours of the whole image.
    Palette,
}

/// All topics by descending priority. Each level of detail includes a prefix of them, and a caption that exceeds the word
/// limit drops the last ones.
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

/// Returns a caption of 1 to `max_words` words (0 counts as 1) that ends with a full stop.
pub(super) fn write(observations: &Observations, detail: Detail, max_words: usize) -> String {
    let fits = |text: &String| text.split_whitespace().count() <= max_words.max(1);
    (0..=topic_count(detail))
        .rev()
        .map(|count| compose(observations, &TOPICS[..count]))
        .chain(shortest(observations))
        .find(fits)
        .unwrap_or_else(|| "Picture.".to_owned())
}

/// Returns the captions to fall back to if even one without topics is too long.
fn shortest(observations: &Observations) -> impl Iterator<Item = String> {
    let (two_words, one_word) = match &observations.subject {
        Subject::Person(person) if person.prominent != Prominent::One => {
            (capitalised(person.prominent.text()), "People")
        }
        Subject::Person(_) => ("A person".to_owned(), "Person"),
        Subject::Garment(garment) => {
            let noun = garment.kind.noun();
            (capitalised(noun), noun.rsplit(' ').next().unwrap_or(noun))
        }
    };
    [two_words, capitalised(one_word)].into_iter().map(|text| text + ".")
}

fn compose(observations: &Observations, topics: &[Topic]) -> String {
    let writer = Writer { observations, topics };
    let mut sentences = vec![match &observations.subject {
        Subject::Person(person) => writer.person(person),
        Subject::Garment(garment) => writer.garment(garment),
    }];
    sentences.extend(writer.further_sentences());
    sentences.join(". ") + "."
}

/// The observations and the topics to include. The methods return phrases without final punctuation.
struct Writer<'a> {
    observations: &'a Observations,
    topics: &'a [Topic],
}

impl Writer<'_> {
    fn includes(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    fn person(&self, person: &PersonObservations) -> String {
        let several = person.prominent != Prominent::One;
        // Several people are seldom visible to the same extent.
        let framing = person.framing.filter(|_| !several && self.includes(Topic::Framing));
        let mut photo = framing.map_or("", framing_adjective).to_owned();
        if self.observations.black_and_white && self.includes(Topic::Framing) {
            push_word(&mut photo, "black-and-white");
        }
        push_word(&mut photo, "photo of");
        push_word(&mut photo, person.prominent.text());

        let mut clauses = vec![capitalised(&photo)];
        match self.clothes(&person.clothes) {
            Some(clothes) if several => clauses.push(format!("one {clothes}")),
            Some(clothes) => push_word(&mut clauses[0], &clothes),
            None => {}
        }
        if self.includes(Topic::Accessories) && !person.accessories.is_empty() {
            clauses.push(format!("with {}", things(&person.accessories)));
        }
        clauses.extend(self.background());
        clauses.join(", ")
    }

    /// Returns, for example, "wearing a red top and grey trousers" or "in mainly red clothing".
    fn clothes(&self, clothes: &Clothes) -> Option<String> {
        match clothes {
            Clothes::Garments { top, bottoms } => {
                let top = top.as_ref().filter(|_| self.includes(Topic::MainColour)).map(|top| self.top(top));
                let bottoms =
                    bottoms.as_ref().filter(|_| self.includes(Topic::Bottoms)).map(|bottoms| self.bottoms(bottoms));
                let worn: Vec<String> = [top, bottoms].into_iter().flatten().collect();
                (!worn.is_empty()).then(|| format!("wearing {}", enumeration(&worn)))
            }
            Clothes::Overall(Some(tint)) if self.includes(Topic::MainColour) => {
                Some(format!("in mainly {} clothing", self.tint(tint, Topic::Colours)))
            }
            Clothes::Overall(_) => None,
        }
    }

    fn top(&self, top: &Top) -> String {
        let mut words = String::new();
        if self.includes(Topic::Cut) {
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

    /// Returns, for example, "Light blue patterned dress on a plain beige background".
    fn garment(&self, garment: &GarmentObservations) -> String {
        let mut text = match &garment.tint {
            Some(tint) if self.includes(Topic::MainColour) => self.tint(tint, Topic::Colours),
            _ => String::new(),
        };
        push_word(&mut text, if garment.patterned && self.includes(Topic::Cut) { "patterned" } else { "" });
        push_word(&mut text, garment.kind.noun());
        if self.observations.black_and_white && self.includes(Topic::Framing) {
            text = format!("black-and-white photo of {text}");
        }
        if let Some(Background::Plain(tint)) = &self.observations.background
            && self.includes(Topic::Background)
        {
            push_word(&mut text, "on");
            push_word(&mut text, &self.plain(tint.as_ref()));
        }
        capitalised(&text)
    }

    /// Returns, for example, "against a plain grey background".
    fn background(&self) -> Option<String> {
        let background = self.observations.background.as_ref().filter(|_| self.includes(Topic::Background))?;
        Some(match background {
            Background::Plain(tint) => format!("against {}", self.plain(tint.as_ref())),
            Background::Mostly(tint) => {
                format!("against a mostly {} background", self.tint(tint, Topic::BackgroundColours))
            }
            Background::Greenery => "with greenery behind".to_owned(),
            Background::SkyBlue => "with light blue above".to_owned(),
        })
    }

    /// Returns, for example, "a plain grey background".
    fn plain(&self, tint: Option<&Tint>) -> String {
        let mut text = "a plain".to_owned();
        push_word(&mut text, &tint.map_or_else(String::new, |tint| self.tint(tint, Topic::BackgroundColours)));
        push_word(&mut text, "background");
        text
    }

    fn further_sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if let Subject::Person(person) = &self.observations.subject {
            if let Some(side) = person.side.filter(|_| person.prominent == Prominent::One && self.includes(Topic::Side))
            {
                let side = match side {
                    Side::Left => "left",
                    Side::Right => "right",
                };
                sentences.push(format!("The person is on the {side} of the picture"));
            }
            if person.others_behind && person.prominent != Prominent::Some && self.includes(Topic::OtherPeople) {
                sentences.push("Other people are in view".to_owned());
            }
        }
        if self.includes(Topic::Objects) && !self.observations.objects.is_empty() {
            sentences.push(format!("Also in view: {}", things(&self.observations.objects)));
        }
        if self.includes(Topic::Palette) {
            sentences.extend(self.observations.palette.as_ref().map(palette_sentence));
        }
        sentences
    }

    /// Returns all colours if the topic `all` is included, otherwise the main one.
    fn tint(&self, tint: &Tint, all: Topic) -> String {
        match tint {
            Tint::Colours(colours) if self.includes(all) => enumeration(&texts(colours)),
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

/// Returns, for example, "a car, an umbrella and a bench".
fn things(nouns: &[&str]) -> String {
    enumeration(&nouns.iter().map(|noun| with_article(noun)).collect::<Vec<_>>())
}

fn texts(colours: &[ColourName]) -> Vec<String> {
    colours.iter().map(|colour| colour.text().to_owned()).collect()
}

/// Returns "one", "one and two", "one, two and three".
fn enumeration(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Prepends the indefinite article according to the first letter, which is correct for every word used here.
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Appends a word, separated by a space; does nothing for an empty word.
fn push_word(text: &mut String, word: &str) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

#[cfg(test)]
mod tests;
