//! A model, its price, and its id for a region.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::aws::GLOBAL;
use crate::describe::{Cost, Dollars, Tokens};

/// Models by alias.
pub(super) type Models = BTreeMap<String, Arc<Model>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The short name ("claude-sonnet-4-6").
    pub alias: String,
    /// The Bedrock model id, without a geography.
    pub id: String,
    /// The geographies of its inference profiles. If empty, the model is called by its id.
    pub geographies: Vec<String>,
    /// `None` if unknown.
    pub price: Option<Price>,
    /// Percent added to the price for all profiles except the global one.
    pub regional_surcharge: u32,
    /// Whether the model accepts a temperature.
    pub temperature: bool,
    /// Whether the model thinks by default. Thinking counts as output.
    pub thinks: bool,
    /// The effort to request, to limit thinking.
    pub effort: Option<String>,
    pub upload: UploadLimits,
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

/// The limits of a model for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadLimits {
    /// The longest side that the model can use, in pixels. A larger image costs more without showing more.
    pub long_edge: u32,
    /// The longest side that the service accepts, in pixels.
    pub longest_side: u32,
    /// The largest file that the service accepts, in bytes.
    pub bytes: usize,
}

impl Default for UploadLimits {
    /// The limits of Claude on Bedrock, the strictest of all.
    fn default() -> Self {
        Self { long_edge: 1568, longest_side: 8000, bytes: 3_750_000 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Per 1,000 input tokens.
    pub input: Dollars,
    /// Per 1,000 output tokens.
    pub output: Dollars,
    /// The date of the price list.
    pub priced: Option<Date>,
}

impl Price {
    /// Returns the cost with `surcharge` percent added, rounded up to a billionth.
    fn total(self, tokens: Tokens, surcharge: u32) -> Dollars {
        const SCALE: u128 = 1_000 * 100;
        let of = |count: u64, price: Dollars| u128::from(count) * u128::from(price.billionths());
        let base = of(tokens.input, self.input).saturating_add(of(tokens.output, self.output));
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
    /// Whether the regional surcharge applies.
    pub(super) regional: bool,
}

impl Target {
    /// Creates a target for the inference profile of a geography, or for the model id.
    pub(super) fn of(model: &Arc<Model>, geography: Option<&str>) -> Self {
        let id = geography.map_or_else(|| model.id.clone(), |geography| format!("{geography}.{}", model.id));
        Self { name: model.alias.clone(), id, model: Some(Arc::clone(model)), regional: geography != Some(GLOBAL) }
    }

    /// Returns the cost, which is unknown without a price.
    #[must_use]
    pub fn cost(&self, tokens: Tokens) -> Cost {
        let total = |model: &Arc<Model>| {
            let surcharge = if self.regional { model.regional_surcharge } else { 0 };
            Some(model.price?.total(tokens, surcharge))
        };
        Cost::from(self.model.as_ref().and_then(total))
    }

    /// Returns the limits of the model, or the strictest ones if the model is unknown.
    #[must_use]
    pub fn upload_limits(&self) -> UploadLimits {
        self.model.as_ref().map(|model| model.upload).unwrap_or_default()
    }
}
