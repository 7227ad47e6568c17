//! A dataset in a temporary folder, and runs of the program on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage};
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct World {
    folder: TempDir,
    endpoint: String,
}

impl World {
    pub fn new(images: u32, endpoint: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("images")).expect("a folder");
        let mut lines = String::new();
        for number in 0..images {
            let name = format!("images/{number}.png");
            let shade = u8::try_from(number % 200).expect("a shade");
            let image = RgbImage::from_pixel(30, 40, Rgb([shade, 120, 200]));
            image.save(folder.path().join(&name)).expect("an image file");
            lines += &json!({ "file_name": name, "text": format!("Old caption {number}.") }).to_string();
            lines.push('\n');
        }
        fs::write(folder.path().join("metadata.jsonl"), lines).expect("a dataset");
        Self { folder, endpoint: endpoint.to_owned() }
    }

    /// Returns the folder of the dataset.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the program in a clean environment: no settings, and only the test credentials.
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

    /// Returns the arguments of a run against the service. Sets a high rate by default, because learning one takes time.
    pub fn generate_arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let rate = if arguments.contains(&"--rpm") { &[][..] } else { &["--rpm", "6000"] };
        self.base_arguments().into_iter().chain(rate.iter().copied()).chain(arguments.iter().copied()).collect()
    }

    fn base_arguments(&self) -> [&str; 7] {
        ["generate", "--region", "us-east-1", "--endpoint-url", &self.endpoint, "--json", "--yes"]
    }

    /// Runs `recaption generate` and returns its JSON summary and exit code.
    pub async fn generate(&self, arguments: &[&str]) -> (Value, i32) {
        self.run(&self.generate_arguments(arguments)).await
    }

    /// Like [`World::generate`], but with the rate in `arguments`, or a learned one.
    pub async fn generate_at_rate(&self, arguments: &[&str]) -> (Value, i32) {
        let arguments: Vec<&str> = self.base_arguments().into_iter().chain(arguments.iter().copied()).collect();
        self.run(&arguments).await
    }

    /// Runs the program and returns its JSON output and exit code.
    pub async fn run(&self, arguments: &[&str]) -> (Value, i32) {
        let output = output_of(self.command(arguments)).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let table = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!({ "errors": errors }));
        (table, output.status.code().expect("an exit code"))
    }

    pub fn set_endpoint(&mut self, endpoint: &str) {
        endpoint.clone_into(&mut self.endpoint);
    }

    /// Returns the candidates in the session as (file name, text, model).
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

    /// Opens the database of the session.
    pub fn session(&self) -> rusqlite::Connection {
        let file: PathBuf = self.path().join(".recaption/metadata.sqlite");
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a session")
    }
}

/// Runs a command to its end without blocking the mock service.
pub async fn output_of(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("a child process")).await.expect("no panic")
}
