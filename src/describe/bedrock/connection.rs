//! A client for a region, and the models that can be called from there.

use super::options::BedrockOptions;
use crate::aws::{self, AwsError};
use crate::describe::catalogue::{ResolveError, Target};

pub(super) struct Connection {
    pub(super) client: aws::Client,
    targets: Vec<Target>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Model(#[from] ResolveError),
}

impl Connection {
    pub(super) async fn open(options: &BedrockOptions) -> Result<Self, ConnectionError> {
        let client = aws::Client::connect(&options.aws).await?;
        let targets = options.targets(client.region())?;
        if targets.is_empty() {
            // No model of the list can be called from this region. Resolving one returns the error that explains it.
            options.catalogue.resolve(&options.model, client.region())?;
        }
        Ok(Self { client, targets })
    }

    pub(super) fn region(&self) -> &str {
        self.client.region()
    }

    /// Returns the target at `index`, or the last one if there are fewer.
    pub(super) fn target(&self, index: usize) -> Target {
        let target = self.targets.get(index).or(self.targets.last());
        target.cloned().expect("a connection has at least one target")
    }

    /// Returns the target after the one with this id, and its index.
    pub(super) fn target_after(&self, id: &str) -> Option<(usize, &Target)> {
        let index = self.targets.iter().position(|target| target.id == id)? + 1;
        self.targets.get(index).map(|next| (index, next))
    }
}
