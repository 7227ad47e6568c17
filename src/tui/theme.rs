//! Colours and glyphs. The colours are those of the terminal's palette, so that they fit its background. No information
//! depends on colour alone.

use std::borrow::Cow;

use ratatui::style::{Color, Modifier, Style};

use crate::config;

/// A set of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourScheme {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
    /// White on true black, with strong colours, for low vision.
    Contrast,
    Colourless,
}

impl ColourScheme {
    /// Returns the scheme of a theme, given the background of the terminal if it is known.
    #[must_use]
    pub fn chosen(theme: config::Theme, no_colour: bool, background: Option<[u8; 3]>) -> Self {
        match theme {
            config::Theme::Auto if no_colour => Self::Colourless,
            config::Theme::Auto => background.map(Self::for_background).unwrap_or_default(),
            config::Theme::Dark => Self::Dark,
            config::Theme::Light => Self::Light,
            config::Theme::HighContrast => Self::Contrast,
            config::Theme::None => Self::Colourless,
        }
    }

    /// Returns the scheme for a background colour, by its Rec. 709 luma.
    #[must_use]
    pub fn for_background([red, green, blue]: [u8; 3]) -> Self {
        let luma = 2_126 * u32::from(red) + 7_152 * u32::from(green) + 722 * u32::from(blue);
        if luma > 10_000 * 127 { Self::Light } else { Self::Dark }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// The background of the screen.
    pub background: Style,
    pub text: Style,
    /// Less important text: labels, rules, the original beside a candidate.
    pub muted: Style,
    /// Titles and keys.
    pub accent: Style,
    /// The row under the cursor, or the current tab.
    pub selected: Style,
    pub good: Style,
    pub warning: Style,
    pub bad: Style,
    /// Work in progress.
    pub busy: Style,
    /// A word that only the candidate has.
    pub added: Style,
    /// A word that only the original has.
    pub removed: Style,
    /// The part of a caption that a finding is about.
    pub finding: Style,
    /// A match of the search or the filter.
    pub found: Style,
    pub glyphs: Glyphs,
    /// The terminal takes each byte for a character, and some bytes of UTF-8 for control characters.
    pub only_ascii: bool,
}

impl Theme {
    #[must_use]
    pub fn new(scheme: ColourScheme, ascii: bool) -> Self {
        let colour = |dark: Color, light: Color, contrast: Color| match scheme {
            ColourScheme::Dark => Style::new().fg(dark),
            ColourScheme::Light => Style::new().fg(light),
            ColourScheme::Contrast => Style::new().fg(contrast),
            ColourScheme::Colourless => Style::new(),
        };
        // In most palettes, yellow and cyan are unreadable on white: use darker entries of the 256 colours.
        let good = colour(Color::Green, Color::Indexed(22), Color::Indexed(46));
        let warning = colour(Color::Yellow, Color::Indexed(130), Color::Indexed(226));
        let bad = colour(Color::LightRed, Color::Indexed(124), Color::Indexed(210));
        let accent = colour(Color::Cyan, Color::Indexed(24), Color::Indexed(51));
        let muted = match scheme {
            ColourScheme::Dark => Style::new().fg(Color::Indexed(245)),
            ColourScheme::Light => Style::new().fg(Color::Indexed(242)),
            ColourScheme::Contrast => Style::new().fg(Color::Indexed(252)),
            ColourScheme::Colourless => Style::new().add_modifier(Modifier::DIM),
        };
        Self {
            // From the fixed part of the palette: a terminal's own black or white may be grey.
            background: match scheme {
                ColourScheme::Contrast => Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(16)),
                ColourScheme::Dark | ColourScheme::Light | ColourScheme::Colourless => Style::new(),
            },
            text: Style::new(),
            muted,
            accent: accent.add_modifier(Modifier::BOLD),
            // One background for the whole row, regardless of the colours of its parts.
            selected: match scheme {
                ColourScheme::Contrast => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(226)),
                _ => Style::new().fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::REVERSED),
            },
            good,
            warning,
            bad: bad.add_modifier(Modifier::BOLD),
            busy: colour(Color::LightBlue, Color::Indexed(25), Color::Indexed(117)),
            added: good.add_modifier(Modifier::UNDERLINED),
            removed: bad.add_modifier(Modifier::CROSSED_OUT),
            // An added word is underlined, too: bold distinguishes them without colour.
            finding: warning.add_modifier(Modifier::UNDERLINED).add_modifier(Modifier::BOLD),
            found: match scheme {
                ColourScheme::Dark | ColourScheme::Light | ColourScheme::Contrast => {
                    Style::new().fg(Color::Black).bg(Color::Yellow)
                }
                ColourScheme::Colourless => Style::new(),
            }
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::UNDERLINED),
            glyphs: if ascii { Glyphs::ASCII } else { Glyphs::UNICODE },
            only_ascii: false,
        }
    }

    /// Sets whether a question mark is drawn for every character that is not ASCII.
    #[must_use]
    pub fn with_only_ascii(self, only_ascii: bool) -> Self {
        Self { only_ascii, ..self }
    }

    /// Replaces the characters that the terminal cannot decode.
    #[must_use]
    pub fn encodable<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.only_ascii && !text.is_ascii() {
            Cow::Owned(text.chars().map(|character| if character.is_ascii() { character } else { '?' }).collect())
        } else {
            Cow::Borrowed(text)
        }
    }
}

impl Theme {
    /// Returns our own words, such as names of keys, in the glyphs of the theme.
    #[must_use]
    pub fn words<'a>(&self, words: &'a str) -> Cow<'a, str> {
        if self.glyphs == Glyphs::ASCII && !words.is_ascii() {
            let signs = [('·', self.glyphs.dot), ('…', self.glyphs.ellipsis), ('×', "x")];
            let arrows = [('↑', "Up"), ('↓', "Down"), ('←', "Left"), ('→', "Right")];
            let in_ascii = |words: String, (glyph, ascii): (char, &str)| words.replace(glyph, ascii);
            Cow::Owned(signs.into_iter().chain(arrows).fold(words.to_owned(), in_ascii))
        } else {
            Cow::Borrowed(words)
        }
    }
}

/// The badges and other glyphs. Each is one column wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Undecided, and without an unseen candidate.
    pub undecided: &'static str,
    pub queued: &'static str,
    /// Waits for a batch job.
    pub in_batch: &'static str,
    /// The request is in flight.
    pub generating: &'static str,
    /// An unseen candidate.
    pub ready: &'static str,
    pub accepted: &'static str,
    pub edited: &'static str,
    /// The original was kept.
    pub kept: &'static str,
    pub skipped: &'static str,
    pub excluded: &'static str,
    /// Not acceptable, in a spot check.
    pub rejected: &'static str,
    /// The request failed.
    pub failed: &'static str,
    /// The decision is not on disk yet.
    pub pending: &'static str,
    /// An invalid line of the dataset.
    pub bad_line: &'static str,
    pub finding: &'static str,
    /// The picture is missing or broken.
    pub no_picture: &'static str,
    pub flag: &'static str,
    /// Selected for a bulk action.
    pub selected: &'static str,
    /// An unfinished edit.
    pub draft: &'static str,
    /// Changed by `:s` and its like.
    pub changed: &'static str,
    /// The parts of the map of the list that are partly and completely reviewed.
    pub map: (&'static str, &'static str),
    /// Truncated text.
    pub ellipsis: &'static str,
    /// The separator between parts of a line.
    pub dot: &'static str,
    /// Sorted in ascending order.
    pub ascending: &'static str,
    /// Sorted in descending order.
    pub descending: &'static str,
    /// A horizontal line.
    pub rule: &'static str,
    /// A vertical line.
    pub vertical: &'static str,
    /// The junction of a vertical line below a horizontal one.
    pub junction: &'static str,
    /// The full and the empty part of a progress bar.
    pub bar: (&'static str, &'static str),
    /// Beside the selected caption.
    pub bar_beside: &'static str,
    /// The end of text that is still streaming.
    pub streaming: &'static str,
}

impl Glyphs {
    pub const UNICODE: Self = Self {
        undecided: "○",
        queued: "◌",
        in_batch: "◷",
        generating: "▶",
        ready: "◐",
        accepted: "●",
        edited: "✎",
        kept: "=",
        skipped: "»",
        excluded: "×",
        rejected: "✗",
        failed: "!",
        pending: "…",
        bad_line: "?",
        finding: "▲",
        no_picture: "□",
        flag: "⚑",
        selected: "┃",
        draft: "✍",
        changed: "≈",
        map: ("╽", "┃"),
        ellipsis: "…",
        dot: "·",
        ascending: "↑",
        descending: "↓",
        rule: "─",
        vertical: "│",
        junction: "┬",
        bar: ("━", "─"),
        bar_beside: "▎",
        streaming: "▌",
    };

    /// For terminals without Unicode.
    pub const ASCII: Self = Self {
        undecided: ".",
        queued: ",",
        in_batch: "w",
        generating: ">",
        ready: "*",
        accepted: "A",
        edited: "E",
        kept: "=",
        skipped: "s",
        excluded: "x",
        rejected: "B",
        failed: "!",
        pending: "~",
        bad_line: "?",
        finding: "^",
        no_picture: "#",
        flag: "F",
        selected: "+",
        draft: "d",
        changed: "%",
        map: (":", "H"),
        ellipsis: "~",
        dot: "-",
        ascending: "^",
        descending: "v",
        rule: "-",
        vertical: "|",
        junction: "+",
        bar: ("=", "-"),
        bar_beside: "|",
        streaming: "_",
    };

    /// Returns the badges with their meanings, for the help.
    #[must_use]
    pub const fn legend(&self) -> [(&'static str, &'static str); 18] {
        [
            (self.undecided, "undecided"),
            (self.queued, "queued for the describer"),
            (self.generating, "being described"),
            (self.in_batch, "waits for a batch job"),
            (self.ready, "unseen candidate"),
            (self.accepted, "accepted"),
            (self.edited, "edited"),
            (self.kept, "original kept"),
            (self.skipped, "skipped"),
            (self.excluded, "excluded from the output"),
            (self.rejected, "not acceptable (spot check)"),
            (self.failed, "request failed"),
            (self.bad_line, "invalid line"),
            (self.finding, "finding on the caption"),
            (self.no_picture, "picture missing or broken"),
            (self.flag, "flagged"),
            (self.changed, "changed by :s"),
            (self.selected, "selected"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn badges_are_one_column_wide_and_distinct() {
        for glyphs in [Glyphs::UNICODE, Glyphs::ASCII] {
            let legend = glyphs.legend();
            for (index, (glyph, _)) in legend.iter().enumerate() {
                assert_eq!(glyph.width(), 1, "{glyph}");
                assert!(legend[index + 1..].iter().all(|(other, _)| other != glyph), "{glyph} is used twice");
            }
        }
        assert!(Glyphs::ASCII.legend().iter().all(|(glyph, _)| glyph.is_ascii()));
    }

    #[test]
    fn the_colourless_scheme_has_no_colours() {
        let theme = Theme::new(ColourScheme::Colourless, false);
        for style in
            [theme.text, theme.muted, theme.accent, theme.good, theme.warning, theme.bad, theme.busy, theme.found]
        {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
