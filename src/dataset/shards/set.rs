//! Which files are the shards of a dataset: a folder's, or those that a pattern with a `*` matches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::{DatasetError, LeftOut};
use crate::parquet_file::is_parquet;
use crate::tar_file::is_tar;

/// The folder with the shards in a repository of Hugging Face.
const DATA: &str = "data";
/// The end of the stem of a saved shard.
const SAVED: &str = "_updated";

/// The shards of a folder.
#[derive(Debug, Default)]
pub(in crate::dataset) struct Found {
    /// In natural order (`a2` before `a10`).
    pub(in crate::dataset) shards: Vec<PathBuf>,
    /// The names of outputs of saves and of missing shards.
    pub(in crate::dataset) left_out: Vec<(LeftOut, Vec<String>)>,
}

/// The format of the files of a set.
type IsShard = fn(&Path) -> bool;

/// The formats, the preferred one of a folder first.
const FORMATS: [IsShard; 2] = [is_parquet, is_tar];

fn format(path: &Path) -> Option<IsShard> {
    FORMATS.into_iter().find(|is_shard| is_shard(path))
}

/// Returns true if a path names shards by a pattern: `train-*.parquet`.
pub(in crate::dataset) fn is_pattern(path: &Path) -> bool {
    format(path).is_some() && name(path).is_some_and(|name| name.contains('*')) && !path.exists()
}

/// Finds the shards that a folder, its folder `data` or a pattern has. Returns the path of the dataset with them.
pub(in crate::dataset) fn find(path: &Path) -> io::Result<Option<(PathBuf, Found)>> {
    if let Some(is_shard) = format(path).filter(|_| is_pattern(path)) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let pattern = name(path).unwrap_or_default();
        let found = of_folder(folder, is_shard, &|name| matches(pattern, name))?;
        return Ok((!found.shards.is_empty()).then(|| (path.to_owned(), found)));
    }
    for is_shard in FORMATS {
        for folder in [path.to_owned(), path.join(DATA)].into_iter().filter(|folder| folder.is_dir()) {
            let found = of_folder(&folder, is_shard, &|_| true)?;
            if !found.shards.is_empty() {
                return Ok(Some((folder, found)));
            }
        }
    }
    Ok(None)
}

/// Returns true if a folder, or its folder `data`, has Parquet files or tar archives.
#[must_use]
pub fn has_shards(folder: &Path) -> bool {
    find(folder).is_ok_and(|found| found.is_some())
}

fn of_folder(folder: &Path, is_shard: IsShard, is_meant: &dyn Fn(&str) -> bool) -> io::Result<Found> {
    let mut all: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_shard(Path::new(&name)) && !name.starts_with('.') && entry.path().is_file() {
            all.push(name);
        }
    }
    all.sort_by(|one, other| alphanumeric_sort::compare_str(one, other));
    let names: Vec<String> = all.iter().filter(|name| is_meant(name)).cloned().collect();
    let (outputs, shards): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| is_output(name, &names));
    let missing = missing(&shards, &all);
    let left_out = [(LeftOut::Output, outputs), (LeftOut::MissingShard, missing)];
    let left_out = left_out.into_iter().filter(|(_, names)| !names.is_empty()).collect();
    Ok(Found { shards: shards.iter().map(|name| folder.join(name)).collect(), left_out })
}

/// Returns the names of the shards that are not in the folder although its numbered ones imply them: of
/// `train-00000-of-00002.parquet`, the name `train-00001-of-00002`.
fn missing(shards: &[String], all: &[String]) -> Vec<String> {
    let mut sets: BTreeMap<(&str, &str), BTreeSet<u32>> = BTreeMap::new();
    let wanted: BTreeSet<_> = shards.iter().filter_map(|name| numbered(name)).map(|(set, _)| set).collect();
    for (set, number) in all.iter().filter_map(|name| numbered(name)) {
        sets.entry(set).or_default().insert(number);
    }
    let of_set = |((prefix, total), known): (&(&str, &str), &BTreeSet<u32>)| -> Vec<String> {
        let (width, count) = (total.len(), total.parse().unwrap_or(0));
        let absent = (0..count).filter(|number| !known.contains(number));
        absent.map(|number| format!("{prefix}{number:0width$}-of-{total}")).collect()
    };
    sets.iter().filter(|(set, _)| wanted.contains(*set)).flat_map(of_set).collect()
}

/// Returns the set of a shard (what its name begins with, and the number of shards as written) and its number in the set.
/// Older names end with a hash: `train-00000-of-00002-0123456789abcdef.parquet`.
fn numbered(name: &str) -> Option<((&str, &str), u32)> {
    const MAX_DIGITS: usize = 5;
    let (before, after) = name.split_once("-of-")?;
    let digits = after.find(|c: char| !c.is_ascii_digit())?;
    let start = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let is_number = |text: &str| (1..=MAX_DIGITS).contains(&text.len());
    let (prefix, number, total) = (&before[..start], &before[start..], &after[..digits]);
    (is_number(number) && is_number(total)).then_some(((prefix, total), number.parse().ok()?))
}

/// Returns true if a file is the output of a save of another one: `a_updated.parquet` or `a.caption_updated.parquet` beside
/// `a.parquet`.
fn is_output(file: &str, names: &[String]) -> bool {
    let stem = |name: &str| Path::new(name).file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
    let Some(saved) = stem(file).and_then(|stem| stem.strip_suffix(SAVED).map(str::to_owned)) else { return false };
    let without_field = saved.rsplit_once('.').map(|(stem, _)| stem);
    names.iter().filter_map(|name| stem(name)).any(|name| name == saved || Some(name.as_str()) == without_field)
}

/// Returns the dataset that several files are: their folder, or a pattern.
///
/// # Errors
/// Returns an error if they are not Parquet files or tar archives of one folder, or no pattern matches only them.
pub fn together(paths: &[PathBuf]) -> Result<PathBuf, DatasetError> {
    let Some(first) = paths.first() else { return Ok(PathBuf::from(".")) };
    let wrong = |why: &'static str| Err(DatasetError::Several { path: first.clone(), why });
    let folder = first.parent();
    let is_shard = format(first).filter(|is_shard| paths.iter().all(|path| is_shard(path) && path.parent() == folder));
    let Some(is_shard) = is_shard else {
        return wrong("only Parquet files or tar archives of one folder are one dataset; name one dataset");
    };
    let mut names: Vec<String> = paths.iter().filter_map(|path| name(path).map(str::to_owned)).collect();
    names.sort_by(|one, other| alphanumeric_sort::compare_str(one, other));
    names.dedup();
    let all = names.clone();
    names.retain(|name| !is_output(name, &all));
    if let [only] = names.as_slice() {
        return Ok(first.with_file_name(only));
    }
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_same =
        |found: &Found| found.shards.iter().filter_map(|path| name(path)).eq(names.iter().map(String::as_str));
    let failed = |source| DatasetError::Io { path: folder.to_owned(), source };
    if is_same(&of_folder(folder, is_shard, &|_| true).map_err(failed)?)
        && !folder.join(super::super::METADATA).exists()
    {
        return Ok(folder.to_owned());
    }
    let pattern = pattern(&names);
    if is_same(&of_folder(folder, is_shard, &|name| matches(&pattern, name)).map_err(failed)?) {
        return Ok(first.with_file_name(pattern));
    }
    wrong("no pattern matches only these files; move them to a folder of their own")
}

/// Returns the pattern of what names have in common at their beginning and their end.
fn pattern(names: &[String]) -> String {
    let Some(first) = names.first() else { return String::new() };
    let chars: Vec<char> = first.chars().collect();
    let starts = (0..=chars.len()).rev().find(|len| {
        let start: String = chars[..*len].iter().collect();
        names.iter().all(|name| name.starts_with(&start))
    });
    let start: String = chars[..starts.unwrap_or_default()].iter().collect();
    // The number of a shard is no part of the pattern.
    let start = start.trim_end_matches(|c: char| c.is_ascii_digit());
    let ends = (0..=chars.len()).find(|from| {
        let end: String = chars[*from..].iter().collect();
        names.iter().all(|name| name.len() >= start.len() + end.len() && name.ends_with(&end))
    });
    let end: String = chars[ends.unwrap_or(chars.len())..].iter().collect();
    format!("{start}*{}", end.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Returns true if a name matches a pattern with one `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
    name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_pattern_has_what_names_have_in_common() {
        assert_eq!(
            pattern(&names(&["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"])),
            "train-*-of-00002.parquet"
        );
        assert_eq!(pattern(&names(&["a1.parquet", "a10.parquet"])), "a*.parquet");
        assert_eq!(pattern(&names(&["a.parquet", "b.parquet"])), "*.parquet");
        assert!(matches("a*.parquet", "a.parquet"));
        assert!(!matches("ab*b.parquet", "ab.parquet"));
    }

    #[test]
    fn outputs_are_no_shards() {
        let all = names(&["a.parquet", "a_updated.parquet", "a.caption_updated.parquet", "b_updated.parquet"]);
        let found: Vec<bool> = all.iter().map(|name| is_output(name, &all)).collect();
        assert_eq!(found, [false, true, true, false]);
    }

    #[test]
    fn missing_shards_are_known_by_their_numbers() {
        let all = names(&[
            "test-00000-of-00001.parquet",
            "train-00000-of-00004-0a.parquet",
            "train-00002-of-00004-0b.parquet",
            "part-7.parquet",
        ]);
        assert_eq!(missing(&all, &all), ["train-00001-of-00004", "train-00003-of-00004"]);
        assert_eq!(missing(&all[..1], &all), names(&[]), "a set that was not asked for");
        assert_eq!(missing(&all[1..2], &all), ["train-00001-of-00004", "train-00003-of-00004"]);
        assert_eq!(numbered("a-of-b.parquet"), None);
        assert_eq!(numbered("a-1-of-9999999.parquet"), None);
    }

    #[test]
    fn files_are_named_by_their_folder_or_a_pattern() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["test-0.parquet", "train-0.parquet", "train-1.parquet", "train-1_updated.parquet"] {
            fs::write(path(name), "").unwrap();
        }
        let together = |names: &[&str]| super::together(&names.iter().map(|name| path(name)).collect::<Vec<_>>());
        assert_eq!(together(&["train-0.parquet", "train-1.parquet"]).unwrap(), path("train-*.parquet"));
        assert_eq!(together(&["train-1.parquet", "train-1_updated.parquet"]).unwrap(), path("train-1.parquet"));
        assert_eq!(together(&["test-0.parquet", "train-0.parquet", "train-1.parquet"]).unwrap(), folder.path());
        assert_eq!(together(&["test-0.parquet", "train-0.parquet"]).unwrap(), path("t*-0.parquet"));
        assert!(together(&["train-0.parquet", "a.jsonl"]).is_err());
        let found = find(&path("train-*.parquet")).unwrap().unwrap().1;
        assert_eq!(found.shards, [path("train-0.parquet"), path("train-1.parquet")]);
        assert_eq!(found.left_out, [(LeftOut::Output, vec!["train-1_updated.parquet".to_owned()])]);
        fs::write(path("tent-0.parquet"), "").unwrap();
        assert!(together(&["test-0.parquet", "train-0.parquet"]).is_err(), "the pattern has another file");
    }
}
