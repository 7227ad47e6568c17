//! A folder of images with captions in text files beside them, as in training sets.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::report::Reason;
use super::{FILE_NAME, InitError, Records, json_string};
use crate::command::imagefolder::FileKind;
use crate::text::trim;

/// Synology's folders of thumbnails.
const THUMBNAILS: &str = "@eaDir";
/// The beginning of our own file names.
const OWN: &[u8] = b".recaption";

/// An image and its caption.
struct Image {
    /// Relative to the folder.
    path: String,
    caption: String,
}

/// A text file and the rank of its extension.
struct Text {
    name: String,
    rank: usize,
}

/// Adds all images in `folder` and its subfolders, sorted by path.
pub(super) fn write(folder: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let failed = |source| InitError::Read { path: folder.to_owned(), source };
    let mut images = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inside) = folders.pop() {
        let entries = fs::read_dir(folder.join(&inside)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        match entries {
            Ok(entries) => gather(folder, &inside, entries, &mut folders, &mut images, records),
            Err(error) if inside.as_os_str().is_empty() => return Err(failed(error)),
            Err(error) => {
                records.read += 1;
                records.report.add(Reason::Unreadable, &unreadable(&inside, &error));
            }
        }
    }
    images.sort_unstable_by(|one, other| Path::new(&one.path).cmp(Path::new(&other.path)));
    let caption_field = records.caption_field;
    for Image { path, caption } in images {
        // A dataset uses `/` on every system.
        let name = if cfg!(windows) { path.replace('\\', "/") } else { path };
        let values = [json_string(&name), json_string(&caption)];
        records.line([FILE_NAME, caption_field].into_iter().zip(values.iter().map(String::as_str)))?;
    }
    Ok(())
}

/// Sorts the entries of the folder `inside` into subfolders, images with their captions, and what is left out.
fn gather(
    root: &Path,
    inside: &Path,
    mut entries: Vec<DirEntry>,
    folders: &mut Vec<PathBuf>,
    images: &mut Vec<Image>,
    records: &mut Records<'_, '_>,
) {
    entries.sort_unstable_by_key(DirEntry::file_name);
    let (mut names, mut texts): (Vec<String>, Vec<Text>) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry.file_name();
        let path = inside.join(&name);
        if name.as_encoded_bytes().starts_with(OWN) {
            continue;
        }
        let kind = FileKind::of(&name);
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let reason = match fs::metadata(entry.path()) {
            _ if kind == FileKind::Hidden => Reason::Hidden,
            Err(_) if is_link => Reason::BrokenLink,
            Err(error) => {
                records.read += 1;
                records.report.add(Reason::Unreadable, &unreadable(&path, &error));
                continue;
            }
            // It may lead back to a folder that contains it.
            Ok(found) if found.is_dir() && is_link => Reason::FolderLink,
            Ok(found) if found.is_dir() && name == THUMBNAILS => Reason::Thumbnails,
            Ok(found) if found.is_dir() => {
                folders.push(path);
                continue;
            }
            Ok(found) if !found.is_file() => Reason::Other,
            Ok(_) => match (kind, name.to_str(), path.to_str()) {
                (FileKind::Image, Some(name), Some(_)) => {
                    records.read += 1;
                    names.push(name.to_owned());
                    continue;
                }
                (FileKind::Text(rank), Some(name), _) => {
                    records.read += 1;
                    texts.push(Text { name: name.to_owned(), rank });
                    continue;
                }
                (FileKind::Image, ..) => Reason::NameNotUtf8,
                (FileKind::OtherImage, ..) => Reason::UnreadableFormat,
                (FileKind::Mask, ..) => Reason::Mask,
                (FileKind::Metadata, ..) => Reason::Table,
                (FileKind::Text(_), ..) => Reason::TextWithoutImage,
                (FileKind::Hidden | FileKind::Other, ..) => Reason::Other,
            },
        };
        records.read += 1;
        records.report.add(reason, &path.to_string_lossy());
    }
    let mut captions = captions(root, inside, &names, texts, records);
    images.extend(names.into_iter().map(|name| Image {
        caption: captions.remove(&name).unwrap_or_default(),
        path: inside.join(name).to_string_lossy().into_owned(),
    }));
}

/// Reads the captions of the images in a folder. A text file belongs to the image of its name without the extension
/// (`a.txt` to `a.jpg`), or with it (`a.jpg.txt`). If there are several images, it is used for none.
fn captions(
    root: &Path,
    inside: &Path,
    images: &[String],
    mut texts: Vec<Text>,
    records: &mut Records<'_, '_>,
) -> HashMap<String, String> {
    let mut owners: HashMap<&str, Vec<&String>> = HashMap::new();
    for image in images {
        owners.entry(stem(image)).or_default().push(image);
        owners.entry(image).or_default().push(image);
    }
    // The preferred text file of an image is the first: `a.txt`, `a.TXT`, `a.caption`, `a.jpg.txt`, `a.jpg.caption`.
    texts.sort_by_cached_key(|text| (stem(&text.name).len(), text.rank, has_capitals(&text.name)));
    let mut found = HashMap::new();
    let mut pending: Vec<(&String, Vec<String>)> = Vec::new();
    let mut place: HashMap<&String, usize> = HashMap::new();
    for Text { name, .. } in texts {
        let shown = inside.join(&name).to_string_lossy().into_owned();
        match owners.get(stem(&name)).map(Vec::as_slice) {
            None => records.report.add(Reason::TextWithoutImage, &shown),
            Some([image]) => {
                let at = *place.entry(image).or_insert_with(|| {
                    pending.push((image, Vec::new()));
                    pending.len() - 1
                });
                pending[at].1.push(name);
            }
            Some(images) => {
                let images: Vec<&str> = images.iter().map(|image| image.as_str()).collect();
                records.report.add(Reason::SharedText, &format!("{shown} ({})", images.join(", ")));
            }
        }
    }
    for (image, texts) in pending {
        let mut readable = Vec::new();
        for name in texts {
            let path = inside.join(&name);
            match fs::read(root.join(&path)).map(String::from_utf8) {
                Ok(Ok(text)) => readable.push((name, trim(text.trim_start_matches('\u{feff}')).to_owned())),
                Ok(Err(_)) => records.report.add(Reason::TextNotUtf8, &path.to_string_lossy()),
                Err(error) => records.report.add(Reason::Unreadable, &unreadable(&path, &error)),
            }
        }
        let chosen = readable.iter().position(|(_, text)| !text.is_empty()).unwrap_or(0);
        let used = readable.get(chosen).map(|(name, _)| name.clone()).unwrap_or_default();
        for (at, (name, text)) in readable.into_iter().enumerate() {
            if at == chosen {
                found.insert(image.clone(), text);
            } else {
                let shown = inside.join(name);
                records.report.add(Reason::SecondText, &format!("{} ({used} is used)", shown.to_string_lossy()));
            }
        }
    }
    found
}

fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(OsStr::to_str).unwrap_or(name)
}

/// Returns true if the extension has capitals.
fn has_capitals(name: &str) -> bool {
    Path::new(name).extension().and_then(OsStr::to_str).is_some_and(|extension| extension != extension.to_lowercase())
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} ({error})", path.to_string_lossy())
}
