//! A folder of images with captions in text files beside them, as in training sets.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{InitError, Records};
use crate::command::imagefolder::is_picture;
use crate::text::trim;

/// Extensions of text files with captions. The first one that exists is used.
const CAPTIONS: [&str; 2] = ["txt", "caption"];

/// Adds all images in `folder` and its subfolders, sorted by path. Hidden folders are skipped.
pub(super) fn write(folder: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let mut pictures = Vec::new();
    gather(folder, &mut pictures)?;
    pictures.sort_unstable();
    for picture in pictures {
        let inside = picture.strip_prefix(folder).unwrap_or(&picture);
        let Some(name) = inside.to_str() else {
            records.skip(&inside.to_string_lossy(), "the name is not UTF-8, which a dataset requires")?;
            continue;
        };
        // A dataset uses `/` on every system.
        let name = if cfg!(windows) { name.replace('\\', "/") } else { name.to_owned() };
        let caption = match caption_of(&picture) {
            Ok(caption) => caption,
            Err((file, why)) => {
                let file = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned();
                records.skip(&file, &why.to_string())?;
                String::new()
            }
        };
        records.add(&name, &caption)?;
    }
    Ok(())
}

fn gather(folder: &Path, pictures: &mut Vec<PathBuf>) -> Result<(), InitError> {
    let failed = |source| InitError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        // Links to folders are not followed, because they may form a loop.
        if entry.file_type().map_err(failed)?.is_dir() {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if !is_hidden {
                gather(&path, pictures)?;
            }
        } else if is_picture(&path) && path.is_file() {
            pictures.push(path);
        }
    }
    Ok(())
}

/// Reads the caption beside an image. Returns an empty string if there is none.
fn caption_of(picture: &Path) -> Result<String, (PathBuf, io::Error)> {
    for extension in CAPTIONS {
        let file = picture.with_extension(extension);
        match fs::read(&file) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                let text = text.map_err(|_| (file, io::Error::new(io::ErrorKind::InvalidData, "not UTF-8")))?;
                return Ok(trim(text.trim_start_matches('\u{feff}')).to_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((file, error)),
        }
    }
    Ok(String::new())
}
