//! The embedded describer: small neural networks in the binary and rule-based captions. It needs no account and no network
//! connection, and costs nothing.
//!
//! Stages: `picture` decodes the file; `person` detects people with the networks in `models`, and `unworn` a garment if there
//! are none; `garment` and `scene` analyse clothes and surroundings with `colour` and `texture`; `sentence` turns the resulting
//! `observations` into a caption. A caption mentions only what was detected, and never a person's gender, age or origin. If
//! neither a person nor a garment is recognised, there is no caption.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixel arithmetic: counts and positions of a picture of at most 640 pixels a side, clamped before use"
)]

mod colour;
mod garment;
mod geometry;
mod models;
mod observations;
mod person;
mod picture;
mod scene;
mod sentence;
mod texture;
mod unworn;

use std::{num::NonZeroUsize, sync::Arc, thread};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{sync::Semaphore, task};
use tokio_util::sync::CancellationToken;

use self::{
    garment::View,
    models::{ModelError, Models, Worker},
    observations::{Observations, PersonObservations, Subject},
    person::{Found, PersonMask},
    picture::Picture,
    scene::{Behind, Objects},
    texture::Texture,
};
use super::{
    DescribeError, Describer, Description, DescriptionEvent, Detail, LOCAL, Outcome, Priority, Reason, Request,
    RequestMode, StopReason,
};
use crate::picture::UnusablePicture;

/// The model name stored with every description. Increment the number whenever captions change.
const MODEL: &str = "recaption-local 3";

#[derive(Debug, thiserror::Error)]
enum LocalError {
    #[error(transparent)]
    Picture(#[from] UnusablePicture),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Describes images locally.
pub struct LocalDescriber {
    /// One permit per description in progress.
    workers: Arc<Semaphore>,
}

impl LocalDescriber {
    /// Creates a describer that works on up to `workers` images at a time, one thread each. Further requests wait in order.
    #[must_use]
    pub fn new(workers: NonZeroUsize) -> Self {
        Self { workers: Arc::new(Semaphore::new(workers.get())) }
    }
}

impl Default for LocalDescriber {
    /// Uses half the processors, at least one, so that the UI stays responsive.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(NonZeroUsize::new(processors / 2).unwrap_or(NonZeroUsize::MIN))
    }
}

impl Describer for LocalDescriber {
    fn name(&self) -> &'static str {
        LOCAL
    }

    /// The stream must be polled inside a Tokio runtime. The caption is emitted word by word once it is complete.
    fn describe(&self, request: Request, _priority: Priority) -> BoxStream<'static, DescriptionEvent> {
        events(request, Arc::clone(&self.workers), CancellationToken::new())
    }
}

/// Returns the events of one description. Dropping the stream cancels the work between two stages.
fn events(
    request: Request,
    workers: Arc<Semaphore>,
    cancelled: CancellationToken,
) -> BoxStream<'static, DescriptionEvent> {
    let cancel_on_drop = cancelled.clone().drop_guard();
    let events = async move {
        let _cancel_on_drop = cancel_on_drop;
        stream::iter(into_events(describe_on_worker(request, workers, cancelled).await))
    };
    stream::once(events).flatten().boxed()
}

/// Returns a delta for each word, then the outcome.
fn into_events(outcome: Outcome) -> Vec<DescriptionEvent> {
    let mut events = Vec::new();
    if let Outcome::Described(description) = &outcome {
        events.extend(description.text.split_inclusive(' ').map(|word| DescriptionEvent::Delta(word.to_owned())));
    }
    events.push(DescriptionEvent::Ended(outcome));
    events
}

/// Waits for a permit, then describes the image on a blocking thread.
async fn describe_on_worker(request: Request, workers: Arc<Semaphore>, cancelled: CancellationToken) -> Outcome {
    let picture = request.image_path.display().to_string();
    let failed = |message: String| Outcome::Failed(DescribeError { message });
    let internal_error = |reason: String| {
        failed(format!("{picture}: internal error in the local describer: {reason} (please report this)"))
    };
    let permit = match workers.acquire_owned().await {
        Ok(permit) => permit,
        Err(closed) => return internal_error(closed.to_string()),
    };
    let work = task::spawn_blocking(move || {
        // Owned by the work, not by the stream: a cancelled description occupies its worker until the current stage ends.
        let _permit = permit;
        let worker = Worker::new(cancelled);
        caption(&request, &worker)
    });
    match work.await {
        Ok(Ok(None)) => Outcome::NothingRecognised,
        Ok(Ok(Some((text, detail)))) => Outcome::Described(Description {
            text,
            model: MODEL.to_owned(),
            prompt: None,
            parameters: format!("detail: {}", detail.name()),
            stop: StopReason::EndTurn,
            usage: None,
        }),
        Ok(Err(error)) => failed(error.to_string()),
        Err(panicked) => internal_error(panicked.to_string()),
    }
}

/// Returns a caption and its level of detail, or `None` if neither a person nor a garment is recognised.
fn caption(request: &Request, worker: &Worker) -> Result<Option<(String, Detail)>, LocalError> {
    worker.checkpoint()?;
    let picture = Picture::open(&request.image_path, &|| worker.checkpoint().is_err());
    worker.checkpoint()?;
    let picture = picture?;
    let Some(observations) = examine(&picture, Models::get()?, worker)? else { return Ok(None) };
    let levels = levels(request);
    let mut captions =
        levels.iter().map(|detail| (sentence::write(&observations, *detail, request.max_words), *detail));
    let is_new = |(text, _): &(String, Detail)| !request.context.previous.contains(text);
    Ok(captions.clone().find(is_new).or_else(|| captions.next()))
}

/// Returns the levels of detail to try until a caption is new. A reason for a regeneration determines the level; otherwise
/// levels of equal text are skipped.
fn levels(request: &Request) -> Vec<Detail> {
    let reason = match &request.context.mode {
        RequestMode::Repair(repair) => repair.reasons.last(),
        RequestMode::Describe | RequestMode::Vary => None,
    };
    match reason {
        Some(Reason::TooLong) => vec![Detail::Brief],
        Some(Reason::MissedItem) => vec![Detail::Detailed],
        _ => vec![request.detail, request.detail.next(), request.detail.next().next()],
    }
}

fn examine(picture: &Picture, models: &Models, worker: &Worker) -> Result<Option<Observations>, ModelError> {
    let black_and_white = scene::is_black_and_white(picture);
    let palette = scene::palette(picture, black_and_white);
    let detections = person::detect(picture, models, worker)?;
    let found = Found::among(&detections);
    let texture = Texture::of(picture);

    if !found.is_empty() {
        let mask = PersonMask::of(picture, models, worker)?;
        let people = person::analyse_people(picture, &found, &mask, models, worker)?;
        // A garment on a hanger looks like a person without a face.
        let is_garment = match &people {
            Some(people) if !people.main.face_is_certain => unworn::find(picture, true, models, worker)?.is_some(),
            _ => false,
        };
        if let Some(people) = people.filter(|_| !is_garment) {
            worker.checkpoint()?;
            let objects = Objects::among(&detections, people.main.frame);
            let behind = Behind::of(picture, &people, &mask);
            let view = View { picture, texture: &texture, black_and_white, cast: behind.cast(picture) };
            let person = PersonObservations {
                framing: people.main.framing,
                prominent: people.prominent,
                others_behind: people.others_behind,
                side: scene::side(picture, people.main.frame),
                clothes: garment::clothes(&view, &people),
                accessories: objects.accessories,
            };
            let background = behind.background(picture, &texture, black_and_white);
            if person.is_empty() && background.is_none() {
                return Ok(None);
            }
            return Ok(Some(Observations {
                black_and_white,
                subject: Subject::Person(person),
                objects: objects.surroundings,
                background,
                palette,
            }));
        }
    }
    let Some(kind) = unworn::find(picture, !found.is_empty(), models, worker)? else { return Ok(None) };
    worker.checkpoint()?;
    let (garment, background) = unworn::appearance(picture, &texture, kind, black_and_white);
    Ok(Some(Observations {
        black_and_white,
        subject: Subject::Garment(garment),
        objects: Vec::new(),
        background,
        palette,
    }))
}

#[cfg(test)]
mod tests;
