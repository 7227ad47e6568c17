//! A CSV table with a header and a row for each image, like Hugging Face's `metadata.csv`.

use std::path::Path;

use serde_json::Value;

use super::{FILE_NAME, InitError, Records};

/// Adds all rows, with the columns as fields in the same order. All values are strings.
pub(super) fn write(path: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    let mut table = csv::Reader::from_path(path).map_err(|error| wrong(error.to_string()))?;
    let heading = table.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let columns: Vec<&str> = heading.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    if !columns.contains(&FILE_NAME) {
        return Err(wrong(format!("the first line has no column \"{FILE_NAME}\"")));
    }
    if let Some((_, twice)) = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name)) {
        return Err(wrong(format!("duplicate column \"{twice}\"")));
    }
    for row in table.records() {
        let row = row.map_err(|error| wrong(error.to_string()))?;
        let fields: Vec<(&str, Value)> = columns.iter().copied().zip(row.iter().map(Value::from)).collect();
        records.line(&fields)?;
    }
    Ok(())
}
