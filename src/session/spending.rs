//! The costs of describing: a row for every paid response, whether or not it became a candidate.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use crate::describe::{Charge, Cost, Dollars, Tokens, Usage};

/// The columns with a cost have billionths of a dollar, or one of these. Version 0.1 stored zero for an unknown cost; zero
/// with tokens is therefore unknown, too, and a known cost of zero has a number of its own.
const UNKNOWN: i64 = -1;
const FREE: i64 = -2;

/// The costs of a model and prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    pub model: String,
    /// Name and version.
    pub prompt: String,
    pub requests: u64,
    /// The total.
    pub usage: Usage,
}

/// Returns the cost of one response as stored.
pub(super) fn to_column(cost: Cost, tokens: Tokens) -> i64 {
    match cost.amount().map(Dollars::billionths) {
        None => UNKNOWN,
        Some(0) if tokens != Tokens::default() => FREE,
        Some(billionths) => i64::try_from(billionths).unwrap_or(i64::MAX),
    }
}

/// Reads what [`to_column`] stored.
pub(super) fn from_column(stored: i64, tokens: Tokens) -> Cost {
    match u64::try_from(stored) {
        Ok(0) if tokens != Tokens::default() => Cost::UNKNOWN,
        Ok(billionths) => Dollars::from_billionths(billionths).into(),
        Err(_) if stored == FREE => Cost::default(),
        Err(_) => Cost::UNKNOWN,
    }
}

pub(super) fn append(connection: &Connection, at: Timestamp, charge: &Charge) -> Result<(), Fault> {
    let Charge { record: _, model, prompt, usage: Usage { tokens, cost }, estimated } = charge;
    connection
        .prepare_cached(
            "INSERT INTO usage (at, model, prompt, input, output, cost, estimated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            at.to_string(),
            model,
            prompt,
            tokens.input.cast_signed(),
            tokens.output.cast_signed(),
            to_column(*cost, *tokens),
            estimated
        ])?;
    Ok(())
}

/// Reads the totals by model and prompt, the most expensive first.
pub(super) fn read(connection: &Connection) -> Result<Vec<Spending>, Fault> {
    let mut statement = connection.prepare(
        "SELECT model, prompt, count(*), sum(input), sum(output), sum(max(cost, 0)),
                max(cost = -1 OR (cost = 0 AND input + output > 0)) FROM usage
         GROUP BY model, prompt ORDER BY sum(max(cost, 0)) DESC, model, prompt",
    )?;
    let rows = statement.query_map([], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Spending {
            model: row.get(0)?,
            prompt: row.get(1)?,
            requests: number(2)?,
            usage: Usage {
                tokens: Tokens { input: number(3)?, output: number(4)? },
                cost: Cost::from(Dollars::from_billionths(number(5)?))
                    + if row.get(6)? { Cost::UNKNOWN } else { Cost::default() },
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stored_zero_with_tokens_is_unknown() {
        let tokens = Tokens { input: 1, output: 0 };
        assert_eq!(from_column(0, tokens), Cost::UNKNOWN, "as version 0.1 stored an unknown price");
        assert_eq!(from_column(0, Tokens::default()), Cost::default());
    }

    proptest! {
        #[test]
        fn a_stored_cost_is_read_back(cost in prop::option::of(0..i64::MAX as u64), input in 0..3_u64) {
            let tokens = Tokens { input, output: 0 };
            for cost in [Cost::from(cost.map(Dollars::from_billionths)), Cost::default()] {
                prop_assert_eq!(from_column(to_column(cost, tokens), tokens), cost);
            }
        }
    }
}
