//! The rows of shards as JSON lines, without their images.
//!
//! A record is named by the path of its image. If images are in the table, its picture is found by that name, so a path
//! that is missing or that several rows have is replaced by the shard and the number of the row.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::sync::Arc;

use ::parquet::errors::ParquetError;
use serde_json::json;

use super::names::{Names, hash};
use super::{DAMAGED, Shard};
use crate::codec::{catch_panic, clean_message};
use crate::dataset::FILE_NAME;
use crate::dataset::file_set::Starts;
use crate::dataset::line::LEFT_OUT;
use crate::dataset::source::{Bytes, Stamp};
use crate::parquet_file::{OpenTable, TableColumn, may_be_field, open_column, open_leaf};

#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("too many rows; split the dataset (at most 4 294 967 295 records)")]
    TooMany,
}

/// Why a row group is not read.
enum GroupError {
    Io(io::Error),
    Broken(String),
}

impl From<io::Error> for GroupError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ParquetError> for GroupError {
    /// An error of the disk is no damage of the file: the rows may be read later.
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) if error.kind() != io::ErrorKind::UnexpectedEof => Self::Io(*error),
                Ok(error) => Self::Broken(clean_message(error)),
                Err(source) => Self::Broken(clean_message(source)),
            },
            error => Self::Broken(clean_message(error)),
        }
    }
}

/// The lines of all shards.
#[derive(Debug)]
pub(in crate::dataset) struct Lines {
    pub(super) bytes: Bytes,
    /// A shard that cannot be read has one record.
    pub(super) starts: Starts,
    /// The records by name, if images are in the tables.
    pub(super) names: Option<Names>,
}

impl Lines {
    pub(super) fn read(shards: &[Shard], caption_fields: &[Arc<str>]) -> Result<Self, LinesError> {
        let tables: Vec<Result<&Arc<OpenTable>, &str>> =
            shards.iter().map(|shard| shard.table(caption_fields)).collect();
        let mut starts = vec![0_u32];
        for table in &tables {
            let rows = table.as_ref().map_or(1, |open| open.table.rows());
            let start = starts.last().copied().unwrap_or_default();
            let end = u32::try_from(rows).ok().and_then(|rows| start.checked_add(rows)).ok_or(LinesError::TooMany)?;
            starts.push(end);
        }
        let has_images = tables.iter().flatten().any(|open| open.has_images());
        let paths = has_images.then(|| Paths::read(&tables));
        let mut writer =
            Writer { out: BufWriter::new(tempfile::tempfile()?), at: 0, paths, caption_fields, names: Vec::new() };
        let labels = labels(shards);
        for (((shard, table), start), label) in shards.iter().zip(&tables).zip(&starts).zip(&labels) {
            match table {
                Ok(open) => writer.shard(open, *start, label)?,
                Err(why) => writer.left_out(&format!("{}: {why}", shard.opened.name()))?,
            }
        }
        let names = if has_images { Some(Names::store(writer.names)?) } else { None };
        let file = writer.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let stamp = Stamp::from(&file.metadata()?);
        Ok(Self { bytes: Bytes::new(file, stamp), starts: Starts::new(starts), names })
    }
}

/// Returns what the names of rows of each shard begin with. No dots: what follows them would be taken for an extension.
fn labels(shards: &[Shard]) -> Vec<String> {
    let mut known = HashSet::new();
    let label = |(number, shard): (usize, &Shard)| {
        let stem = shard.opened.path.file_stem().unwrap_or_default().to_string_lossy().replace('.', "_");
        if known.insert(stem.clone()) { stem } else { format!("{stem}-{number}") }
    };
    shards.iter().enumerate().map(label).collect()
}

/// The hashes of the paths of all images.
struct Paths {
    sorted: Vec<u64>,
}

impl Paths {
    fn read(tables: &[Result<&Arc<OpenTable>, &str>]) -> Self {
        let mut sorted = Vec::new();
        for open in tables.iter().flatten() {
            let Some(leaf) = open.roles.paths else { continue };
            for (group, metadata) in open.table.groups().iter().enumerate() {
                let mut read = || -> Result<(), ParquetError> {
                    let mut texts = open_leaf(&open.table, leaf, group)?;
                    for _ in 0..metadata.num_rows() {
                        sorted.extend(texts.text()?.filter(|text| !text.is_empty()).map(|text| hash(&text)));
                    }
                    Ok(())
                };
                // A row group that cannot be read is reported when its lines are.
                let _ = catch_panic(|| read().map_err(|error| error.to_string()), |why| why);
            }
        }
        sorted.sort_unstable();
        Self { sorted }
    }

    /// Returns the number of rows that have a path of this hash.
    fn count(&self, hash: u64) -> usize {
        let start = self.sorted.partition_point(|known| *known < hash);
        self.sorted[start..].iter().take(2).take_while(|known| **known == hash).count()
    }
}

struct Writer<'a> {
    out: BufWriter<File>,
    /// The number of bytes written.
    at: u64,
    /// If images are in the tables.
    paths: Option<Paths>,
    caption_fields: &'a [Arc<str>],
    names: Vec<(u64, u32)>,
}

impl Writer<'_> {
    fn shard(&mut self, open: &OpenTable, first: u32, label: &str) -> io::Result<()> {
        let columns = open.table.columns();
        let fields: Vec<&TableColumn> = columns
            .iter()
            .enumerate()
            .filter(|(at, column)| {
                let name = column.field.name();
                let is_caption = self.is_caption(column);
                !open.roles.hidden.contains(at) && name != FILE_NAME && (is_caption || may_be_field(column))
            })
            .map(|(_, column)| column)
            .collect();
        let mut row = 0_u64;
        for (group, metadata) in open.table.groups().iter().enumerate() {
            let rows = u64::try_from(metadata.num_rows()).unwrap_or_default();
            let (start, names) = (self.at, self.names.len());
            let read = catch_panic(
                || self.group(open, &fields, group, (first, row, label)),
                |why| GroupError::Broken(clean_message(why)),
            );
            match read {
                Ok(()) => {}
                Err(GroupError::Io(error)) => return Err(error),
                Err(GroupError::Broken(why)) => {
                    self.return_to(start, names)?;
                    let why = format!("row group {} cannot be read ({why}); {DAMAGED}", group + 1);
                    for _ in 0..rows {
                        self.left_out(&why)?;
                    }
                }
            }
            row += rows;
        }
        Ok(())
    }

    /// Writes the rows of a group. `place` is the first record of the shard, the rows before the group, and the label.
    fn group(
        &mut self,
        open: &OpenTable,
        fields: &[&TableColumn],
        group: usize,
        (first, before, label): (u32, u64, &str),
    ) -> Result<(), GroupError> {
        let table = &open.table;
        let mut nodes = fields.iter().map(|field| open_column(table, field, group)).collect::<Result<Vec<_>, _>>()?;
        let mut paths = open.roles.paths.map(|leaf| open_leaf(table, leaf, group)).transpose()?;
        let keys: Vec<String> = fields.iter().map(|field| json!(field.field.name()).to_string()).collect();
        let is_caption: Vec<bool> = fields.iter().map(|field| self.is_caption(field)).collect();
        let mut values = vec![String::new(); fields.len()];
        let mut line = String::new();
        for row in before..before + u64::try_from(table.groups()[group].num_rows()).unwrap_or_default() {
            let mut is_text = true;
            for ((node, value), is_caption) in nodes.iter_mut().zip(&mut values).zip(&is_caption) {
                value.clear();
                node.record(value, &mut |_| is_text &= !is_caption)?;
            }
            let path = match &mut paths {
                Some(paths) => paths.text()?,
                None => None,
            };
            let name = self.name(path, row, label);
            if let (Some(name), true) = (&name, self.paths.is_some()) {
                let record = u32::try_from(row).ok().and_then(|row| first.checked_add(row)).unwrap_or(u32::MAX);
                self.names.push((hash(name), record));
            }
            if !is_text {
                self.left_out(&format!("the caption of {} is not UTF-8", name.unwrap_or_default()))?;
                continue;
            }
            line.clear();
            line.push_str("{\"file_name\": ");
            line.push_str(&json!(name).to_string());
            for (key, value) in keys.iter().zip(&values) {
                line.push_str(", ");
                line.push_str(key);
                line.push_str(": ");
                line.push_str(value);
            }
            line.push_str("}\n");
            self.write(line.as_bytes())?;
        }
        Ok(nodes.iter_mut().try_for_each(crate::parquet_file::Node::finish)?)
    }

    fn is_caption(&self, column: &TableColumn) -> bool {
        self.caption_fields.iter().any(|field| &**field == column.field.name())
    }

    /// Returns the name of a record.
    fn name(&self, path: Option<String>, row: u64, label: &str) -> Option<String> {
        let path = path.filter(|path| !path.is_empty());
        let Some(paths) = &self.paths else { return path };
        if let Some(path) = path.filter(|path| paths.count(hash(path)) == 1) {
            return Some(path);
        }
        let mut name = format!("{label}#{}", row + 1);
        while paths.count(hash(&name)) > 0 {
            name.push('#');
        }
        Some(name)
    }

    /// Writes the line of what is no record. It is reported, and saved unchanged.
    fn left_out(&mut self, why: &str) -> io::Result<()> {
        self.write(format!("{}\n", json!({ LEFT_OUT: why })).as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Removes the text after a place.
    fn return_to(&mut self, start: u64, names: usize) -> io::Result<()> {
        self.out.flush()?;
        let file = self.out.get_mut();
        file.set_len(start)?;
        file.seek(SeekFrom::Start(start))?;
        self.at = start;
        self.names.truncate(names);
        Ok(())
    }
}
