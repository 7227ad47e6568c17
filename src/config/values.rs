//! What settings can be: the words and amounts they are written in.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// What writes captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DescriberChoice {
    /// Claude and other models on Amazon Bedrock
    Bedrock,
    /// The embedded describer
    Local,
    /// Nothing
    None,
}

/// How pictures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ImageProtocol {
    /// The best the terminal says it can do
    Auto,
    /// The kitty graphics protocol
    Kitty,
    /// iTerm2's inline images
    Iterm,
    /// DEC sixel graphics
    Sixel,
    /// Half blocks, in any terminal
    Blocks,
    /// No pictures
    None,
}

/// Which colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the terminal's ground is
    Auto,
    /// For a dark ground
    Dark,
    /// For a light ground
    Light,
    /// White on black, and strong colours
    HighContrast,
    /// No colour
    None,
}

/// Whose keys are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Keys {
    /// recaption's own
    Default,
    /// Those of Prodigy, where they differ
    Prodigy,
    /// Those of vim, where they differ
    Vim,
}

/// How the operator is told that something long is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Notify {
    /// On the screen only
    Off,
    /// By the terminal's bell
    Bell,
    /// By a desktop notification, in terminals that pass it on
    Desktop,
}

/// The least important thing worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// What failed
    Error,
    /// What may need the operator
    Warn,
    /// What was done
    Info,
    /// How, with captions
    Debug,
    /// Everything
    Trace,
}

impl LogLevel {
    /// `steps` levels further down, as `-v` asks.
    #[must_use]
    pub fn raised(self, steps: u8) -> Self {
        let levels = Self::value_variants();
        let at = levels.iter().position(|level| *level == self).unwrap_or_default();
        levels.get(at + usize::from(steps)).copied().unwrap_or(Self::Trace)
    }
}

/// A span of time, as people write it: "1s", "500ms", "1m 30s", or seconds alone ("1.5").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delay(pub Duration);

/// Why a text is no span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a span of time, as in 1s or 500ms")]
pub struct DelayError;

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        if let Ok(seconds) = text.trim().parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| DelayError);
        }
        let span: SignedDuration = text.trim().parse().map_err(|_| DelayError)?;
        Duration::try_from(span).map(Self).map_err(|_| DelayError)
    }
}

impl From<Delay> for String {
    fn from(delay: Delay) -> Self {
        format!("{:#}", SignedDuration::try_from(delay.0).unwrap_or(SignedDuration::MAX))
    }
}

impl TryFrom<String> for Delay {
    type Error = DelayError;

    fn try_from(text: String) -> Result<Self, DelayError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_read_as_people_write_them() {
        for (text, milliseconds) in [("1s", 1000), ("500ms", 500), ("1m 30s", 90_000), ("2", 2000), ("0.25", 250)] {
            let delay = Delay(Duration::from_millis(milliseconds));
            assert_eq!(text.parse(), Ok(delay), "{text}");
            assert_eq!(String::from(delay).parse(), Ok(delay), "{text}");
        }
        for text in ["", "fast", "-1s", "-1", "NaN", "1 parsec"] {
            assert_eq!(text.parse::<Delay>(), Err(DelayError), "{text}");
        }
    }
}
