//! What is known of a model, and what a request to it costs.

use std::sync::Arc;

use jiff::civil::Date;

use super::geography::GLOBAL;
use crate::describe::{Dollars, Tokens};

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The short name people use ("claude-sonnet-4-6").
    pub alias: String,
    /// What the service calls it, without a geography.
    pub id: String,
    /// The geographies it has inference profiles for; with none, it is called by its id.
    pub geographies: Vec<String>,
    /// What it costs; none where that is not known.
    pub price: Option<Price>,
    /// Percent on top of the price, for all profiles but the global one.
    pub regional_surcharge: u32,
    /// Whether it takes a temperature.
    pub temperature: bool,
    /// Whether it thinks before it writes unless told otherwise. Its thoughts count as output.
    pub thinks: bool,
    /// The effort to ask for, so that it thinks little.
    pub effort: Option<String>,
    /// What it takes of a picture.
    pub upload: UploadLimits,
    /// The day it stops to answer, where that is announced.
    pub end_of_life: Option<Date>,
}

impl Model {
    /// The ids it can be called by: its inference profiles, or where it has none its own.
    #[must_use]
    pub fn callable_ids(&self) -> Vec<String> {
        if self.geographies.is_empty() {
            return vec![self.id.clone()];
        }
        self.geographies.iter().map(|geography| format!("{geography}.{}", self.id)).collect()
    }
}

/// What a model takes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadLimits {
    /// The longest side that is of use, in pixels: of a larger picture the model sees no more, and it is paid for.
    pub long_edge: u32,
    /// The longest side that is not refused, in pixels.
    pub longest_side: u32,
    /// The largest file that is not refused, in bytes.
    pub bytes: usize,
}

impl Default for UploadLimits {
    /// Those of Claude on Bedrock, which are the narrowest.
    fn default() -> Self {
        Self { long_edge: 1568, longest_side: 8000, bytes: 3_750_000 }
    }
}

/// What tokens cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Dollars for 1,000 tokens read.
    pub input: Dollars,
    /// Dollars for 1,000 tokens written.
    pub output: Dollars,
    /// The day it was looked up, where that is known.
    pub priced: Option<Date>,
}

impl Price {
    /// What so many tokens cost with `surcharge` percent on top: exact, and rounded up to the next billionth where that
    /// takes more digits.
    fn total(self, tokens: Tokens, surcharge: u32) -> Dollars {
        const SCALE: u128 = 1_000 * 100;
        let of = |count: u64, price: Dollars| u128::from(count) * u128::from(price.billionths());
        let base = of(tokens.input, self.input).saturating_add(of(tokens.output, self.output));
        let total = base.saturating_mul(100 + u128::from(surcharge)).div_ceil(SCALE);
        Dollars::from_billionths(u64::try_from(total).unwrap_or(u64::MAX))
    }
}

/// A model as it is called from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name to show: the model's alias, or what was asked for where it is in no catalogue.
    pub name: String,
    /// What is sent to the service.
    pub id: String,
    /// What is known of the model.
    pub model: Option<Arc<Model>>,
    /// Whether it is called through another profile than the global one.
    pub(super) regional: bool,
}

impl Target {
    /// A model through the profile of a geography, or by its own id.
    pub(super) fn of(model: &Arc<Model>, geography: Option<&str>) -> Self {
        let id = geography.map_or_else(|| model.id.clone(), |geography| format!("{geography}.{}", model.id));
        Self { name: model.alias.clone(), id, model: Some(Arc::clone(model)), regional: geography != Some(GLOBAL) }
    }

    /// What so many tokens cost; none where no price is known.
    #[must_use]
    pub fn price(&self, tokens: Tokens) -> Option<Dollars> {
        let model = self.model.as_ref()?;
        let surcharge = if self.regional { model.regional_surcharge } else { 0 };
        Some(model.price?.total(tokens, surcharge))
    }

    /// What it takes of a picture: the narrowest limits, where nothing is known of the model.
    #[must_use]
    pub fn upload_limits(&self) -> UploadLimits {
        self.model.as_ref().map(|model| model.upload).unwrap_or_default()
    }
}
