//! A terminal emulator for tests. It replies to queries like real terminals (immediately, late or never), stores the images
//! it receives, and can render the visible ones.

mod canvas;
mod parser;
mod sixel;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use canvas::{Canvas, Reply};
use parser::{Parser, Token};

pub use canvas::{Counts, VisibleImage};

/// Generous because machines can be loaded; only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Width and height of a cell in pixels.
const CELL: (u16, u16) = (10, 20);

#[derive(Clone, Copy, Debug)]
pub struct TerminalKind {
    /// The reply to XTVERSION; an empty name gives no reply.
    pub name: &'static str,
    /// Replies to the query for kitty graphics.
    pub kitty: bool,
    /// Replies to the query for Unicode placeholders of kitty graphics.
    pub placeholders: bool,
    /// The reply to primary device attributes (DA1).
    pub attributes: &'static str,
    /// Environment variables that the terminal sets.
    pub variables: &'static [(&'static str, &'static str)],
}

// One terminal for each way of drawing images.
pub const KITTY: TerminalKind =
    TerminalKind { name: "kitty(0.42.2)", kitty: true, placeholders: true, attributes: "62;52;", variables: &[] };
pub const OLD_KITTY: TerminalKind =
    TerminalKind { name: "kitty(0.26.5)", placeholders: false, attributes: "62;", ..KITTY };
pub const XTERM: TerminalKind = TerminalKind {
    name: "XTerm(379)",
    kitty: false,
    placeholders: false,
    attributes: "63;1;2;4;6;9;15;22",
    variables: &[],
};
pub const WEZTERM: TerminalKind = TerminalKind { name: "WezTerm 20240203-110809", attributes: "65;4;6;18;22", ..KITTY };
pub const ITERM_BY_VARIABLE: TerminalKind =
    TerminalKind { name: "", attributes: "62;4", variables: &[("TERM_PROGRAM", "iTerm.app")], ..XTERM };
pub const PLAIN: TerminalKind = TerminalKind { name: "", attributes: "62;22", ..XTERM };

/// When the terminal replies to queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    Immediate,
    /// These keys are typed between the replies.
    Interleaved(&'static str),
    /// No replies; these keys are typed instead.
    Never(&'static str),
}

/// The emulator and the program that runs in it.
pub struct Terminal {
    kind: TerminalKind,
    replies: Replies,
    screen: vt100::Parser,
    canvas: Canvas,
    parser: Parser,
    pending_replies: Vec<String>,
    /// Width and height of a cell in pixels.
    cell: (u16, u16),
    /// True during a synchronized update (DEC mode 2026).
    in_frame: bool,
    output: Receiver<Vec<u8>>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    /// The terminal modes before the program started.
    modes: String,
    child: Box<dyn Child + Send + Sync>,
}

impl Terminal {
    /// Starts `recaption ARGUMENTS` in a 100×30 terminal, with `home` as home directory and otherwise an empty environment.
    pub fn start(kind: TerminalKind, replies: Replies, home: &Path, arguments: &[&str]) -> Self {
        let pair = native_pty_system().openpty(size((100, 30), CELL)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_recaption"));
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
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
        // A rendezvous channel: nothing is read ahead, so the program blocks in the middle of a transmission until the test
        // processes it.
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
            replies,
            screen: vt100::Parser::new(30, 100, 0),
            canvas: Canvas::new(CELL),
            cell: CELL,
            parser: Parser::default(),
            pending_replies: Vec::new(),
            in_frame: false,
            output,
            keyboard,
            master: pair.master,
            modes,
            child,
        }
    }

    /// Sends keys, as the bytes that a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program reads keys");
        self.keyboard.flush().expect("the program reads keys");
    }

    /// Waits until the screen satisfies `condition` after a complete frame; `what` is for the failure message.
    pub fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        self.wait(what, |terminal| !terminal.in_frame && condition(terminal));
    }

    /// Waits until the screen contains `text`.
    pub fn shows(&mut self, text: &str) {
        self.until(text, |terminal| terminal.contents().contains(text));
    }

    /// Waits until the program is in the middle of transmitting an image.
    pub fn until_amid_image(&mut self) {
        self.wait("the middle of an image", |terminal| terminal.parser.is_inside_string());
    }

    fn wait(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !condition(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("visible.png");
                    let saved = self.visible_image().map(|image| image.pixels.save(&file));
                    panic!(
                        "{}: timeout waiting for {what}; {:?}; visible image: {saved:?} {}; the screen is:\n{}",
                        self.kind.name,
                        self.canvas.counts,
                        file.display(),
                        self.contents()
                    );
                }
            }
        }
    }

    /// Waits for the program to exit and returns its exit code.
    pub fn wait_for_exit(&mut self) -> u32 {
        while let Ok(bytes) = self.output.recv_timeout(TIMEOUT) {
            self.process(&bytes);
        }
        self.child.wait().expect("the program ends").exit_code()
    }

    /// Returns true if screen, modes and images are as before the program started.
    pub fn is_restored(&self) -> bool {
        let screen = self.screen.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
            && self.canvas.stored() == 0
            && modes(&*self.master) == self.modes
    }

    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    pub fn visible_image(&self) -> Option<VisibleImage> {
        self.canvas.visible_image(self.screen.screen())
    }

    pub fn counts(&self) -> Counts {
        self.canvas.counts
    }

    /// Returns the number of kitty images stored.
    pub fn stored(&self) -> usize {
        self.canvas.stored()
    }

    /// Returns row and column of the cursor.
    pub fn cursor(&self) -> (u16, u16) {
        self.screen.screen().cursor_position()
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.screen_mut().set_size(rows, columns);
        self.master.resize(size((columns, rows), self.cell)).expect("a new size");
    }

    /// Changes the font: the number of cells stays the same, their size changes.
    pub fn set_cell(&mut self, cell: (u16, u16)) {
        self.cell = cell;
        self.canvas.set_cell(cell);
        let (rows, columns) = self.screen.screen().size();
        self.master.resize(size((columns, rows), cell)).expect("a new size");
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// Sends all pending replies.
    pub fn send_pending_replies(&mut self) {
        let replies = std::mem::take(&mut self.pending_replies).concat();
        self.press(&replies);
    }

    fn process(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
        while let Some(token) = self.parser.next() {
            match token {
                Token::Character(character) => {
                    self.canvas.overwrite(self.cursor());
                    self.screen.process(character.to_string().as_bytes());
                }
                Token::Control(control) => self.control(&control),
                Token::String(b'_', text) if text.starts_with(b"G") => self.kitty(&text[1..]),
                Token::String(b'P', text) => {
                    let (rows, columns) = self.canvas.sixel(self.cursor(), &text);
                    self.advance_cursor(rows - 1, columns);
                }
                Token::String(b']', text) => self.operating_system_command(&text),
                Token::String(..) => panic!("unknown control string"),
            }
        }
    }

    fn control(&mut self, control: &[u8]) {
        let text = std::str::from_utf8(control).expect("ASCII");
        match text.strip_prefix("\x1b[").unwrap_or_default() {
            ">q" if self.kind.name.is_empty() => {}
            ">q" => self.queue_reply(format!("\x1bP>|{}\x1b\\", self.kind.name)),
            "16t" => self.queue_reply(format!("\x1b[6;{};{}t", self.cell.1, self.cell.0)),
            "?2;1;0S" => self.queue_reply("\x1b[?2;0;1000;1000S".to_owned()),
            "c" => {
                self.queue_reply(format!("\x1b[?{}c", self.kind.attributes));
                self.reply();
            }
            "5n" => self.press("\x1b[0n"),
            "?2026h" => self.in_frame = true,
            "?2026l" => self.in_frame = false,
            "2J" | "?1049h" | "?1049l" => self.canvas.clear(),
            erase if erase.ends_with('X') => {
                let (row, column) = self.cursor();
                let count: u16 = erase.trim_end_matches('X').parse().expect("a number of cells");
                (column..column + count).for_each(|column| self.canvas.overwrite((row, column)));
            }
            other if other.ends_with(['J', 'K', 'L', 'M', 'P', 'S', 'T', '@']) => {
                assert!(!self.canvas.is_painted(), "{other:?} with images on the screen is not supported");
            }
            _ => {}
        }
        self.screen.process(control);
    }

    fn kitty(&mut self, text: &[u8]) {
        match self.canvas.kitty(self.screen.screen().cursor_position(), text) {
            Reply::Query(id) => {
                let virtual_placement = text.windows(3).any(|part| part == b"U=1");
                let supported = if virtual_placement { self.kind.placeholders } else { self.kind.kitty };
                if supported {
                    self.queue_reply(format!("\x1b_Gi={id};OK\x1b\\"));
                }
                if text.windows(3).any(|part| part == b"t=t") {
                    self.reply();
                }
            }
            Reply::MoveCursor(down, right) => self.advance_cursor(down, right),
            Reply::None => {}
        }
    }

    fn operating_system_command(&mut self, text: &[u8]) {
        if text.starts_with(b"11;?") {
            self.queue_reply("\x1b]11;rgb:1010/1010/1010\x1b\\".to_owned());
        } else if let Some(picture) = text.strip_prefix(b"1337;File=") {
            self.canvas.iterm(self.cursor(), picture);
        }
    }

    /// Moves the cursor past an image.
    fn advance_cursor(&mut self, down: u16, right: u16) {
        let (row, column) = self.cursor();
        self.screen.process(format!("\x1b[{};{}H", row + down + 1, column + right + 1).as_bytes());
    }

    fn queue_reply(&mut self, reply: String) {
        self.pending_replies.push(reply);
    }

    /// Sends the pending replies according to [`Replies`].
    fn reply(&mut self) {
        match self.replies {
            Replies::Immediate => self.send_pending_replies(),
            Replies::Interleaved(keys) => {
                let replies = std::mem::take(&mut self.pending_replies);
                let (first, second) = replies.split_at(replies.len() / 2);
                self.press(&[&first.concat(), keys, &second.concat()].concat());
            }
            Replies::Never(keys) => self.press(keys),
        }
    }
}

/// Returns the local flags of the terminal (canonical mode, echo and so on).
fn modes(terminal: &dyn MasterPty) -> String {
    format!("{:?}", terminal.get_termios().expect("a terminal").local_flags)
}

fn size((cols, rows): (u16, u16), cell: (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: cols * cell.0, pixel_height: rows * cell.1 }
}
