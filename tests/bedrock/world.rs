//! A dataset, the program, and the service it asks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with pictures and their captions.
pub struct World {
    folder: TempDir,
    endpoint: String,
}

impl World {
    /// So many pictures whose service is at `endpoint`.
    pub fn new(pictures: u32, endpoint: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("images")).expect("a folder for pictures");
        let mut lines = String::new();
        for number in 0..pictures {
            let name = format!("images/{number}.png");
            let shade = u8::try_from(number % 200).expect("a shade");
            let picture = RgbImage::from_pixel(30, 40, Rgb([shade, 120, 200]));
            picture.save(folder.path().join(&name)).expect("a picture");
            lines += &json!({ "file_name": name, "text": format!("Old caption {number}.") }).to_string();
            lines.push('\n');
        }
        fs::write(folder.path().join("metadata.jsonl"), lines).expect("a dataset");
        Self { folder, endpoint: endpoint.to_owned() }
    }

    /// The dataset's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with these arguments, in a world of its own: no settings, no credentials but those of the test.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recaption"));
        let home = self.path().join("home");
        command
            .env_clear()
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The arguments of a run against the service. The pace is learned from below, and a test need not wait for that:
    /// unless it says another, there is hardly any.
    pub fn generating<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let pace = if arguments.contains(&"--rpm") { &[][..] } else { &["--rpm", "6000"] };
        self.asking().into_iter().chain(pace.iter().copied()).chain(arguments.iter().copied()).collect()
    }

    fn asking(&self) -> [&str; 7] {
        ["generate", "--region", "us-east-1", "--endpoint-url", &self.endpoint, "--json", "--yes"]
    }

    /// Runs `recaption generate` against the service and gives its table and its exit code.
    pub async fn generate(&self, arguments: &[&str]) -> (Value, i32) {
        self.run(&self.generating(arguments)).await
    }

    /// The same at the pace the arguments say, or at one that is learned.
    pub async fn generate_at(&self, arguments: &[&str]) -> (Value, i32) {
        let arguments: Vec<&str> = self.asking().into_iter().chain(arguments.iter().copied()).collect();
        self.run(&arguments).await
    }

    async fn run(&self, arguments: &[&str]) -> (Value, i32) {
        let output = finished(self.command(arguments)).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let table = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!({ "errors": errors }));
        (table, output.status.code().expect("it was not killed"))
    }

    /// Another service is asked from now on.
    pub fn ask(&mut self, endpoint: &str) {
        endpoint.clone_into(&mut self.endpoint);
    }

    /// The candidates in the session: record, text, model, prompt, tokens.
    pub fn candidates(&self) -> Vec<(String, String, String)> {
        let session = self.session();
        let mut statement = session
            .prepare(
                "SELECT subject.file_name, candidate.text, candidate.model FROM candidate
                 JOIN event ON event.seq = candidate.seq JOIN subject ON subject.id = event.subject
                 ORDER BY subject.position, candidate.seq",
            )
            .expect("a session");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("candidates");
        rows.collect::<Result<_, _>>().expect("candidates")
    }

    /// The session's database.
    pub fn session(&self) -> rusqlite::Connection {
        let file: PathBuf = self.path().join(".recaption/metadata.sqlite");
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a session")
    }
}

/// What a command says until it ends. The service it asks goes on meanwhile.
pub async fn finished(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("no panic")
}
