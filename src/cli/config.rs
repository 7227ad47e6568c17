use clap::Args;

use super::options::ReviewingOptions;

const EXAMPLES: &str = "\
Examples:
  recaption config
      print every setting and where its value comes from
  recaption config | grep -v '# default$'
      print only settings that differ from the defaults";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    /// Print JSON: name, value and source of each setting (with path and line if it is set in the file)
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub reviewing: ReviewingOptions,
}
