//! Runs the binary in a pseudo-terminal with a VT100 emulator as its screen.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Generous because machines can be loaded; only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A running reviewer.
pub struct Reviewer {
    screen: vt100::Parser,
    output: Receiver<Vec<u8>>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    reader: JoinHandle<()>,
}

impl Reviewer {
    /// Starts `recaption ARGUMENTS` in a 100×30 terminal, with `home` as home directory and otherwise an empty environment.
    pub fn start(home: &Path, arguments: &[&str]) -> Self {
        Self::start_in(home, arguments, (100, 30), &[])
    }

    /// Starts `recaption ARGUMENTS` in a terminal that reports a size, with more environment variables.
    pub fn start_in(home: &Path, arguments: &[&str], size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        let mut reviewer = Self::spawn(home, arguments, size, variables);
        reviewer.answer_queries();
        reviewer
    }

    /// Starts `recaption ARGUMENTS` without a word to its queries, if it asks something else first.
    pub fn spawn(home: &Path, arguments: &[&str], (cols, rows): (u16, u16), variables: &[(&str, &str)]) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_recaption"));
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("EDITOR", "sed -i s/One/Eins/");
        for (name, value) in variables {
            command.env(name, value);
        }
        command.cwd(home);
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("the terminal's output");
        let keyboard = pair.master.take_writer().expect("the terminal's input");
        let (sender, output) = channel();
        let listener = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let screen = vt100::Parser::new(30, 100, 0);
        Self { screen, output, keyboard, master: pair.master, child, reader: listener }
    }

    /// Answers the capability queries of the program like a terminal without graphics, so that it does not wait for its
    /// timeout.
    pub fn answer_queries(&mut self) {
        let mut output = Vec::new();
        let deadline = Instant::now() + TIMEOUT;
        // Primary device attributes are the last query.
        while !contains(&output, b"\x1b[c") && Instant::now() < deadline {
            let Ok(bytes) = self.output.recv_timeout(TIMEOUT) else { break };
            self.screen.process(&bytes);
            output.extend(bytes);
        }
        // Some terminals scroll at a query, or print it.
        self.screen.process(b"\x1b[2S\x1b[20;1HGi=31;AAAA");
        if contains(&output, b"\x1b[6n") {
            // Not in column 2 of the same row: this terminal takes bytes for characters, and some for control characters.
            self.press("\x1b[3;2R");
        }
        self.press("\x1b[?62;22c");
    }

    /// Sends keys, as the bytes that a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program reads keys");
        self.keyboard.flush().expect("the program reads keys");
    }

    /// Waits until the screen contents satisfy `condition`; `what` is for the failure message.
    pub fn until(&mut self, what: &str, condition: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !condition(&self.contents()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("timeout waiting for {what}; the screen is:\n{}", self.contents());
                }
            }
        }
    }

    /// Waits until the screen contains `text`, on one line or wrapped in the pane of the captions.
    pub fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.contains(text) || caption_pane(screen).contains(text));
    }

    /// Returns true if the program is told of clicks and the wheel, but not of the motion of the mouse.
    pub fn reports_clicks_only(&self) -> bool {
        let screen = self.screen.screen();
        screen.mouse_protocol_mode() == vt100::MouseProtocolMode::PressRelease
            && screen.mouse_protocol_encoding() == vt100::MouseProtocolEncoding::Sgr
    }

    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    pub fn resize(&mut self, cols: u16, rows: u16) {
        self.screen.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("a new size");
    }

    /// Closes the terminal and returns the exit code of the program, or `None` if it does not exit within the timeout.
    pub fn hang_up(self) -> Option<u32> {
        let Self { output, mut keyboard, master, mut child, reader, .. } = self;
        // The reader thread holds the terminal open. It ends when it reads output and the channel is closed, so provoke
        // some output.
        drop(output);
        keyboard.write_all(b"?").expect("the program reads keys");
        reader.join().expect("the reader ends");
        drop((keyboard, master));
        let (sender, exited) = channel();
        let mut killer = child.clone_killer();
        thread::spawn(move || sender.send(child.wait().map(|status| status.exit_code())));
        let exit_code = exited.recv_timeout(TIMEOUT).ok().and_then(Result::ok);
        if exit_code.is_none() {
            let _ = killer.kill();
        }
        exit_code
    }

    /// Sends SIGKILL, to simulate a crash.
    pub fn kill(mut self) {
        self.child.kill().expect("the program runs");
        self.child.wait().expect("the program ends");
    }

    /// Waits for the program to exit. Returns its exit code and whether the terminal was restored.
    pub fn wait(mut self) -> (u32, bool) {
        let status = self.child.wait().expect("the program ends");
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_secs(1)) {
            self.screen.process(&bytes);
        }
        let screen = self.screen.screen();
        let has_mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
        (status.exit_code(), !screen.alternate_screen() && !screen.hide_cursor() && !has_mouse)
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("the signal is sent");
    }

    /// Changes the screen like another program.
    pub fn is_written_to(&mut self, output: &str) {
        self.screen.process(output.as_bytes());
    }

    /// Sets the terminal to the modes of a shell.
    pub fn is_set_by_shell(&self) {
        let terminal = self.terminal();
        let mut modes = rustix::termios::tcgetattr(&terminal).expect("modes");
        modes.local_modes |= rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO;
        rustix::termios::tcsetattr(&terminal, rustix::termios::OptionalActions::Now, &modes).expect("modes are set");
    }

    pub fn is_raw(&self) -> bool {
        let modes = rustix::termios::tcgetattr(self.terminal()).expect("modes");
        !modes.local_modes.contains(rustix::termios::LocalModes::ICANON)
    }

    fn terminal(&self) -> std::fs::File {
        let name = self.master.tty_name().expect("a name");
        std::fs::OpenOptions::new().read(true).write(true).open(name).expect("the terminal")
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Writes a dataset with these captions and an image per record, and returns its path.
pub fn dataset(folder: &Path, captions: &[&str]) -> PathBuf {
    std::fs::create_dir_all(folder.join("images")).expect("a folder");
    let mut lines = String::new();
    for (number, caption) in captions.iter().enumerate() {
        let name = format!("images/{number}.png");
        let colour = u8::try_from(40 * (number % 6)).expect("a small number");
        let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([200, colour, 90]));
        picture.save(folder.join(&name)).expect("a picture");
        let line = serde_json::json!({"file_name": name, "text": caption, "brand": "Nähe"});
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    let path = folder.join("metadata.jsonl");
    std::fs::write(&path, lines).expect("a dataset");
    path
}

/// Returns the captions in a saved file, in dataset order; `None` for records that it does not contain.
pub fn captions(file: &Path, records: usize) -> Vec<Option<String>> {
    let text = std::fs::read_to_string(file).expect("a saved file");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    (0..records)
        .map(|number| {
            let name = format!("images/{number}.png");
            let line = lines.iter().find(|line| line["file_name"] == name)?;
            assert_eq!(line["brand"], "Nähe", "other fields are kept");
            line["text"].as_str().map(ToOwned::to_owned)
        })
        .collect()
}

/// Returns the words of the rightmost pane with single spaces, without the bar beside the selected caption.
fn caption_pane(screen: &str) -> String {
    let words = screen
        .lines()
        .filter_map(|line| line.rsplit_once('│'))
        .flat_map(|(_, pane)| pane.trim_start_matches('▎').split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}
