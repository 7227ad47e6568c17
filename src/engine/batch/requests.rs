//! The lines of an input file.

use twox_hash::XxHash3_64;

use super::record_key::RecordKey;
use crate::dataset::Dataset;
use crate::describe::bedrock;
use crate::describe::remote::BatchModel;
use crate::describe::upload;
use crate::describe::verdict::TextHash;
use crate::describe::{Request, Tokens};
use crate::engine::request::{self, NotSent};
use crate::engine::rules::JobSpec;
use crate::lint::Rules;
use crate::session::BatchEntry;

/// A request of a batch, before its place in a file is known.
#[derive(Clone, Debug)]
pub struct Line {
    /// JSON of the request.
    body: String,
    /// The hash of `body`.
    request: u64,
    judged: Option<TextHash>,
    pub parameters: String,
    pub max_tokens: Tokens,
}

impl Line {
    /// Returns the size of the line, its end included.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        // The frame with a key of 11 characters.
        self.body.len() + "{\"recordId\":\"...........\",\"modelInput\":}\n".len()
    }

    /// Returns the entry of the session. `variant` is the index of its parameters.
    #[must_use]
    pub const fn entry(&self, record: crate::dataset::RecordId, variant: u8) -> BatchEntry {
        BatchEntry { record, variant, request: self.request, judged: self.judged }
    }

    /// Returns the line.
    #[must_use]
    pub fn text(&self, key: RecordKey) -> String {
        format!("{{\"recordId\":\"{key}\",\"modelInput\":{}}}\n", self.body)
    }
}

/// Reads the record and its image, and returns its line. Takes tens of milliseconds if the image is large.
///
/// # Errors
///
/// Returns the reason why the record cannot be described.
pub fn line(dataset: &Dataset, model: &BatchModel, spec: JobSpec, rules: &Rules) -> Result<Line, String> {
    let is_verification = spec.mode.is_verification();
    let request = request::build(dataset, spec, rules).map_err(|error| match error {
        NotSent::Failed(message) => message,
        NotSent::AlreadyVerified => "the caption has a verdict already".to_owned(),
    })?;
    let upload = upload::prepare(&request.image_path, &model.upload_limits()).map_err(|error| error.to_string())?;
    of_request(model, &request, upload, is_verification)
}

fn of_request(
    model: &BatchModel,
    request: &Request,
    upload: upload::Upload,
    is_verification: bool,
) -> Result<Line, String> {
    let prepared = model.prepare(request, upload)?;
    let body = bedrock::batch_request(prepared.request);
    let judged = request.context.current.as_deref().filter(|_| is_verification).map(TextHash::of);
    Ok(Line {
        request: XxHash3_64::oneshot(body.as_bytes()),
        judged,
        parameters: prepared.parameters,
        max_tokens: prepared.max_tokens,
        body,
    })
}
