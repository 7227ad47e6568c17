//! How many records a spot check has to look at, told before it begins.

use serde_json::{Value, json};

use super::page::percent;
use super::{Bars, Page};
use crate::statistics::{power, sample_size_for_half_width, sample_size_for_target};

/// The precisions planned for: so far to each side.
const HALF_WIDTHS: [f64; 4] = [0.10, 0.05, 0.03, 0.02];

/// How many failures are planned for.
const FAILURES: [u64; 8] = [0, 1, 2, 3, 5, 8, 12, 20];

/// Rates that captions may really have, as parts of the way from the target to 100 %.
const HOW_MUCH_BETTER: [f64; 3] = [0.4, 0.6, 0.8];

/// A plan for a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many records there are.
    pub population: u64,
    /// The acceptance rate that is to be shown, from 0 to 1.
    pub target: f64,
    /// What shows it.
    pub showing: Vec<Showing>,
    /// The rates the captions may really have, for [`Showing::chances`].
    pub real_rates: Vec<f64>,
    /// What it takes to know the rate to so much.
    pub precise: Vec<Precise>,
}

/// A sample that shows the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Showing {
    /// The most failures with which it does.
    pub failures: u64,
    /// How many records.
    pub size: u64,
    /// The chance that it does, by the rate the captions really have.
    pub chances: Vec<f64>,
}

/// A sample that tells the rate to so much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precise {
    /// How far the interval reaches to each side at most.
    pub half_width: f64,
    /// How many records, whatever the rate.
    pub size: u64,
    /// How many where about the target is accepted.
    pub size_at_target: u64,
}

impl Plan {
    /// Plans to show that at least `target` (from 0 to 1) of so many captions are acceptable. Samples larger than the
    /// dataset are left out.
    #[must_use]
    pub fn new(population: u64, target: f64) -> Self {
        let real_rates: Vec<f64> = HOW_MUCH_BETTER.iter().map(|part| target + (1.0 - target) * part).collect();
        let showing = FAILURES
            .into_iter()
            .filter_map(|failures| Some((failures, sample_size_for_target(target, failures)?)))
            .filter(|(_, size)| *size <= population)
            .map(|(failures, size)| Showing {
                failures,
                size,
                chances: real_rates.iter().map(|rate| power(target, size, *rate)).collect(),
            })
            .collect();
        let precise = HALF_WIDTHS
            .into_iter()
            .filter_map(|half_width| {
                let size = sample_size_for_half_width(half_width, 0.5)?;
                Some(Precise { half_width, size, size_at_target: sample_size_for_half_width(half_width, target)? })
            })
            .filter(|precise| precise.size_at_target <= population)
            .collect();
        Self { population, target, showing, real_rates, precise }
    }

    /// The plan for people.
    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let target = percent(self.target);
        page.heading(format!("To show that at least {target} of {} captions are acceptable", self.population));
        if self.showing.is_empty() {
            page.row("no sample will do: all of them have to be looked at");
        } else {
            let rates = columns(&self.real_rates);
            page.row(format!("{:>8}{:>14}   {}", "", "", "chance to show it, if really"));
            page.row(format!("{:>8}{:>14}{rates}", "sample", "may fail"));
            for showing in &self.showing {
                let chances = columns(&showing.chances);
                page.row(format!("{:>8}{:>14}{chances}", showing.size, showing.failures));
            }
            page.remark("shown: the lower end of the 95 % interval (Wilson) is not below the target");
        }
        page.heading("To know the rate, whatever it is");
        if self.precise.is_empty() {
            page.row("no sample will do: all of them have to be looked at");
        } else {
            page.row(format!("{:>8}{:>14}   if about {target} are accepted", "to ±", "sample"));
            for precise in &self.precise {
                let size = if precise.size <= self.population { precise.size.to_string() } else { "all".to_owned() };
                let half_width = percent(precise.half_width);
                page.row(format!("{half_width:>8}{size:>14}   {}", precise.size_at_target));
            }
        }
        page.remark("Choose the size now and keep to it: to stop when it looks good, or to");
        page.remark("go on until it does, makes the interval worthless.");
        page
    }

    /// The plan as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let showing = self.showing.iter();
        let showing: Vec<Value> = showing
            .map(|showing| json!({ "sample": showing.size, "may_fail": showing.failures, "chances": showing.chances }))
            .collect();
        let precise = self.precise.iter();
        let precise: Vec<Value> = precise
            .map(|precise| {
                json!({
                    "half_width": precise.half_width, "sample": precise.size,
                    "sample_at_target": precise.size_at_target,
                })
            })
            .collect();
        json!({
            "records": self.population, "target": self.target, "to_show": showing,
            "real_rates": self.real_rates, "to_know": precise,
        })
    }
}

fn columns(shares: &[f64]) -> String {
    shares.iter().map(|share| format!("{:>10}", percent(*share))).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Proportion;

    #[test]
    fn a_planned_sample_shows_the_target_and_is_no_larger_than_the_dataset() {
        let plan = Plan::new(618, 0.95);
        assert_eq!(plan.showing.first().map(|showing| (showing.failures, showing.size)), Some((0, 73)));
        for Showing { failures, size, chances } in &plan.showing {
            assert!(*size <= 618);
            assert!(Proportion::new(size - failures, *size).interval().unwrap().low >= 0.95);
            assert!(chances.windows(2).all(|pair| pair[0] < pair[1]), "the better, the likelier: {chances:?}");
        }
        // 1,064 would be needed where nothing is known of the rate, 237 where it is about 95 %.
        let three = plan.precise.iter().find(|precise| precise.half_width < 0.04).unwrap();
        assert!(three.size > 618 && three.size_at_target < 618, "{three:?}");
        assert!(plan.page(Bars::Blocks).rows.iter().any(|row| row.text.contains(" all ")));
    }

    #[test]
    fn of_a_few_records_all_are_looked_at() {
        let plan = Plan::new(20, 0.95);
        assert_eq!((plan.showing.len(), plan.precise.len()), (0, 0));
        let rows = plan.page(Bars::Ascii).rows;
        assert_eq!(rows.iter().filter(|row| row.text.contains("no sample will do")).count(), 2);
        assert!(rows.iter().all(|row| row.text.len() <= 76 && !row.text.ends_with("...")), "{rows:?}");
    }
}
