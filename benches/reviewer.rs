//! The latency from key to frame with 10 and with 10 million records, in memory, and the time to the first frame of the real
//! program.
//!
//! `cargo bench --bench reviewer`

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use recaption::dataset::{Dataset, Entry, OpenOptions, RecordId};
use recaption::describe::{Detail, Dollars, JobId, Priority};
use recaption::engine::EngineEvent;
use recaption::engine::JobEvent;
use recaption::lint::Rules;
use recaption::review::{Command, Effect, Job, JobState, Model, Msg, Order, Settings, SortScan, update};
use recaption::tui::layout::{Inputs, Layout};
use recaption::tui::view::{self, RenderContext};
use recaption::tui::{ColourScheme, Keymap, Theme};

const KEYS: usize = 2_000;

fn main() {
    println!("key to finished frame, 200×50 ({KEYS} keys: j, page down, accept, undo, end, top)");
    let small = keys(10, 0, Scene::List);
    let large = keys(10_000_000, 0, Scene::List);
    let busy = keys(10_000_000, 20, Scene::List);
    let sorted = keys(10_000_000, 0, Scene::Sorted);
    let sheet = keys(10_000_000, 0, Scene::Sheet);
    for (name, times) in [
        ("10 records", &small),
        ("10 million", &large),
        ("… 20 streams", &busy),
        ("… sorted", &sorted),
        ("… as a sheet", &sheet),
    ] {
        println!("  {name:<12} p50 {:>7.0?}  p99 {:>7.0?}", at(times, 0.5), at(times, 0.99));
    }
    println!("  ratio p50 {:.2}", at(&large, 0.5).as_secs_f64() / at(&small, 0.5).as_secs_f64());

    println!("start to first frame, through a pseudo-terminal (median of 15)");
    let folder = tempfile::tempdir().expect("a folder");
    for records in [10, 100_000, 2_000_000] {
        let path = folder.path().join(format!("{records}.jsonl"));
        write_dataset(&path, records);
        println!("  {records:>9} records {:>7.1?}", first_frame(&path));
    }
    full_count(folder.path());
}

/// Prints the time from the start to the full count on the screen as a ratio to `wc -l`.
fn full_count(folder: &Path) {
    const RECORDS: u32 = 2_000_000;
    let path = folder.join(format!("{RECORDS}.jsonl"));
    let (mut wc, mut shown) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        let begun = Instant::now();
        let counted = std::process::Command::new("wc").arg("-l").arg(&path).output().expect("wc");
        wc = wc.min(begun.elapsed());
        assert!(counted.status.success());
        shown = shown.min(until(&path, format!("0/{RECORDS} reviewed").as_bytes()));
    }
    let ratio = shown.as_secs_f64() / wc.as_secs_f64();
    println!("start to full count of {RECORDS} records {shown:.1?}; wc -l: {wc:.1?}; ratio {ratio:.2} (target 1.3)");
}

fn at(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = (share * (times.len() - 1) as f64) as usize;
    times[index]
}

#[derive(Clone, Copy, PartialEq)]
enum Scene {
    List,
    /// The list, sorted. Also prints the time to apply the order.
    Sorted,
    /// The contact sheet, without thumbnails.
    Sheet,
}

fn settings() -> Settings {
    Settings {
        output: "out.jsonl".to_owned(),
        dataset: "bench".to_owned(),
        writes_objects: false,
        describer: None,
        levels_of_detail: false,
        rules: Rules::default(),
        ahead: 3,
        price: None,
        ahead_agreed: false,
        confirm_above: Dollars::default(),
        keep_line_breaks: false,
        sample: None,
        verifier: None,
        no_verifier: String::new(),
    }
}

/// Measures each key from the action to the drawn frame. Records come from memory, so reading the dataset is not included.
/// Before each key, every one of `streams` running descriptions delivers a word, which is processed first.
fn keys(records: u32, streams: u32, scene: Scene) -> Vec<Duration> {
    let line = sample();
    let mut model = Model::new(settings());
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).expect("a screen in memory");
    let keymap = Keymap::defaults().expect("the embedded keymap is valid");
    let theme = Theme::new(ColourScheme::Dark, false);
    let inputs = Inputs::of(&model, true);
    let viewports = Layout::viewports(Rect::new(0, 0, 200, 50), &inputs).expect("the screen is large enough");
    let zone = jiff::tz::TimeZone::UTC;
    let backwards = (scene == Scene::Sorted).then(|| Arc::new(Order::new((0..records).rev().map(RecordId).collect())));
    let mut send = |model: &mut Model, msg: Msg| {
        let mut messages = vec![msg];
        while let Some(msg) = messages.pop() {
            for effect in update(model, msg) {
                match effect {
                    Effect::Load(wanted) => {
                        let entries = wanted.iter().map(|id| at_place(&line, *id)).collect();
                        messages.push(EngineEvent::Lines { entries, texts: Vec::new() }.into());
                    }
                    Effect::Sort(SortScan { id, .. }) => {
                        messages.extend(backwards.clone().map(|order| Msg::Sorted { id, order }));
                    }
                    Effect::Store(step) => {
                        messages.push(EngineEvent::Durable(step.last(), Timestamp::UNIX_EPOCH).into());
                    }
                    _ => {}
                }
            }
        }
        let render = RenderContext {
            theme: &theme,
            keymap: &keymap,
            text_field: None,
            pending: &[],
            pictures: true,
            zone: &zone,
        };
        terminal.draw(|frame| _ = view::draw(frame, model, render, None)).expect("a screen in memory");
    };
    send(&mut model, Msg::Resized(Box::new(viewports)));
    send(&mut model, EngineEvent::Indexed { records, complete: true }.into());
    let opened = Box::default();
    send(&mut model, EngineEvent::SessionOpened { opened, remark: None, read_only: None }.into());
    match scene {
        Scene::List => {}
        Scene::Sheet => send(&mut model, Msg::Command(Command::Sheet)),
        Scene::Sorted => {
            let begun = Instant::now();
            send(&mut model, Msg::Command(Command::SortName));
            println!("  an order of {records} records taken in {:.0?}", begun.elapsed());
        }
    }
    for record in 0..streams {
        let job = Job {
            id: stream(record),
            priority: Priority::Bulk,
            detail: Detail::default(),
            state: JobState::Queued,
            reason: None,
            rejected: None,
            accept: false,
        };
        model.jobs.insert(RecordId(record), job);
    }
    let actions = [
        Command::Down,
        Command::PageDown,
        Command::Accept,
        Command::Undo,
        Command::TabToReview,
        Command::Bottom,
        Command::Top,
    ];
    (0..KEYS)
        .map(|number| {
            let begun = Instant::now();
            for record in 0..streams {
                let event = JobEvent::Delta("word ".to_owned());
                let msg = EngineEvent::Job {
                    job: stream(record),
                    record: RecordId(record),
                    event,
                    at: Timestamp::UNIX_EPOCH,
                };
                update(&mut model, msg.into());
            }
            send(&mut model, Msg::Command(actions[number % actions.len()]));
            begun.elapsed()
        })
        .collect()
}

fn stream(record: u32) -> JobId {
    JobId(1_000_000 + u64::from(record))
}

fn at_place(sample: &Entry, id: RecordId) -> Entry {
    match sample {
        Entry::Record(record) => {
            let mut record = record.clone();
            record.id = id;
            Entry::Record(record)
        }
        Entry::Bad(bad) => Entry::Bad(bad.clone()),
    }
}

fn sample() -> Entry {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metadata.jsonl");
    write_dataset(&path, 1);
    let dataset = Dataset::open(&path, &OpenOptions::default()).expect("a dataset");
    let mut first = None;
    dataset
        .scan(&mut |entry| {
            first = Some(entry);
            ControlFlow::Break(())
        })
        .expect("a line");
    first.expect("a record")
}

fn write_dataset(path: &Path, records: u32) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    for number in 0..records {
        let text = "Young person with long black hair, wearing a white beanie, beige puffer jacket and light blue wide-leg \
                    pants, sneakers. Standing confidently on an urban street, brick wall background.";
        writeln!(file, "{{\"file_name\": \"images/{number}.jpg\", \"text\": \"{text}\"}}").expect("written");
    }
}

/// Returns the median time from program start to the end of the first frame.
fn first_frame(dataset: &Path) -> Duration {
    let mut times: Vec<Duration> = (0..15).map(|_| one_first_frame(dataset)).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn one_first_frame(dataset: &Path) -> Duration {
    // The first frame is drawn before any terminal query.
    until(dataset, b"\x1b[?2026l")
}

/// Returns the time from program start to this output.
fn until(dataset: &Path, output: &[u8]) -> Duration {
    let size = PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_recaption"));
    command.arg(dataset);
    command.args(["--describer", "none", "--read-only"]);
    command.env("TERM", "xterm-256color");
    let mut reader = pair.master.try_clone_reader().expect("the output");
    let mut keyboard = pair.master.take_writer().expect("the input");
    let begun = Instant::now();
    let mut child = pair.slave.spawn_command(command).expect("the program starts");
    drop(pair.slave);
    let mut seen = Vec::new();
    let mut bytes = vec![0; 65_536];
    // The answer to the capability queries.
    let _ = keyboard.write_all(b"\x1b[?62;22c");
    while !seen.windows(output.len()).any(|window| window == output) {
        let count = reader.read(&mut bytes).expect("output");
        seen.extend_from_slice(&bytes[..count]);
    }
    let elapsed = begun.elapsed();
    let _ = keyboard.write_all(b":q!\r");
    let _ = child.kill();
    let _ = child.wait();
    elapsed
}
