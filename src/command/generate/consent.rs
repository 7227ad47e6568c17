//! Consent to the cost of a run: before it, and again if the model turns out to cost more.

use super::{GenerateError, GenerateOptions};
use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::{Consent, Cost, Dollars, Usage};
use crate::picture;
use crate::text::{counted, thousands};

/// The maximum number of images measured for the estimate.
const ESTIMATE_SAMPLE: usize = 200;

/// Whether the options consent to a cost.
pub(super) enum Verdict {
    Given(Consent),
    /// The question to ask in the terminal.
    Ask(String),
}

/// Returns whether the options consent to describing `count` more records at this cost, after `spent`.
///
/// # Errors
/// Returns an error if they do not, and there is no terminal to ask in.
pub(super) fn verdict(
    options: &GenerateOptions,
    Usage { tokens, cost }: Usage,
    count: u64,
    spent: Cost,
) -> Result<Verdict, GenerateError> {
    let records = counted(count, "record", "records");
    let (verb, _) = options.task.verb();
    let (input, output) = (thousands(tokens.input), thousands(tokens.output));
    let amount = cost.amount();
    let total = (cost + spent).amount();
    let remedy = || {
        let terms = options.describer.terms();
        let remedy = terms.and_then(|terms| terms.price.err());
        remedy.unwrap_or_else(|| "add the price of the model to models.toml".to_owned())
    };
    match amount {
        None if options.budget.is_some() => Err(GenerateError::UnpricedBudget { remedy: remedy() }),
        Some(_) if options.budget.is_some() => Ok(Verdict::Given(Consent::Any)),
        _ if options.yes => Ok(Verdict::Given(Consent::Any)),
        _ if total.is_some_and(|total| total <= options.confirm_above) => Ok(Verdict::Given(Consent::Terms)),
        Some(amount) if options.terminal => Ok(Verdict::Ask(format!("{verb} {records} for about {amount}? [y/N] "))),
        None if options.terminal => Ok(Verdict::Ask(format!(
            "{verb} {records} at an unknown price (about {input} tokens in, {output} out)? [y/N] "
        ))),
        Some(cost) => Err(GenerateError::NoConsent { cost, records, limit: (cost + cost).exact() }),
        None => Err(GenerateError::UnknownPrice { records, input, output, remedy: remedy() }),
    }
}

/// Returns the expected cost of `count` records, extrapolated from a sample of the images of `records`. `None`: free.
pub(super) fn estimate(
    options: &GenerateOptions,
    dataset: &Dataset,
    records: &[RecordId],
    count: u64,
) -> Option<Usage> {
    options.describer.estimate(None)?;
    let step = records.len().div_ceil(ESTIMATE_SAMPLE).max(1);
    let mut sum = Usage::default();
    let mut measured = 0;
    for record in records.iter().step_by(step) {
        let size = match dataset.entry(*record) {
            Ok(Entry::Record(line)) => dataset.picture_path(&line.file_name).ok(),
            _ => None,
        };
        let size = size.and_then(|path| picture::check(&path).ok()).map(|info| (info.width, info.height));
        let usage = options.describer.estimate(size).unwrap_or_default();
        sum.tokens += usage.tokens;
        sum.cost += usage.cost;
        measured += 1;
    }
    let scaled = |sum: u64| match u128::from(sum) * u128::from(count) / u128::from(measured.max(1_u64)) {
        amount if amount > u128::from(u64::MAX) => u64::MAX,
        #[expect(clippy::cast_possible_truncation, reason = "larger values saturate in the arm above")]
        amount => amount as u64,
    };
    sum.tokens.input = scaled(sum.tokens.input);
    sum.tokens.output = scaled(sum.tokens.output);
    sum.cost = sum.cost.map(|cost| Dollars::from_billionths(scaled(cost.billionths())));
    Some(sum)
}
