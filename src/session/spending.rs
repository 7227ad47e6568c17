//! The costs of describing: a row for every paid response, whether or not it became a candidate.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use crate::describe::{Charge, Dollars, Tokens, Usage};

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
            cost.billionths().cast_signed(),
            estimated
        ])?;
    Ok(())
}

/// Reads the totals by model and prompt, the most expensive first.
pub(super) fn read(connection: &Connection) -> Result<Vec<Spending>, Fault> {
    let mut statement = connection.prepare(
        "SELECT model, prompt, count(*), sum(input), sum(output), sum(cost) FROM usage
         GROUP BY model, prompt ORDER BY sum(cost) DESC, model, prompt",
    )?;
    let rows = statement.query_map([], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Spending {
            model: row.get(0)?,
            prompt: row.get(1)?,
            requests: number(2)?,
            usage: Usage {
                tokens: Tokens { input: number(3)?, output: number(4)? },
                cost: Dollars::from_billionths(number(5)?),
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
