//! The way to the service, and the models that can be asked there.

use super::BedrockOptions;
use crate::aws::{self, AwsError};
use crate::describe::catalogue::{ResolveError, Target};

/// A client, and what it asks.
pub(super) struct Connection {
    pub(super) client: aws::Client,
    targets: Vec<Target>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Model(#[from] ResolveError),
}

impl Connection {
    pub(super) async fn make(options: &BedrockOptions) -> Result<Self, NoConnection> {
        let client = aws::Client::connect(&options.aws).await?;
        let targets = options.targets(client.region())?;
        if targets.is_empty() {
            // Every model of the list is closed to this region: resolving the first says so.
            options.catalogue.resolve(&options.model, client.region())?;
        }
        Ok(Self { client, targets })
    }

    pub(super) fn region(&self) -> &str {
        self.client.region()
    }

    /// The model at a place among those to try; the last one, where there is none at that place.
    pub(super) fn target(&self, place: usize) -> Target {
        let target = self.targets.get(place).or(self.targets.last());
        target.cloned().expect("a connection is made for one model at least")
    }

    /// The model to try after one that does not answer, and its place.
    pub(super) fn after(&self, id: &str) -> Option<(usize, &Target)> {
        let place = self.targets.iter().position(|target| target.id == id)? + 1;
        self.targets.get(place).map(|next| (place, next))
    }
}
