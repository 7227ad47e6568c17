//! `recaption doctor`: looks at everything a run needs, and says of each thing whether it is well or what to do.

use std::io::{self, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::describer::DescriberSetup;
use super::input;
use crate::aws::{AwsError, Client, ConverseEvent, ConverseRequest, Identity, Thinking};
use crate::dataset::{Dataset, OpenOptions};
use crate::describe::Dollars;
use crate::describe::bedrock::BedrockOptions;
use crate::describe::catalogue::Target;
use crate::describe::prompt::VARIABLES;
use crate::exit::ExitCode;
use crate::preview::{self, Protocol, ProtocolChoice, Thumbnails};
use crate::session::{self, Location};
use crate::text::{counted, sanitize, thousands};

/// AWS refuses requests whose time is further off than this:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>
const MOST_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What `doctor` was asked for.
pub struct DoctorOptions {
    /// The dataset to look at, if any.
    pub dataset: Option<PathBuf>,
    /// How to read it.
    pub open: OpenOptions,
    /// Its session, if not beside it.
    pub session: Option<PathBuf>,
    /// Who would describe, and how Bedrock would be asked.
    pub describer: DescriberSetup,
    /// Ask each model for one token.
    pub probe: bool,
    /// How pictures are to be drawn.
    pub pictures: ProtocolChoice,
    /// Print JSON.
    pub json: bool,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Well.
    Ok,
    /// It works, or is not needed, but should be known.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// Looks at everything and says what it finds, as it finds it.
///
/// # Errors
/// When nothing can be said, or nothing can be asked.
pub fn run(options: &DoctorOptions, out: &mut dyn Write) -> io::Result<ExitCode> {
    let mut report = Report { out, json: options.json, colour: colours(), access: false, worst: Level::Ok };
    describer(options, &mut report)?;
    if let Some(path) = &options.dataset {
        dataset(options, path, &mut report)?;
    }
    terminal(options, &mut report)?;
    Ok(match (report.worst, report.access) {
        (Level::Fail, true) => ExitCode::Access,
        (Level::Fail, false) => ExitCode::Findings,
        _ => ExitCode::Done,
    })
}

/// Prints findings, a line each.
struct Report<'out> {
    out: &'out mut dyn Write,
    json: bool,
    colour: bool,
    /// Credentials, access or model do not work.
    access: bool,
    worst: Level,
}

impl Report<'_> {
    fn say(&mut self, about: &str, level: Level, says: &str) -> io::Result<()> {
        self.worst = self.worst.max(level);
        if self.json {
            writeln!(self.out, "{}", json!({ "about": about, "level": level.name(), "says": says }))?;
        } else {
            let (begin, end) = match (self.colour, level) {
                (false, _) => ("", ""),
                (true, Level::Ok) => ("\x1b[32m", "\x1b[0m"),
                (true, Level::Warn) => ("\x1b[33m", "\x1b[0m"),
                (true, Level::Fail) => ("\x1b[31m", "\x1b[0m"),
            };
            writeln!(self.out, "{begin}{:4}{end}  {:12}  {}", level.name(), sanitize(about), sanitize(says))?;
        }
        self.out.flush()
    }

    /// Something without which Bedrock cannot be asked.
    fn refused(&mut self, about: &str, error: &AwsError) -> io::Result<()> {
        self.access = true;
        self.say(about, Level::Fail, &error.to_string())
    }
}

fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn describer(options: &DoctorOptions, report: &mut Report<'_>) -> io::Result<()> {
    if cfg!(feature = "local") {
        report.say("local", Level::Ok, "the embedded describer is built in; it needs no account")?;
    }
    match &options.describer {
        DescriberSetup::Bedrock(bedrock) => {
            report.say("describer", Level::Ok, "bedrock")?;
            prompt(bedrock, report)?;
            let workers = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            workers.block_on(amazon(bedrock, options.probe, report))
        }
        DescriberSetup::Local => report.say(
            "describer",
            Level::Ok,
            "local; Bedrock is used where there are AWS credentials, or with --describer bedrock",
        ),
        DescriberSetup::None => report.say("describer", Level::Warn, "none: nothing can be described"),
        DescriberSetup::Invalid(error) => {
            report.access = true;
            report.say("describer", Level::Fail, &error.to_string())
        }
    }
}

fn prompt(bedrock: &BedrockOptions, report: &mut Report<'_>) -> io::Result<()> {
    let prompt = &bedrock.prompt;
    let members: Vec<&str> = prompt.variables().into_iter().filter(|name| !VARIABLES.contains(name)).collect();
    let asks =
        if members.is_empty() { String::new() } else { format!("; it uses of each record: {}", members.join(", ")) };
    report.say("prompt", Level::Ok, &format!("{}{asks}", prompt.version()))
}

async fn amazon(bedrock: &BedrockOptions, probe: bool, report: &mut Report<'_>) -> io::Result<()> {
    let client = match Client::connect(&bedrock.aws).await {
        Ok(client) => client,
        Err(error) => return report.refused("region", &error),
    };
    let at = client.endpoint().map(|endpoint| format!(", asked at {endpoint}")).unwrap_or_default();
    report.say("region", Level::Ok, &format!("{}{at}", client.region()))?;
    if !identity(&client, report).await? {
        return Ok(());
    }
    let targets = match bedrock.targets(client.region()) {
        Ok(targets) => targets,
        Err(error) => {
            report.access = true;
            return report.say("model", Level::Fail, &error.to_string());
        }
    };
    let mut answers = 0;
    let count = targets.len();
    for target in targets {
        answers += usize::from(model(&client, &target, probe, count > 1, report).await?);
    }
    if probe && answers == 0 {
        report.access = true;
        report.say(
            "model",
            Level::Fail,
            "no model answers: choose one with --model, or ask for access in the console",
        )?;
    }
    Ok(())
}

/// Whose credentials they are, and whether the clock is right. Says whether they are good.
async fn identity(client: &Client, report: &mut Report<'_>) -> io::Result<bool> {
    match client.identity().await {
        Ok(Identity::ApiKey) => {
            report.say("credentials", Level::Ok, "a Bedrock API key (AWS_BEARER_TOKEN_BEDROCK)")?;
        }
        Ok(Identity::Principal { account, arn, server_time }) => {
            report.say("credentials", Level::Ok, &format!("account {account}, {arn}"))?;
            if let Some(server) = server_time {
                let off = Timestamp::now().duration_since(server).abs();
                let (level, says) = if off > MOST_CLOCK_SKEW {
                    (Level::Fail, format!("{} minutes off: set this machine's clock, or AWS refuses it", off.as_mins()))
                } else {
                    (Level::Ok, "right to within a few minutes".to_owned())
                };
                report.say("clock", level, &says)?;
            }
        }
        Err(error) => {
            report.refused("credentials", &error)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is known of a model, and with a probe, whether it answers.
async fn model(
    client: &Client,
    target: &Target,
    probe: bool,
    others: bool,
    report: &mut Report<'_>,
) -> io::Result<bool> {
    let about = "model";
    let name = &target.name;
    let end = target.model.as_ref().and_then(|model| model.end_of_life);
    let ended = end.is_some_and(|end| end < Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let price = match target.model.as_ref().and_then(|model| model.price) {
        Some(price) => format!("${} in, ${} out for 1,000 tokens", price.input.exact(), price.output.exact()),
        None => "no price known: --budget cannot be kept with it".to_owned(),
    };
    if !probe {
        let (level, says) = match end {
            Some(end) if ended => (Level::Warn, format!("{name}: {}, retired since {end}", target.id)),
            Some(end) => (Level::Ok, format!("{name}: {}, {price}, to be retired {end}", target.id)),
            None => (Level::Ok, format!("{name}: {}, {price}", target.id)),
        };
        report.say(about, level, &says)?;
        return Ok(false);
    }
    match answers(client, target).await {
        Ok(()) => {
            report.say(about, Level::Ok, &format!("{name}: {} answers, {price}", target.id))?;
            Ok(true)
        }
        Err(error) if others => {
            report.say(about, Level::Warn, &format!("{name}: {error}"))?;
            Ok(false)
        }
        Err(error) => {
            report.refused(about, &error)?;
            Ok(false)
        }
    }
}

/// Asks a model for one token: only an answer shows that it can be asked.
async fn answers(client: &Client, target: &Target) -> Result<(), AwsError> {
    let request = ConverseRequest {
        model: target.id.clone(),
        text: "Answer with one word: yes.".to_owned(),
        image: None,
        max_tokens: 1,
        temperature: None,
        thinking: Thinking::ModelDefault,
    };
    let mut stream = client.converse(request).await?;
    while !matches!(stream.next().await?, ConverseEvent::Finished { .. }) {}
    Ok(())
}

fn dataset(options: &DoctorOptions, path: &Path, report: &mut Report<'_>) -> io::Result<()> {
    let dataset = match Dataset::open(path, &options.open) {
        Ok(dataset) => dataset,
        Err(error) => return report.say("dataset", Level::Fail, &error.to_string()),
    };
    if let Err(error) = dataset.build_index(&mut |_| ControlFlow::Continue(())) {
        return report.say("dataset", Level::Fail, &error.to_string());
    }
    let records = counted(dataset.record_count().into(), "record", "records");
    report.say("dataset", Level::Ok, &format!("{}: {records}; `recaption check` looks closer", path.display()))?;
    let location = match Location::find(dataset.path(), dataset.caption_field(), options.session.as_deref()) {
        Ok(location) => location,
        Err(error) => return report.say("session", Level::Fail, &error.to_string()),
    };
    thumbnails(&location, report)?;
    let file = location.file().display().to_string();
    match session::open_read_only(&location, &dataset) {
        Err(error) => report.say("session", Level::Fail, &error.to_string()),
        Ok(opened) => {
            let touched = opened.ledger.touched().count() as u64;
            let spent: Dollars = opened.spending.iter().map(|spending| spending.usage.cost).sum();
            let words = format!("{file}: {} touched, {} spent", counted(touched, "record", "records"), spent);
            report.say("session", Level::Ok, &words)?;
            let mut notes = Vec::new();
            input::report(&opened, &location, &mut notes)?;
            for note in String::from_utf8_lossy(&notes).lines() {
                report.say("session", Level::Warn, note)?;
            }
            Ok(())
        }
    }
}

/// Where thumbnails are kept, and how many.
fn thumbnails(location: &Location, report: &mut Report<'_>) -> io::Result<()> {
    let Some(folder) = location.thumbnails() else {
        return report.say(
            "thumbnails",
            Level::Warn,
            "not kept: there is no cache folder (no home directory is known)",
        );
    };
    let shown = folder.display().to_string();
    let kept = Thumbnails::new(folder);
    let (files, bytes) = kept.usage();
    let (files, limit) = (counted(files, "file", "files"), thousands(kept.max_bytes()));
    let says = format!("{shown}: {files}, {}B of {limit}B at most; it may be deleted at any time", thousands(bytes));
    report.say("thumbnails", Level::Ok, &says)
}

fn terminal(options: &DoctorOptions, report: &mut Report<'_>) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return report.say("terminal", Level::Warn, "standard output is no terminal: what it can draw was not asked");
    }
    crossterm::terminal::enable_raw_mode()?;
    let probe = preview::probe(Duration::from_millis(400));
    crossterm::terminal::disable_raw_mode()?;
    let name = probe.capabilities.terminal.clone().unwrap_or_else(|| "a terminal without a name".to_owned());
    let Some(capabilities) = probe.capabilities.with_choice(options.pictures) else {
        return report.say("pictures", Level::Warn, &format!("{name}: off (--image-protocol none)"));
    };
    let protocol = match capabilities.protocol {
        Protocol::Kitty => "the kitty protocol",
        Protocol::Iterm => "iTerm2's protocol",
        Protocol::Sixel => "sixel",
        Protocol::Blocks => "half blocks",
    };
    let says = format!(
        "{name}: drawn with {protocol}, cells of {}×{} pixels",
        capabilities.cell.width, capabilities.cell.height
    );
    report.say("pictures", Level::Ok, &says)?;
    if preview::tmux_blocks_passthrough() {
        let todo = "tmux lets no pictures through: `tmux set -g allow-passthrough on`, then start recaption again";
        report.say("pictures", Level::Warn, todo)?;
    }
    Ok(())
}
