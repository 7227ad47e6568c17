//! Sends what a save has written: each object on the condition that it is still the one that was copied.
//!
//! What is sent is stated in the journal before. If the response is lost, the next attempt finds an object that changed,
//! and recognises its own content. A conflict is reported and nothing is overwritten; the decisions are in the session.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use twox_hash::xxhash3_128::Hasher;

use super::journal::{Content, Copied};
use super::pictures::naming;
use super::sync::{content_of, is_same_etag};
use super::{Mirror, run, runtime};
use crate::aws::{AwsError, Condition, ObjectProperties, ObjectVersion, S3Error};
use crate::remote_folder::PublishError;

/// Small objects are sent this many at a time.
const IN_FLIGHT: usize = 32;
/// Larger ones need memory: up to 64 MB each.
const LARGE_IN_FLIGHT: usize = 2;
const SMALL: u64 = 1 << 20;
/// How often an object is sent if others write it at the same time, or if an earlier attempt had arrived.
const ATTEMPTS: usize = 4;
const BLOCK: usize = 1 << 20;

/// Why an object was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unsent {
    InTheWay(String),
    Conflict(String),
    Failed(String),
}

impl Mirror {
    pub(super) fn begin_save(self: &Arc<Self>, keeps_originals: bool) -> Result<Vec<PathBuf>, String> {
        if self.lock.is_none() {
            return Err(format!("{}: open in another recaption, which can save it; close that one first", self.url));
        }
        let is_uncertain = {
            let mut state = self.state();
            state.is_uncertain |= state.is_unnamed;
            state.is_uncertain
        };
        if is_uncertain {
            let changed = self.changed_files().map_err(|error| format!("{}: {error}", self.place.root.display()))?;
            self.state().unsent.extend(changed);
        }
        if keeps_originals {
            self.take_names_of_backups()?;
        }
        let mut state = self.state();
        let path = self.place.journal();
        state.journal.set_saving(true).map_err(|error| format!("{}: {error}", path.display()))?;
        (state.is_unnamed, state.is_uncertain) = (true, false);
        Ok(state.unsent.iter().map(|name| self.path(name)).collect())
    }

    /// Creates an empty file for each backup in the bucket that this copy does not have.
    fn take_names_of_backups(self: &Arc<Self>) -> Result<(), String> {
        let dataset: Vec<String> = self.state().dataset.iter().flatten().cloned().collect();
        let runtime = runtime().map_err(|error| format!("{}: {error}", self.url))?;
        let mirror = Arc::clone(self);
        let taken = run(runtime, async move {
            for name in dataset {
                let numbered = (1_u32..).map(|number| format!("{name}.bak.{number}"));
                for backup in std::iter::once(format!("{name}.bak")).chain(numbered) {
                    if mirror.path(&backup).exists() {
                        continue;
                    }
                    let key = mirror.key(&backup);
                    let found = mirror.bucket.head(&key).await.map_err(|error| naming(&error, &mirror.bucket, &key))?;
                    if found.is_none() {
                        break;
                    }
                    let path = mirror.path(&backup);
                    File::create_new(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                }
            }
            Ok(())
        });
        taken.unwrap_or_else(|| Err(format!("{}: the requests stopped; save again", self.url)))
    }

    pub(super) fn publish(self: &Arc<Self>, names: Vec<String>, force: bool) -> Result<(), PublishError> {
        let internal = |why: String| PublishError::Failed(format!("{}: {why}; save again to continue", self.url));
        let names = {
            let mut state = self.state();
            state.is_unnamed = false;
            state.unsent.extend(names);
            state.unsent.clone()
        };
        let all = names.len();
        let files = names.into_iter().map(|name| self.file(name)).collect::<io::Result<Vec<_>>>();
        let files = files.map_err(|error| internal(error.to_string()))?;
        // Before anything is sent, so that a later attempt recognises what has arrived.
        let contents: Vec<(String, Content)> =
            files.iter().filter_map(|(name, content)| Some((name.clone(), (*content)?))).collect();
        self.state().journal.sending(&contents).map_err(|error| internal(error.to_string()))?;
        let mirror = Arc::clone(self);
        let runtime = runtime().map_err(|error| internal(error.to_string()))?;
        let sent = run(runtime, async move {
            let send = |(name, content): (String, Option<Content>)| {
                let mirror = Arc::clone(&mirror);
                async move {
                    let sent = match content {
                        Some(content) => mirror.send(&name, content, force).await,
                        None => mirror.delete(&name).await,
                    };
                    (name, sent)
                }
            };
            let is_small =
                |(_, content): &(String, Option<Content>)| content.is_none_or(|content| content.len <= SMALL);
            let (small, large): (Vec<_>, Vec<_>) = files.into_iter().partition(is_small);
            let mut results: Vec<_> = stream::iter(small).map(send).buffer_unordered(IN_FLIGHT).collect().await;
            results.extend(stream::iter(large).map(send).buffer_unordered(LARGE_IN_FLIGHT).collect::<Vec<_>>().await);
            results
        });
        let sent = sent.ok_or_else(|| internal("the upload stopped".to_owned()))?;
        let mut state = self.state();
        let mut failures = Vec::new();
        for (name, sent) in sent {
            match sent {
                Ok(()) => _ = state.unsent.remove(&name),
                Err(unsent) => failures.push(unsent),
            }
        }
        if failures.is_empty() {
            return state.journal.set_saving(false).map_err(|error| internal(error.to_string()));
        }
        Err(summary(failures, all))
    }

    /// Returns a file with its content; with none if it was removed.
    fn file(&self, name: String) -> io::Result<(String, Option<Content>)> {
        match content_of(&self.path(&name)) {
            Ok(content) => Ok((name, Some(content))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((name, None)),
            Err(error) => Err(error),
        }
    }

    /// Sends one file, unless the object has its content.
    async fn send(self: &Arc<Self>, name: &str, content: Content, force: bool) -> Result<(), Unsent> {
        let (key, path) = (self.key(name), self.path(name));
        let url = self.bucket.url(&key);
        let local = |error: io::Error| Unsent::Failed(format!("{}: {error}", path.display()));
        let remote = |error: &AwsError| Unsent::Failed(naming(error, &self.bucket, &key));
        let known = self.state().journal.objects.get(name).cloned();
        if known.as_ref().is_some_and(|known| known.content == content) {
            return Ok(());
        }
        let is_replaceable = self.state().dataset.as_ref().is_some_and(|dataset| !dataset.contains(name));
        let (mut condition, mut properties) = match known {
            Some(known) => (Condition::Matches(known.etag), known.properties),
            None => (
                Condition::Absent,
                ObjectProperties { content_type: content_type(name), ..ObjectProperties::default() },
            ),
        };
        for _ in 0..ATTEMPTS {
            match self.upload(name, &properties, &condition).await {
                Ok(etag) => {
                    let copied = Copied { etag, content, properties };
                    return self.state().journal.copied(vec![(name.to_owned(), copied)]).map_err(local);
                }
                Err(Sending::Local(error)) => return Err(local(error)),
                Err(Sending::Remote(AwsError::S3(S3Error::Changed { .. } | S3Error::NoSuchObject { .. }))) => {}
                Err(Sending::Remote(error)) => return Err(remote(&error)),
            }
            let found = self.bucket.head(&key).await.map_err(|error| remote(&error))?;
            let Some(found) = found else {
                if condition != Condition::Absent && !is_replaceable {
                    return Err(Unsent::Conflict(format!("{url}: deleted in the bucket since it was read")));
                }
                condition = Condition::Absent;
                continue;
            };
            // Another write was in progress.
            if matches!(&condition, Condition::Matches(etag) if is_same_etag(etag, &found.etag)) {
                continue;
            }
            match self.own(name, &found).await.map_err(|error| remote(&error))? {
                Some((etag, own)) if own == content => {
                    let copied = Copied { etag, content, properties };
                    return self.state().journal.copied(vec![(name.to_owned(), copied)]).map_err(local);
                }
                Some((etag, _)) => condition = Condition::Matches(etag),
                None if force && is_replaceable => {
                    (condition, properties) = (Condition::Matches(found.etag), found.properties);
                }
                None if is_replaceable => {
                    return Err(Unsent::InTheWay(format!("{url}: exists, and this session did not write it")));
                }
                None => return Err(Unsent::Conflict(format!("{url}: changed in the bucket since it was read"))),
            }
        }
        Err(Unsent::Conflict(format!("{url}: others write it at the same time")))
    }

    /// Deletes the object of a file that a save removed.
    async fn delete(&self, name: &str) -> Result<(), Unsent> {
        let Some(known) = self.state().journal.objects.get(name).cloned() else { return Ok(()) };
        let key = self.key(name);
        match self.bucket.delete_if(&key, &known.etag).await {
            Ok(()) | Err(AwsError::S3(S3Error::NoSuchObject { .. })) => {}
            Err(AwsError::S3(S3Error::Changed { url })) => {
                return Err(Unsent::Conflict(format!("{url}: changed in the bucket since it was read")));
            }
            Err(error) => return Err(Unsent::Failed(naming(&error, &self.bucket, &key))),
        }
        let removed = self.state().journal.removed(vec![name.to_owned()]);
        removed.map_err(|error| Unsent::Failed(format!("{}: {error}", self.place.journal().display())))
    }

    /// Returns the `ETag` and the content of an object if it is one that this copy has sent.
    async fn own(&self, name: &str, found: &ObjectVersion) -> Result<Option<(String, Content)>, AwsError> {
        let sent: HashSet<Content> = self.state().journal.sent.get(name).cloned().unwrap_or_default();
        if !sent.iter().any(|content| content.len == found.len) {
            return Ok(None);
        }
        let mut download = self.bucket.get(&self.key(name)).await?;
        let (mut hasher, mut len) = (Hasher::new(), 0);
        while let Some(chunk) = download.next().await? {
            hasher.write(&chunk);
            len += chunk.len() as u64;
        }
        let content = Content { len, hash: hasher.finish_128() };
        Ok(sent.contains(&content).then(|| (download.version().etag.clone(), content)))
    }

    async fn upload(
        &self,
        name: &str,
        properties: &ObjectProperties,
        condition: &Condition,
    ) -> Result<String, Sending> {
        let mut file = File::open(self.path(name)).map_err(Sending::Local)?;
        let mut upload = self.bucket.upload_if(&self.key(name), properties.clone(), condition.clone());
        let mut block = vec![0; BLOCK];
        loop {
            let read = file.read(&mut block).map_err(Sending::Local)?;
            if read == 0 {
                return upload.finish().await.map_err(Sending::Remote);
            }
            upload.write(&block[..read]).await.map_err(Sending::Remote)?;
        }
    }
}

enum Sending {
    Local(io::Error),
    Remote(AwsError),
}

fn content_type(name: &str) -> Option<String> {
    let extension = name.rsplit('.').next()?;
    let known = match extension.to_ascii_lowercase().as_str() {
        "jsonl" => "application/jsonl",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "tsv" => "text/tab-separated-values; charset=utf-8",
        "txt" | "caption" => "text/plain; charset=utf-8",
        "parquet" => "application/vnd.apache.parquet",
        "tar" => "application/x-tar",
        _ => return None,
    };
    Some(known.to_owned())
}

/// Names the first of the objects that were not sent.
fn summary(mut failures: Vec<Unsent>, all: usize) -> PublishError {
    const MAX_NAMED: usize = 3;
    const CONFLICT: &str = "not overwritten; :reopen reads it again and keeps all decisions";
    // Those that saving again does not solve come first.
    failures.sort_by_key(|unsent| !matches!(unsent, Unsent::Conflict(_)));
    let count = failures.len();
    let is_in_the_way = failures.iter().all(|unsent| matches!(unsent, Unsent::InTheWay(_)));
    let has_conflict = failures.iter().any(|unsent| matches!(unsent, Unsent::Conflict(_)));
    let texts = failures.into_iter().take(MAX_NAMED).map(|unsent| match unsent {
        Unsent::InTheWay(text) | Unsent::Conflict(text) | Unsent::Failed(text) => text,
    });
    let mut message = texts.collect::<Vec<_>>().join("; ");
    if count > MAX_NAMED {
        message = format!("{message}; and {} more", count - MAX_NAMED);
    }
    if is_in_the_way {
        return PublishError::InTheWay(message);
    }
    let remedy = if has_conflict { CONFLICT } else { "save again to continue" };
    message = format!("{message} ({remedy})");
    if all > count {
        message = format!("{message}; {} of {all} objects were sent", all - count);
    }
    PublishError::Failed(message)
}
