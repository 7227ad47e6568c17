//! The types of settings that are a choice or a duration.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

use crate::describe::openai::ApiPreset;
use crate::lint::CaptionStyle;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum DescriberChoice {
    /// Claude and other models on Amazon Bedrock
    Bedrock,
    /// A model of any OpenAI-compatible server
    Openai,
    /// The built-in model, on this computer
    Local,
    /// No describer
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum StyleChoice {
    /// The style of the first captions
    Auto,
    /// Sentences
    Prose,
    /// Lists of tags, separated by commas
    Tags,
    /// JSON objects
    Json,
}

impl StyleChoice {
    /// Returns the style; `None` if it has to be recognised.
    #[must_use]
    pub const fn style(self) -> Option<CaptionStyle> {
        match self {
            Self::Auto => None,
            Self::Prose => Some(CaptionStyle::Prose),
            Self::Tags => Some(CaptionStyle::Tags),
            Self::Json => Some(CaptionStyle::Json),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum ImageProtocol {
    /// The best protocol that the terminal supports
    Auto,
    /// Kitty graphics protocol
    Kitty,
    /// iTerm2 inline images
    Iterm,
    /// DEC sixel graphics
    Sixel,
    /// Half blocks, in any terminal
    Blocks,
    /// No images
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Theme {
    /// Match the terminal background
    Auto,
    /// Light text on a dark background
    Dark,
    /// Dark text on a light background
    Light,
    /// White on black with strong colours
    HighContrast,
    /// No colours
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Preset {
    /// recaption's own keys
    Default,
    /// Prodigy's keys, and recaption's own for the rest
    Prodigy,
    /// vim's keys, and recaption's own for the rest
    Vim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Notify {
    /// On the screen only
    Off,
    /// Terminal bell
    Bell,
    /// Desktop notification, if the terminal supports it
    Desktop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum LogLevel {
    /// Failures
    Error,
    /// Problems that may need attention
    Warn,
    /// Actions
    Info,
    /// Details, including captions
    Debug,
    /// Everything
    Trace,
}

/// Implements serde's traits by the names that clap shows; case does not matter.
macro_rules! serde_by_name {
    ($($choice:ty),+) => {$(
        impl<'de> Deserialize<'de> for $choice {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                <Self as ValueEnum>::from_str(&text, true).map_err(|_| {
                    let names: Vec<String> = Self::value_variants().iter().map(name).collect();
                    D::Error::custom(format_args!("expected one of {}", names.join(", ")))
                })
            }
        }

        impl Serialize for $choice {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&name(self))
            }
        }
    )+};
}

serde_by_name!(ApiPreset, DescriberChoice, StyleChoice, ImageProtocol, Theme, Preset, Notify, LogLevel);

fn name(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl LogLevel {
    /// Returns the level that logs `steps` levels more.
    #[must_use]
    pub fn raised(self, steps: usize) -> Self {
        Self::value_variants().get(self as usize + steps).copied().unwrap_or(Self::Trace)
    }
}

/// A duration like "1s", "500ms", "1m 30s", or in seconds ("1.5").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delay(pub Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration, such as 1s or 500ms")]
pub struct DelayError;

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        if let Ok(seconds) = text.trim().parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| DelayError);
        }
        let duration: SignedDuration = text.trim().parse().map_err(|_| DelayError)?;
        Duration::try_from(duration).map(Self).map_err(|_| DelayError)
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
    fn durations_are_parsed_and_formatted() {
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
