//! The images of a terminal: transmitted, stored, placed and visible ones.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage};

use super::sixel;

/// The character that displays a cell of a kitty image.
const PLACEHOLDER: char = '\u{10eeee}';
/// The diacritics that encode rows, columns and the most significant byte of an id: the table of the protocol
/// (<https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders>).
const DIACRITICS: &str = "\u{305}\u{30d}\u{30e}\u{310}\u{312}\u{33d}\u{33e}\u{33f}\u{346}\u{34a}\u{34b}\u{34c}\u{350}\u{351}\u{352}\u{357}\
    \u{35b}\u{363}\u{364}\u{365}\u{366}\u{367}\u{368}\u{369}\u{36a}\u{36b}\u{36c}\u{36d}\u{36e}\u{36f}\u{483}\u{484}\
    \u{485}\u{486}\u{487}\u{592}\u{593}\u{594}\u{595}\u{597}\u{598}\u{599}\u{59c}\u{59d}\u{59e}\u{59f}\u{5a0}\u{5a1}\
    \u{5a8}\u{5a9}\u{5ab}\u{5ac}\u{5af}\u{5c4}\u{610}\u{611}\u{612}\u{613}\u{614}\u{615}\u{616}\u{617}\u{657}\u{658}\
    \u{659}\u{65a}\u{65b}\u{65d}\u{65e}\u{6d6}\u{6d7}\u{6d8}\u{6d9}\u{6da}\u{6db}\u{6dc}\u{6df}\u{6e0}\u{6e1}\u{6e2}\
    \u{6e4}\u{6e7}\u{6e8}\u{6eb}\u{6ec}\u{730}\u{732}\u{733}\u{735}\u{736}\u{73a}\u{73d}\u{73f}\u{740}\u{741}\u{743}\
    \u{745}\u{747}\u{749}\u{74a}\u{7eb}\u{7ec}\u{7ed}\u{7ee}\u{7ef}\u{7f0}\u{7f1}\u{7f3}\u{816}\u{817}\u{818}\u{819}\
    \u{81b}\u{81c}\u{81d}\u{81e}\u{81f}\u{820}\u{821}\u{822}\u{823}\u{825}\u{826}\u{827}\u{829}\u{82a}\u{82b}\u{82c}\
    \u{82d}\u{951}\u{953}\u{954}\u{f82}\u{f83}\u{f86}\u{f87}\u{135d}\u{135e}\u{135f}\u{17dd}\u{193a}\u{1a17}\u{1a75}\
    \u{1a76}\u{1a77}\u{1a78}\u{1a79}\u{1a7a}\u{1a7b}\u{1a7c}\u{1b6b}\u{1b6d}\u{1b6e}\u{1b6f}\u{1b70}\u{1b71}\u{1b72}\
    \u{1b73}\u{1cd0}\u{1cd1}\u{1cd2}\u{1cda}\u{1cdb}\u{1ce0}\u{1dc0}\u{1dc1}\u{1dc3}\u{1dc4}\u{1dc5}\u{1dc6}\u{1dc7}\
    \u{1dc8}\u{1dc9}\u{1dcb}\u{1dcc}\u{1dd1}\u{1dd2}\u{1dd3}\u{1dd4}\u{1dd5}\u{1dd6}\u{1dd7}\u{1dd8}\u{1dd9}\u{1dda}\
    \u{1ddb}\u{1ddc}\u{1ddd}\u{1dde}\u{1ddf}\u{1de0}\u{1de1}\u{1de2}\u{1de3}\u{1de4}\u{1de5}\u{1de6}\u{1dfe}\u{20d0}\
    \u{20d1}\u{20d4}\u{20d5}\u{20d6}\u{20d7}\u{20db}\u{20dc}\u{20e1}\u{20e7}\u{20e9}\u{20f0}\u{2cef}\u{2cf0}\u{2cf1}\
    \u{2de0}\u{2de1}\u{2de2}\u{2de3}\u{2de4}\u{2de5}\u{2de6}\u{2de7}\u{2de8}\u{2de9}\u{2dea}\u{2deb}\u{2dec}\u{2ded}\
    \u{2dee}\u{2def}\u{2df0}\u{2df1}\u{2df2}\u{2df3}\u{2df4}\u{2df5}\u{2df6}\u{2df7}\u{2df8}\u{2df9}\u{2dfa}\u{2dfb}\
    \u{2dfc}\u{2dfd}\u{2dfe}\u{2dff}\u{a66f}\u{a67c}\u{a67d}\u{a6f0}\u{a6f1}\u{a8e0}\u{a8e1}\u{a8e2}\u{a8e3}\u{a8e4}\
    \u{a8e5}\u{a8e6}\u{a8e7}\u{a8e8}\u{a8e9}\u{a8ea}\u{a8eb}\u{a8ec}\u{a8ed}\u{a8ee}\u{a8ef}\u{a8f0}\u{a8f1}\u{aab0}\
    \u{aab2}\u{aab3}\u{aab7}\u{aab8}\u{aabe}\u{aabf}\u{aac1}\u{fe20}\u{fe21}\u{fe22}\u{fe23}\u{fe24}\u{fe25}\u{fe26}\
    \u{10a0f}\u{10a38}\u{1d185}\u{1d186}\u{1d187}\u{1d188}\u{1d189}\u{1d1aa}\u{1d1ab}\u{1d1ac}\u{1d1ad}\u{1d242}\
    \u{1d243}\u{1d244}";

/// Row and column.
type Cell = (u16, u16);

/// Statistics of the transmissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sixel: usize,
    pub iterm: usize,
    /// Kitty images displayed by Unicode placeholders.
    pub placeholders: usize,
    /// Kitty images placed at the cursor.
    pub placed: usize,
    /// The total size of the sequences that transmit images.
    pub bytes: usize,
    /// Kitty images deleted together with their data.
    pub deleted: usize,
    /// The maximum number of kitty images stored at a time.
    pub max_stored: usize,
}

impl Counts {
    /// Returns the number of images sent in any protocol.
    pub fn pictures(&self) -> usize {
        self.sixel + self.iterm + self.placeholders + self.placed
    }
}

struct Placement {
    top_left: Cell,
    columns: u16,
    rows: u16,
}

pub struct Canvas {
    /// Width and height of a cell in pixels.
    cell: (u16, u16),
    /// Images that replace text (sixel, iTerm2), by cell.
    painted: HashMap<Cell, RgbImage>,
    /// Kitty images by id.
    stored: BTreeMap<u32, RgbImage>,
    placed: BTreeMap<u32, Placement>,
    /// An incomplete kitty transmission: the keys of its first chunk, and the data so far.
    transfer: Option<(HashMap<String, String>, String)>,
    pub counts: Counts,
}

/// The reaction to a kitty sequence.
pub enum Reply {
    /// Reply to a query with this id.
    Query(String),
    /// Move the cursor down and right, past the image.
    MoveCursor(u16, u16),
    None,
}

impl Canvas {
    pub fn new(cell: (u16, u16)) -> Self {
        Self {
            cell,
            painted: HashMap::new(),
            stored: BTreeMap::new(),
            placed: BTreeMap::new(),
            transfer: None,
            counts: Counts::default(),
        }
    }

    /// Changes the cell size. Sixel and iTerm2 images keep their pixel positions.
    pub fn set_cell(&mut self, cell: (u16, u16)) {
        let (width, height) = self.cell_size();
        let before = std::mem::take(&mut self.painted);
        self.cell = cell;
        let (new_width, new_height) = self.cell_size();
        for ((row, column), part) in before {
            let (left, top) = (u32::from(column) * width, u32::from(row) * height);
            for (x, y, pixel) in part.enumerate_pixels() {
                let (x, y) = (left + x, top + y);
                let cell = [y / new_height, x / new_width].map(|side| u16::try_from(side).expect("a cell"));
                let blank = || RgbImage::from_pixel(new_width, new_height, TEXT_COLOUR);
                let part = self.painted.entry((cell[0], cell[1])).or_insert_with(blank);
                part.put_pixel(x % new_width, y % new_height, *pixel);
            }
        }
    }

    fn cell_size(&self) -> (u32, u32) {
        (self.cell.0.into(), self.cell.1.into())
    }

    /// Replaces text by an image and returns its size in rows and columns.
    fn paint(&mut self, (top, left): Cell, picture: &RgbImage) -> (u16, u16) {
        let (width, height) = self.cell_size();
        let (columns, rows) = (cells(picture.width(), self.cell.0), cells(picture.height(), self.cell.1));
        for row in 0..rows {
            for column in 0..columns {
                let (x, y) = (u32::from(column) * width, u32::from(row) * height);
                let part = image::imageops::crop_imm(picture, x, y, width, height).to_image();
                self.painted.insert((top + row, left + column), part);
            }
        }
        (rows, columns)
    }

    pub fn sixel(&mut self, at: Cell, text: &[u8]) -> (u16, u16) {
        self.counts.sixel += 1;
        self.counts.bytes += text.len();
        let picture = sixel::decode(text).unwrap_or_else(|error| panic!("invalid sixel: {error}"));
        self.paint(at, &picture)
    }

    pub fn iterm(&mut self, at: Cell, text: &[u8]) -> (u16, u16) {
        self.counts.iterm += 1;
        self.counts.bytes += text.len();
        let text = std::str::from_utf8(text).expect("base64");
        let (attributes, data) = text.split_once(':').expect("data after a colon");
        let png = STANDARD.decode(data).expect("base64");
        let picture = image::load_from_memory_with_format(&png, ImageFormat::Png).expect("PNG").to_rgb8();
        let attribute =
            |name: &str| attributes.split([';', '=']).skip_while(|part| *part != name).nth(1).expect("attribute");
        assert_eq!(attribute("inline"), "1");
        assert_eq!(attribute("width"), format!("{}px", picture.width()));
        assert_eq!(attribute("height"), format!("{}px", picture.height()));
        self.paint(at, &picture)
    }

    pub fn kitty(&mut self, at: Cell, text: &[u8]) -> Reply {
        let text = std::str::from_utf8(text).expect("ASCII");
        let (keys, data) = text.split_once(';').unwrap_or((text, ""));
        let keys: HashMap<String, String> = keys
            .split(',')
            .map(|pair| pair.split_once('=').expect("key=value"))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let more = keys.get("m").is_some_and(|more| more == "1");
        if keys.contains_key("a") {
            assert!(self.transfer.is_none(), "another command during a transmission");
        }
        match keys.get("a").map(String::as_str) {
            Some("q") => return Reply::Query(keys["i"].clone()),
            Some("d") => self.delete(&keys),
            Some("p") => {
                assert!(self.stored.contains_key(&number(&keys, "i")), "placing an unknown image");
                self.place_image(at, &keys);
            }
            Some("T") => self.transfer = Some((keys, data.to_owned())),
            None => self.transfer.as_mut().expect("a transmission in progress").1.push_str(data),
            Some(other) => panic!("unsupported kitty action {other}"),
        }
        self.counts.bytes += if self.transfer.is_some() { text.len() } else { 0 };
        match self.transfer.take_if(|_| !more) {
            Some((keys, data)) => self.store(at, &keys, &data),
            None => Reply::None,
        }
    }

    fn store(&mut self, at: Cell, keys: &HashMap<String, String>, data: &str) -> Reply {
        let data = STANDARD.decode(data).expect("base64");
        let pixels = match keys.get("t").map(String::as_str) {
            Some("d") => data,
            Some("t") => {
                let file = String::from_utf8(data).expect("a path");
                let pixels = std::fs::read(&file).expect("the file exists until the terminal has read it");
                std::fs::remove_file(file).expect("the terminal deletes it");
                pixels
            }
            other => panic!("unsupported kitty transmission medium {other:?}"),
        };
        let (width, height) = (number(keys, "s"), number(keys, "v"));
        let channels = number(keys, "f") as usize / 8;
        assert_eq!(pixels.len(), width as usize * height as usize * channels, "the announced number of pixels");
        let colours = pixels.chunks(channels).flat_map(|pixel| pixel[..3].to_vec()).collect();
        let picture = RgbImage::from_raw(width, height, colours).expect("enough pixels");
        // The terminal assigns an id to an image without one.
        let id = if keys.contains_key("i") { number(keys, "i") } else { u32::MAX };
        assert!(id == u32::MAX || self.stored.insert(id, picture.clone()).is_none(), "two pictures with one id");
        self.stored.entry(id).or_insert(picture);
        self.counts.max_stored = self.counts.max_stored.max(self.stored.len());
        if keys.get("U").is_some_and(|virtual_placement| virtual_placement == "1") {
            self.counts.placeholders += 1;
            return Reply::None;
        }
        self.counts.placed += 1;
        self.place_image(
            at,
            &HashMap::from([("i".to_owned(), id.to_string())]).into_iter().chain(keys.clone()).collect(),
        );
        if keys.get("C").is_some_and(|stay| stay == "1") {
            Reply::None
        } else {
            let rows = u16::try_from(number(keys, "r")).expect("rows");
            Reply::MoveCursor(rows - 1, u16::try_from(number(keys, "c")).expect("columns"))
        }
    }

    fn place_image(&mut self, top_left: Cell, keys: &HashMap<String, String>) {
        let side = |key| u16::try_from(number(keys, key)).expect("a number of cells");
        self.placed.insert(number(keys, "i"), Placement { top_left, columns: side("c"), rows: side("r") });
    }

    fn delete(&mut self, keys: &HashMap<String, String>) {
        let id = number(keys, "i");
        match keys["d"].as_str() {
            "i" => {}
            "I" => {
                assert!(self.stored.remove(&id).is_some(), "deleting an unknown image");
                self.counts.deleted += 1;
            }
            other => panic!("unsupported kitty deletion {other}"),
        }
        self.placed.remove(&id);
    }

    pub fn stored(&self) -> usize {
        self.stored.len()
    }

    /// Replaces a cell of an image by text.
    pub fn overwrite(&mut self, cell: Cell) {
        self.painted.remove(&cell);
    }

    pub fn clear(&mut self) {
        self.painted.clear();
    }

    /// Returns true if any sixel or iTerm2 image is on the screen.
    pub fn is_painted(&self) -> bool {
        !self.painted.is_empty()
    }

    /// Returns the pixels of a cell, or `None` if it shows text, or an image that the terminal would have to scale: images must
    /// have exactly the size of their cells.
    fn visible_cell(&self, screen: &vt100::Screen, cell: Cell) -> Option<RgbImage> {
        let placed = self.placed.iter().find_map(|(id, placed)| {
            let row = cell.0.checked_sub(placed.top_left.0).filter(|row| *row < placed.rows)?;
            let column = cell.1.checked_sub(placed.top_left.1).filter(|column| *column < placed.columns)?;
            let picture = &self.stored[id];
            let (width, height) = self.cell_size();
            let whole = (u32::from(placed.columns) * width, u32::from(placed.rows) * height);
            if picture.dimensions() != whole {
                return None;
            }
            let (x, y) = (u32::from(column) * width, u32::from(row) * height);
            Some(image::imageops::crop_imm(picture, x, y, width, height).to_image())
        });
        placed
            .or_else(|| self.painted.get(&cell).cloned())
            .or_else(|| self.placeholder(screen, cell))
            .or_else(|| blocks(screen.cell(cell.0, cell.1)?, self.cell_size()))
    }

    /// Returns the part of a kitty image that a placeholder displays.
    fn placeholder(&self, screen: &vt100::Screen, cell: Cell) -> Option<RgbImage> {
        let value = |letter: char| DIACRITICS.chars().position(|mark| mark == letter);
        let of_cell = |column: u16| {
            let cell = screen.cell(cell.0, column)?;
            let mut letters = cell.contents().chars();
            let vt100::Color::Rgb(red, green, blue) = cell.fgcolor() else { return None };
            (letters.next() == Some(PLACEHOLDER)).then(|| {
                ([red, green, blue], letters.map(|letter| value(letter).expect("a diacritic")).collect::<Vec<_>>())
            })
        };
        let (colour, _) = of_cell(cell.1)?;
        // A placeholder without diacritics continues its left neighbour.
        let (steps, marks) = (0..=cell.1).find_map(|steps| {
            let (its_colour, marks) = of_cell(cell.1 - steps)?;
            assert_eq!(colour, its_colour, "a row starts with diacritics");
            (!marks.is_empty()).then_some((u32::from(steps), marks))
        })?;
        let [row, column, highest] = marks[..] else { panic!("row, column and the highest byte: {marks:?}") };
        let id = u32::from_be_bytes([u8::try_from(highest).expect("a byte"), colour[0], colour[1], colour[2]]);
        let picture = self.stored.get(&id)?;
        let (width, height) = self.cell_size();
        let (x, y) = ((u32::try_from(column).ok()? + steps) * width, u32::try_from(row).ok()? * height);
        (x + width <= picture.width() && y + height <= picture.height())
            .then(|| image::imageops::crop_imm(picture, x, y, width, height).to_image())
    }

    /// Renders all visible images.
    pub fn visible_image(&self, screen: &vt100::Screen) -> Option<VisibleImage> {
        let (rows, columns) = screen.size();
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let parts: HashMap<Cell, RgbImage> =
            places.filter_map(|cell| Some((cell, self.visible_cell(screen, cell)?))).collect();
        let (top, bottom) = (parts.keys().map(|cell| cell.0).min()?, parts.keys().map(|cell| cell.0).max()?);
        let (left, right) = (parts.keys().map(|cell| cell.1).min()?, parts.keys().map(|cell| cell.1).max()?);
        let (columns, rows) = (right - left + 1, bottom - top + 1);
        let (width, height) = self.cell_size();
        let mut pixels = RgbImage::from_pixel(u32::from(columns) * width, u32::from(rows) * height, TEXT_COLOUR);
        for (cell, part) in &parts {
            let (x, y) = (u32::from(cell.1 - left) * width, u32::from(cell.0 - top) * height);
            image::imageops::replace(&mut pixels, part, x.into(), y.into());
        }
        Some(VisibleImage { columns, rows, covered: parts.len() != usize::from(columns) * usize::from(rows), pixels })
    }
}

/// The colour of cells inside an image that show text.
const TEXT_COLOUR: Rgb<u8> = Rgb([17, 17, 17]);

#[derive(Clone, Debug, PartialEq)]
pub struct VisibleImage {
    pub columns: u16,
    pub rows: u16,
    /// True if some of its cells show text.
    pub covered: bool,
    pub pixels: RgbImage,
}

/// Renders half blocks, and blanks with a background colour of an image. The theme uses only the first 16 colours, which
/// images do not.
fn blocks(cell: &vt100::Cell, (width, height): (u32, u32)) -> Option<RgbImage> {
    let background = colour(cell.bgcolor())?;
    let halves = match cell.contents() {
        "▀" => [colour(cell.fgcolor())?, background],
        "▄" => [background, colour(cell.fgcolor())?],
        " " | "" => [background; 2],
        _ => return None,
    };
    Some(RgbImage::from_fn(width, height, |_, y| halves[usize::from(y >= height / 2)]))
}

/// Converts a true colour, or one of the 6×6×6 cube or the greys of xterm's palette.
fn colour(colour: vt100::Color) -> Option<Rgb<u8>> {
    const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match colour {
        vt100::Color::Rgb(red, green, blue) => Some(Rgb([red, green, blue])),
        vt100::Color::Idx(index @ 16..=231) => {
            let index = usize::from(index) - 16;
            Some(Rgb([index / 36, index / 6 % 6, index % 6].map(|step| CUBE[step])))
        }
        vt100::Color::Idx(index @ 232..) => Some(Rgb([8 + 10 * (index - 232); 3])),
        vt100::Color::Idx(_) | vt100::Color::Default => None,
    }
}

fn number(keys: &HashMap<String, String>, key: &str) -> u32 {
    keys.get(key).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{key} is a number in {keys:?}"))
}

/// Converts pixels to cells. Terminals would scale an image that ends within a cell.
fn cells(pixels: u32, cell: u16) -> u16 {
    assert_eq!(pixels % u32::from(cell), 0, "whole cells");
    u16::try_from(pixels / u32::from(cell)).expect("cells of a screen")
}
