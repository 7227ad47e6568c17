//! A pseudo-terminal with the program in it, and a screen that understands what it writes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long anything may take on a loaded machine before the test gives up. No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(15);

/// The program, running in a terminal.
pub struct Reviewer {
    screen: vt100::Parser,
    output: Receiver<Vec<u8>>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    reader: JoinHandle<()>,
}

impl Reviewer {
    /// Starts `recaption ARGUMENTS` in a terminal of 100×30, with a home of its own and nothing of this machine's
    /// environment.
    pub fn start(home: &Path, arguments: &[&str]) -> Self {
        let size = PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_recaption"));
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("EDITOR", "sed -i s/One/Eins/");
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
        let mut reviewer = Self { screen, output, keyboard, master: pair.master, child, reader: listener };
        reviewer.answer_probe();
        reviewer
    }

    /// Plays a terminal without pictures: answers what every terminal answers, so that nothing waits for a deadline.
    fn answer_probe(&mut self) {
        let mut asked = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        // Primary device attributes are asked for last.
        while !contains(&asked, b"\x1b[c") && Instant::now() < deadline {
            let Ok(bytes) = self.output.recv_timeout(PATIENCE) else { break };
            self.screen.process(&bytes);
            asked.extend(bytes);
        }
        self.press("\x1b[?62;22c");
    }

    /// Presses keys, as the bytes a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the program reads keys");
        self.keyboard.flush().expect("the program reads keys");
    }

    /// Waits until the screen fulfils a condition.
    pub fn until(&mut self, what: &str, condition: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.contents()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("waited for {what}; the screen says:\n{}", self.contents());
                }
            }
        }
    }

    /// Waits until the screen shows a text.
    pub fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.contains(text));
    }

    /// What the screen says.
    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        self.screen.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("a new size");
    }

    /// Takes the terminal away, and gives the program's exit code if it ended within the test's patience.
    pub fn hang_up(self) -> Option<u32> {
        let Self { output, mut keyboard, master, mut child, reader, .. } = self;
        // The reader has the terminal too. It leaves when it has something to tell and nobody listens.
        drop(output);
        keyboard.write_all(b"?").expect("the program reads keys");
        reader.join().expect("the reader ends");
        drop((keyboard, master));
        let (sender, ended) = channel();
        let mut killer = child.clone_killer();
        thread::spawn(move || sender.send(child.wait().map(|status| status.exit_code())));
        let ended = ended.recv_timeout(PATIENCE).ok().and_then(Result::ok);
        if ended.is_none() {
            let _ = killer.kill();
        }
        ended
    }

    /// Kills the program as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("the program runs");
        self.child.wait().expect("the program ends");
    }

    /// Waits for the program to end, and gives its exit code and whether the terminal was given back.
    pub fn wait(mut self) -> (u32, bool) {
        let status = self.child.wait().expect("the program ends");
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_secs(1)) {
            self.screen.process(&bytes);
        }
        (status.exit_code(), !self.screen.screen().alternate_screen() && !self.screen.screen().hide_cursor())
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A dataset in a folder of its own, with pictures that are there.
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

/// The captions in a file, `None` for records that are not there.
pub fn captions(file: &Path, names: usize) -> Vec<Option<String>> {
    let text = std::fs::read_to_string(file).expect("a saved file");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    (0..names)
        .map(|number| {
            let name = format!("images/{number}.png");
            let line = lines.iter().find(|line| line["file_name"] == name)?;
            assert_eq!(line["brand"], "Nähe", "other members are kept");
            line["text"].as_str().map(ToOwned::to_owned)
        })
        .collect()
}
