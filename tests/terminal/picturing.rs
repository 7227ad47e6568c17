//! Pictures on terminals of every kind: which is shown, how often it is sent, and what is left of it.
//!
//! The pictures say which one they are by the colours of their quarters, so that a test reads off the screen which
//! record's picture is there, and that it is there as a whole.

use std::fmt::Write as _;
use std::path::Path;

use image::{Rgb, RgbImage};
use rstest::rstest;
use tempfile::TempDir;

use crate::player::{ITERM_BY_VARIABLE, KITTY, Kind, Manner, OLD_KITTY, PLAIN, Seen, Tally, Terminal, WEZTERM, XTERM};

/// Colours that half blocks in 256 colours and sixel's hundredths both say exactly.
const COLOURS: [[u8; 3]; 6] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 0, 255], [0, 255, 255]];
/// The pictures have a grain of this many steps of 255: without one, they would be a few hundred bytes in any protocol.
const GRAIN: u8 = 12;
/// How far the mean of a cell may be off a colour: by the step to the next of 256 colours (255 to 215), and in a dithered
/// sixel picture by what other colours leave in a cell. Other colours are off by 255 in one channel at least.
const TOLERANCE: u32 = 48;
/// So many pictures there can be.
const NUMBERS: usize = COLOURS.len().pow(4);
const RECORDS: usize = 40;

/// The colours of a picture's quarters: top left, top right, bottom left, bottom right. 97 has no factor in common with
/// the number of pictures, so that each has its own, and neighbours are unlike.
fn quarters(number: usize) -> [[u8; 3]; 4] {
    let code = number * 97 % NUMBERS;
    [0, 1, 2, 3].map(|quarter| COLOURS[code / COLOURS.len().pow(quarter) % COLOURS.len()])
}

/// Pixels across and down: a square, a tall and a wide one by turns.
fn shape(number: usize) -> (u32, u32) {
    [(240, 240), (120, 360), (480, 96)][number % 3]
}

fn picture(number: usize) -> RgbImage {
    let (width, height) = shape(number);
    let quarters = quarters(number);
    RgbImage::from_fn(width, height, |x, y| {
        let quarter = quarters[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)];
        let grain = u8::try_from((x * 7 + y * 13 + x * y) % u32::from(GRAIN)).expect("less than the grain");
        Rgb(quarter.map(|channel| if channel == 0 { grain } else { channel - grain }))
    })
}

/// Which picture is to be seen, as a whole and in its own proportions.
fn told(seen: &Seen) -> Option<usize> {
    let (width, height) = seen.pixels.dimensions();
    let (columns, rows) = (u32::from(seen.columns), u32::from(seen.rows));
    let is = |(x, y): (u32, u32), colour: [u8; 3]| {
        let cell = image::imageops::crop_imm(&seen.pixels, x, y, width / columns, height / rows).to_image();
        let count = cell.width() * cell.height();
        let mean = |channel: usize| cell.pixels().map(|pixel| u32::from(pixel.0[channel])).sum::<u32>() / count;
        (0..3).all(|channel| mean(channel).abs_diff(colour[channel].into()) <= TOLERANCE)
    };
    // The cells of each quarter, but for those in which colours meet.
    let colour = |quarter: u32| {
        let own = |number: u32, half: u32| (0..number / 2).map(move |step| half * (number - number / 2) + step);
        let cells = own(columns, quarter % 2).flat_map(|column| own(rows, quarter / 2).map(move |row| (column, row)));
        let corners: Vec<_> = cells.map(|(column, row)| (column * (width / columns), row * (height / rows))).collect();
        let first = *corners.first()?;
        let colour = COLOURS.into_iter().find(|colour| is(first, *colour))?;
        corners.into_iter().all(|corner| is(corner, colour)).then_some(colour)
    };
    let found = [colour(0)?, colour(1)?, colour(2)?, colour(3)?];
    let number = (0..NUMBERS).find(|number| quarters(*number) == found)?;
    // Sides are rounded to whole cells.
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

/// A review of the dataset, in a terminal.
fn review(folder: &TempDir, kind: Kind, manner: Manner) -> Terminal {
    let path = dataset(folder.path());
    Terminal::start(kind, manner, folder.path(), &[&path, "--describer", "none"])
}

impl Terminal {
    fn shows_picture(&mut self, number: usize) {
        self.until(&format!("picture {number}"), |terminal| terminal.seen().as_ref().and_then(told) == Some(number));
    }

    /// Leaves the review; nothing of it is left.
    fn quit(mut self) -> Tally {
        self.press(":q!\r");
        assert_eq!(self.wait_for_the_end(), 0);
        assert!(self.is_as_before(), "{} pictures are left, or the terminal is not as before", self.kept());
        self.tally()
    }
}

#[rstest]
#[case::kitty(KITTY, |tally: Tally| tally.placeholders)]
#[case::old_kitty(OLD_KITTY, |tally: Tally| tally.laid)]
#[case::xterm(XTERM, |tally: Tally| tally.sixel)]
#[case::wezterm(WEZTERM, |tally: Tally| tally.iterm)]
#[case::iterm_by_its_variable(ITERM_BY_VARIABLE, |tally: Tally| tally.iterm)]
#[case::plain(PLAIN, |tally: Tally| 1 - tally.pictures())]
fn each_terminal_is_drawn_on_in_its_own_way(#[case] kind: Kind, #[case] its_own: fn(Tally) -> usize) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.shows_picture(0);
    assert_eq!(its_own(terminal.tally()), 1);
    assert!(terminal.quit().pictures() <= 1, "nothing was sent in another way");
}

#[rstest]
#[case::amid_the_answers(KITTY, Manner::Amid("jj\x1b[B"))]
#[case::and_there_are_none(KITTY, Manner::Never("jj\x1b[B"))]
fn keys_typed_while_the_terminal_is_asked_are_not_lost(#[case] kind: Kind, #[case] manner: Manner) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, manner);
    terminal.shows_picture(3);
    let is_silent = matches!(manner, Manner::Never(_));
    assert_eq!(terminal.quit().pictures() == 0, is_silent, "a silent terminal gets blocks");
}

/// `X` would exclude a record, `e` would edit its caption.
#[rstest]
#[case::whole("")]
#[case::and_only_the_rest_of_one("\x1bP>|XTerm(3")]
fn answers_that_come_late_are_no_keys(#[case] begun: &'static str) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, XTERM, Manner::Never(begun));
    terminal.shows_picture(0);
    if !begun.is_empty() {
        terminal.press("79)eX\x1b\\");
    }
    terminal.answer_late();
    terminal.press("j");
    terminal.shows_picture(1);
    terminal.shows("0/40 reviewed");
    terminal.press("x");
    terminal.shows("1/40 reviewed");
    terminal.quit();
}

#[rstest]
fn the_picture_is_that_of_the_record_and_is_sent_as_often_as_needed(
    #[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: Kind,
) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.shows_picture(0);
    for number in 1..RECORDS {
        terminal.press("j");
        terminal.shows_picture(number);
    }
    let there = terminal.tally();
    for number in (0..RECORDS - 1).rev() {
        terminal.press("k");
        terminal.shows_picture(number);
    }
    let back = terminal.tally().pictures() - there.pictures();
    let once = (there.placeholders, there.laid, there.sixel, there.iterm);
    match kind.name {
        // What a terminal keeps it is not sent again.
        name if name == KITTY.name => assert_eq!((once, back), ((RECORDS, 0, 0, 0), 0)),
        name if name == OLD_KITTY.name => assert_eq!((once, back), ((0, RECORDS, 0, 0), RECORDS - 1)),
        name if name == XTERM.name => assert_eq!((once, back), ((0, 0, RECORDS, 0), RECORDS - 1)),
        name if name == WEZTERM.name => assert_eq!((once, back), ((0, 0, 0, RECORDS), RECORDS - 1)),
        _ => assert_eq!((once, back), ((0, 0, 0, 0), 0)),
    }
    if let Some(bytes) = there.bytes.checked_div(there.pictures()) {
        println!("{}: {bytes} bytes for a picture, at most {} kept", kind.name, there.most_kept);
    }
    // One is there before the other goes.
    assert!(kind.name != OLD_KITTY.name || there.most_kept <= 2);
    let all = terminal.quit();
    assert_eq!(all.deleted, all.placeholders + all.laid, "each picture that was kept is deleted");
}

#[rstest]
fn a_picture_that_stays_is_not_sent_again(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM)] kind: Kind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.shows_picture(0);
    terminal.shows("0/40 reviewed");
    for keys in ["!", "m", "a note", "\r", "J", "!"] {
        let before = terminal.contents();
        terminal.press(keys);
        if keys != "J" {
            terminal.until(&format!("what {keys} does"), |terminal| terminal.contents() != before);
        }
    }
    terminal.shows_picture(0);
    assert_eq!(terminal.tally().pictures(), 1);
    terminal.quit();
}

#[rstest]
fn a_pop_up_covers_the_picture_and_then_it_is_back(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: Kind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.shows_picture(0);
    for round in 1..=2 {
        let before = terminal.tally().pictures();
        terminal.press("?");
        terminal.until("the help over the picture", |terminal| {
            terminal.contents().contains("┌ keys") && terminal.seen().is_none_or(|seen| seen.covered)
        });
        assert_eq!(terminal.tally().pictures(), before, "nothing is sent under a pop-up");
        terminal.press("\x1b");
        terminal.shows_picture(0);
        // Text over a sixel picture destroys it.
        let again = usize::from(matches!(kind.name, name if name == XTERM.name || name == WEZTERM.name));
        assert_eq!(terminal.tally().pictures(), before + again, "round {round}");
    }
    // Another picture while a pop-up is open.
    terminal.press("?");
    terminal.shows("┌ keys");
    terminal.press("qj?");
    terminal.shows("┌ keys");
    terminal.press("q");
    terminal.shows_picture(1);
    terminal.quit();
}

#[rstest]
fn pictures_follow_the_size_of_the_screen(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: Kind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.shows_picture(0);
    let rows = |terminal: &Terminal| terminal.seen().map_or(0, |seen| seen.rows);
    let small = rows(&terminal);
    terminal.resize(160, 60);
    terminal.until("a larger picture", |terminal| {
        rows(terminal) > small && terminal.seen().as_ref().and_then(told) == Some(0)
    });
    terminal.resize(100, 30);
    terminal.until("a smaller picture", |terminal| {
        rows(terminal) == small && terminal.seen().as_ref().and_then(told) == Some(0)
    });
    terminal.press("z");
    terminal.until("the picture alone", |terminal| {
        rows(terminal) > small && terminal.seen().as_ref().and_then(told) == Some(0)
    });
    terminal.press("z");
    terminal.until("the picture in its pane", |terminal| {
        rows(terminal) == small && terminal.seen().as_ref().and_then(told) == Some(0)
    });
    terminal.quit();
}

#[rstest]
fn pictures_follow_the_size_of_the_font(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM)] kind: Kind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.shows_picture(0);
    let columns = |terminal: &Terminal| terminal.seen().map_or(0, |seen| seen.columns);
    let before = columns(&terminal);
    for (cell, wider) in [((8, 20), true), ((10, 20), false)] {
        terminal.set_cell(cell);
        terminal.until("a picture of other pixels", |terminal| {
            (columns(terminal) > before) == wider && terminal.seen().as_ref().and_then(told) == Some(0)
        });
    }
    terminal.quit();
}

#[rstest]
fn keys_pressed_while_a_picture_is_sent_are_not_lost(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM)] kind: Kind) {
    let folder = TempDir::new().expect("a folder");
    let mut terminal = review(&folder, kind, Manner::AtOnce);
    terminal.until_amid_picture();
    terminal.press("j");
    terminal.shows_picture(1);
    terminal.press("j");
    terminal.until_amid_picture();
    terminal.press("jj\x1b[B");
    terminal.shows_picture(5);
    terminal.quit();
}

#[rstest]
fn show_prints_in_the_terminals_own_way(#[values(KITTY, OLD_KITTY, XTERM, WEZTERM, PLAIN)] kind: Kind) {
    let folder = TempDir::new().expect("a folder");
    picture(7).save(folder.path().join("a.png")).expect("a picture");
    let mut terminal = Terminal::start(kind, Manner::AtOnce, folder.path(), &["show", "a.png"]);
    assert_eq!(terminal.wait_for_the_end(), 0);
    let seen = terminal.seen().expect("a picture");
    assert_eq!(told(&seen), Some(7));
    assert_eq!(terminal.cursor(), (seen.rows, 0), "the next line is below the picture");
    assert_eq!(terminal.tally().pictures(), usize::from(kind.name != PLAIN.name));
}
