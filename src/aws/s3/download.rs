//! Reads an object in chunks.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::classify::interrupted;
use super::{Action, Bucket};
use crate::aws::error::AwsError;

/// The content of an object as it arrives. Dropping it closes the connection.
#[derive(Debug)]
pub struct Download {
    bucket: Bucket,
    key: String,
    body: ByteStream,
    /// The number of bytes that have not arrived.
    remaining: u64,
}

impl Bucket {
    /// Requests an object.
    ///
    /// # Errors
    /// Returns any [`AwsError`].
    pub async fn get(&self, key: &str) -> Result<Download, AwsError> {
        let request = self.client.get_object().bucket(&*self.name).key(key);
        let output = request.send().await.map_err(|error| self.error(&error, key, Action::Get))?;
        let remaining = output.content_length.and_then(|length| length.try_into().ok()).unwrap_or_default();
        Ok(Download { bucket: self.clone(), key: key.to_owned(), body: output.body, remaining })
    }
}

impl Download {
    /// Returns the next chunk, or `None` at the end.
    ///
    /// # Errors
    /// Returns an error if the connection is lost, the content is shorter than announced, or its checksum differs.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AwsError> {
        let failed = |cause| interrupted(&self.bucket.url(&self.key), cause);
        match self.body.next().await {
            Some(Ok(chunk)) => {
                self.remaining = self.remaining.saturating_sub(chunk.len() as u64);
                Ok(Some(chunk))
            }
            Some(Err(error)) => Err(failed(crate::aws::classify::root_cause(&error))),
            None if self.remaining > 0 => Err(failed(format!("{} bytes missing", self.remaining))),
            None => Ok(None),
        }
    }
}
