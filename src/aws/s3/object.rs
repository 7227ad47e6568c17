//! What is known of an object besides its content.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use serde::{Deserialize, Serialize};

use super::error::S3Error;
use super::{Action, Bucket};
use crate::aws::error::AwsError;

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    pub key: String,
    pub etag: String,
    pub len: u64,
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    pub etag: String,
    pub len: u64,
    pub properties: ObjectProperties,
}

/// What an object that replaces another one takes over from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ObjectProperties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The kind of encryption and the key, unless they are S3's own, which need not be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// When an object may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no object of this key.
    Absent,
    /// The object has this `ETag`.
    Matches(String),
}

impl Condition {
    pub(super) fn if_match(&self) -> Option<String> {
        match self {
            Self::Matches(etag) => Some(etag.clone()),
            Self::Absent => None,
        }
    }

    pub(super) fn if_none_match(&self) -> Option<String> {
        (*self == Self::Absent).then(|| "*".to_owned())
    }
}

impl Bucket {
    /// Requests what is known of an object. Returns `None` if there is none.
    ///
    /// # Errors
    /// Returns any [`AwsError`].
    pub async fn head(&self, key: &str) -> Result<Option<ObjectVersion>, AwsError> {
        let request = self.client.head_object().bucket(&*self.name).key(key);
        match request.send().await {
            Ok(output) => Ok(Some(ObjectVersion::from(&output))),
            Err(error) => match self.error(&error, key, Action::Get) {
                AwsError::S3(S3Error::NoSuchObject { .. }) => Ok(None),
                error => Err(error),
            },
        }
    }
}

impl Bucket {
    /// Deletes an object if it still has this `ETag`.
    ///
    /// # Errors
    /// Returns any [`AwsError`].
    pub async fn delete_if(&self, key: &str, etag: &str) -> Result<(), AwsError> {
        let request = self.client.delete_object().bucket(&*self.name).key(key).if_match(etag);
        request.send().await.map_err(|error| self.error(&error, key, Action::Delete))?;
        Ok(())
    }
}

/// Both outputs have the same fields, but no common type.
macro_rules! version_of {
    ($($output:ty),+) => {$(
        impl From<&$output> for ObjectVersion {
            fn from(output: &$output) -> Self {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                let encryption = output.server_side_encryption().filter(|kind| **kind != ServerSideEncryption::Aes256);
                Self {
                    etag: output.e_tag().unwrap_or_default().to_owned(),
                    len: output.content_length().and_then(|length| length.try_into().ok()).unwrap_or_default(),
                    properties: ObjectProperties {
                        content_type: owned(output.content_type()),
                        content_encoding: owned(output.content_encoding()).filter(|encoding| !matches!(encoding.as_str(), "" | "identity" | "aws-chunked")),
                        content_disposition: owned(output.content_disposition()),
                        content_language: owned(output.content_language()),
                        cache_control: owned(output.cache_control()),
                        storage_class: output.storage_class().map(|class| StorageClass::as_str(class).to_owned()),
                        encryption: encryption.map(|kind| kind.as_str().to_owned()),
                        kms_key: owned(output.ssekms_key_id()).filter(|_| encryption.is_some()),
                        metadata: output.metadata().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
                    },
                }
            }
        }
    )+};
}

version_of!(GetObjectOutput, HeadObjectOutput);

/// Sets the properties on a request that creates an object.
macro_rules! with_properties {
    ($request:expr, $properties:expr) => {{
        let properties: &$crate::aws::s3::ObjectProperties = $properties;
        let metadata = (!properties.metadata.is_empty())
            .then(|| properties.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect());
        $request
            .set_content_type(properties.content_type.clone())
            .set_content_encoding(properties.content_encoding.clone())
            .set_content_disposition(properties.content_disposition.clone())
            .set_content_language(properties.content_language.clone())
            .set_cache_control(properties.cache_control.clone())
            .set_storage_class(properties.storage_class.as_deref().map(Into::into))
            .set_server_side_encryption(properties.encryption.as_deref().map(Into::into))
            .set_ssekms_key_id(properties.kms_key.clone())
            .set_metadata(metadata)
    }};
}

pub(super) use with_properties;
