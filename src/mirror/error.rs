use std::path::PathBuf;

use crate::atomic_file::WriteError;
use crate::aws::{AwsError, S3UrlError};
use crate::reaction::Reaction;

/// Why a dataset in a bucket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error(transparent)]
    Url(#[from] S3UrlError),
    #[error("{url}: {source}")]
    Access { url: String, source: Box<AwsError> },
    /// The error names the object.
    #[error("{0}")]
    Object(Box<AwsError>),
    #[error("{url}: no such object or folder, or it is empty; see `aws s3 ls {url}`")]
    Nothing { url: String },
    #[error("{url}: no object matches this pattern; see `aws s3 ls {folder}`")]
    NoMatch { url: String, folder: String },
    #[error("{url}: compressed (Content-Encoding: {encoding}); copy it to a local file and decompress it first")]
    Encoded { url: String, encoding: String },
    #[error("{url}: the name cannot be that of a file; copy the object to another name")]
    Name { url: String },
    #[error("no folder for the copies of datasets: set HOME")]
    NoFolder,
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: WriteError },
    #[error("{url}: being opened by another recaption; try again when it is open")]
    InUse { url: String },
    #[error("{}: the copy of {url}, where saving would not reach the bucket; open {url} instead", path.display())]
    Copy { path: PathBuf, url: String },
    #[error("{urls}: open files of one folder only, or the folder itself")]
    SeveralFolders { urls: String },
    /// A task of the runtime panicked, which was reported.
    #[error("{url}: the download stopped; try again")]
    Stopped { url: String },
}

impl MirrorError {
    pub(super) fn of(url: &str, error: AwsError) -> Self {
        let source = Box::new(error);
        if source.to_string().contains("s3://") {
            Self::Object(source)
        } else {
            Self::Access { url: url.to_owned(), source }
        }
    }

    /// Returns true if credentials, permissions or the connection are the cause.
    #[must_use]
    pub fn is_of_access(&self) -> bool {
        match self {
            Self::Access { source, .. } | Self::Object(source) => {
                matches!(source.reaction(), Reaction::Pause(_) | Reaction::Retry | Reaction::RetryThenPause)
                    || matches!(**source, AwsError::NotAuthorized { .. })
            }
            _ => false,
        }
    }
}
