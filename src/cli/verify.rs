use clap::Args;

use super::options::RunOptions;
use crate::engine::selection::Only;

const EXAMPLES: &str = "\
Examples:
  recaption verify photos/ --dry-run
      count the captions to verify and estimate the cost
  recaption verify photos/ --budget 4
      verify them for at most 4 dollars; findings, worst first
  recaption verify photos/ --preset ollama --model qwen3-vl:8b
      verify them with a model on this computer, free
  recaption verify photos/ --only model:haiku --json
      verify what Haiku described, in machine-readable form

--describer, --model and --prompt are those of the verifier ([verify] in config.toml, RECAPTION_VERIFY_MODEL and so on). \
By default, it is the configured describer with claude-haiku-5-5 on Bedrock, and the prompt of assets/verify.md.

Running the same command again continues an interrupted run: captions with a verdict of the same model and prompt are \
not verified again. An edited caption is another caption. Findings are stored in the session and shown in the reviewer.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub run: RunOptions,

    /// Select records: pending (no verdict yet), lint, tag:NAME; or those with a caption of model:TEXT, prompt:NAME or describer:NAME
    #[arg(long, value_name = "KIND", default_value_t, value_parser = only)]
    pub only: Only,

    /// Verify captions that have a verdict of this model and prompt, too
    #[arg(long)]
    pub again: bool,
}

/// Parses a selection. A verification that failed leaves the caption pending.
pub(super) fn only(text: &str) -> Result<Only, String> {
    let expected = || "expected pending, lint, tag:NAME, model:TEXT, prompt:NAME or describer:NAME".to_owned();
    text.parse().ok().filter(|only| *only != Only::Failed).ok_or_else(expected)
}
