//! Single values of the column of images, read on demand.
//!
//! A picture is named by the path of its file with the number of its row, from one, as if the file were a folder:
//! `train.parquet/17`. No such path exists in a file system, so it cannot be confused with another file.
//!
//! Only the page with the value is decoded. The values after it in the same page are kept in a cache of bounded size, so
//! that the next record does not decode the page again.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, Metadata};
use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::SystemTime;

use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::column::reader::{ColumnReader, get_column_reader};
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use bytes::Bytes;
use lru::LruCache;

use super::is_parquet;
use super::roles::Roles;
use super::table::{Table, TableError};
use crate::codec::{catch_panic, clean_message};
use crate::remote_folder;

/// Bytes of values that are kept of each open file.
const CACHED_BYTES: usize = 16 << 20;
/// Bytes of values of one page that are kept, so that a page of many large pictures does not replace all others.
const KEPT_OF_PAGE: usize = 12 << 20;
/// Files whose values are kept.
const TABLES: usize = 6;

/// Why a value cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CellError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Broken(String),
    /// The row has neither an image nor a path.
    #[error("the row has no image")]
    Null,
    /// The row has no image, but the path of one in the file's folder.
    #[error("the row has the path of an image")]
    Elsewhere(PathBuf),
}

impl From<TableError> for CellError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Io(error) => Self::Io(error),
            TableError::Wrong(why) => Self::Broken(why),
        }
    }
}

impl From<ParquetError> for CellError {
    fn from(error: ParquetError) -> Self {
        Self::Broken(clean_message(error))
    }
}

/// A value of the column of images.
pub(crate) struct Cell<'a> {
    /// The Parquet file.
    pub(crate) file: &'a Path,
    /// From zero.
    row: u64,
}

impl<'a> Cell<'a> {
    /// Returns the value that a path names, if it names one.
    pub(crate) fn of(path: &'a Path) -> Option<Self> {
        let file = path.parent().filter(|file| is_parquet(file))?;
        let row = path.file_name()?.to_str()?;
        let row = row.parse::<u64>().ok().filter(|number| row == number.to_string())?.checked_sub(1)?;
        file.is_file().then_some(Self { file, row })
    }

    /// Returns the path that names a row, from zero.
    pub(crate) fn path(file: &Path, row: u64) -> PathBuf {
        file.join((row + 1).to_string())
    }

    /// Returns the bytes of the image.
    pub(crate) fn read(&self) -> Result<Bytes, CellError> {
        let open = opened(self.file)?;
        catch_panic(|| open.read(self.row), CellError::Broken).map_err(|error| match error {
            CellError::Elsewhere(path) => CellError::Elsewhere(self.file.with_file_name(path)),
            error => error,
        })
    }

    /// Returns true if there is an image. The image is not read if the file tells the number of nulls.
    pub(crate) fn exists(&self) -> Result<bool, CellError> {
        let open = opened(self.file)?;
        let (group, _) = open.table.place(self.row).ok_or_else(no_row)?;
        let leaf = open.roles.images.ok_or(CellError::Null)?;
        match open.table.nulls(group, leaf) {
            Some(0) => Ok(true),
            _ => match self.read() {
                Ok(_) => Ok(true),
                Err(CellError::Null) => Ok(false),
                Err(CellError::Elsewhere(path)) => {
                    Ok(path.is_file() || remote_folder::find(&path).is_some_and(|(folder, name)| folder.holds(&name)))
                }
                Err(error) => Err(error),
            },
        }
    }
}

fn no_row() -> CellError {
    std::io::Error::from(std::io::ErrorKind::NotFound).into()
}

/// Identifies a version of a file.
type Version = (u64, Option<SystemTime>);

fn version(metadata: &Metadata) -> Version {
    (metadata.len(), metadata.modified().ok())
}

/// A file that pictures are read from.
#[derive(Debug)]
pub(crate) struct OpenTable {
    /// As it was opened.
    version: Version,
    pub(crate) table: Table,
    pub(crate) roles: Roles,
    cache: Mutex<Cache>,
}

/// The files that pictures are read from.
struct Tables {
    /// Those of open datasets. After a save in place, their rows are still those of the file that was opened.
    shared: HashMap<PathBuf, Weak<OpenTable>>,
    /// The last used.
    recent: LruCache<PathBuf, Arc<OpenTable>>,
}

fn tables() -> MutexGuard<'static, Tables> {
    static OPEN: OnceLock<Mutex<Tables>> = OnceLock::new();
    let tables = OPEN.get_or_init(|| {
        let recent = LruCache::new(NonZeroUsize::new(TABLES).unwrap_or(NonZeroUsize::MIN));
        Mutex::new(Tables { shared: HashMap::new(), recent })
    });
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tables {
    /// Marks a file as used. The values of the one that was used least recently are dropped.
    fn used(&mut self, path: &Path, open: &Arc<OpenTable>) {
        if self.recent.get(path).is_some_and(|known| Arc::ptr_eq(known, open)) {
            return;
        }
        if let Some((_, dropped)) = self.recent.push(path.to_owned(), Arc::clone(open)) {
            dropped.clear();
        }
    }
}

/// Returns a file: that of an open dataset, else the one at the path, opened again if it changed.
fn opened(path: &Path) -> Result<Arc<OpenTable>, CellError> {
    let mut known = tables();
    if let Some(open) = known.shared.get(path).and_then(Weak::upgrade) {
        known.used(path, &open);
        return Ok(open);
    }
    let version = version(&std::fs::metadata(path)?);
    if let Some(open) = known.recent.get(path).filter(|open| open.version == version) {
        return Ok(Arc::clone(open));
    }
    drop(known);
    let open = Arc::new(OpenTable::open(path)?);
    tables().used(path, &open);
    Ok(open)
}

/// Returns true if the first value of a column of bytes is not text.
pub(super) fn is_image_data(table: &Table, leaf: usize) -> bool {
    for (group, metadata) in table.groups().iter().enumerate() {
        if metadata.num_rows() == 0 || table.nulls(group, leaf) == u64::try_from(metadata.num_rows()).ok() {
            continue;
        }
        // A column that cannot be read is reported when it is.
        let Ok(page) = page_with(table, group, leaf, 0) else { return false };
        if let Some(value) = page.values.iter().flatten().find(|value| !value.is_empty()) {
            return std::str::from_utf8(value.data()).is_err();
        }
    }
    false
}

/// Values that were decoded, by their rows. The first value that was stored is dropped first.
#[derive(Debug, Default)]
struct Cache {
    values: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

impl Cache {
    fn get(&self, row: u64) -> Option<Bytes> {
        self.values.iter().find(|(known, _)| *known == row).map(|(_, value)| value.clone())
    }

    fn insert(&mut self, row: u64, value: Bytes) {
        if self.get(row).is_some() {
            return;
        }
        self.bytes += value.len();
        self.values.push_back((row, value));
        while self.bytes > CACHED_BYTES && self.values.len() > 1 {
            let Some((_, old)) = self.values.pop_front() else { break };
            self.bytes -= old.len();
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl OpenTable {
    fn open(path: &Path) -> Result<Self, TableError> {
        Self::of(File::open(path)?, None)
    }

    /// Reads the footer, and finds the columns. `file_column` is the one with the paths of the images, if it was named.
    pub(crate) fn of(file: File, file_column: Option<&str>) -> Result<Self, TableError> {
        let version = version(&file.metadata()?);
        let table = Table::of(file)?;
        let roles = catch_panic(|| Ok(super::roles(&table, file_column)), TableError::Wrong)?;
        Ok(Self { version, table, roles, cache: Mutex::default() })
    }

    /// Returns true if there are images in it, rather than paths only.
    pub(crate) fn has_images(&self) -> bool {
        let has_values = |leaf| {
            let mut groups = self.table.groups().iter().enumerate();
            groups.any(|(group, metadata)| self.table.nulls(group, leaf) != u64::try_from(metadata.num_rows()).ok())
        };
        self.roles.images.is_some_and(has_values)
    }

    /// Makes it the file that the pictures of this path are read from, as long as it is open.
    pub(crate) fn share(self: &Arc<Self>, path: &Path) {
        let mut tables = tables();
        tables.shared.retain(|_, open| open.strong_count() > 0);
        tables.shared.insert(path.to_owned(), Arc::downgrade(self));
        tables.recent.pop(path);
    }

    /// Checks that the open file was not written to.
    fn check(&self) -> Result<(), CellError> {
        if version(&self.table.file.metadata()?) == self.version {
            return Ok(());
        }
        Err(CellError::Broken(
            "it changed since it was opened; open it again (in the reviewer with :reopen)".to_owned(),
        ))
    }

    fn clear(&self) {
        self.cache().clear();
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, row: u64) -> Result<Bytes, CellError> {
        let (group, at) = self.table.place(row).ok_or_else(no_row)?;
        let leaf = self.roles.images.ok_or(CellError::Null)?;
        // Locked while a page is decoded: the other readers of a page wait for it instead of decoding it as well.
        let mut cache = self.cache();
        if let Some(known) = cache.get(row) {
            return Ok(known);
        }
        self.check()?;
        let page = page_with(&self.table, group, leaf, at)?;
        let first = usize::try_from(at - page.first).unwrap_or(usize::MAX);
        let Some(value) = page.values.get(first) else { return Err(CellError::Null) };
        let Some(value) = value else {
            drop(cache);
            return Err(self.path(group, at)?.map_or(CellError::Null, CellError::Elsewhere));
        };
        // Copied: a slice would keep the whole page.
        let wanted = Bytes::copy_from_slice(value.data());
        let mut kept = 0;
        for (value, row) in page.values.iter().zip(row - (at - page.first)..).skip(first) {
            let Some(value) = value else { continue };
            kept += value.len();
            if kept > KEPT_OF_PAGE {
                break;
            }
            cache.insert(row, Bytes::copy_from_slice(value.data()));
        }
        Ok(wanted)
    }

    /// Returns the path in a row.
    fn path(&self, group: usize, at: u64) -> Result<Option<PathBuf>, CellError> {
        let Some(leaf) = self.roles.paths else { return Ok(None) };
        let page = page_with(&self.table, group, leaf, at)?;
        let value = page.values.get(usize::try_from(at - page.first).unwrap_or(usize::MAX));
        let text = value.and_then(Option::as_ref).and_then(|value| std::str::from_utf8(value.data()).ok());
        // Tables are downloaded: a path must not lead out of the folder.
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        let path = text.filter(|text| !text.contains('\0')).map(PathBuf::from);
        Ok(path.filter(|path| path.file_name().is_some() && path.components().all(is_inside)))
    }
}

/// The values of a page.
struct PageValues {
    /// The number of rows before it in its row group.
    first: u64,
    values: Vec<Option<ByteArray>>,
}

/// Decodes the page with a row of a row group.
fn page_with(table: &Table, group: usize, leaf: usize, row: u64) -> Result<PageValues> {
    let wrong = |why: &str| ParquetError::General(why.to_owned());
    let descriptor = table.leaf(leaf);
    if descriptor.max_rep_level() > 0 {
        return Err(wrong("a list in the column of images"));
    }
    let mut pages = table.pages(group, leaf)?;
    let mut few = VecDeque::new();
    let mut first = 0_u64;
    let rows = loop {
        let Some(next) = pages.peek_next_page()? else { return Err(wrong("a column has fewer values than rows")) };
        if next.is_dict {
            few.extend(pages.get_next_page()?);
            continue;
        }
        let rows = next.num_rows.or(next.num_levels).ok_or_else(|| wrong("a page without a number of rows"))?;
        if row < first.saturating_add(rows as u64) {
            few.extend(pages.get_next_page()?);
            break rows;
        }
        first += rows as u64;
        pages.skip_next_page()?;
    };
    let maximum = descriptor.max_def_level();
    let ColumnReader::ByteArrayColumnReader(mut column) = get_column_reader(descriptor, Box::new(FewPages(few))) else {
        return Err(wrong("a column of an unexpected type"));
    };
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (records, ..) = column.read_records(rows, Some(&mut levels), None, &mut values)?;
    if maximum == 0 {
        return Ok(PageValues { first, values: values.into_iter().map(Some).collect() });
    }
    let mut values = values.into_iter();
    let values =
        levels.iter().take(records).map(|level| (*level == maximum).then(|| values.next()).flatten()).collect();
    Ok(PageValues { first, values })
}

/// A page, after the dictionary that it may need.
struct FewPages(VecDeque<Page>);

impl Iterator for FewPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.pop_front().map(Ok)
    }
}

impl PageReader for FewPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        Ok(self.0.pop_front())
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(self.0.front().map(|page| match page {
            Page::DataPage { num_values, .. } => {
                PageMetadata { num_rows: None, num_levels: Some(*num_values as usize), is_dict: false }
            }
            Page::DataPageV2 { num_values, num_rows, .. } => PageMetadata {
                num_rows: Some(*num_rows as usize),
                num_levels: Some(*num_values as usize),
                is_dict: false,
            },
            Page::DictionaryPage { .. } => PageMetadata { num_rows: None, num_levels: None, is_dict: true },
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.pop_front();
        Ok(())
    }
}
