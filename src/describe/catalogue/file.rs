//! The TOML format of the catalogue. Unknown keys are errors.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::AUTO;
use super::model::{ImageRule, LongPrompt, Model, Models, Price, Rates, Surcharges, UploadLimits};
use crate::describe::Dollars;

/// An error in a file. The line is counted from one.
#[derive(Debug)]
pub(super) struct FileError {
    pub line: usize,
    pub message: String,
}

pub(super) struct ModelsFile<'text> {
    text: &'text str,
    content: Content,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    auto: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    models: BTreeMap<Spanned<String>, ModelTable>,
}

/// One `[models.ALIAS]` table. Missing keys keep the values of the model it is merged over.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ModelTable {
    id: Option<String>,
    geographies: Option<Vec<String>>,
    input: Option<PerThousand>,
    output: Option<PerThousand>,
    long_prompt: Option<LongPromptTable>,
    priced: Option<Day>,
    batch: Option<u32>,
    regional_surcharge: Option<u32>,
    gov_surcharge: Option<u32>,
    extra_tokens: Option<u32>,
    temperature: Option<bool>,
    structured_output: Option<bool>,
    tool_choice: Option<bool>,
    thinks: Option<bool>,
    thinking: Option<String>,
    effort: Option<String>,
    long_edge: Option<Pixels>,
    image_tokens: Option<NonZeroU32>,
    image_rule: Option<ImageRule>,
    longest_side: Option<Pixels>,
    picture_bytes: Option<usize>,
    end_of_life: Option<Day>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongPromptTable {
    above: u64,
    input: PerThousand,
    output: PerThousand,
}

impl From<LongPromptTable> for LongPrompt {
    fn from(table: LongPromptTable) -> Self {
        Self { above: table.above, rates: Rates { input: table.input.0, output: table.output.0 } }
    }
}

/// Dollars per 1,000 tokens. A string, because TOML's numbers are not exact.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct PerThousand(Dollars);

impl TryFrom<String> for PerThousand {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("{error}, found \"{text}\""))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Datetime")]
struct Day(Date);

impl TryFrom<Datetime> for Day {
    type Error = String;

    fn try_from(datetime: Datetime) -> Result<Self, String> {
        let expected = || format!("expected a date such as 2026-11-01, found {datetime}");
        let date = datetime.date.filter(|_| datetime.time.is_none()).ok_or_else(expected)?;
        let part = |part: u8| i8::try_from(part).map_err(|_| expected());
        let year = i16::try_from(date.year).map_err(|_| expected())?;
        Date::new(year, part(date.month)?, part(date.day)?).map(Self).map_err(|_| expected())
    }
}

/// The length of a side, at least one pixel.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
struct Pixels(u32);

impl TryFrom<u32> for Pixels {
    type Error = &'static str;

    fn try_from(pixels: u32) -> Result<Self, &'static str> {
        if pixels == 0 { Err("expected at least one pixel") } else { Ok(Self(pixels)) }
    }
}

impl<'text> ModelsFile<'text> {
    pub(super) fn parse(text: &'text str) -> Result<Self, FileError> {
        let content = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            error_at(text, at, error.message().trim().to_owned())
        })?;
        Ok(Self { text, content })
    }

    /// Returns `base` with the models of this file merged over it.
    pub(super) fn models(&self, base: &Models) -> Result<Models, FileError> {
        let mut models = base.clone();
        for (alias, table) in &self.content.models {
            let error = |message| error_at(self.text, alias.span().start, message);
            let alias = alias.get_ref();
            if alias == AUTO {
                return Err(error(format!("\"{AUTO}\" is reserved: it selects the first available model")));
            }
            let model = table.clone().merged_over(models.get(alias).map(Arc::as_ref), alias).map_err(error)?;
            models.insert(alias.clone(), Arc::new(model));
        }
        Ok(models)
    }

    /// Returns the order of [`AUTO`] if the file has one.
    pub(super) fn automatic(&self, models: &Models) -> Result<Option<Vec<String>>, FileError> {
        let Some(order) = &self.content.auto else { return Ok(None) };
        if let Some(unknown) = order.iter().find(|alias| !models.contains_key(alias.get_ref())) {
            let message = format!("auto: unknown model \"{}\"; add it under [models]", unknown.get_ref());
            return Err(error_at(self.text, unknown.span().start, message));
        }
        Ok(Some(order.iter().map(|alias| alias.get_ref().clone()).collect()))
    }
}

fn error_at(text: &str, offset: usize, message: String) -> FileError {
    let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
    FileError { line, message }
}

impl ModelTable {
    /// Returns the model, with missing keys taken from `base`.
    fn merged_over(self, base: Option<&Model>, alias: &str) -> Result<Model, String> {
        let missing = |key: &str| format!("{alias}: \"{key}\" is missing");
        let price = base.and_then(|model| model.price);
        let input = self.input.map(|it| it.0).or(price.map(|price| price.rates.input));
        let output = self.output.map(|it| it.0).or(price.map(|price| price.rates.output));
        let surcharges = base.map(|model| model.surcharges).unwrap_or_default();
        let price = match (input, output) {
            (Some(input), Some(output)) => Some(Price {
                rates: Rates { input, output },
                long_prompt: self.long_prompt.map(LongPrompt::from).or(price.and_then(|price| price.long_prompt)),
                priced: self.priced.map(|it| it.0).or(price.and_then(|price| price.priced)),
            }),
            (None, None) => None,
            (Some(_), None) => return Err(missing("output")),
            (None, Some(_)) => return Err(missing("input")),
        };
        // A user who sets an effort wants the model to think.
        let thinking = match self.effort {
            Some(_) => self.thinking,
            None => self.thinking.or(base.and_then(|model| model.thinking.clone())),
        };
        let upload = base.map(|model| model.upload).unwrap_or_default();
        Ok(Model {
            alias: alias.to_owned(),
            id: self.id.or(base.map(|model| model.id.clone())).ok_or_else(|| missing("id"))?,
            geographies: self.geographies.or(base.map(|model| model.geographies.clone())).unwrap_or_default(),
            price,
            batch: self.batch.or(base.and_then(|model| model.batch)),
            surcharges: Surcharges {
                regional: self.regional_surcharge.unwrap_or(surcharges.regional),
                gov: self.gov_surcharge.or(surcharges.gov),
            },
            extra_tokens: self.extra_tokens.or(base.map(|model| model.extra_tokens)).unwrap_or_default(),
            temperature: self.temperature.or(base.map(|model| model.temperature)).unwrap_or(true),
            structured_output: self.structured_output.or(base.map(|model| model.structured_output)).unwrap_or(true),
            tool_choice: self.tool_choice.or(base.map(|model| model.tool_choice)).unwrap_or(true),
            thinks: self.thinks.or(base.map(|model| model.thinks)).unwrap_or_default(),
            thinking,
            effort: self.effort.or(base.and_then(|model| model.effort.clone())),
            upload: UploadLimits {
                long_edge: self.long_edge.map_or(upload.long_edge, |it| it.0),
                tokens: self.image_tokens.map_or(upload.tokens, |it| it.get().into()),
                longest_side: self.longest_side.map_or(upload.longest_side, |it| it.0),
                bytes: self.picture_bytes.unwrap_or(upload.bytes),
                common_format: upload.common_format,
            },
            image_rule: self.image_rule.or(base.map(|model| model.image_rule)).unwrap_or_default(),
            end_of_life: self.end_of_life.map(|it| it.0).or(base.and_then(|model| model.end_of_life)),
        })
    }
}
