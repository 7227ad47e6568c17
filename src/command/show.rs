//! `recaption show IMAGE…`: draws images in the terminal, or prints their type and size if there is no terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::console::Console;
use crate::picture::{self, PictureError, PictureInfo, decode, inspect};
use crate::preview::{
    self, Capabilities, CellArea, Framing, PreviewError, Protocol, ProtocolChoice, Surroundings, Zoom, inline, pixels,
};

/// The timeout for replies of the terminal.
const TIMEOUT: Duration = Duration::from_millis(400);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShowOptions {
    /// If empty, paths are read from standard input, one per line.
    pub images: Vec<PathBuf>,
    /// Maximum width in cells. If set, smaller images are enlarged to it.
    pub width: Option<u16>,
    /// Maximum height in cells. If set, smaller images are enlarged to it.
    pub height: Option<u16>,
    pub protocol: ProtocolChoice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub shown: usize,
    /// Images that could not be shown. Each has a line on standard error.
    pub failed: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    #[error("no images: name one or more files, or pipe their names in, one per line")]
    NothingNamed,
    #[error("the {0} protocol needs a terminal that answers queries; use auto, or blocks or sixel to write to a file")]
    NoTerminal(&'static str),
    #[error("cannot read the list of images: {0}")]
    Names(#[source] io::Error),
    /// Standard output is closed or full.
    #[error("cannot write output: {0}")]
    Output(#[source] io::Error),
}

/// Prints images. `out` must be standard output, because some protocols write to it directly.
///
/// # Errors
/// Returns an error if no image can be shown at all. A single failure is counted in the [`Outcome`].
pub fn run(options: &ShowOptions, out: &mut Console<'_>) -> Result<Outcome, ShowError> {
    let stdin = io::stdin();
    if options.images.is_empty() && stdin.is_terminal() {
        return Err(ShowError::NothingNamed);
    }
    let printer = Printer::choose(options)?;
    let mut errors = Console::stderr();
    let mut outcome = Outcome::default();
    let titled = options.images.len() != 1;
    let mut show =
        |path: &Path| show_one(path, &printer, titled, out, &mut errors, &mut outcome).map_err(ShowError::Output);
    if options.images.is_empty() {
        for path in names(stdin.lock()) {
            show(&path.map_err(ShowError::Names)?)?;
        }
    } else {
        for path in &options.images {
            show(path)?;
        }
    }
    Ok(outcome)
}

/// Reads paths, one per line.
fn names(list: impl BufRead) -> impl Iterator<Item = io::Result<PathBuf>> {
    list.lines().filter(|line| !matches!(line, Ok(name) if name.is_empty())).map(|line| line.map(PathBuf::from))
}

fn show_one(
    path: &Path,
    printer: &Printer,
    titled: bool,
    out: &mut Console<'_>,
    errors: &mut Console<'_>,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let name = path.display();
    match printer.print(path, out) {
        Ok(info) => {
            outcome.shown += 1;
            if titled || matches!(printer, Printer::Description) {
                out.message(format_args!("{name}: {info}"))?;
            }
            out.flush()?;
            info.error().map_or(Ok(()), |error| errors.message(format_args!("{name}: {error}")))
        }
        Err(Failure::Picture(error)) => {
            outcome.failed += 1;
            out.flush()?;
            errors.message(format_args!("{name}: {error}"))
        }
        Err(Failure::Output(error)) => Err(error),
    }
}

enum Failure {
    Picture(PreviewError),
    Output(io::Error),
}

impl From<PictureError> for Failure {
    fn from(error: PictureError) -> Self {
        Self::Picture(error.into())
    }
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        Self::Picture(error)
    }
}

enum Printer {
    /// Prints a line of text for each image.
    Description,
    /// Draws each image.
    Picture(Drawing),
}

struct Drawing {
    terminal: Capabilities,
    area: CellArea,
    /// Maximum enlargement factor.
    enlarge: f64,
    /// Standard output is a terminal, not a file.
    on_terminal: bool,
}

impl Printer {
    /// Chooses by the type of standard output and the capabilities of the terminal.
    fn choose(options: &ShowOptions) -> Result<Self, ShowError> {
        let on_terminal = io::stdout().is_terminal();
        let terminal = if on_terminal && options.protocol != ProtocolChoice::None {
            probe()
        } else {
            match options.protocol {
                ProtocolChoice::Auto | ProtocolChoice::None => return Ok(Self::Description),
                ProtocolChoice::Only(Protocol::Kitty) => return Err(ShowError::NoTerminal("kitty")),
                ProtocolChoice::Only(Protocol::Iterm | Protocol::Sixel | Protocol::Blocks) => Capabilities::minimal(),
            }
        };
        if options.protocol == ProtocolChoice::Only(Protocol::Kitty) && terminal.printing != Protocol::Kitty {
            // viuer would wait for a reply forever.
            return Err(ShowError::NoTerminal("kitty"));
        }
        let Some(terminal) = terminal.with_choice(options.protocol) else { return Ok(Self::Description) };
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        let max_columns = if on_terminal { columns } else { u16::MAX };
        let area = match (options.width, options.height) {
            // Leave a line for the prompt and one for the title.
            (None, None) => CellArea { columns, rows: rows.saturating_sub(2).max(1) },
            (Some(width), None) => CellArea { columns: width.min(max_columns), rows: u16::MAX },
            (None, Some(height)) => CellArea { columns, rows: height },
            (Some(width), Some(height)) => CellArea { columns: width.min(max_columns), rows: height },
        };
        let enlarge = if options.width.is_none() && options.height.is_none() { 1.0 } else { f64::INFINITY };
        Ok(Self::Picture(Drawing { terminal, area, enlarge, on_terminal }))
    }

    /// Prints an image and returns the facts about it.
    fn print(&self, path: &Path, out: &mut Console<'_>) -> Result<PictureInfo, Failure> {
        let bytes = picture::read(path)?;
        match self {
            Self::Description => Ok(inspect(&bytes)?),
            Self::Picture(drawing) => drawing.print(&bytes, out),
        }
    }
}

impl Drawing {
    fn print(&self, bytes: &[u8], out: &mut Console<'_>) -> Result<PictureInfo, Failure> {
        let terminal = &self.terminal;
        let protocol = terminal.printing;
        let area = terminal.max_area(protocol, self.area);
        let crop = |info: &PictureInfo| {
            let picture = (info.width, info.height);
            let framing = Framing { picture, area, cell: terminal.cell, max_scale: self.enlarge };
            framing.crop(Zoom::FIT).ok_or_else(|| PreviewError::Encode("the terminal is too small".to_owned()))
        };
        if protocol == Protocol::Iterm {
            // Enough to find damage.
            const SMALLEST: (u32, u32) = (1, 1);
            let decoded = decode(bytes, SMALLEST)?;
            let cells = crop(&decoded.info)?.cells;
            if let Some(sequence) = preview::inline_file(bytes, &decoded, cells) {
                print_inline(&sequence, cells, out)?;
                return Ok(decoded.info);
            }
        }
        let decoded = decode(bytes, pixels(area, terminal.cell))?;
        let info = decoded.info;
        let crop = crop(&info)?;
        let cells = crop.cells;
        let picture = preview::resize_if_large(&decoded, &crop, protocol, terminal)?;
        let by_viuer = match protocol {
            Protocol::Kitty | Protocol::Blocks => true,
            // viuer only checks environment variables, which SSH does not forward.
            Protocol::Iterm => self.on_terminal && viuer::is_iterm_supported(),
            Protocol::Sixel => false,
        };
        if by_viuer {
            out.flush().map_err(Failure::Output)?;
            let config = viuer::Config {
                absolute_offset: false,
                width: Some(cells.columns.into()),
                height: Some(cells.rows.into()),
                truecolor: terminal.true_colour,
                use_kitty: protocol == Protocol::Kitty,
                use_iterm: protocol == Protocol::Iterm,
                ..viuer::Config::default()
            };
            viuer::print(&picture, &config).map_err(|error| match error {
                viuer::ViuError::Io(error) => Failure::Output(error),
                other => Failure::Picture(PreviewError::Encode(other.to_string())),
            })?;
        } else if let Some(sequence) = inline(picture, cells, protocol)? {
            print_inline(&sequence, cells, out)?;
        }
        Ok(info)
    }
}

/// Prints a sequence that draws an image at the cursor, and moves below it.
fn print_inline(sequence: &str, cells: CellArea, out: &mut Console<'_>) -> Result<(), Failure> {
    // The sequence moves the cursor down, which would fail at the bottom of the screen: scroll first, then move back up.
    let line_feeds = "\n".repeat(cells.rows.into());
    let rows = cells.rows;
    let drawn =
        out.raw_stream().and_then(|out| write!(out, "{line_feeds}\x1b[{rows}A\x1b7{sequence}\x1b8\x1b[{rows}B"));
    drawn.map_err(Failure::Output)
}

/// Queries the terminal, in raw mode so that its replies are not echoed.
fn probe() -> Capabilities {
    if crossterm::terminal::enable_raw_mode().is_err() {
        return Capabilities::minimal();
    }
    let probe = preview::probe(TIMEOUT, Surroundings::Shell);
    // If this fails, there is nothing left to try.
    let _ = crossterm::terminal::disable_raw_mode();
    probe.capabilities
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use image::{Rgb, RgbImage};

    use super::*;

    fn shown(path: &Path, printer: &Printer) -> (String, String, Outcome) {
        let (mut out, mut errors, mut outcome) = (Vec::new(), Vec::new(), Outcome::default());
        let (mut console, mut console_errors) = (Console::new(&mut out), Console::new(&mut errors));
        show_one(path, printer, false, &mut console, &mut console_errors, &mut outcome).unwrap();
        drop((console, console_errors));
        (String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap(), outcome)
    }

    fn picture(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        RgbImage::from_pixel(40, 20, Rgb([1, 2, 3])).save(&path).unwrap();
        path
    }

    #[test]
    fn without_a_terminal_an_image_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = picture(folder.path(), "a.bmp");
        let (out, errors, outcome) = shown(&path, &Printer::Description);
        assert_eq!(out, format!("{}: BMP 40×20, 2 KB\n", path.display()));
        assert_eq!((&errors[..], outcome), ("", Outcome { shown: 1, failed: 0 }));
    }

    #[test]
    fn a_failure_is_one_line_on_standard_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b\x1b[2J.jpg");
        std::fs::write(&path, "hello").unwrap();
        let (out, errors, outcome) = shown(&path, &Printer::Description);
        assert_eq!(out, "");
        assert!(errors.ends_with(
            "/b␛[2J.jpg: a text file: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture\n"
        ));
        assert_eq!(outcome, Outcome { shown: 0, failed: 1 });
    }

    #[test]
    fn a_damaged_image_is_shown_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let jpeg = crate::picture::fixture::jpeg(&RgbImage::from_pixel(40, 20, Rgb([1, 2, 3])));
        std::fs::write(&path, &jpeg[..jpeg.len() - 2]).unwrap();
        let terminal = Capabilities { protocol: Protocol::Sixel, printing: Protocol::Sixel, ..Capabilities::minimal() };
        let area = CellArea { columns: 80, rows: 24 };
        let drawing = Printer::Picture(Drawing { terminal, area, enlarge: 1.0, on_terminal: true });
        for printer in [Printer::Description, drawing] {
            let (out, errors, outcome) = shown(&path, &printer);
            assert!(out.contains("\x1bP") || out.ends_with(", cut off\n"), "{out}");
            assert!(errors.ends_with("/a.jpg: cut off: the JPEG file ends before its picture does\n"), "{errors}");
            assert_eq!(outcome, Outcome { shown: 1, failed: 0 });
        }
    }

    #[test]
    fn a_sixel_image_scrolls_first_and_leaves_the_cursor_below() {
        let folder = tempfile::tempdir().unwrap();
        let path = picture(folder.path(), "a.png");
        let terminal = Capabilities { protocol: Protocol::Sixel, printing: Protocol::Sixel, ..Capabilities::minimal() };
        let area = CellArea { columns: 80, rows: 24 };
        let drawing = |enlarge| {
            let drawing = Drawing { terminal: terminal.clone(), area, enlarge, on_terminal: true };
            shown(&path, &Printer::Picture(drawing)).0
        };
        // 40×20 pixels in cells of 10×20: one row.
        let out = drawing(1.0);
        assert!(out.starts_with("\n\x1b[1A\x1b7") && out.contains("\x1bP") && out.ends_with("\x1b8\x1b[1B"));
        assert!(out.contains("\"1;1;40;20"), "the raster attributes give the size in pixels");
        // Enlarged to the width: 800×400 pixels, 20 rows.
        let out = drawing(f64::INFINITY);
        assert!(out.contains("\"1;1;800;400") && out.ends_with("\x1b8\x1b[20B"));
    }

    #[test]
    fn a_small_jpeg_is_handed_to_iterm2_as_it_is_unless_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let jpeg = crate::picture::fixture::jpeg(&RgbImage::from_pixel(40, 20, Rgb([1, 2, 3])));
        std::fs::write(&path, &jpeg).unwrap();
        let terminal = Capabilities { protocol: Protocol::Iterm, printing: Protocol::Iterm, ..Capabilities::minimal() };
        let area = CellArea { columns: 80, rows: 24 };
        let printer = Printer::Picture(Drawing { terminal, area, enlarge: 1.0, on_terminal: false });
        let file = BASE64_STANDARD.encode(&jpeg);
        let (out, errors, _) = shown(&path, &printer);
        assert!(
            out.contains(&format!(";width=4;height=1;preserveAspectRatio=0;doNotMoveCursor=1:{file}\x07")),
            "{out}"
        );
        assert!(out.starts_with("\n\x1b[1A\x1b7\x1b]1337;File=inline=1;") && out.ends_with("\x1b8\x1b[1B"), "{out}");
        assert_eq!(errors, "");
        std::fs::write(&path, &jpeg[..jpeg.len() - 2]).unwrap();
        let (out, errors, _) = shown(&path, &printer);
        assert!(out.contains("\x1b]1337;File=") && !out.contains(&file), "{out}");
        assert!(errors.contains("cut off"), "{errors}");
    }

    #[test]
    fn paths_are_read_one_per_line() {
        let list: io::Result<Vec<_>> = names("a.jpg\r\n\nb c.jpg\n".as_bytes()).collect();
        assert_eq!(list.unwrap(), [PathBuf::from("a.jpg"), PathBuf::from("b c.jpg")]);
    }
}
