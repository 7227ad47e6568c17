//! The embedded describer: small neural networks in the binary, plain sentences out; no account, no network, no cost.
//!
//! A picture goes through these rooms: `picture` opens it; `person` finds people with the networks of `models`;
//! `garment` and `scene` read clothes and surroundings by `colour` and `texture`; `findings` is what they
//! found, and `sentence` puts it into words. It tells what it sees and leaves out what it cannot: never a person's
//! gender, age or origin. Its captions are drafts.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixel arithmetic: counts and positions of a picture of at most 640 pixels a side, clamped before use"
)]

mod colour;
mod findings;
mod garment;
mod geometry;
mod models;
mod person;
mod picture;
mod scene;
mod sentence;
mod texture;

use std::{num::NonZeroUsize, path::Path, sync::Arc, thread};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{sync::Semaphore, task};
use tokio_util::sync::CancellationToken;

use self::{
    findings::{Findings, PersonFindings, Subject},
    models::{ModelError, Models, Worker},
    person::PersonMask,
    picture::Picture,
    scene::Objects,
    texture::Texture,
};
use super::{DescribeError, DescribeEvent, Describer, Description, Detail, Priority, Reason, Request, StopReason};
use crate::picture::UnusablePicture;

/// The model name kept with every description. The number goes up when the same picture may get other words.
const MODEL: &str = "recaption-local 1";

/// Why a picture has no description.
#[derive(Debug, thiserror::Error)]
enum LocalError {
    #[error(transparent)]
    Picture(#[from] UnusablePicture),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Describes pictures on this machine.
pub struct LocalDescriber {
    /// One permit for each picture described at a time.
    workers: Arc<Semaphore>,
}

impl LocalDescriber {
    /// A describer that works on up to `workers` pictures at a time, each on one thread. Requests beyond that wait
    /// for their turn.
    #[must_use]
    pub fn new(workers: NonZeroUsize) -> Self {
        Self { workers: Arc::new(Semaphore::new(workers.get())) }
    }
}

impl Default for LocalDescriber {
    /// Half the processors, so that the screen stays quick: at least one.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN))
    }
}

impl Describer for LocalDescriber {
    fn name(&self) -> &'static str {
        "local"
    }

    /// The stream must be polled inside a Tokio runtime. Its text arrives word by word once the picture is understood.
    fn describe(&self, request: Request, _priority: Priority) -> BoxStream<'static, DescribeEvent> {
        events(request, Arc::clone(&self.workers), CancellationToken::new())
    }
}

/// One description as it is made. Dropping the stream cancels the work between its stages.
fn events(
    request: Request,
    workers: Arc<Semaphore>,
    cancelled: CancellationToken,
) -> BoxStream<'static, DescribeEvent> {
    let cancel_on_drop = cancelled.clone().drop_guard();
    let events = async move {
        let _cancel_on_drop = cancel_on_drop;
        stream::iter(match caption_on_worker(request, workers, cancelled).await {
            Ok(description) => streamed(description),
            Err(error) => vec![DescribeEvent::Failed(error)],
        })
    };
    stream::once(events).flatten().boxed()
}

/// The words of a description one by one, then the whole.
fn streamed(description: Description) -> Vec<DescribeEvent> {
    let mut events: Vec<DescribeEvent> =
        description.text.split_inclusive(' ').map(|word| DescribeEvent::Delta(word.to_owned())).collect();
    events.push(DescribeEvent::Finished(description));
    events
}

/// Waits for a free worker, then describes the picture on a thread that may block.
async fn caption_on_worker(
    request: Request,
    workers: Arc<Semaphore>,
    cancelled: CancellationToken,
) -> Result<Description, DescribeError> {
    let picture = request.picture.display().to_string();
    let failed_inside = |reason: String| DescribeError {
        message: format!("{picture}: the local describer failed inside: {reason} (please report this)"),
    };
    let permit = workers.acquire_owned().await.map_err(|closed| failed_inside(closed.to_string()))?;
    let work = task::spawn_blocking(move || {
        // Held by the work, not by who waits for it: a cancelled picture counts until its stage is over.
        let _permit = permit;
        let worker = Worker::new(cancelled);
        let detail = detail(&request);
        caption(&request.picture, detail, request.max_words, &worker).map(|text| (text, detail))
    });
    match work.await {
        Ok(Ok((text, detail))) => Ok(Description {
            text,
            model: MODEL.to_owned(),
            prompt: None,
            parameters: format!("detail: {}", detail.name()),
            stop: StopReason::EndTurn,
            usage: None,
        }),
        Ok(Err(error)) => Err(DescribeError { message: error.to_string() }),
        Err(panicked) => Err(failed_inside(panicked.to_string())),
    }
}

/// How much to tell: what was wrong with the text before, where it was said, is stronger than what is due.
fn detail(request: &Request) -> Detail {
    match request.context.reason {
        Some(Reason::TooLong) => Detail::Brief,
        Some(Reason::MissedItem) => Detail::Detailed,
        _ => request.detail,
    }
}

/// The caption of a picture.
fn caption(path: &Path, detail: Detail, max_words: usize, worker: &Worker) -> Result<String, LocalError> {
    worker.checkpoint()?;
    let picture = Picture::open(path)?;
    worker.checkpoint()?;
    let findings = examine(&picture, Models::get()?, worker)?;
    Ok(sentence::write(&findings, detail, max_words))
}

/// Finds everything that can be told of a picture.
fn examine(picture: &Picture, models: &Models, worker: &Worker) -> Result<Findings, ModelError> {
    let black_and_white = scene::is_black_and_white(picture);
    let palette = scene::palette(picture, black_and_white);
    let detections = person::detect(picture, models, worker)?;
    let found = person::people_among(&detections);
    let texture = Texture::of(picture);

    if !found.is_empty() {
        let mask = PersonMask::of(picture, models, worker)?;
        if let Some(people) = person::look_closer(picture, &found, &mask, models, worker)? {
            worker.checkpoint()?;
            let objects = Objects::among(&detections, Some(people.main.frame));
            let person = PersonFindings {
                framing: people.main.framing,
                prominent: people.prominent,
                others_behind: people.others_behind,
                side: scene::side(picture, people.main.frame),
                clothes: garment::clothes(picture, &people, &texture, black_and_white),
                accessories: objects.accessories,
            };
            return Ok(Findings {
                black_and_white,
                subject: Subject::Person(person),
                objects: objects.surroundings,
                background: scene::background(picture, &texture, &people, &mask, black_and_white),
                palette,
            });
        }
    }
    worker.checkpoint()?;
    let still_life = scene::still_life(picture, &texture, black_and_white);
    Ok(Findings {
        black_and_white,
        subject: Subject::NoPerson(still_life.thing),
        objects: Objects::among(&detections, None).surroundings,
        background: still_life.background,
        palette,
    })
}

#[cfg(test)]
mod tests;
