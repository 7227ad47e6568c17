use clap::Args;

use super::options::{DatasetOptions, LanguageOption, MaxWordsOption, ShardsOption, StyleGuideOption, StyleOption};

const EXAMPLES: &str = "\
Examples:
  recaption check captions.jsonl
      list unreadable lines, missing images and captions with findings
  recaption check captions.jsonl --max-words 30 --json | jq -r .lint | sort | uniq -c
      count the findings of each lint

Exit codes: 0 no warnings or errors, 1 warnings or errors, 2 wrong usage or input.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub max_words: MaxWordsOption,

    #[command(flatten)]
    pub style: StyleOption,

    #[command(flatten)]
    pub language: LanguageOption,

    #[command(flatten)]
    pub style_guide: StyleGuideOption,

    /// Print findings as JSON Lines: file, line, record, file_name, lint, severity, message, span
    #[arg(long)]
    pub json: bool,
}
