//! The catalogue as a file: TOML, read strictly, laid over another.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::model::{Model, Price, UploadLimits};
use super::{AUTO, Catalogue};
use crate::describe::Dollars;

/// What is wrong in a file, and on which line, from one.
pub(super) struct Complaint {
    pub line: usize,
    pub message: String,
}

/// A file's own words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    auto: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    models: BTreeMap<Spanned<String>, Entry>,
}

/// What a file says of one model.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    id: Option<String>,
    geographies: Option<Vec<String>>,
    input: Option<PerThousand>,
    output: Option<PerThousand>,
    priced: Option<Day>,
    regional_surcharge: Option<u32>,
    temperature: Option<bool>,
    thinks: Option<bool>,
    effort: Option<String>,
    long_edge: Option<Pixels>,
    longest_side: Option<Pixels>,
    picture_bytes: Option<usize>,
    end_of_life: Option<Day>,
}

/// Dollars for 1,000 tokens. A text, because TOML's numbers are not exact.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct PerThousand(Dollars);

impl TryFrom<String> for PerThousand {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("{error}: \"{text}\""))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Datetime")]
struct Day(Date);

impl TryFrom<Datetime> for Day {
    type Error = String;

    fn try_from(written: Datetime) -> Result<Self, String> {
        let expected = || format!("expected a day, as in 2026-11-01: {written}");
        let date = written.date.filter(|_| written.time.is_none()).ok_or_else(expected)?;
        let part = |part: u8| i8::try_from(part).map_err(|_| expected());
        let year = i16::try_from(date.year).map_err(|_| expected())?;
        Date::new(year, part(date.month)?, part(date.day)?).map(Self).map_err(|_| expected())
    }
}

/// A side of a picture: at least one pixel.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
struct Pixels(u32);

impl TryFrom<u32> for Pixels {
    type Error = &'static str;

    fn try_from(pixels: u32) -> Result<Self, &'static str> {
        if pixels == 0 { Err("expected at least one pixel") } else { Ok(Self(pixels)) }
    }
}

/// Lays what `text` says over a catalogue.
pub(super) fn lay_over(base: &Catalogue, text: &str) -> Result<Catalogue, Complaint> {
    let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let complain = |at: usize, message: String| Complaint { line: line(at), message };
    let written: Written = toml::from_str(text)
        .map_err(|error| complain(error.span().map_or(0, |span| span.start), error.message().trim().to_owned()))?;

    let mut models = base.models.clone();
    for (alias, entry) in written.models {
        let at = alias.span().start;
        let alias = alias.into_inner();
        if alias == AUTO {
            return Err(complain(at, format!("\"{AUTO}\" is no model's name: it stands for the first that answers")));
        }
        let model = entry.over(models.get(&alias).map(Arc::as_ref), &alias).map_err(|message| complain(at, message))?;
        models.insert(alias, Arc::new(model));
    }
    let mut automatic = base.automatic.clone();
    if let Some(order) = written.auto {
        if let Some(stranger) = order.iter().find(|alias| !models.contains_key(alias.get_ref())) {
            let message = format!("auto: there is no model \"{}\"; describe it under [models]", stranger.get_ref());
            return Err(complain(stranger.span().start, message));
        }
        automatic = order.into_iter().map(Spanned::into_inner).collect();
    }
    Ok(Catalogue { models, automatic })
}

impl Entry {
    /// The model it describes, completed from what was known of it.
    fn over(self, known: Option<&Model>, alias: &str) -> Result<Model, String> {
        let missing = |key: &str| format!("{alias}: \"{key}\" is missing");
        let price = known.and_then(|model| model.price);
        let input = self.input.map(|it| it.0).or(price.map(|price| price.input));
        let output = self.output.map(|it| it.0).or(price.map(|price| price.output));
        let surcharge = self.regional_surcharge.or(known.map(|model| model.regional_surcharge)).unwrap_or_default();
        let price = match (input, output) {
            (Some(input), Some(output)) => Some(Price {
                input,
                output,
                priced: self.priced.map(|it| it.0).or(price.and_then(|price| price.priced)),
            }),
            (None, None) => None,
            (Some(_), None) => return Err(missing("output")),
            (None, Some(_)) => return Err(missing("input")),
        };
        let upload = known.map(|model| model.upload).unwrap_or_default();
        Ok(Model {
            alias: alias.to_owned(),
            id: self.id.or(known.map(|model| model.id.clone())).ok_or_else(|| missing("id"))?,
            geographies: self.geographies.or(known.map(|model| model.geographies.clone())).unwrap_or_default(),
            price,
            regional_surcharge: surcharge,
            temperature: self.temperature.or(known.map(|model| model.temperature)).unwrap_or(true),
            thinks: self.thinks.or(known.map(|model| model.thinks)).unwrap_or_default(),
            effort: self.effort.or(known.and_then(|model| model.effort.clone())),
            upload: UploadLimits {
                long_edge: self.long_edge.map_or(upload.long_edge, |it| it.0),
                longest_side: self.longest_side.map_or(upload.longest_side, |it| it.0),
                bytes: self.picture_bytes.unwrap_or(upload.bytes),
            },
            end_of_life: self.end_of_life.map(|it| it.0).or(known.and_then(|model| model.end_of_life)),
        })
    }
}
