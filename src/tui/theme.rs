//! Colours and glyphs. Colours come from the terminal's own palette, so that they fit its ground; nothing is told by
//! colour alone.

use ratatui::style::{Color, Modifier, Style};

/// The ground the text stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ground {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
    /// White on a black of our own, with strong colours, for eyes that need it.
    Contrast,
    /// No colours at all.
    Colourless,
}

impl Ground {
    /// The ground of a colour, by its brightness as seen (Rec. 709 luma).
    #[must_use]
    pub fn of([red, green, blue]: [u8; 3]) -> Self {
        let luma = 2_126 * u32::from(red) + 7_152 * u32::from(green) + 722 * u32::from(blue);
        if luma > 10_000 * 127 { Self::Light } else { Self::Dark }
    }
}

/// How each thing looks.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What everything stands on.
    pub ground: Style,
    /// Running text.
    pub text: Style,
    /// What matters less: labels, rules, the original beside a candidate.
    pub muted: Style,
    /// Titles and keys.
    pub accent: Style,
    /// The row or tab one is at.
    pub selected: Style,
    /// Decided, done.
    pub good: Style,
    /// Asks for a look.
    pub warning: Style,
    /// Wrong.
    pub bad: Style,
    /// Work under way.
    pub busy: Style,
    /// A word the candidate has and the original has not.
    pub added: Style,
    /// A word the original has and the candidate has not.
    pub removed: Style,
    /// The part of a text that a finding is about.
    pub offending: Style,
    /// What was searched for.
    pub found: Style,
    /// The marks beside records.
    pub glyphs: Glyphs,
}

impl Theme {
    /// The theme for a ground.
    #[must_use]
    pub fn new(ground: Ground, ascii: bool) -> Self {
        let colour = |dark: Color, light: Color, contrast: Color| match ground {
            Ground::Dark => Style::new().fg(dark),
            Ground::Light => Style::new().fg(light),
            Ground::Contrast => Style::new().fg(contrast),
            Ground::Colourless => Style::new(),
        };
        // Yellow and cyan of most palettes cannot be read on white: darker entries of the 256 stand in for them.
        let good = colour(Color::Green, Color::Indexed(22), Color::Indexed(46));
        let warning = colour(Color::Yellow, Color::Indexed(130), Color::Indexed(226));
        let bad = colour(Color::LightRed, Color::Indexed(124), Color::Indexed(210));
        let accent = colour(Color::Cyan, Color::Indexed(24), Color::Indexed(51));
        let muted = match ground {
            Ground::Dark => Style::new().fg(Color::Indexed(245)),
            Ground::Light => Style::new().fg(Color::Indexed(242)),
            Ground::Contrast => Style::new().fg(Color::Indexed(252)),
            Ground::Colourless => Style::new().add_modifier(Modifier::DIM),
        };
        Self {
            // Of the fixed part of the palette, so that no terminal's own black or white makes it grey.
            ground: match ground {
                Ground::Contrast => Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(16)),
                Ground::Dark | Ground::Light | Ground::Colourless => Style::new(),
            },
            text: Style::new(),
            muted,
            accent: accent.add_modifier(Modifier::BOLD),
            // One ground for the whole row, whatever colours its parts have.
            selected: match ground {
                Ground::Contrast => Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(226)),
                _ => Style::new().fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::REVERSED),
            },
            good,
            warning,
            bad: bad.add_modifier(Modifier::BOLD),
            busy: colour(Color::LightBlue, Color::Indexed(25), Color::Indexed(117)),
            added: good.add_modifier(Modifier::UNDERLINED),
            removed: bad.add_modifier(Modifier::CROSSED_OUT),
            // A word that was added is underlined too: without colours, weight tells them apart.
            offending: warning.add_modifier(Modifier::UNDERLINED).add_modifier(Modifier::BOLD),
            found: match ground {
                Ground::Dark | Ground::Light | Ground::Contrast => Style::new().fg(Color::Black).bg(Color::Yellow),
                Ground::Colourless => Style::new(),
            }
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::UNDERLINED),
            glyphs: if ascii { Glyphs::ASCII } else { Glyphs::UNICODE },
        }
    }
}

/// The marks beside records. Each is one column wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Undecided, nothing to look at.
    pub undecided: &'static str,
    /// Waiting to be described.
    pub queued: &'static str,
    /// Being described.
    pub generating: &'static str,
    /// A candidate to look at.
    pub ready: &'static str,
    /// A candidate was accepted.
    pub accepted: &'static str,
    /// Own text.
    pub edited: &'static str,
    /// The original stands.
    pub kept: &'static str,
    /// Come back later.
    pub skipped: &'static str,
    /// Left out.
    pub excluded: &'static str,
    /// No description: it failed.
    pub failed: &'static str,
    /// Not stored yet.
    pub pending: &'static str,
    /// A line that cannot be read.
    pub bad_line: &'static str,
    /// A finding on the caption.
    pub finding: &'static str,
    /// No picture.
    pub no_picture: &'static str,
    /// Flagged.
    pub flag: &'static str,
    /// Marked, to be dealt with together.
    pub marked: &'static str,
    /// An unfinished edit.
    pub draft: &'static str,
    /// Text is cut here.
    pub ellipsis: &'static str,
    /// Between parts of a line.
    pub dot: &'static str,
    /// What is least comes first.
    pub rising: &'static str,
    /// What is most comes first.
    pub falling: &'static str,
    /// A level line.
    pub rule: &'static str,
    /// An upright line.
    pub upright: &'static str,
    /// Where an upright line hangs from a level one.
    pub hanging: &'static str,
    /// The whole and the empty part of a progress bar.
    pub bar: (&'static str, &'static str),
    /// The place where text is arriving.
    pub arriving: &'static str,
}

impl Glyphs {
    /// For terminals with Unicode.
    pub const UNICODE: Self = Self {
        undecided: "○",
        queued: "◌",
        generating: "▶",
        ready: "◐",
        accepted: "●",
        edited: "✎",
        kept: "=",
        skipped: "»",
        excluded: "×",
        failed: "!",
        pending: "…",
        bad_line: "?",
        finding: "▲",
        no_picture: "□",
        flag: "⚑",
        marked: "┃",
        draft: "✍",
        ellipsis: "…",
        dot: "·",
        rising: "↑",
        falling: "↓",
        rule: "─",
        upright: "│",
        hanging: "┬",
        bar: ("━", "─"),
        arriving: "▌",
    };

    /// For all others.
    pub const ASCII: Self = Self {
        undecided: ".",
        queued: ",",
        generating: ">",
        ready: "*",
        accepted: "A",
        edited: "E",
        kept: "=",
        skipped: "s",
        excluded: "x",
        failed: "!",
        pending: "~",
        bad_line: "?",
        finding: "^",
        no_picture: "#",
        flag: "F",
        marked: "+",
        draft: "d",
        ellipsis: "~",
        dot: "-",
        rising: "^",
        falling: "v",
        rule: "-",
        upright: "|",
        hanging: "+",
        bar: ("=", "-"),
        arriving: "_",
    };

    /// Every glyph, for the tests and the legend of the help.
    #[must_use]
    pub const fn legend(&self) -> [(&'static str, &'static str); 15] {
        [
            (self.undecided, "undecided"),
            (self.queued, "waiting to be described"),
            (self.generating, "being described"),
            (self.ready, "a candidate to look at"),
            (self.accepted, "accepted"),
            (self.edited, "edited"),
            (self.kept, "original kept"),
            (self.skipped, "skipped"),
            (self.excluded, "left out of the output"),
            (self.failed, "description failed"),
            (self.bad_line, "line that cannot be read"),
            (self.finding, "finding on the caption"),
            (self.no_picture, "picture missing or broken"),
            (self.flag, "flagged"),
            (self.marked, "marked"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn glyphs_are_one_column_wide_and_told_apart() {
        for glyphs in [Glyphs::UNICODE, Glyphs::ASCII] {
            let legend = glyphs.legend();
            for (place, (glyph, _)) in legend.iter().enumerate() {
                assert_eq!(glyph.width(), 1, "{glyph}");
                assert!(legend[place + 1..].iter().all(|(other, _)| other != glyph), "{glyph} stands twice");
            }
        }
        assert!(Glyphs::ASCII.legend().iter().all(|(glyph, _)| glyph.is_ascii()));
    }

    #[test]
    fn without_colour_nothing_is_coloured() {
        let theme = Theme::new(Ground::Colourless, false);
        for style in
            [theme.text, theme.muted, theme.accent, theme.good, theme.warning, theme.bad, theme.busy, theme.found]
        {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
