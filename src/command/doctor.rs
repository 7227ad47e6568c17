//! `recaption doctor`: checks everything recaption needs and prints how to fix problems.

mod server;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::describer::DescriberSetup;
use super::input;
use crate::aws::{AwsError, Client, ConverseRequest, Identity};
use crate::console::{Console, Style, is_utf8_locale};
use crate::dataset::{Dataset, OpenOptions};
use crate::describe::Cost;
use crate::describe::bedrock::BedrockOptions;
use crate::describe::catalogue::Target;
use crate::describe::prompt::Prompt;
use crate::exit::ExitCode;
use crate::model_api::{ResponseEvent, Thinking};
use crate::preview::{self, Protocol, ProtocolChoice, Surroundings, Thumbnails};
use crate::session::{self, Location};
use crate::text::{counted, sanitize, thousands, without_password};

/// Variables that set a proxy, or exceptions from it.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

/// AWS rejects requests with a larger clock skew. See
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

pub struct DoctorOptions {
    pub dataset: Option<PathBuf>,
    pub open: OpenOptions,
    /// The session file; by default the one beside the dataset.
    pub session: Option<PathBuf>,
    pub describer: DescriberSetup,
    /// Send a request for one token to each model.
    pub probe: bool,
    pub pictures: ProtocolChoice,
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    /// Works, or is not needed.
    Warn,
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

/// Runs all checks and prints each result at once.
///
/// # Errors
/// Returns an error if output cannot be written, or if the async runtime or the terminal fails.
pub fn run(options: &DoctorOptions, out: &mut Console<'_>) -> io::Result<ExitCode> {
    let mut report = Report { out, json: options.json, access: false, worst: Level::Ok };
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

/// Prints results, one per line.
struct Report<'a, 'out> {
    out: &'a mut Console<'out>,
    json: bool,
    /// Credentials, access or a model failed.
    access: bool,
    worst: Level,
}

impl Report<'_, '_> {
    fn print(&mut self, topic: &str, level: Level, message: &str) -> io::Result<()> {
        self.worst = self.worst.max(level);
        if self.json {
            self.out.json(&json!({ "about": topic, "level": level.name(), "says": message }))?;
        } else {
            let style = match level {
                Level::Ok => Style::Green,
                Level::Warn => Style::Yellow,
                Level::Fail => Style::Red,
            };
            self.out.styled(style, format_args!("{:4}", level.name()))?;
            writeln!(self.out, "  {:12}  {}", sanitize(topic), sanitize(message))?;
        }
        self.out.flush()
    }

    /// Prints an error that makes the describer unusable.
    fn fail_access(&mut self, topic: &str, error: &dyn fmt::Display) -> io::Result<()> {
        self.access = true;
        self.print(topic, Level::Fail, &error.to_string())
    }
}

fn describer(options: &DoctorOptions, report: &mut Report<'_, '_>) -> io::Result<()> {
    if cfg!(feature = "local") {
        report.print("local", Level::Ok, "embedded describer built in; no account needed")?;
    }
    match &options.describer {
        DescriberSetup::Bedrock(bedrock) => {
            report.print("describer", Level::Ok, "bedrock")?;
            prompt(&bedrock.remote.prompt, report)?;
            let workers = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            workers.block_on(amazon(bedrock, options.probe, report))
        }
        DescriberSetup::Openai(openai) => {
            report.print("describer", Level::Ok, "openai")?;
            prompt(&openai.remote.prompt, report)?;
            let workers = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            workers.block_on(server::check(openai, options.probe, report))
        }
        DescriberSetup::Local => report.print(
            "describer",
            Level::Ok,
            "local; Bedrock is used if there are AWS credentials in the environment, the AWS configuration files or the \
             metadata of an EC2 instance, or with --describer bedrock",
        ),
        DescriberSetup::None => report.print("describer", Level::Warn, "none: describing is disabled"),
        DescriberSetup::Invalid(error) => {
            report.access = true;
            report.print("describer", Level::Fail, &error.to_string())
        }
    }
}

fn prompt(prompt: &Prompt, report: &mut Report<'_, '_>) -> io::Result<()> {
    let fields = prompt.fields();
    let uses = if fields.is_empty() { String::new() } else { format!("; fields it uses: {}", fields.join(", ")) };
    report.print("prompt", Level::Ok, &format!("{}{uses}", prompt.version()))
}

async fn amazon(bedrock: &BedrockOptions, probe: bool, report: &mut Report<'_, '_>) -> io::Result<()> {
    let client = match Client::connect(&bedrock.aws).await {
        Ok(client) => client,
        Err(error @ (AwsError::UnknownProfile { .. } | AwsError::InvalidConfig { .. })) => {
            return report.fail_access("profile", &error);
        }
        Err(error @ AwsError::InvalidCaBundle { .. }) => return report.fail_access("certificates", &error),
        Err(error) => return report.fail_access("region", &error),
    };
    let at = client.endpoint().map(|endpoint| format!(", endpoint {endpoint}")).unwrap_or_default();
    report.print("region", Level::Ok, &format!("{}{at}", client.region()))?;
    proxies(report)?;
    if !identity(&client, report).await? {
        return Ok(());
    }
    let targets = match bedrock.connected_targets(&client).await {
        Ok((targets, None)) => targets,
        Ok((targets, Some(reason))) => {
            report.print("model", Level::Warn, &format!("price unknown: {reason}"))?;
            targets
        }
        Err(error) => {
            report.access = true;
            return report.print("model", Level::Fail, &error.to_string());
        }
    };
    // A probe tells more than a list.
    let listed = if probe { Vec::new() } else { profiles(&client, report).await? };
    let mut responding = 0;
    let count = targets.len();
    for target in targets {
        let is_profile = target.model.as_ref().is_some_and(|model| model.callable_ids().contains(&target.id));
        if is_profile && !listed.is_empty() && !listed.contains(&target.id) {
            let message = format!("{}: {} is not offered in {}", target.name, target.id, client.region());
            report.print("model", Level::Warn, &message)?;
            continue;
        }
        responding += usize::from(model(&client, &target, probe, count > 1, report).await?);
    }
    if probe && responding == 0 {
        report.access = true;
        report.print(
            "model",
            Level::Fail,
            "no model responds: choose one with --model, or request access in the AWS console",
        )?;
    }
    Ok(())
}

/// Returns the inference profiles of the region, or none if they cannot be listed, which describers do not need.
async fn profiles(client: &Client, report: &mut Report<'_, '_>) -> io::Result<Vec<String>> {
    match client.inference_profiles().await {
        Ok(profiles) => Ok(profiles),
        Err(error) => {
            let message = format!("not known whether the region offers the models ({error}); --probe tries them");
            report.print("model", Level::Warn, &message)?;
            Ok(Vec::new())
        }
    }
}

/// Prints the proxies that requests go through.
fn proxies(report: &mut Report<'_, '_>) -> io::Result<()> {
    for name in PROXIES {
        // Programs read either spelling.
        let set = [name.to_owned(), name.to_lowercase()].into_iter().find_map(|name| {
            let value = std::env::var_os(&name).filter(|value| !value.is_empty())?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        if let Some((name, value)) = set {
            report.print("proxy", Level::Ok, &format!("{name}={}", without_password(&value)))?;
        }
    }
    Ok(())
}

/// Prints the identity of the credentials and the clock skew. Returns false if the credentials do not work.
async fn identity(client: &Client, report: &mut Report<'_, '_>) -> io::Result<bool> {
    let profile = client.profile().map(|name| format!(", profile {name}")).unwrap_or_default();
    match client.identity().await {
        Ok(Identity::ApiKey) => {
            report.print("credentials", Level::Ok, "a Bedrock API key (AWS_BEARER_TOKEN_BEDROCK)")?;
        }
        Ok(Identity::Principal { account, arn, server_time }) => {
            report.print("credentials", Level::Ok, &format!("account {account}, {arn}{profile}"))?;
            if let Some(server) = server_time {
                let off = Timestamp::now().duration_since(server).abs();
                let (level, message) = if off > MAX_CLOCK_SKEW {
                    (
                        Level::Fail,
                        format!(
                            "off by {} minutes: set the clock of this machine, or AWS rejects requests",
                            off.as_mins()
                        ),
                    )
                } else {
                    (Level::Ok, "accurate to a few minutes".to_owned())
                };
                report.print("clock", level, &message)?;
            }
        }
        Err(error) if error.is_of_credentials() => {
            report.fail_access("credentials", &error)?;
            return Ok(false);
        }
        // A network or a policy may block AWS STS, which describers do not need.
        Err(error) => report.print("credentials", Level::Warn, &format!("account unknown{profile}: {error}"))?,
    }
    Ok(true)
}

/// Prints the id, price and end of life of a model. If `probe` is true, returns true if the model responds.
async fn model(
    client: &Client,
    target: &Target,
    probe: bool,
    others: bool,
    report: &mut Report<'_, '_>,
) -> io::Result<bool> {
    let topic = "model";
    let name = &target.name;
    let end = target.model.as_ref().and_then(|model| model.end_of_life);
    let ended = end.is_some_and(|end| end < Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let price = target.price().unwrap_or_else(|| "price unknown: --budget cannot be used with it".to_owned());
    if !probe {
        let (level, message) = match end {
            Some(end) if ended => (Level::Warn, format!("{name}: {}, retired since {end}", target.id)),
            Some(end) => (Level::Ok, format!("{name}: {}, {price}, retires {end}", target.id)),
            None => (Level::Ok, format!("{name}: {}, {price}", target.id)),
        };
        report.print(topic, level, &message)?;
        return Ok(false);
    }
    match responds(client, target).await {
        Ok(()) => {
            report.print(topic, Level::Ok, &format!("{name}: {} responds, {price}", target.id))?;
            Ok(true)
        }
        Err(error) if others => {
            report.print(topic, Level::Warn, &format!("{name}: {error}"))?;
            Ok(false)
        }
        Err(error) => {
            report.fail_access(topic, &error)?;
            Ok(false)
        }
    }
}

/// Sends a request for one token: only a response proves access.
async fn responds(client: &Client, target: &Target) -> Result<(), AwsError> {
    let request = ConverseRequest {
        model: target.id.clone(),
        system: None,
        text: "Answer with one word: yes.".to_owned(),
        image: None,
        max_tokens: 1,
        temperature: None,
        thinking: Thinking::ModelDefault,
        structure: None,
    };
    let mut stream = client.converse(request).await?;
    while !matches!(stream.next().await?, ResponseEvent::Finished { .. }) {}
    Ok(())
}

fn dataset(options: &DoctorOptions, path: &Path, report: &mut Report<'_, '_>) -> io::Result<()> {
    let dataset = match Dataset::open(path, &options.open) {
        Ok(dataset) => dataset,
        Err(error) => return report.print("dataset", Level::Fail, &error.to_string()),
    };
    if let Err(error) = dataset.build_index(&mut |_| ControlFlow::Continue(())) {
        return report.print("dataset", Level::Fail, &error.to_string());
    }
    let records = counted(dataset.record_count().into(), "record", "records");
    report.print("dataset", Level::Ok, &format!("{}: {records}; `recaption check` checks them", path.display()))?;
    let location = match Location::find(dataset.path(), dataset.caption_field(), options.session.as_deref()) {
        Ok(location) => location,
        Err(error) => return report.print("session", Level::Fail, &error.to_string()),
    };
    thumbnails(&location, report)?;
    let file = location.file().display().to_string();
    match session::open_read_only(&location, &dataset) {
        Err(error) => report.print("session", Level::Fail, &error.to_string()),
        Ok(opened) => {
            let touched = opened.ledger.touched().count() as u64;
            let spent: Cost = opened.spending.iter().map(|spending| spending.usage.cost).sum();
            let spent = if spent == Cost::UNKNOWN { "an unknown cost".to_owned() } else { format!("{spent} spent") };
            let message = format!("{file}: {} touched, {spent}", counted(touched, "record", "records"));
            report.print("session", Level::Ok, &message)?;
            let mut notes = Vec::new();
            input::report(&opened, &location, &mut notes)?;
            for note in String::from_utf8_lossy(&notes).lines() {
                report.print("session", Level::Warn, note)?;
            }
            Ok(())
        }
    }
}

/// Prints the location and the size of the thumbnail cache.
fn thumbnails(location: &Location, report: &mut Report<'_, '_>) -> io::Result<()> {
    let Some(folder) = location.thumbnails() else {
        return report.print(
            "thumbnails",
            Level::Warn,
            "disabled: no cache folder, because the home folder is unknown",
        );
    };
    let shown = folder.display().to_string();
    let kept = Thumbnails::new(folder);
    let (files, bytes) = kept.usage();
    let (files, limit) = (counted(files, "file", "files"), thousands(kept.max_bytes()));
    let message = format!("{shown}: {files}, {}B of {limit}B at most; may be deleted at any time", thousands(bytes));
    report.print("thumbnails", Level::Ok, &message)
}

fn terminal(options: &DoctorOptions, report: &mut Report<'_, '_>) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return report.print("terminal", Level::Warn, "standard output is not a terminal: capabilities not checked");
    }
    if !is_utf8_locale() {
        let fix =
            "the locale is not UTF-8: the reviewer draws with ASCII characters; set LANG=C.UTF-8, or ascii = false";
        report.print("locale", Level::Warn, fix)?;
    }
    if std::env::var_os("STY").is_some() {
        let fix = "GNU screen delays Esc by 300 ms: add `maptimeout 10` to ~/.screenrc";
        report.print("screen", Level::Warn, fix)?;
    }
    crossterm::terminal::enable_raw_mode()?;
    let probe = preview::probe(Duration::from_millis(400), Surroundings::Shell);
    crossterm::terminal::disable_raw_mode()?;
    let name = probe.capabilities.terminal.clone().unwrap_or_else(|| "unknown terminal".to_owned());
    let Some(capabilities) = probe.capabilities.with_choice(options.pictures) else {
        return report.print("pictures", Level::Warn, &format!("{name}: off (--image-protocol none)"));
    };
    let protocol = match capabilities.protocol {
        Protocol::Kitty => "the kitty protocol",
        Protocol::Iterm => "iTerm2's protocol",
        Protocol::Sixel => "sixel",
        Protocol::Blocks => "half blocks",
    };
    let message =
        format!("{name}: {protocol}, cells of {}×{} pixels", capabilities.cell.width, capabilities.cell.height);
    report.print("pictures", Level::Ok, &message)?;
    if preview::tmux_blocks_passthrough() {
        let fix = "tmux blocks images: run `tmux set -g allow-passthrough on` and restart recaption";
        report.print("pictures", Level::Warn, fix)?;
    }
    Ok(())
}
