//! A folder of pictures, with captions in text files beside them, as trainers of image models keep them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{InitError, Records};
use crate::command::imagefolder::is_picture;
use crate::text::trim;

/// What the files with captions end in. The first that is there counts.
const CAPTIONS: [&str; 2] = ["txt", "caption"];

/// Adds every picture in `folder` and below, in the order of their paths. Hidden folders are passed over.
pub(super) fn write(folder: &Path, records: &mut Records<'_>) -> Result<(), InitError> {
    let mut pictures = Vec::new();
    gather(folder, &mut pictures)?;
    pictures.sort_unstable();
    for picture in pictures {
        let inside = picture.strip_prefix(folder).unwrap_or(&picture);
        let Some(name) = inside.to_str() else {
            records.skip(&inside.to_string_lossy(), "its name is not UTF-8, so no dataset can name it")?;
            continue;
        };
        // Wherever the dataset goes, `/` parts folders.
        let name = if cfg!(windows) { name.replace('\\', "/") } else { name.to_owned() };
        let caption = match beside(&picture) {
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
        // Links to folders are not followed: they may lead round in a circle.
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

/// The caption beside a picture; an empty one where there is none.
fn beside(picture: &Path) -> Result<String, (PathBuf, io::Error)> {
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
