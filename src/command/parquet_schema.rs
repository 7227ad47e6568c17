//! The schema of an imported Parquet table, kept beside the session of its dataset: `init` stores it, `export --to parquet`
//! restores the types of the columns from it.
//!
//! The file is a Parquet file with the imported columns and no rows. The text form of a schema cannot represent a column
//! whose name contains a space.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};

use crate::atomic_file::{self, WriteError, WriteWarning};
use crate::codec::{catch_panic, clean_message};
use crate::session::{Location, Place, SessionError};

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(transparent)]
    Location(#[from] SessionError),
    #[error("{}: {source}", .path.display())]
    Write { path: PathBuf, source: WriteError },
    #[error("{}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: not a Parquet schema ({reason}); delete it, and the types of columns are inferred", .path.display())]
    Broken { path: PathBuf, reason: String },
}

/// Stores the imported columns of the table that became `dataset`.
pub(super) fn store(dataset: &Path, columns: Vec<TypePtr>) -> Result<Vec<WriteWarning>, SchemaError> {
    let location = location(dataset)?;
    location.prepare()?;
    let path = file_of(&location, dataset);
    let broken = |error: ParquetError| SchemaError::Broken { path: path.clone(), reason: clean_message(error) };
    let schema = Type::group_type_builder("schema").with_fields(columns).build().map_err(broken)?;
    let mut bytes = Vec::new();
    SerializedFileWriter::new(&mut bytes, schema.into(), WriterProperties::default().into())
        .and_then(SerializedFileWriter::close)
        .map_err(broken)?;
    atomic_file::write(&path, true, &mut |file| file.write_all(&bytes).map_err(WriteError::Io))
        .map_err(|source| SchemaError::Write { path: path.clone(), source })
}

/// Removes the schema of an earlier dataset of the same name.
pub(super) fn remove(dataset: &Path) -> Result<(), SchemaError> {
    let path = file_of(&location(dataset)?, dataset);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(SchemaError::Read { path, source }),
        _ => Ok(()),
    }
}

/// Returns the columns of the table that became `dataset`, or the dataset it was saved from under the default name; `None`
/// if neither was imported from Parquet.
pub(super) fn load(dataset: &Path) -> Result<Option<Vec<TypePtr>>, SchemaError> {
    for dataset in [dataset.to_owned()].into_iter().chain(saved_from(dataset)) {
        if let Some(columns) = load_own(&dataset)? {
            return Ok(Some(columns));
        }
    }
    Ok(None)
}

/// Returns the datasets that are saved as `output` by default: `a.jsonl` and, for a caption field, `a.b.jsonl` or `a.jsonl`
/// as `a.b_updated.jsonl`.
fn saved_from(output: &Path) -> Vec<PathBuf> {
    let stem = output.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.strip_suffix("_updated"));
    let without_field = stem.and_then(|stem| stem.rsplit_once('.')).map(|(stem, _)| stem);
    let named = |stem: &str| {
        let mut name = OsString::from(stem);
        if let Some(extension) = output.extension() {
            name.push(".");
            name.push(extension);
        }
        output.with_file_name(name)
    };
    stem.into_iter().chain(without_field).filter(|stem| !stem.is_empty()).map(named).collect()
}

fn load_own(dataset: &Path) -> Result<Option<Vec<TypePtr>>, SchemaError> {
    let path = file_of(&location(dataset)?, dataset);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SchemaError::Read { path, source }),
    };
    let broken = |reason| SchemaError::Broken { path: path.clone(), reason };
    catch_panic(
        || {
            let table = SerializedFileReader::new(file).map_err(|error| broken(clean_message(error)))?;
            Ok(Some(table.metadata().file_metadata().schema().get_fields().to_vec()))
        },
        broken,
    )
}

/// One schema a dataset, whatever its caption field.
fn location(dataset: &Path) -> Result<Location, SessionError> {
    Location::find(dataset, crate::dataset::CAPTION, None)
}

fn file_of(location: &Location, dataset: &Path) -> PathBuf {
    match location.place() {
        Place::Beside | Place::Chosen => {
            let mut name = dataset.file_name().unwrap_or_default().to_owned();
            name.push(".schema");
            location.file().with_file_name(name)
        }
        // Its name contains a hash of the dataset's path.
        Place::ReadOnlyFolder | Place::NetworkFolder => location.file().with_extension("schema"),
    }
}

#[cfg(test)]
mod tests {
    use ::parquet::schema::parser::parse_message_type;

    use super::*;

    #[test]
    fn columns_are_restored() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("metadata.jsonl");
        assert!(load(&dataset).unwrap().is_none());
        let schema = parse_message_type(
            "message schema {
                required binary file_name (STRING);
                optional int64 at (TIMESTAMP(NANOS,true));
                optional group tags (LIST) { repeated group list { optional int96 element; } }
                optional fixed_len_byte_array (9) price (DECIMAL(20,3));
            }",
        );
        let mut columns = schema.unwrap().get_fields().to_vec();
        let spaced = Type::primitive_type_builder("a b;{", ::parquet::basic::Type::FLOAT);
        let spaced = spaced.with_repetition(::parquet::basic::Repetition::OPTIONAL).build().unwrap();
        columns.push(spaced.into());
        assert_eq!(store(&dataset, columns.clone()).unwrap(), []);
        assert_eq!(load(&dataset).unwrap().as_ref(), Some(&columns));
        for output in ["metadata_updated.jsonl", "metadata.text_ko_updated.jsonl"] {
            assert_eq!(load(&folder.path().join(output)).unwrap().as_ref(), Some(&columns), "{output}");
        }
        for other in ["metadata_updated.json", "other_updated.jsonl", "_updated.jsonl", "updated.jsonl"] {
            assert!(load(&folder.path().join(other)).unwrap().is_none(), "{other}");
        }
        assert!(folder.path().join(".recaption/metadata.jsonl.schema").is_file());
        assert!(load(&folder.path().join("metadata.json")).unwrap().is_none(), "another file of the same stem");
        std::fs::write(folder.path().join(".recaption/metadata.jsonl.schema"), "cut").unwrap();
        assert!(load(&dataset).unwrap_err().to_string().contains("the types of columns are inferred"));
        remove(&dataset).unwrap();
        assert!(load(&dataset).unwrap().is_none());
        remove(&dataset).unwrap();
    }
}
