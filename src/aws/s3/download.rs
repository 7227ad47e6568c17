//! Reads an object in chunks.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::classify::interrupted;
use super::object::ObjectVersion;
use super::{Action, Bucket};
use crate::aws::error::AwsError;

/// The content of an object as it arrives. Dropping it closes the connection.
#[derive(Debug)]
pub struct Download {
    bucket: Bucket,
    key: String,
    version: ObjectVersion,
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
        Ok(Download::new(self, key, output))
    }

    /// Requests an object. Returns `None` if it still has this `ETag`.
    ///
    /// # Errors
    /// Returns any [`AwsError`].
    pub async fn get_unless(&self, key: &str, etag: &str) -> Result<Option<Download>, AwsError> {
        const NOT_MODIFIED: u16 = 304;
        let request = self.client.get_object().bucket(&*self.name).key(key).if_none_match(etag);
        match request.send().await {
            Ok(output) => Ok(Some(Download::new(self, key, output))),
            Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == NOT_MODIFIED) => {
                Ok(None)
            }
            Err(error) => Err(self.error(&error, key, Action::Get)),
        }
    }
}

impl Download {
    fn new(bucket: &Bucket, key: &str, output: GetObjectOutput) -> Self {
        let version = ObjectVersion::from(&output);
        Self { bucket: bucket.clone(), key: key.to_owned(), remaining: version.len, version, body: output.body }
    }

    #[must_use]
    pub const fn version(&self) -> &ObjectVersion {
        &self.version
    }

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
