//! An open Parquet file: its footer, and where the parts of its columns are.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::page::PageReader;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use ::parquet::schema::types::{ColumnDescPtr, Type, TypePtr};

use super::pages;
use crate::codec::{catch_panic, clean_message};
use crate::shared_file::SharedFile;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wrong(String),
}

/// A Parquet file whose footer has been read.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(super) file: SharedFile,
    pub(super) metadata: Arc<ParquetMetaData>,
    /// For each row group, the number of rows before it; and the number of all rows.
    starts: Arc<[u64]>,
}

/// A column of a table.
pub(crate) struct TableColumn {
    pub(crate) field: TypePtr,
    /// Its leaves, in the order of the schema.
    pub(crate) leaves: Range<usize>,
}

impl Table {
    /// Reads the footer.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or is no Parquet file.
    pub(crate) fn open(path: &Path) -> Result<Self, TableError> {
        Self::of(File::open(path)?)
    }

    /// Like [`Self::open`], for a file that is open.
    pub(crate) fn of(file: File) -> Result<Self, TableError> {
        let file = SharedFile::new(file)?;
        let read =
            || ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip).parse_and_finish(&file);
        let metadata = catch_panic(|| read().map_err(clean_message), |why| why);
        let metadata = metadata.map_err(TableError::Wrong)?;
        let mut starts = vec![0_u64];
        let leaves = metadata.file_metadata().schema_descr().num_columns();
        for group in metadata.row_groups() {
            let wrong = |why: &str| TableError::Wrong(why.to_owned());
            if group.num_columns() != leaves {
                return Err(wrong("a row group has fewer columns than the table"));
            }
            let rows =
                u64::try_from(group.num_rows()).map_err(|_| wrong("a row group has a negative number of rows"))?;
            let start = starts.last().copied().unwrap_or_default();
            starts.push(start.checked_add(rows).ok_or_else(|| wrong("it has too many rows"))?);
        }
        Ok(Self { file, metadata: Arc::new(metadata), starts: starts.into() })
    }

    pub(crate) fn groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// Returns the row group of a row, and its number in it.
    pub(crate) fn place(&self, row: u64) -> Option<(usize, u64)> {
        let group = self.starts.partition_point(|start| *start <= row).checked_sub(1)?;
        (row < self.rows()).then(|| (group, row - self.starts[group]))
    }

    pub(crate) fn columns(&self) -> Vec<TableColumn> {
        fn leaves(field: &Type) -> usize {
            if field.is_primitive() { 1 } else { field.get_fields().iter().map(|field| leaves(field)).sum() }
        }
        let mut first = 0;
        let column = |field: &TypePtr| {
            let leaves = first..first + leaves(field);
            first = leaves.end;
            TableColumn { field: Arc::clone(field), leaves }
        };
        self.metadata.file_metadata().schema().get_fields().iter().map(column).collect()
    }

    pub(crate) fn leaf(&self, leaf: usize) -> ColumnDescPtr {
        self.metadata.file_metadata().schema_descr().column(leaf)
    }

    pub(super) fn chunk(&self, group: usize, leaf: usize) -> Result<&ColumnChunkMetaData> {
        let missing = || ParquetError::General("a row group has fewer columns than the table".to_owned());
        self.groups().get(group).and_then(|group| group.columns().get(leaf)).ok_or_else(missing)
    }

    /// Opens the pages of a part of a column.
    pub(crate) fn pages(&self, group: usize, leaf: usize) -> Result<Box<dyn PageReader>> {
        let chunk = self.chunk(group, leaf)?;
        pages::open(&self.file, chunk, usize::try_from(self.groups()[group].num_rows())?)
    }

    /// Returns the number of values of a part of a column that are null, if the file tells it.
    pub(super) fn nulls(&self, group: usize, leaf: usize) -> Option<u64> {
        self.chunk(group, leaf).ok()?.statistics()?.null_count_opt()
    }

    /// Checks that all columns can be decompressed, before anything is read.
    pub(crate) fn check_compression(&self) -> Result<(), String> {
        let mut chunks = self.groups().iter().flat_map(RowGroupMetaData::columns);
        if chunks.any(|chunk| chunk.compression() == Compression::LZO) {
            return Err("compressed with LZO, which is not supported; use zstd, snappy or no compression".to_owned());
        }
        Ok(())
    }
}
