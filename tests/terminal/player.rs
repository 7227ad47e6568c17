//! A terminal that is played: it answers as real ones do (or not, or late), keeps the pictures it is sent, and can say
//! what is to be seen of them.

mod canvas;
mod sixel;
mod stream;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use canvas::{Canvas, Reply};
use stream::{Piece, Stream};

pub use canvas::{Seen, Tally};

/// How long anything may take on a loaded machine before the test gives up. No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pixels of a cell: across, down.
const CELL: (u16, u16) = (10, 20);

/// A kind of terminal.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it calls itself; a terminal without a name does not answer the question.
    pub name: &'static str,
    /// It answers the kitty query.
    pub kitty: bool,
    /// It answers the query for kitty's placeholder characters.
    pub placeholders: bool,
    /// Its device attributes.
    pub attributes: &'static str,
    /// Variables it sets.
    pub variables: &'static [(&'static str, &'static str)],
}

/// The terminals of which there is one for each way of drawing.
pub const KITTY: Kind =
    Kind { name: "kitty(0.42.2)", kitty: true, placeholders: true, attributes: "62;52;", variables: &[] };
pub const OLD_KITTY: Kind = Kind { name: "kitty(0.26.5)", placeholders: false, attributes: "62;", ..KITTY };
pub const XTERM: Kind =
    Kind { name: "XTerm(379)", kitty: false, placeholders: false, attributes: "63;1;2;4;6;9;15;22", variables: &[] };
pub const WEZTERM: Kind = Kind { name: "WezTerm 20240203-110809", attributes: "65;4;6;18;22", ..KITTY };
pub const ITERM_BY_VARIABLE: Kind =
    Kind { name: "", attributes: "62;4", variables: &[("TERM_PROGRAM", "iTerm.app")], ..XTERM };
pub const PLAIN: Kind = Kind { name: "", attributes: "62;22", ..XTERM };

/// When it answers what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    AtOnce,
    /// These keys are pressed between the answers.
    Amid(&'static str),
    /// Never, and these keys are pressed when it should.
    Never(&'static str),
}

/// The terminal, with the program in it.
pub struct Terminal {
    kind: Kind,
    manner: Manner,
    screen: vt100::Parser,
    canvas: Canvas,
    stream: Stream,
    /// Answers not given yet.
    owed: Vec<String>,
    /// Pixels of a cell: across, down.
    cell: (u16, u16),
    /// Within what is to appear at once.
    amid_frame: bool,
    output: Receiver<Vec<u8>>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    /// The terminal's modes before the program came.
    modes: String,
    child: Box<dyn Child + Send + Sync>,
}

impl Terminal {
    /// Starts `recaption ARGUMENTS` in a terminal of 100×30 cells, with a home of its own and nothing of this machine's
    /// environment.
    pub fn start(kind: Kind, manner: Manner, home: &Path, arguments: &[&str]) -> Self {
        let pair = native_pty_system().openpty(size((100, 30), CELL)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_recaption"));
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in kind.variables {
            command.env(name, value);
        }
        command.cwd(home);
        let modes = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("the terminal's output");
        let keyboard = pair.master.take_writer().expect("the terminal's input");
        // Nothing is read ahead: a program in the middle of sending something waits there until it is taken in.
        let (sender, output) = sync_channel(0);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            kind,
            manner,
            screen: vt100::Parser::new(30, 100, 0),
            canvas: Canvas::new(CELL),
            cell: CELL,
            stream: Stream::default(),
            owed: Vec::new(),
            amid_frame: false,
            output,
            keyboard,
            master: pair.master,
            modes,
            child,
        }
    }

    /// Presses keys, as the bytes a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program reads keys");
        self.keyboard.flush().expect("the program reads keys");
    }

    /// Waits until what is on the screen, once a frame is complete, fulfils a condition.
    pub fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        self.wait(what, |terminal| !terminal.amid_frame && condition(terminal));
    }

    /// Waits until the screen shows a text.
    pub fn shows(&mut self, text: &str) {
        self.until(text, |terminal| terminal.contents().contains(text));
    }

    /// Waits until the program is in the middle of sending a picture.
    pub fn until_amid_picture(&mut self) {
        self.wait("the middle of a picture", |terminal| terminal.stream.is_amid_text());
    }

    fn wait(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take_in(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seen.png");
                    let saved = self.seen().map(|seen| seen.pixels.save(&file));
                    panic!(
                        "{}: waited for {what}; {:?}; seen of pictures: {saved:?} {}; the screen says:\n{}",
                        self.kind.name,
                        self.canvas.tally,
                        file.display(),
                        self.contents()
                    );
                }
            }
        }
    }

    /// Waits for the program to end, and gives its exit code.
    pub fn wait_for_the_end(&mut self) -> u32 {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.take_in(&bytes);
        }
        self.child.wait().expect("the program ends").exit_code()
    }

    /// Whether nothing of the program is left: its screen, its modes, its pictures.
    pub fn is_as_before(&self) -> bool {
        let screen = self.screen.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
            && self.canvas.kept() == 0
            && modes(&*self.master) == self.modes
    }

    /// What the screen says.
    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    /// What is to be seen of pictures.
    pub fn seen(&self) -> Option<Seen> {
        self.canvas.seen(self.screen.screen())
    }

    /// What was sent so far.
    pub fn tally(&self) -> Tally {
        self.canvas.tally
    }

    /// Kitty pictures the terminal keeps.
    pub fn kept(&self) -> usize {
        self.canvas.kept()
    }

    /// Where the next character would stand: row, column.
    pub fn cursor(&self) -> (u16, u16) {
        self.screen.screen().cursor_position()
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.screen_mut().set_size(rows, columns);
        self.master.resize(size((columns, rows), self.cell)).expect("a new size");
    }

    /// Gives the terminal another font: as many cells as before, of another size.
    pub fn set_cell(&mut self, cell: (u16, u16)) {
        self.cell = cell;
        self.canvas.set_cell(cell);
        let (rows, columns) = self.screen.screen().size();
        self.master.resize(size((columns, rows), cell)).expect("a new size");
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// Gives the answers that were not given when they were asked for.
    pub fn answer_late(&mut self) {
        let answers = std::mem::take(&mut self.owed).concat();
        self.press(&answers);
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.stream.push(bytes);
        while let Some(piece) = self.stream.next() {
            match piece {
                Piece::Shown(character) => {
                    self.canvas.overwrite(self.cursor());
                    self.screen.process(character.to_string().as_bytes());
                }
                Piece::Control(control) => self.control(&control),
                Piece::Text(b'_', text) if text.starts_with(b"G") => self.kitty(&text[1..]),
                Piece::Text(b'P', text) => {
                    let (rows, columns) = self.canvas.sixel(self.cursor(), &text);
                    self.step_over(rows - 1, columns);
                }
                Piece::Text(b']', text) => self.command(&text),
                Piece::Text(..) => panic!("a text that no terminal knows"),
            }
        }
    }

    fn control(&mut self, control: &[u8]) {
        let text = std::str::from_utf8(control).expect("ASCII");
        match text.strip_prefix("\x1b[").unwrap_or_default() {
            ">q" if self.kind.name.is_empty() => {}
            ">q" => self.owe(format!("\x1bP>|{}\x1b\\", self.kind.name)),
            "16t" => self.owe(format!("\x1b[6;{};{}t", self.cell.1, self.cell.0)),
            "?2;1;0S" => self.owe("\x1b[?2;0;1000;1000S".to_owned()),
            "c" => {
                self.owe(format!("\x1b[?{}c", self.kind.attributes));
                self.answer();
            }
            "5n" => self.press("\x1b[0n"),
            "?2026h" => self.amid_frame = true,
            "?2026l" => self.amid_frame = false,
            "2J" | "?1049h" | "?1049l" => self.canvas.clear(),
            erase if erase.ends_with('X') => {
                let (row, column) = self.cursor();
                let count: u16 = erase.trim_end_matches('X').parse().expect("a number of cells");
                (column..column + count).for_each(|column| self.canvas.overwrite((row, column)));
            }
            other if other.ends_with(['J', 'K', 'L', 'M', 'P', 'S', 'T', '@']) => {
                assert!(!self.canvas.is_painted(), "{other:?} among pictures is not played");
            }
            _ => {}
        }
        self.screen.process(control);
    }

    fn kitty(&mut self, text: &[u8]) {
        match self.canvas.kitty(self.screen.screen().cursor_position(), text) {
            Reply::Answer(id) => {
                let virtual_placement = text.windows(3).any(|part| part == b"U=1");
                let answers = if virtual_placement { self.kind.placeholders } else { self.kind.kitty };
                if answers {
                    self.owe(format!("\x1b_Gi={id};OK\x1b\\"));
                }
                if text.windows(3).any(|part| part == b"t=t") {
                    self.answer();
                }
            }
            Reply::Moved(down, right) => self.step_over(down, right),
            Reply::Nothing => {}
        }
    }

    fn command(&mut self, text: &[u8]) {
        if text.starts_with(b"11;?") {
            self.owe("\x1b]11;rgb:1010/1010/1010\x1b\\".to_owned());
        } else if let Some(picture) = text.strip_prefix(b"1337;File=") {
            self.canvas.iterm(self.cursor(), picture);
        }
    }

    /// Moves the cursor where it stands after a picture.
    fn step_over(&mut self, down: u16, right: u16) {
        let (row, column) = self.cursor();
        self.screen.process(format!("\x1b[{};{}H", row + down + 1, column + right + 1).as_bytes());
    }

    fn owe(&mut self, answer: String) {
        self.owed.push(answer);
    }

    /// Answers all it was asked, in its manner.
    fn answer(&mut self) {
        match self.manner {
            Manner::AtOnce => self.answer_late(),
            Manner::Amid(keys) => {
                let answers = std::mem::take(&mut self.owed);
                let (first, second) = answers.split_at(answers.len() / 2);
                self.press(&[&first.concat(), keys, &second.concat()].concat());
            }
            Manner::Never(keys) => self.press(keys),
        }
    }
}

/// Whether lines are gathered, keys are echoed and so on.
fn modes(terminal: &dyn MasterPty) -> String {
    format!("{:?}", terminal.get_termios().expect("a terminal").local_flags)
}

fn size((cols, rows): (u16, u16), cell: (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: cols * cell.0, pixel_height: rows * cell.1 }
}
