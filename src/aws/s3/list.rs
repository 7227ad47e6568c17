//! Lists the objects below a prefix, page by page.

use super::object::ListedObject;
use super::{Action, Bucket};
use crate::aws::error::AwsError;

/// A listing in the order of the keys' bytes.
#[derive(Debug)]
pub struct Listing {
    bucket: Bucket,
    prefix: String,
    /// Leave out what is in folders below the prefix.
    is_flat: bool,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    Token(String),
    End,
}

impl Bucket {
    /// Lists the objects whose keys start with `prefix`. Sends nothing before [`Listing::next_page`].
    #[must_use]
    pub fn list(&self, prefix: &str) -> Listing {
        Listing { bucket: self.clone(), prefix: prefix.to_owned(), is_flat: false, next: Next::First }
    }

    /// Like [`list`](Self::list), without the objects in folders below the prefix.
    #[must_use]
    pub fn list_folder(&self, prefix: &str) -> Listing {
        Listing { is_flat: true, ..self.list(prefix) }
    }
}

impl Listing {
    /// Returns the keys of up to 1,000 objects, or `None` at the end.
    ///
    /// # Errors
    /// Returns any [`AwsError`]. The next call repeats the request.
    pub async fn next_page(&mut self) -> Result<Option<Vec<String>>, AwsError> {
        let objects = self.next_objects().await?;
        Ok(objects.map(|objects| objects.into_iter().map(|object| object.key).collect()))
    }

    /// Returns up to 1,000 objects, or `None` at the end.
    ///
    /// # Errors
    /// Returns any [`AwsError`]. The next call repeats the request.
    pub async fn next_objects(&mut self) -> Result<Option<Vec<ListedObject>>, AwsError> {
        let request = self.bucket.client.list_objects_v2().bucket(&*self.bucket.name).prefix(&self.prefix);
        let request = request.set_delimiter(self.is_flat.then(|| "/".to_owned()));
        let request = match &self.next {
            Next::First => request,
            Next::Token(token) => request.continuation_token(token),
            Next::End => return Ok(None),
        };
        let output = request.send().await.map_err(|error| self.bucket.error(&error, &self.prefix, Action::List))?;
        let is_truncated = output.is_truncated == Some(true);
        self.next = output.next_continuation_token.filter(|_| is_truncated).map_or(Next::End, Next::Token);
        let objects = output.contents.unwrap_or_default().into_iter().filter_map(|object| {
            let len = object.size.and_then(|size| size.try_into().ok()).unwrap_or_default();
            Some(ListedObject { key: object.key?, etag: object.e_tag.unwrap_or_default(), len })
        });
        Ok(Some(objects.collect()))
    }
}
