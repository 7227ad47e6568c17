//! A review of many records in the real program, through a pseudo-terminal: open, move, filter, change all captions, undo, save
//! and reopen. Every key is timed, from the key to the end of the next frame, and the memory is sampled.
//!
//! `cargo bench --bench scripted_session [-- FOLDER [RECORDS]]`: FOLDER (default: the current one) should be on a real disk with
//! room for four times the dataset, which has 335 bytes for each of RECORDS (default: ten million). Without `--bench` (as in
//! `cargo test --benches`) there are few records.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The end of a frame: of a synchronized update.
const FRAME: &[u8] = b"\x1b[?2026l";
/// Only a failure waits this long.
const LIMIT: Duration = Duration::from_mins(3);
/// A key should not wait longer.
const BLOCKED: Duration = Duration::from_millis(60);

fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--bench");
    arguments.retain(|argument| !argument.starts_with("--"));
    let folder = tempfile::tempdir_in(arguments.first().map_or(".", String::as_str))?;
    let records = match arguments.get(1) {
        Some(records) => records.parse()?,
        None => {
            if full {
                10_000_000
            } else {
                3_000
            }
        }
    };
    let path = folder.path().join("d.jsonl");
    let red = generate(&path, records)?;
    println!("{records} records, {} MB", fs::metadata(&path)?.len() / 1_000_000);
    let lines = count_lines(&path)?;
    let copied = copy(&path, &folder.path().join("copy"))?;

    let mut review = Review::start(&path, folder.path())?;
    let indexed = review.wait("the count", |screen| screen.contains(&format!("0/{records} reviewed")))?;
    review.report("open to full count", indexed, Some(("wc -l", lines)));
    // The check of lines and images runs from here on.
    review.keys("moving during the check", &["j", "j", "k", "\x06", "\x02", "G", "k", "g", "g"], 30)?;
    let filtered = review.run("fred coat\r", "the matches", |screen| screen.contains(&format!("/{red} ")))?;
    review.report("filter", filtered, None);
    review.keys("moving in the filter", &["j", "\x06", "G", "k"], 20)?;
    review.press("F")?;
    let changed = review.run(":%s/vintage/retro/\r", "the preview", |screen| {
        screen.contains(&format!("{records} of {records} captions"))
    })?;
    review.report("preview of a change of all captions", changed, Some(("wc -l", lines)));
    let applied = review.run("\r", "the change", |screen| screen.contains(&format!("changed {records} captions")))?;
    review.report("change on the screen", applied, None);
    review.keys("moving while it is stored", &["j", "k"], 200)?;
    let undone = review.run("u", "the undo", |screen| screen.contains("undid: "))?;
    review.report("undo", undone, None);
    let redone = review.run("U", "the redo", |screen| screen.contains("redid: "))?;
    review.report("redo", redone, None);
    let saved = review.run("\x13", "the save", |screen| screen.contains("captions changed"))?;
    review.report("save, after the session has stored the change", saved, Some(("cp and fsync", copied)));
    review.keys("moving after the save", &["j", "\x06", "G", "k", "g", "g"], 20)?;
    review.quit()?;

    let mut review = Review::start(&path, folder.path())?;
    let opened = review.wait("the session", |screen| {
        screen.contains(&format!("0/{records} reviewed")) && screen.contains("changed by :s")
    })?;
    review.report("reopen to the changed captions", opened, Some(("wc -l", lines)));
    review.quit()
}

/// Returns the number of red coats.
fn generate(path: &Path, records: u32) -> Outcome<usize> {
    let mut file = BufWriter::new(File::create(path)?);
    let colours = ["red", "blue", "black", "white", "beige", "green", "grey"];
    let colour = |number: u32| colours[(number.wrapping_mul(2_654_435_761) >> 16) as usize % colours.len()];
    for number in 0..records {
        let colour = colour(number);
        writeln!(
            file,
            "{{\"file_name\": \"images/street_{number:020}.jpg\", \"text\": \"Young person with long black hair, wearing \
             a white beanie, {colour} coat number {number}, vintage t-shirt, light blue wide-leg pants and sneakers. \
             Standing confidently on an urban street, brick wall background. Casual street style for cool weather, \
             comfortable and relaxed.\"}}"
        )?;
    }
    file.into_inner()?.sync_all()?;
    Ok((0..records).filter(|number| colour(*number) == "red").count())
}

/// Counts newlines like `wc -l`.
fn count_lines(path: &Path) -> Outcome<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let (mut file, mut block, mut lines) = (File::open(path)?, vec![0; 256 * 1024], 0);
        while let read @ 1.. = file.read(&mut block)? {
            lines += memchr::memchr_iter(b'\n', &block[..read]).count();
        }
        std::hint::black_box(lines);
        best = best.min(begun.elapsed());
    }
    Ok(best)
}

fn copy(from: &Path, to: &Path) -> Outcome<Duration> {
    let begun = Instant::now();
    fs::copy(from, to)?;
    File::open(to)?.sync_all()?;
    let copied = begun.elapsed();
    fs::remove_file(to)?;
    Ok(copied)
}

/// The program in a terminal of 200×50.
struct Review {
    screen: vt100::Parser,
    output: Receiver<Vec<u8>>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    begun: Instant,
}

impl Review {
    fn start(dataset: &Path, home: &Path) -> Outcome<Self> {
        let pair = native_pty_system().openpty(PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 })?;
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_recaption"));
        command.args(["--describer", "none"]);
        command.arg(dataset);
        command.env_clear();
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command)?;
        let mut reader = pair.master.try_clone_reader()?;
        let mut keyboard = pair.master.take_writer()?;
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        // The answers to the capability queries of a terminal without graphics.
        keyboard.write_all(b"\x1b[3;2R\x1b[?62;22c")?;
        let screen = vt100::Parser::new(50, 200, 0);
        Ok(Self { screen, output, keyboard, child, _master: pair.master, begun })
    }

    fn press(&mut self, keys: &str) -> Outcome<()> {
        self.keyboard.write_all(keys.as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// Waits for a screen. Returns the time since the program was started.
    fn wait(&mut self, what: &str, is_shown: impl Fn(&str) -> bool) -> Outcome<Duration> {
        let deadline = Instant::now() + LIMIT;
        while !is_shown(&self.screen.screen().contents()) {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(_) => return Err(format!("no {what} on the screen:\n{}", self.screen.screen().contents()).into()),
            }
        }
        Ok(self.begun.elapsed())
    }

    /// Presses keys and waits for a screen. Returns the time between.
    fn run(&mut self, keys: &str, what: &str, is_shown: impl Fn(&str) -> bool) -> Outcome<Duration> {
        self.settle(Duration::from_millis(100));
        let begun = Instant::now();
        self.press(keys)?;
        self.wait(what, is_shown)?;
        Ok(begun.elapsed())
    }

    /// Takes the output until there is none for a while, but not longer than a second.
    fn settle(&mut self, quiet: Duration) {
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            match self.output.recv_timeout(quiet) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Presses keys again and again, and reports the times to the next frames.
    fn keys(&mut self, what: &str, keys: &[&str], rounds: usize) -> Outcome<()> {
        let mut times = Vec::new();
        for key in (0..rounds).flat_map(|_| keys) {
            self.settle(Duration::from_millis(5));
            let begun = Instant::now();
            self.press(key)?;
            let mut seen = Vec::new();
            while !seen.windows(FRAME.len()).any(|window| window == FRAME) {
                let bytes = self.output.recv_timeout(LIMIT)?;
                self.screen.process(&bytes);
                seen.extend(bytes);
            }
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let at = |hundredth: usize| times[(times.len() - 1) * hundredth / 100];
        let blocked = times.iter().filter(|time| **time > BLOCKED).count();
        let (p50, p99, worst) = (at(50), at(99), at(100));
        println!(
            "{what}: {} keys, p50 {p50:.1?}, p99 {p99:.1?}, worst {worst:.1?}, {blocked} above {BLOCKED:.0?}; {}",
            times.len(),
            self.memory()
        );
        Ok(())
    }

    fn report(&self, what: &str, took: Duration, reference: Option<(&str, Duration)>) {
        let ratio = reference
            .map(|(name, time)| format!(", {:.2} × {name} ({time:.1?})", took.as_secs_f64() / time.as_secs_f64()));
        println!("{what}: {took:.1?}{}; {}", ratio.unwrap_or_default(), self.memory());
    }

    /// Returns the memory now and at the peak.
    fn memory(&self) -> String {
        let status = self.child.process_id().and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let mb = |field: &str| {
            let line = status.as_deref()?.lines().find_map(|line| line.strip_prefix(field))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
        };
        match (mb("VmRSS:"), mb("VmHWM:")) {
            (Some(now), Some(peak)) => format!("{now} MiB, peak {peak} MiB"),
            _ => "memory unknown".to_owned(),
        }
    }

    fn quit(mut self) -> Outcome<()> {
        self.press(":q!\r")?;
        while self.output.recv_timeout(LIMIT).is_ok() {}
        self.child.wait()?;
        Ok(())
    }
}
