//! A model, its price, and its id for a region.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Deserialize;

use crate::aws::{GLOBAL, GOV};
use crate::describe::upload::image_tokens;
use crate::describe::{Cost, Dollars, Tokens};

/// Models by alias.
pub(super) type Models = BTreeMap<String, Arc<Model>>;

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties")]
pub struct Model {
    /// The short name ("claude-sonnet-4-6").
    pub alias: String,
    /// The Bedrock model id, without a geography.
    pub id: String,
    /// The geographies of its inference profiles. If empty, the model is called by its id.
    pub geographies: Vec<String>,
    /// `None` if unknown.
    pub price: Option<Price>,
    /// Percent of the price that batch inference costs. `None` if the model has none.
    pub batch: Option<u32>,
    pub surcharges: Surcharges,
    /// Percent of tokens that its tokenizer needs beyond those of Claude 4.6 for the same text.
    pub extra_tokens: u32,
    /// Whether the model accepts a temperature.
    pub temperature: bool,
    /// Whether the model accepts a schema for its response.
    pub structured_output: bool,
    /// Whether the model can be forced to call a tool.
    pub tool_choice: bool,
    /// Whether the model thinks by default. Thinking counts as output.
    pub thinks: bool,
    /// The setting that turns thinking off, if it can be.
    pub thinking: Option<String>,
    /// The effort to request, to limit thinking.
    pub effort: Option<String>,
    pub upload: UploadLimits,
    pub image_rule: ImageRule,
    /// The announced retirement date.
    pub end_of_life: Option<Date>,
}

impl Model {
    /// Returns its inference profiles, or its id if it has none.
    #[must_use]
    pub fn callable_ids(&self) -> Vec<String> {
        if self.geographies.is_empty() {
            return vec![self.id.clone()];
        }
        self.geographies.iter().map(|geography| format!("{geography}.{}", self.id)).collect()
    }
}

/// How a model counts the tokens of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageRule {
    /// One for each square of 28 × 28 pixels (<https://platform.claude.com/docs/en/build-with-claude/vision>).
    #[default]
    Squares,
    /// That of Amazon Nova, which scales small images up to 896 pixels
    /// (<https://docs.aws.amazon.com/nova/latest/userguide/modalities-image.html>). Its documentation has examples instead of
    /// a formula; this one is within a tenth of all of them.
    Nova,
}

impl ImageRule {
    fn tokens(self, width: u32, height: u32) -> u64 {
        match self {
            Self::Squares => image_tokens(width, height),
            Self::Nova => {
                let long = u64::from(width.max(height).max(1));
                let pixels = u64::from(width) * u64::from(height);
                let pixels = if long < 896 { pixels * 896 * 896 / (long * long) } else { pixels };
                225 + pixels / 735
            }
        }
    }
}

/// The limits of a model for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadLimits {
    /// The longest side that the model can use, in pixels. The service scales larger images down.
    pub long_edge: u32,
    /// The most tokens of an image. The service scales images of more tokens down.
    pub tokens: u64,
    /// The longest side that the service accepts, in pixels.
    pub longest_side: u32,
    /// The largest file that the service accepts, in bytes.
    pub bytes: usize,
    /// Whether the service accepts only JPEG and PNG.
    pub common_format: bool,
}

impl Default for UploadLimits {
    /// The limits of Claude on Bedrock, the strictest of all.
    fn default() -> Self {
        Self { long_edge: 1568, tokens: 1568, longest_side: 8000, bytes: 3_750_000, common_format: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub rates: Rates,
    /// The rates of long prompts, if they differ.
    pub long_prompt: Option<LongPrompt>,
    /// The date of the price list.
    pub priced: Option<Date>,
}

/// Dollars per 1,000 tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub input: Dollars,
    pub output: Dollars,
}

/// The rates of requests with more than `above` input tokens, for all of their tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPrompt {
    pub above: u64,
    pub rates: Rates,
}

/// Percent added to the price of a model, by inference profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surcharges {
    /// Of all profiles except the global one.
    pub regional: u32,
    /// Of the regions of the US government, if it differs.
    pub gov: Option<u32>,
}

impl Surcharges {
    fn percent(self, geography: Option<&str>) -> u32 {
        match geography {
            Some(GLOBAL) => 0,
            Some(GOV) => self.gov.unwrap_or(self.regional),
            _ => self.regional,
        }
    }
}

impl Price {
    /// Returns the cost with `surcharge` percent added, rounded up to a billionth.
    fn total(self, tokens: Tokens, surcharge: u32) -> Dollars {
        const SCALE: u128 = 1_000 * 100;
        let rates = self.long_prompt.filter(|long| tokens.input > long.above).map_or(self.rates, |long| long.rates);
        let of = |count: u64, price: Dollars| u128::from(count) * u128::from(price.billionths());
        let base = of(tokens.input, rates.input).saturating_add(of(tokens.output, rates.output));
        let total = base.saturating_mul(100 + u128::from(surcharge)).div_ceil(SCALE);
        Dollars::from_billionths(u64::try_from(total).unwrap_or(u64::MAX))
    }
}

/// A model as called from a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name for display: the alias, or the configured name if the model is not in the catalogue.
    pub name: String,
    /// The id sent to the service.
    pub id: String,
    /// `None` if the model is not in the catalogue.
    pub model: Option<Arc<Model>>,
    /// Percent added to the price.
    pub(super) surcharge: u32,
}

impl Target {
    /// Returns true if only `bedrock:GetInferenceProfile` can tell the model.
    #[must_use]
    pub fn is_application_profile(&self) -> bool {
        self.model.is_none() && self.id.starts_with("arn:") && self.id.contains(":application-inference-profile/")
    }

    /// Creates a target for the inference profile of a geography, or for the model id.
    pub(in crate::describe) fn of(model: &Arc<Model>, geography: Option<&str>) -> Self {
        let id = geography.map_or_else(|| model.id.clone(), |geography| format!("{geography}.{}", model.id));
        let surcharge = model.surcharges.percent(geography);
        Self { name: model.alias.clone(), id, model: Some(Arc::clone(model)), surcharge }
    }

    /// Returns the cost, which is unknown without a price.
    #[must_use]
    pub fn cost(&self, tokens: Tokens) -> Cost {
        let total = |model: &Arc<Model>| Some(model.price?.total(tokens, self.surcharge));
        Cost::from(self.model.as_ref().and_then(total))
    }

    /// Returns true if the model is known to have no batch inference.
    #[must_use]
    pub fn lacks_batch(&self) -> bool {
        self.model.as_ref().is_some_and(|model| model.batch.is_none())
    }

    /// Returns the cost of a request of a batch, which is unknown without a price.
    #[must_use]
    pub fn batch_cost(&self, tokens: Tokens) -> Cost {
        let percent = self.model.as_ref().and_then(|model| model.batch);
        let share = |amount: Dollars, percent: u32| {
            let share = (u128::from(amount.billionths()) * u128::from(percent)).div_ceil(100);
            Dollars::from_billionths(u64::try_from(share).unwrap_or(u64::MAX))
        };
        percent.map_or(Cost::UNKNOWN, |percent| self.cost(tokens).map(|amount| share(amount, percent)))
    }

    /// Returns the limits of the model, or the strictest ones if the model is unknown.
    #[must_use]
    pub fn upload_limits(&self) -> UploadLimits {
        self.model.as_ref().map(|model| model.upload).unwrap_or_default()
    }

    /// Returns the tokens of an image that the model does not scale down.
    #[must_use]
    pub fn image_tokens(&self, width: u32, height: u32) -> u64 {
        self.model.as_ref().map(|model| model.image_rule).unwrap_or_default().tokens(width, height)
    }

    /// Returns the tokens of a text that Claude 4.6 would split into `count`.
    #[must_use]
    pub fn text_tokens(&self, count: u64) -> u64 {
        let percent = 100 + self.model.as_ref().map_or(0, |model| u64::from(model.extra_tokens));
        count.saturating_mul(percent).div_ceil(100)
    }

    /// Returns the price per 1,000 tokens with the surcharge and its date ("$0.0022 in, $0.011 out for 1,000 tokens on
    /// 2026-11-29"), or `None` if it is unknown.
    #[must_use]
    pub fn price(&self) -> Option<String> {
        let price = self.model.as_ref()?.price?;
        let rate = |tokens| price.total(tokens, self.surcharge).exact();
        let input = rate(Tokens { input: 1_000, output: 0 });
        let output = rate(Tokens { input: 0, output: 1_000 });
        let date = price.priced.map(|date| format!(" on {date}")).unwrap_or_default();
        Some(format!("${input} in, ${output} out for 1,000 tokens{date}"))
    }
}
