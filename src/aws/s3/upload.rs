//! Writes an object: in one request, or above a threshold in parts, several at a time.

use std::collections::VecDeque;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::error::S3Error;
use super::object::{Condition, ObjectProperties, with_properties};
use super::{Action, Bucket};
use crate::aws::error::AwsError;

/// Larger objects are uploaded in parts. An object that is made slowly is kept in memory up to this size.
pub(super) const MULTIPART_THRESHOLD: usize = PART;
/// The size of a part. S3 requires 5 MiB.
const PART: usize = 8 << 20;
/// The largest number of parts that S3 accepts.
const MAX_PARTS: u64 = 10_000;
/// Parts in flight, which bounds the memory.
const IN_FLIGHT: usize = 4;

/// Without it, S3 expects another algorithm than the SDK sends.
const CHECKSUM: ChecksumAlgorithm = ChecksumAlgorithm::Crc32;

type PartUpload = JoinHandle<Result<CompletedPart, AwsError>>;

/// An object that is being written. Nothing is visible before [`Upload::finish`]. An upload in parts that is dropped is
/// aborted, as far as the runtime still runs.
#[derive(Debug)]
pub struct Upload {
    bucket: Bucket,
    key: String,
    properties: ObjectProperties,
    condition: Option<Condition>,
    /// What has not been sent.
    buffer: BytesMut,
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    id: String,
    in_flight: VecDeque<PartUpload>,
    complete: Vec<CompletedPart>,
    started: u64,
}

impl Bucket {
    /// Starts to write an object of at most 78 GiB. Sends nothing.
    #[must_use]
    pub fn upload(&self, key: &str, content_type: &'static str) -> Upload {
        let properties =
            ObjectProperties { content_type: Some(content_type.to_owned()), ..ObjectProperties::default() };
        self.start(key, properties, None)
    }

    /// Like [`upload`](Self::upload), but the object becomes visible only if the condition holds then.
    #[must_use]
    pub fn upload_if(&self, key: &str, properties: ObjectProperties, condition: Condition) -> Upload {
        self.start(key, properties, Some(condition))
    }

    fn start(&self, key: &str, properties: ObjectProperties, condition: Option<Condition>) -> Upload {
        let (bucket, key) = (self.clone(), key.to_owned());
        Upload { bucket, key, properties, condition, buffer: BytesMut::new(), parts: None }
    }
}

impl Upload {
    /// Appends to the object. Waits if too much is in flight.
    ///
    /// # Errors
    /// Returns an error if a part could not be sent. The upload is then aborted.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), AwsError> {
        while !bytes.is_empty() {
            let limit = if self.parts.is_some() { PART } else { MULTIPART_THRESHOLD };
            let (now, later) = bytes.split_at(bytes.len().min(limit - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == limit && (self.parts.is_some() || !bytes.is_empty()) {
                self.send_full_parts().await?;
            }
        }
        Ok(())
    }

    async fn send_full_parts(&mut self) -> Result<(), AwsError> {
        if self.parts.is_none() {
            let request = self.bucket.client.create_multipart_upload().bucket(&*self.bucket.name).key(&self.key);
            let request = with_properties!(request, &self.properties).checksum_algorithm(CHECKSUM);
            let output = request.send().await.map_err(|error| self.bucket.error(&error, &self.key, Action::Put))?;
            let id = output.upload_id.unwrap_or_default();
            self.parts = Some(Parts { id, in_flight: VecDeque::new(), complete: Vec::new(), started: 0 });
        }
        while self.buffer.len() >= PART {
            let part = self.buffer.split_to(PART).freeze();
            // A buffer that grows by itself has room for up to twice a part, which is kept while the part is in flight.
            let mut rest = BytesMut::with_capacity(PART);
            rest.extend_from_slice(&self.buffer);
            self.buffer = rest;
            self.send_part(part).await?;
        }
        Ok(())
    }

    async fn send_part(&mut self, part: Bytes) -> Result<(), AwsError> {
        while self.parts.as_ref().is_some_and(|parts| parts.in_flight.len() >= IN_FLIGHT) {
            self.wait_for_part().await?;
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        if parts.started == MAX_PARTS {
            let error = AwsError::S3(S3Error::TooLarge {
                url: self.bucket.url(&self.key),
                limit: (PART as u64 * MAX_PARTS) >> 30,
            });
            self.abort().await;
            return Err(error);
        }
        parts.started += 1;
        let (bucket, key, id) = (self.bucket.clone(), self.key.clone(), parts.id.clone());
        let number = i32::try_from(parts.started).unwrap_or(i32::MAX);
        let sending = tokio::spawn(async move {
            let request = bucket.client.upload_part().bucket(&*bucket.name).key(&key).upload_id(id);
            let request = request.part_number(number).checksum_algorithm(CHECKSUM).body(ByteStream::from(part));
            let output = request.send().await.map_err(|error| bucket.error(&error, &key, Action::Put))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(output.e_tag)
                .set_checksum_crc32(output.checksum_crc32)
                .build())
        });
        parts.in_flight.push_back(sending);
        Ok(())
    }

    /// Waits for the oldest part in flight.
    async fn wait_for_part(&mut self) -> Result<(), AwsError> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        let Some(sending) = parts.in_flight.pop_front() else { return Ok(()) };
        let sent = sending
            .await
            .unwrap_or_else(|error| Err(super::classify::interrupted(&self.bucket.url(&self.key), error.to_string())));
        match sent {
            Ok(part) => {
                parts.complete.push(part);
                Ok(())
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Writes a small object in one request.
    async fn put(&self, bytes: Bytes) -> Result<String, AwsError> {
        let Self { bucket, key, properties, condition, .. } = self;
        let request = bucket.client.put_object().bucket(&*bucket.name).key(key).body(ByteStream::from(bytes));
        let request = with_properties!(request, properties)
            .set_if_match(condition.as_ref().and_then(Condition::if_match))
            .set_if_none_match(condition.as_ref().and_then(Condition::if_none_match));
        let output = request.send().await.map_err(|error| bucket.error(&error, key, Action::Put))?;
        Ok(output.e_tag.unwrap_or_default())
    }

    /// Makes the object visible. Returns its `ETag`.
    ///
    /// # Errors
    /// Returns any [`AwsError`]. The upload is then aborted.
    pub async fn finish(mut self) -> Result<String, AwsError> {
        let rest = std::mem::take(&mut self.buffer).freeze();
        if self.parts.is_none() {
            return self.put(rest).await;
        }
        if !rest.is_empty() {
            self.send_part(rest).await?;
        }
        while self.parts.as_ref().is_some_and(|parts| !parts.in_flight.is_empty()) {
            self.wait_for_part().await?;
        }
        let Some(parts) = &mut self.parts else { return Ok(String::new()) };
        let complete = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut parts.complete))).build();
        let request = self.bucket.client.complete_multipart_upload().bucket(&*self.bucket.name).key(&self.key);
        let request = request
            .upload_id(&parts.id)
            .multipart_upload(complete)
            .set_if_match(self.condition.as_ref().and_then(Condition::if_match))
            .set_if_none_match(self.condition.as_ref().and_then(Condition::if_none_match));
        match request.send().await {
            Ok(output) => {
                self.parts = None;
                Ok(output.e_tag.unwrap_or_default())
            }
            Err(error) => {
                let error = self.bucket.error(&error, &self.key, Action::Put);
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Discards the upload and its parts, which would otherwise be charged.
    pub async fn abort(&mut self) {
        if let Some(parts) = self.parts.take() {
            abort(self.bucket.clone(), self.key.clone(), parts).await;
        }
        self.buffer.clear();
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(parts), Ok(runtime)) = (self.parts.take(), Handle::try_current()) {
            runtime.spawn(abort(self.bucket.clone(), self.key.clone(), parts));
        }
    }
}

async fn abort(bucket: Bucket, key: String, parts: Parts) {
    for sending in parts.in_flight {
        sending.abort();
        // A part that arrives after the request below would stay.
        let _ = sending.await;
    }
    let request = bucket.client.abort_multipart_upload().bucket(&*bucket.name).key(&key).upload_id(parts.id);
    if let Err(error) = request.send().await {
        let error = bucket.error(&error, &key, Action::Abort);
        tracing::warn!(%error, key, "parts of an upload remain");
    }
}
