//! Images in every graphics protocol: the right one is shown, sent as rarely as possible, and deleted at the end.
//!
//! The colours of an image's quarters encode its number, so a test can read from the screen which record's image is shown,
//! and that it is complete.

use std::fmt::Write as _;
use std::path::Path;

use image::{Rgb, RgbImage};
use rstest::rstest;
use tempfile::TempDir;

use crate::emulator::{
    Counts, ITERM_BY_VARIABLE, KITTY, OLD_KITTY, PLAIN, Replies, Terminal, TerminalKind, VisibleImage, WEZTERM, XTERM,
};

/// Colours that are exact both in the 256-colour palette and in sixel's percentages.
const COLOURS: [[u8; 3]; 6] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 0, 255], [0, 255, 255]];
/// The amplitude of noise added to the images, without which they would compress to a few hundred bytes.
const NOISE: u8 = 12;
/// The tolerance for the mean colour of a cell: one step of the 256-colour palette (255 to 215), or dithering in sixel.
/// Different colours differ by 255 in at least one channel.
const TOLERANCE: u32 = 48;
/// The number of distinct images.
const NUMBERS: usize = COLOURS.len().pow(4);
const RECORDS: usize = 40;

/// Returns the colours of an image's quarters: top left, top right, bottom left, bottom right. The factor 97 is coprime to
/// [`NUMBERS`], so all images differ, and it makes neighbours dissimilar.
fn quarters(number: usize) -> [[u8; 3]; 4] {
    let code = number * 97 % NUMBERS;
    [0, 1, 2, 3].map(|quarter| COLOURS[code / COLOURS.len().pow(quarter) % COLOURS.len()])
}

/// Returns width and height: alternately a square, a tall and a wide image.
fn shape(number: usize) -> (u32, u32) {
    [(240, 240), (120, 360), (480, 96)][number % 3]
}

fn picture(number: usize) -> RgbImage {
    let (width, height) = shape(number);
    let quarters = quarters(number);
    RgbImage::from_fn(width, height, |x, y| {
        let quarter = quarters[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)];
        let noise = u8::try_from((x * 7 + y * 13 + x * y) % u32::from(NOISE)).expect("less than the noise");
        Rgb(quarter.map(|channel| if channel == 0 { noise } else { channel - noise }))
    })
}

/// Returns the number of the visible image if it is complete and has the right aspect ratio.
fn identify(seen: &VisibleImage) -> Option<usize> {
    let (width, height) = seen.pixels.dimensions();
    let (columns, rows) = (u32::from(seen.columns), u32::from(seen.rows));
    let has_colour = |(x, y): (u32, u32), colour: [u8; 3]| {
        let cell = image::imageops::crop_imm(&seen.pixels, x, y, width / columns, height / rows).to_image();
        let count = cell.width() * cell.height();
        let mean = |channel: usize| cell.pixels().map(|pixel| u32::from(pixel.0[channel])).sum::<u32>() / count;
        (0..3).all(|channel| mean(channel).abs_diff(colour[channel].into()) <= TOLERANCE)
    };
    // Of each quarter, only the cells that no colour boundary crosses.
    let colour = |quarter: u32| {
        let own = |number: u32, half: u32| (0..number / 2).map(move |step| half * (number - number / 2) + step);
        let cells = own(columns, quarter % 2).flat_map(|column| own(rows, quarter / 2).map(move |row| (column, row)));
        let corners: Vec<_> = cells.map(|(column, row)| (column * (width / columns), row * (height / rows))).collect();
        let first = *corners.first()?;
        let colour = COLOURS.into_iter().find(|colour| has_colour(first, *colour))?;
        corners.into_iter().all(|corner| has_colour(corner, colour)).then_some(colour)
    };
    let found = [colour(0)?, colour(1)?, colour(2)?, colour(3)?];
    let number = (0..NUMBERS).find(|number| quarters(*number) == found)?;
    // Sizes are rounded to whole cells.
    let (across, down) = shape(number);
    let exact = f64::from(height) * f64::from(across) / f64::from(down);
    let slack = 5.0 + 10.0 * f64::from(across) / f64::from(down);
    (!seen.covered && (f64::from(width) - exact).abs() <= slack + 1.0).then_some(number)
}

fn dataset(folder: &Path) -> String {
    std::fs::create_dir(folder.join("images")).expect("a folder");
    let mut lines = String::new();
    for number in 0..RECORDS {
        let name = format!("images/{number}.png");
        picture(number).save(folder.join(&name)).expect("a picture");
        writeln!(lines, r#"{{"file_name": "{name}", "text": "Caption {number}."}}"#).expect("a string");
    }
    std::fs::write(folder.join("metadata.jsonl"), lines).expect("a dataset");
    folder.to_str().expect("a path in Unicode").to_owned()
}

fn review(folder: &TempDir, kind: TerminalKind, replies: Replies) -> Terminal {
    let path = dataset(folder.path());
    Terminal::start(kind, replies, folder.path(), &[&path, "--describer", "none"])
}

impl Terminal {
    fn shows_picture(&mut self, number: usize) {
        self.until(&format!("picture {number}"), |terminal| {
            terminal.visible_image().as_ref().and_then(identify) == Some(number)
        });
    }

    /// Quits and checks that the terminal is restored and all images are deleted.
    fn quit(mut self) -> Counts {
        self.press(":q!\r");
        assert_eq!(self.wait_for_exit(), 0);
        assert!(self.is_restored(), "{} images left, or the terminal is not restored", self.stored());
        self.counts()
    }
}

#[rstest]
#[case::kitty(KITTY, |counts: Counts| counts.placeholders)]
#[case::old_kitty(OLD_KITTY, |counts: Counts| counts.placed)]
#[case::xterm(XTERM, |counts: Counts| counts.sixel)]
#[case::wezterm(WEZTERM, |counts: Counts| counts.iterm)]
#[case::iterm_by_its_variable(ITERM_BY_VARIABLE, |counts: Counts| counts.iterm)]
#[case::plain(PLAIN, |counts: Counts| 1 - counts.pictures())]
fn each_terminal_gets_its_protocol(#[case] kind: TerminalKind, #[case] expected: fn(Counts) -> usize) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.shows_picture(0);
    assert_eq!(expected(terminal.counts()), 1);
    assert!(terminal.quit().pictures() <= 1, "nothing was sent in another protocol");
}

#[rstest]
#[case::between_replies(KITTY, Replies::Interleaved("jj\x1b[B"))]
#[case::without_replies(KITTY, Replies::Never("jj\x1b[B"))]
fn keys_typed_during_the_capability_queries_are_not_lost(#[case] kind: TerminalKind, #[case] replies: Replies) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, replies);
    terminal.shows_picture(3);
    let is_silent = matches!(replies, Replies::Never(_));
    assert_eq!(terminal.quit().pictures() == 0, is_silent, "a silent terminal gets blocks");
}

/// `X` would exclude a record, `e` would edit its caption.
#[rstest]
#[case::complete("")]
#[case::only_the_rest_of_one("\x1bP>|XTerm(3")]
fn late_replies_are_not_keys(#[case] begun: &'static str) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, XTERM, Replies::Never(begun));
    terminal.shows_picture(0);
    if !begun.is_empty() {
        terminal.press("79)eX\x1b\\");
    }
    terminal.send_pending_replies();
    terminal.press("j");
    terminal.shows_picture(1);
    terminal.shows("0/40 reviewed");
    terminal.press("x");
    terminal.shows("1/40 reviewed");
    terminal.quit();
}

#[rstest]
fn every_record_shows_its_image_without_unnecessary_transmissions(
    #[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: TerminalKind,
) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.shows_picture(0);
    for number in 1..RECORDS {
        terminal.press("j");
        terminal.shows_picture(number);
    }
    let first_pass = terminal.counts();
    for number in (0..RECORDS - 1).rev() {
        terminal.press("k");
        terminal.shows_picture(number);
    }
    let second_pass = terminal.counts().pictures() - first_pass.pictures();
    let by_protocol = (first_pass.placeholders, first_pass.placed, first_pass.sixel, first_pass.iterm);
    match kind.name {
        // Images that the terminal still stores are not sent again.
        name if name == KITTY.name => assert_eq!((by_protocol, second_pass), ((RECORDS, 0, 0, 0), 0)),
        name if name == OLD_KITTY.name => assert_eq!((by_protocol, second_pass), ((0, RECORDS, 0, 0), RECORDS - 1)),
        name if name == XTERM.name => assert_eq!((by_protocol, second_pass), ((0, 0, RECORDS, 0), RECORDS - 1)),
        name if name == WEZTERM.name => assert_eq!((by_protocol, second_pass), ((0, 0, 0, RECORDS), RECORDS - 1)),
        _ => assert_eq!((by_protocol, second_pass), ((0, 0, 0, 0), 0)),
    }
    if let Some(bytes) = first_pass.bytes.checked_div(first_pass.pictures()) {
        println!("{}: {bytes} bytes per image, at most {} stored", kind.name, first_pass.max_stored);
    }
    // The next image is placed before the previous one is deleted.
    assert!(kind.name != OLD_KITTY.name || first_pass.max_stored <= 2);
    let total = terminal.quit();
    assert_eq!(total.deleted, total.placeholders + total.placed, "every stored image is deleted");
}

#[rstest]
fn an_unchanged_image_is_not_sent_again(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM)] kind: TerminalKind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.shows_picture(0);
    terminal.shows("0/40 reviewed");
    for keys in ["!", "m", "a note", "\r", "J", "!"] {
        let before = terminal.contents();
        terminal.press(keys);
        if keys != "J" {
            terminal.until(&format!("the effect of {keys}"), |terminal| terminal.contents() != before);
        }
    }
    terminal.shows_picture(0);
    assert_eq!(terminal.counts().pictures(), 1);
    terminal.quit();
}

#[rstest]
fn a_popup_covers_the_image_and_closing_it_restores_the_image(
    #[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: TerminalKind,
) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.shows_picture(0);
    for round in 1..=2 {
        let before = terminal.counts().pictures();
        terminal.press("?");
        terminal.until("the help over the image", |terminal| {
            terminal.contents().contains("┌ keys") && terminal.visible_image().is_none_or(|seen| seen.covered)
        });
        assert_eq!(terminal.counts().pictures(), before, "nothing is sent under a popup");
        terminal.press("\x1b");
        terminal.shows_picture(0);
        // Text overwrites sixel and iTerm2 images.
        let resent = usize::from(matches!(kind.name, name if name == XTERM.name || name == WEZTERM.name));
        assert_eq!(terminal.counts().pictures(), before + resent, "round {round}");
    }
    // Select another record while a popup is open.
    terminal.press("?");
    terminal.shows("┌ keys");
    terminal.press("qj?");
    terminal.shows("┌ keys");
    terminal.press("q");
    terminal.shows_picture(1);
    terminal.quit();
}

#[rstest]
fn images_follow_the_terminal_size(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: TerminalKind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.shows_picture(0);
    let rows = |terminal: &Terminal| terminal.visible_image().map_or(0, |seen| seen.rows);
    let small = rows(&terminal);
    terminal.resize(160, 60);
    terminal.until("a larger image", |terminal| {
        rows(terminal) > small && terminal.visible_image().as_ref().and_then(identify) == Some(0)
    });
    terminal.resize(100, 30);
    terminal.until("a smaller image", |terminal| {
        rows(terminal) == small && terminal.visible_image().as_ref().and_then(identify) == Some(0)
    });
    terminal.press("z");
    terminal.until("the zoomed image", |terminal| {
        rows(terminal) > small && terminal.visible_image().as_ref().and_then(identify) == Some(0)
    });
    terminal.press("z");
    terminal.until("the image in its pane", |terminal| {
        rows(terminal) == small && terminal.visible_image().as_ref().and_then(identify) == Some(0)
    });
    terminal.quit();
}

#[rstest]
fn images_follow_the_font_size(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM)] kind: TerminalKind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.shows_picture(0);
    let columns = |terminal: &Terminal| terminal.visible_image().map_or(0, |seen| seen.columns);
    let before = columns(&terminal);
    for (cell, wider) in [((8, 20), true), ((10, 20), false)] {
        terminal.set_cell(cell);
        terminal.until("an image for the new cell size", |terminal| {
            (columns(terminal) > before) == wider && terminal.visible_image().as_ref().and_then(identify) == Some(0)
        });
    }
    terminal.quit();
}

#[rstest]
fn keys_typed_during_a_transmission_are_not_lost(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM)] kind: TerminalKind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Replies::Immediate);
    terminal.until_amid_image();
    terminal.press("j");
    terminal.shows_picture(1);
    terminal.press("j");
    terminal.until_amid_image();
    terminal.press("jj\x1b[B");
    terminal.shows_picture(5);
    terminal.quit();
}

#[rstest]
fn show_uses_the_protocol_of_the_terminal(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: TerminalKind) {
    let folder = TempDir::new().expect("a folder");
    picture(7).save(folder.path().join("a.png")).expect("a picture");
    let mut terminal = Terminal::start(kind, Replies::Immediate, folder.path(), &["show", "a.png"]);
    assert_eq!(terminal.wait_for_exit(), 0);
    let seen = terminal.visible_image().expect("a picture");
    assert_eq!(identify(&seen), Some(7));
    assert_eq!(terminal.cursor(), (seen.rows, 0), "the cursor is below the image");
    assert_eq!(terminal.counts().pictures(), usize::from(kind.name != PLAIN.name));
}
