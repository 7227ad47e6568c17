//! Rewrites the cells that terminals do not draw alike.

use ratatui::buffer::Buffer;
use ratatui::style::Color;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::tui::theme::{Glyphs, Theme};

/// Makes a drawn buffer look the same in every terminal.
pub(super) fn adapt(buffer: &mut Buffer, theme: &Theme) {
    for cell in &mut buffer.content {
        if let Some(first) = narrow_emoji(cell.symbol()) {
            cell.set_char(first);
        } else if theme.glyphs == Glyphs::ASCII && matches!(cell.symbol(), "▀" | "▄") {
            // Without Unicode, a pixel is as high as a cell.
            let colour = mean(cell.fg, cell.bg);
            cell.set_char(' ').set_fg(Color::Reset).set_bg(colour);
        }
        if theme.only_ascii && !cell.symbol().is_ascii() {
            cell.set_char('?');
        }
    }
}

/// Returns the first character of an emoji of several characters if some terminals draw it as wide as all of them: it
/// would hide the letters beside it. (foot and kitty add the widths; others join the characters.)
fn narrow_emoji(symbol: &str) -> Option<char> {
    /// Longer than any emoji. Pictures are drawn with control sequences in cells.
    const MOST_BYTES: usize = 64;
    if !(5..=MOST_BYTES).contains(&symbol.len()) || symbol.starts_with('\x1b') {
        return None;
    }
    let first = symbol.chars().next()?;
    let sum: usize = symbol.chars().filter_map(UnicodeWidthChar::width).sum();
    (first.width() == Some(symbol.width()) && sum > symbol.width()).then_some(first)
}

/// Returns the mean of two colours of 24 bits, else the second.
fn mean(upper: Color, lower: Color) -> Color {
    match (upper, lower) {
        (Color::Rgb(red, green, blue), Color::Rgb(other_red, other_green, other_blue)) => {
            Color::Rgb(red.midpoint(other_red), green.midpoint(other_green), blue.midpoint(other_blue))
        }
        (_, lower) => lower,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use rstest::rstest;

    use super::*;
    use crate::tui::ColourScheme;

    #[rstest]
    #[case::family("👩\u{200d}👩\u{200d}👧", Some('👩'))]
    #[case::skin("👍🏽", Some('👍'))]
    #[case::pirates("🏴\u{200d}☠\u{fe0f}", Some('🏴'))]
    #[case::flag("🇰🇷", None)]
    #[case::heart("❤\u{fe0f}", None)]
    #[case::accent("e\u{301}\u{302}\u{303}", None)]
    #[case::hangul("\u{1112}\u{1161}\u{11ab}", None)]
    #[case::placeholder("\u{10eeee}\u{305}\u{305}", None)]
    #[case::letter("한", None)]
    fn an_emoji_is_as_wide_as_its_cells(#[case] symbol: &str, #[case] expected: Option<char>) {
        assert_eq!(narrow_emoji(symbol), expected);
    }

    /// The second byte of the letter (0xC5 0x9B) is CSI in Latin-1.
    #[test]
    fn a_terminal_without_utf8_gets_ascii() {
        let mut buffer = Buffer::with_lines(["ś2J 한글 👩\u{200d}👩 ok", "▀"]);
        adapt(&mut buffer, &Theme::new(ColourScheme::Dark, true).with_only_ascii(true));
        assert_eq!(buffer, {
            let mut expected = Buffer::with_lines(["?2J ? ?  ?  ok", " "]);
            expected[(0, 1)].set_style(buffer[(0, 1)].style());
            expected
        });
    }

    #[test]
    fn pictures_of_half_blocks_are_spaces_in_ascii() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 1));
        let style = Style::new().fg(Color::Rgb(0, 100, 200)).bg(Color::Rgb(100, 200, 0));
        buffer[(0, 0)].set_char('▀').set_style(style);
        let drawn = buffer.clone();
        adapt(&mut buffer, &Theme::new(ColourScheme::Dark, false));
        assert_eq!(buffer, drawn);
        adapt(&mut buffer, &Theme::new(ColourScheme::Dark, true));
        assert_eq!((buffer[(0, 0)].symbol(), buffer[(0, 0)].bg), (" ", Color::Rgb(50, 150, 100)));
    }
}
