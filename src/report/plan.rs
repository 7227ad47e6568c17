//! Sample sizes for a spot check.

use serde_json::{Value, json};

use super::page::percent;
use super::{Bars, Page};
use crate::statistics::{power, sample_size_for_half_width, sample_size_for_target};

/// Half-widths of the confidence interval to plan for.
const HALF_WIDTHS: [f64; 4] = [0.10, 0.05, 0.03, 0.02];

/// Numbers of rejected records to plan for.
const FAILURES: [u64; 8] = [0, 1, 2, 3, 5, 8, 12, 20];

/// Hypothetical true rates, as fractions of the way from the target to 100 %.
const TRUE_RATES: [f64; 3] = [0.4, 0.6, 0.8];

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Number of records in the dataset.
    pub population: u64,
    /// The acceptance rate to verify, from 0 to 1.
    pub target: f64,
    /// Samples that verify the target.
    pub acceptance: Vec<AcceptanceSample>,
    /// Hypothetical true rates, for [`AcceptanceSample::probabilities`].
    pub true_rates: Vec<f64>,
    /// Samples that estimate the rate.
    pub precision: Vec<PrecisionSample>,
}

/// A sample that verifies the target unless too many records are rejected.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptanceSample {
    /// How many records may be rejected.
    pub failures: u64,
    pub size: u64,
    /// The probability that the sample verifies the target, for each of [`Plan::true_rates`].
    pub probabilities: Vec<f64>,
}

/// A sample that estimates the rate with a given precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionSample {
    /// Half-width of the confidence interval.
    pub half_width: f64,
    /// Number of records for any rate.
    pub size: u64,
    /// Number of records if the rate is about the target.
    pub size_at_target: u64,
}

impl Plan {
    /// Computes sample sizes to verify that at least `target` (from 0 to 1) of the captions are acceptable. Samples larger
    /// than the dataset are omitted.
    #[must_use]
    pub fn new(population: u64, target: f64) -> Self {
        let true_rates: Vec<f64> = TRUE_RATES.iter().map(|part| target + (1.0 - target) * part).collect();
        let acceptance = FAILURES
            .into_iter()
            .filter_map(|failures| Some((failures, sample_size_for_target(target, failures)?)))
            .filter(|(_, size)| *size <= population)
            .map(|(failures, size)| AcceptanceSample {
                failures,
                size,
                probabilities: true_rates.iter().map(|rate| power(target, size, *rate)).collect(),
            })
            .collect();
        let precision = HALF_WIDTHS
            .into_iter()
            .filter_map(|half_width| {
                let size = sample_size_for_half_width(half_width, 0.5)?;
                Some(PrecisionSample {
                    half_width,
                    size,
                    size_at_target: sample_size_for_half_width(half_width, target)?,
                })
            })
            .filter(|precise| precise.size_at_target <= population)
            .collect();
        Self { population, target, acceptance, true_rates, precision }
    }

    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let target = percent(self.target);
        page.heading(format!("To verify that at least {target} of {} captions are acceptable", self.population));
        if self.acceptance.is_empty() {
            page.row("no sample is enough: review all records");
        } else {
            let rates = columns(&self.true_rates);
            page.row(format!("{:>8}{:>14}   {}", "", "", "chance of success, if really"));
            page.row(format!("{:>8}{:>14}{rates}", "sample", "may fail"));
            for sample in &self.acceptance {
                let probabilities = columns(&sample.probabilities);
                page.row(format!("{:>8}{:>14}{probabilities}", sample.size, sample.failures));
            }
            page.remark("success: the lower end of the 95 % interval (Wilson) is not below the target");
        }
        page.heading("To estimate the rate");
        if self.precision.is_empty() {
            page.row("no sample is enough: review all records");
        } else {
            page.row(format!("{:>8}{:>14}   if the rate is about {target}", "to ±", "sample"));
            for sample in &self.precision {
                let size = if sample.size <= self.population { sample.size.to_string() } else { "all".to_owned() };
                let half_width = percent(sample.half_width);
                page.row(format!("{half_width:>8}{size:>14}   {}", sample.size_at_target));
            }
        }
        page.remark("Choose the size in advance: stopping as soon as the result looks good");
        page.remark("makes the interval invalid.");
        page
    }

    /// Returns the plan as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let acceptance = self.acceptance.iter();
        let acceptance: Vec<Value> = acceptance
            .map(
                |sample| json!({ "sample": sample.size, "may_fail": sample.failures, "chances": sample.probabilities }),
            )
            .collect();
        let precision = self.precision.iter();
        let precision: Vec<Value> = precision
            .map(|sample| {
                json!({
                    "half_width": sample.half_width, "sample": sample.size,
                    "sample_at_target": sample.size_at_target,
                })
            })
            .collect();
        json!({
            "records": self.population, "target": self.target, "to_show": acceptance,
            "true_rates": self.true_rates, "to_know": precision,
        })
    }
}

fn columns(proportions: &[f64]) -> String {
    proportions.iter().map(|proportion| format!("{:>10}", percent(*proportion))).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Proportion;

    #[test]
    fn a_planned_sample_verifies_the_target_and_fits_the_dataset() {
        let plan = Plan::new(618, 0.95);
        assert_eq!(plan.acceptance.first().map(|sample| (sample.failures, sample.size)), Some((0, 73)));
        for AcceptanceSample { failures, size, probabilities } in &plan.acceptance {
            assert!(*size <= 618);
            assert!(Proportion::new(size - failures, *size).interval().unwrap().low >= 0.95);
            assert!(
                probabilities.windows(2).all(|pair| pair[0] < pair[1]),
                "higher for higher rates: {probabilities:?}"
            );
        }
        // 1,064 are needed for any rate, 237 for a rate of about 95 %.
        let three = plan.precision.iter().find(|sample| sample.half_width < 0.04).unwrap();
        assert!(three.size > 618 && three.size_at_target < 618, "{three:?}");
        assert!(plan.page(Bars::Blocks).rows.iter().any(|row| row.text.contains(" all ")));
    }

    #[test]
    fn a_small_dataset_needs_a_full_review() {
        let plan = Plan::new(20, 0.95);
        assert_eq!((plan.acceptance.len(), plan.precision.len()), (0, 0));
        let rows = plan.page(Bars::Ascii).rows;
        assert_eq!(rows.iter().filter(|row| row.text.contains("no sample is enough")).count(), 2);
        assert!(rows.iter().all(|row| row.text.len() <= 76 && !row.text.ends_with("...")), "{rows:?}");
    }
}
