use clap::Args;

use super::options::{DatasetOptions, DescriberOptions, ImageProtocolOption, MaxWordsOption, SessionOption};

const EXAMPLES: &str = "\
Examples:
  recaption doctor photos/
      check credentials, model access, dataset, session and terminal
  recaption doctor --probe --region us-west-2
      send a one-token request to each model (paid, a fraction of a cent)
  recaption doctor --base-url http://localhost:8080/v1 --probe
      check an OpenAI-compatible server: address, key, models, and that the model accepts images";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub session: SessionOption,

    /// Request one token from each model, the only proof of access
    #[arg(long)]
    pub probe: bool,

    /// Print results as JSON Lines: about, level, says
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub max_words: MaxWordsOption,

    #[command(flatten)]
    pub describer: DescriberOptions,

    #[command(flatten)]
    pub image_protocol: ImageProtocolOption,
}
