//! The image that a record names: found, decoded, and its problems.

use std::path::PathBuf;

use super::finding::{Finding, Kind};
use super::folder::FileIdentity;
use crate::dataset::{Dataset, Entry, PathRefused};
use crate::lint::Severity;
use crate::picture::{self, PictureError};

/// The image of a record.
pub(super) enum Image {
    Refused(PathRefused),
    At {
        /// Its path, and the other spelling of its path, each with the file there.
        files: Vec<(PathBuf, Option<FileIdentity>)>,
        error: Option<PictureError>,
    },
}

impl Image {
    /// Finds an image without decoding it.
    pub(super) fn find(dataset: &Dataset, name: &str) -> Self {
        match dataset.picture_path(name) {
            Err(refused) => Self::Refused(refused),
            Ok(path) => {
                let identity = FileIdentity::of(&path);
                Self::At { files: vec![(path, identity)], error: None }
            }
        }
    }

    /// Finds and decodes an image.
    pub(super) fn check(dataset: &Dataset, name: &str) -> Self {
        let path = match dataset.picture_path(name) {
            Ok(path) => path,
            Err(refused) => return Self::Refused(refused),
        };
        let error = picture::check(&path).err();
        let identity = if error == Some(PictureError::Missing) { None } else { FileIdentity::of(&path) };
        let other = if identity.is_some() { None } else { picture::other_spelling(&path) };
        let mut files = vec![(path, identity)];
        files.extend(other.map(|path| {
            let identity = FileIdentity::of(&path);
            (path, identity)
        }));
        Self::At { files, error }
    }

    /// Returns its paths, each with the file there.
    pub(super) fn files(&self) -> &[(PathBuf, Option<FileIdentity>)] {
        match self {
            Self::Refused(_) => &[],
            Self::At { files, .. } => files,
        }
    }

    /// Returns the finding: its path, or the error of its check.
    pub(super) fn finding<'a>(self, entry: &'a Entry, name: &str) -> Option<Finding<'a>> {
        let (files, error) = match self {
            Self::At { files, error } => (files, error),
            Self::Refused(refused) => {
                let finding = Finding::of_line(entry, Kind::RefusedPath, format!("{name}: {refused}"));
                return Some(finding.because(refused.to_string()));
            }
        };
        match (error, files.len() > 1) {
            (None, false) => None,
            (None, true) => {
                let cause = if name.contains('\\') {
                    "no such file; read with / in place of \\"
                } else {
                    "no such file; read in the other Unicode normalization (NFC, NFD)"
                };
                let finding = Finding::of_line(entry, Kind::OtherSpelling, format!("{name}: {cause}"));
                Some(Finding { severity: Severity::Info, ..finding }.because(cause.to_owned()))
            }
            (Some(PictureError::Missing), _) => {
                let cause = "the image does not exist; --images DIR sets the folder of the images";
                let finding = Finding::of_line(entry, Kind::MissingPicture, format!("{name} does not exist"));
                Some(finding.because(cause.to_owned()))
            }
            (Some(why), _) => Some(Finding::of_line(entry, Kind::UnreadablePicture, format!("{name}: {why}"))),
        }
    }
}
