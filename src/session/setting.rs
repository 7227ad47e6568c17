//! Single values of a session, by name.

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::Fault;

pub(super) fn setting<T: FromSql>(connection: &Connection, name: &str) -> Result<Option<T>, Fault> {
    let value = connection
        .prepare_cached("SELECT value FROM setting WHERE name = ?1")?
        .query_row([name], |row| row.get::<_, Option<T>>(0))
        .optional()?;
    Ok(value.flatten())
}

pub(super) fn put_setting(connection: &Connection, name: &str, value: Option<impl Into<Value>>) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value.map(Into::into)])?;
    Ok(())
}
