//! File names and captions that contain escape sequences, bidirectional controls and invalid UTF-8: no command may print
//! them as they are.
#![cfg(target_os = "linux")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::RgbImage;
use proptest::prelude::*;
use recaption::text::hidden_characters;
use tempfile::TempDir;

/// ESC, a C1 control, a bidirectional override, a BEL and a byte that is not UTF-8.
const HOSTILE: &[u8] = b"\x1b[31mred\xc2\x9b1m\xe2\x80\xae\x07\xff";
/// The same within JSON.
const HOSTILE_JSON: &str = "\\u001b[31mred\\u009b1m\\u202e\\u0007";
const PICTURE: &str = "\u{1b}[31mred\u{9b}1m\u{202e}\u{7}.png";

struct World {
    home: TempDir,
    /// A folder with a hostile name.
    folder: PathBuf,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join(OsStr::from_bytes(HOSTILE));
        fs::create_dir(&folder).expect("a folder with a hostile name");
        let world = Self { home, folder };
        RgbImage::new(3, 2).save(world.folder.join(PICTURE)).expect("a picture");
        RgbImage::new(3, 2).save(world.folder.join("orphan\u{1b}[1m.png")).expect("a picture");
        world.write("lost.jsonl", "");
        let text = [
            format!("{{\"file_name\": \"{HOSTILE_JSON}.png\", \"text\": \"{HOSTILE_JSON} {HOSTILE_JSON}\"}}"),
            format!("{{\"file_name\": \"{HOSTILE_JSON}.png\", \"text\": 1, \"{HOSTILE_JSON}\": 1}}"),
            format!("{{\"file_name\": \"missing{HOSTILE_JSON}.png\", \"text\": \"the the {HOSTILE_JSON}\"}}"),
            format!("{{\"file_name\": \"../{HOSTILE_JSON}.png\", \"text\": \"a\"}}"),
            format!("{{\"file_name\": {{\"{HOSTILE_JSON}\": 1}}}}"),
            "{\u{1b}[31m".to_owned(),
        ];
        world.write("metadata.jsonl", &(text.join("\n") + "\n"));
        world.write(OsStr::from_bytes(&[HOSTILE, b".jsonl"].concat()), &(text[0].clone() + "\n"));
        world.write("list.txt", &format!("{PICTURE}\nnone{PICTURE}\n"));
        world.write("table.csv", &format!("file_name,text\n{PICTURE},{PICTURE}\n"));
        world
    }

    fn write(&self, name: impl AsRef<Path>, content: &str) {
        fs::write(self.folder.join(name), content).expect("written");
    }

    fn path(&self, name: impl AsRef<Path>) -> OsString {
        self.folder.join(name).into_os_string()
    }

    fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recaption"));
        let home = self.home.path();
        command
            .env_clear()
            .env("HOME", home)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RECAPTION_DESCRIBER", "local")
            .current_dir(&self.folder)
            .args(arguments)
            .stdin(Stdio::null());
        command.output().expect("recaption runs")
    }

    /// Runs a command and checks its output, if any.
    fn check_all(&self, arguments: &[&OsStr]) -> String {
        let output = self.run(arguments);
        let mut both = String::new();
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8(stream).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
            assert_eq!(hidden_characters(&text).next(), None, "{arguments:?}: {text:?}");
            both += &text;
        }
        assert!(!both.contains("panicked") && !both.contains("internal error"), "{arguments:?}: {both}");
        both
    }

    /// Runs a command and checks its output. Returns both streams.
    fn check<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> String {
        let arguments: Vec<OsString> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        let both = self.check_all(&arguments.iter().map(OsString::as_os_str).collect::<Vec<_>>());
        assert!(!both.is_empty(), "{arguments:?} prints nothing");
        both
    }
}

/// A command line: words, of which `@name` is a path in the folder with the hostile name.
fn arguments(world: &World, line: &str) -> Vec<OsString> {
    let expand = |word: &str| match word.strip_prefix('@') {
        Some("") => world.folder.clone().into_os_string(),
        Some("hostile") => world.path(OsStr::from_bytes(&[HOSTILE, b".jsonl"].concat())),
        Some(name) => world.path(name),
        None => word.into(),
    };
    line.split(' ').map(expand).collect()
}

#[test]
fn no_command_prints_control_characters() {
    let world = World::new();
    // A session with decisions to print.
    for line in [
        "check @",
        "check @hostile",
        "check @hostile --json",
        "check @ --json",
        "check .",
        "stats @",
        "stats @ --json",
        "stats @ @hostile",
        "stats @ @hostile --json",
        "stats @ --plan",
        "stats @ --report @report.md",
        "save @",
        "save @hostile",
        "save @ --output @metadata.jsonl",
        "merge @ @hostile",
        "merge @ @ --json",
        "doctor @",
        "doctor @ --json",
        "export @ --to csv -o @out.csv",
        "export @ --to csv -o @out.csv",
        "export @ --to jsonl -o @none/out.jsonl",
        "export @ --to parquet -o @out.parquet",
        "export @ --to txt",
        "export @ --to txt -o @texts",
        "export @hostile --to txt",
        "init @table.csv",
        "init --list @list.txt -o @from_list.jsonl",
        "init @",
        "show @\u{1b}[31mred\u{9b}1m\u{202e}\u{7}.png",
        "show @list.txt @none.png",
        "generate @ --dry-run",
        "generate @ --dry-run --json",
        "generate @hostile --describer none",
        "generate @ -n 1 --only lint",
        "config --json",
        "review @",
        "demo @demo",
        "demo @",
    ] {
        world.check(arguments(&world, line));
    }
}

#[test]
fn no_error_message_prints_control_characters() {
    let world = World::new();
    let missing = world.path(OsStr::from_bytes(&[b"no", HOSTILE].concat()));
    let missing = missing.as_os_str();
    let as_option = OsString::from_vec([b"--no", HOSTILE].concat());
    for command in ["check", "stats", "save", "doctor", "show", "generate", "init", "demo", "review"] {
        if command != "demo" {
            world.check([OsStr::new(command), missing]);
        }
        world.check([OsStr::new(command), as_option.as_os_str()]);
    }
    for (command, option) in [("export", "--to=csv"), ("merge", "other"), ("stats", "--report=x"), ("check", "--json")]
    {
        world.check([OsStr::new(command), missing, OsStr::new(option)]);
    }
    for option in ["--session", "--log", "--images"] {
        world.check([OsStr::new("save"), OsStr::new("."), OsStr::new(option), missing]);
    }
    for variable in ["--config", "--theme", "--describer"] {
        world.check([OsStr::new("check"), OsStr::new("."), OsStr::new(variable), missing]);
    }
    world.check([missing]);
    world.check([as_option.as_os_str()]);
}

#[test]
fn a_line_break_in_a_file_name_does_not_start_a_line() {
    let world = World::new();
    let both = world.check(["check", "no\nrecaption: all is well"]);
    assert_eq!(both.lines().count(), 1, "{both}");
}

#[test]
fn exported_data_and_generated_scripts_are_exact() {
    let world = World::new();
    let dataset = world.path(OsStr::from_bytes(&[HOSTILE, b".jsonl"].concat()));
    let export = |to: &str| world.run([OsStr::new("export"), &dataset, OsStr::new("--to"), OsStr::new(to)]).stdout;
    let jsonl = String::from_utf8(export("jsonl")).expect("text");
    assert_eq!(jsonl, fs::read_to_string(&dataset).expect("the dataset"));
    let csv = String::from_utf8(export("csv")).expect("text");
    assert!(csv.contains("\u{1b}[31mred\u{9b}1m\u{202e}\u{7}.png"), "{csv:?}");
    assert!(String::from_utf8(world.run(["man"]).stdout).expect("text").starts_with(".ie"));
    assert!(!world.run(["completions", "bash"]).stdout.is_empty());
}

#[test]
fn json_has_the_exact_names() {
    let world = World::new();
    let output = world.run([OsStr::new("check"), world.folder.as_os_str(), OsStr::new("--json")]);
    let text = String::from_utf8(output.stdout).expect("text");
    let names = text.lines().filter_map(|line| {
        let finding: serde_json::Value = serde_json::from_str(line).expect("JSON");
        finding["file_name"].as_str().map(str::to_owned)
    });
    assert!(names.into_iter().any(|name| name == PICTURE), "{text}");
}

/// Any bytes, most of them control characters, parts of escape sequences, or invisible. Without NUL, which neither a file
/// name nor an argument can contain.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => prop::sample::select(vec![
            &b"\x1b[31m"[..], b"\x1b]0;t\x07", b"\x1bP1$r\x1b\\", b"\xc2\x9b2J", b"\xe2\x80\xae", b"\xe2\x80\x8b",
            b"\xef\xbb\xbf", b"\r", b"\n", b"\t", b"\x08", b"\x7f", b"\xff", b"\xed\xa0\x80", b"%s", b"\"", b"=", b"--",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(1..=u8::MAX, 1..4),
        2 => "[a-z가-힣]{1,3}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is in a text, a name, an argument, a setting or a file, no stream and no log shows it as it is.
    #[test]
    fn any_bytes_are_inert_on_every_stream(bytes in hostile_bytes()) {
        let world = World::new();
        let name: Vec<u8> = bytes.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }).take(100).collect();
        let name = OsStr::from_bytes(&name);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::Value::from(text.as_str()).to_string();
        let line = format!("{{\"file_name\": {json}, \"text\": {json}, {json}: {json}}}\n");
        world.write("any.jsonl", &line);
        fs::write(world.folder.join("raw.jsonl"), [&bytes[..], b"\n{\"file_name\": \"", &bytes, b"\"}\n"].concat())
            .expect("written");
        fs::write(world.folder.join("raw.csv"), [b"file_name,text\n", &bytes[..], b",", &bytes, b"\n"].concat())
            .expect("written");
        let config = world.home.path().join(".config/recaption");
        fs::create_dir_all(&config).expect("a folder");

        let any = world.path("any.jsonl");
        let argument = OsStr::from_bytes(&bytes);
        let run = |words: &[&OsStr]| world.check_all(words);
        let word = OsStr::new;
        for command in ["check", "stats", "save", "doctor", "show", "generate", "init", "merge", "export"] {
            run(&[word(command), argument]);
            run(&[word(command), &any, argument]);
        }
        for dataset in ["any.jsonl", "raw.jsonl"] {
            let dataset = world.path(dataset);
            for line in ["check", "check --json", "stats --json", "generate --dry-run", "export --to txt -o texts"] {
                let mut words = line.split(' ').map(word).collect::<Vec<_>>();
                words.insert(1, &dataset);
                run(&words);
            }
        }
        run(&[word("init"), &world.path("raw.csv")]);
        for option in ["--session", "--output", "--caption-field", "--images"] {
            run(&[word("save"), &any, word(option), name]);
        }
        for option in ["--log", "--prompt", "--model", "--region", "--endpoint-url", "--language", "--budget", "--only"] {
            run(&[word("generate"), &any, word("--dry-run"), word(option), argument]);
        }
        run(&[word("generate"), &any, word("--accept"), word("--describer"), word("local"), word("--log"), word("a.log"), word("-vv")]);
        // Settings and keys from files.
        for (file, content) in [
            ("config.toml", [b"language = \"", &bytes[..], b"\"\n"].concat()),
            ("config.toml", [&bytes[..], b" = 1\n"].concat()),
            ("keymap.toml", [b"[review]\n\"", &bytes[..], b"\" = \"", &bytes, b"\"\n"].concat()),
        ] {
            fs::write(config.join(file), content).expect("written");
            run(&[word("config")]);
            run(&[word("config"), word("--json")]);
            run(&[word("check"), &any]);
            fs::remove_file(config.join(file)).expect("removed");
        }
        if let Ok(log) = fs::read(world.folder.join("a.log")) {
            let log = String::from_utf8(log).expect("UTF-8");
            prop_assert_eq!(hidden_characters(&log).next(), None, "{:?}", log);
        }
    }
}
