//! Runs the AVIF decoder in a subprocess: the only way to enforce a limit on memory and to survive an abort.
//!
//! The parent writes the length of the file (8 bytes, little endian) and the file to the subprocess's standard input, and
//! keeps the pipe open. The subprocess exits when the pipe closes, so it never outlives the parent. It writes its
//! response to standard output, see [`write_response`].

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic;
use std::path::PathBuf;
use std::process::{self, Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use image::DynamicImage;

use super::{MAX_PIXELS, broken, decode_in_process, to_pixels};
use crate::picture::decode::MAX_MEMORY;
use crate::picture::{PictureError, PictureFormat, catch_panic, clean_message};

/// The hidden argument that starts the program as a decoder. It is followed by the limits on memory, in bytes, and on CPU
/// time, in seconds.
const ARGUMENT: &str = "__decode-avif";

/// Address space for the program itself, its stacks and the converted pixels, in bytes.
const OVERHEAD: u64 = 384 * 1024 * 1024;

/// About three times as long as the largest picture takes.
const CPU_SECONDS: u64 = 30;

/// The limit on elapsed time, for a subprocess that hangs without using CPU time. Generous, because the machine may be
/// busy.
const TIMEOUT: Duration = Duration::from_mins(2);

/// How often the parent checks for cancellation and the timeout.
const TICK: Duration = Duration::from_millis(20);

/// The path of this program, if it can run as a decoder.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Runs the AVIF decoder if this process was started as one, and returns its exit code. Otherwise returns `None` and lets
/// this program start decoders. A program that wants AVIF decoded in a subprocess calls this first in `main`.
#[must_use = "a decoder process has to exit"]
pub fn decoder_process() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|argument| argument == ARGUMENT) {
        let mut limit = || arguments.next()?.to_str()?.parse().ok();
        let served = match (limit(), limit()) {
            (Some(memory), Some(cpu_seconds)) => serve(memory, cpu_seconds),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        return Some(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    // On Linux the link still works after an update replaced the file.
    let link = PathBuf::from("/proc/self/exe");
    if let Ok(program) = if link.exists() { Ok(link) } else { env::current_exe() } {
        let _ = PROGRAM.set(program);
    }
    None
}

/// Returns the command that decodes a file of this length, or `None` if this program cannot run as a decoder.
pub(super) fn command(bytes: usize) -> Option<Command> {
    let memory = MAX_MEMORY + OVERHEAD + 2 * bytes as u64;
    let mut command = Command::new(PROGRAM.get()?);
    command.args([ARGUMENT, &memory.to_string(), &CPU_SECONDS.to_string()]);
    Some(command)
}

/// Decodes a file with a subprocess. Always kills and reaps it before returning.
pub(super) fn decode(
    command: Command,
    bytes: &[u8],
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<DynamicImage, PictureError> {
    run(command, bytes, TIMEOUT, is_cancelled)
}

fn run(
    mut command: Command,
    bytes: &[u8],
    timeout: Duration,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<DynamicImage, PictureError> {
    let not_started = |error| PictureError::Io(clean_message(format_args!("cannot start the AVIF decoder: {error}")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Keeps ^C in the terminal from killing the decoder: the parent decides when to stop.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = Reaped(command.spawn().map_err(not_started)?);
    let (Some(mut stdin), Some(stdout)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Err(not_started(io::ErrorKind::BrokenPipe.into()));
    };
    let (finished, running) = mpsc::sync_channel(0);
    let watched = &mut child;
    let (response, stopped) = thread::scope(|scope| {
        let watchdog = thread::Builder::new()
            .name("avif-watchdog".to_owned())
            .spawn_scoped(scope, move || watch(watched, &running, timeout, is_cancelled))
            .map_err(not_started)?;
        // A decoder that stops reading early may still have responded.
        let _ = stdin.write_all(&(bytes.len() as u64).to_le_bytes()).and_then(|()| stdin.write_all(bytes));
        let response = read_response(BufReader::new(stdout));
        drop(finished);
        Ok((response, watchdog.join().unwrap_or(Some(PictureError::Cancelled))))
    })?;
    match (response, stopped) {
        (Ok(response), _) => response,
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(child.reap().map_or_else(not_started, crash))
        }
        (Err(error), None) => Err(broken(clean_message(format_args!("the decoder's response is invalid: {error}")))),
    }
}

/// Kills the child when it is cancelled or times out, and returns the reason. Returns `None` once `running` disconnects.
fn watch(
    child: &mut Reaped,
    running: &Receiver<()>,
    timeout: Duration,
    is_cancelled: &dyn Fn() -> bool,
) -> Option<PictureError> {
    // Counts ticks instead of reading a clock, which would also count the time during which the program is suspended.
    let mut left = timeout;
    while running.recv_timeout(TICK.min(left)) == Err(RecvTimeoutError::Timeout) {
        left = left.saturating_sub(TICK);
        let error = match () {
            () if is_cancelled() => PictureError::Cancelled,
            () if left.is_zero() => PictureError::TooSlow,
            () => continue,
        };
        // Fails only if it has exited.
        let _ = child.0.kill();
        return Some(error);
    }
    None
}

/// A subprocess that is killed and reaped when dropped.
struct Reaped(Child);

impl Reaped {
    /// Kills and reaps it. Returns its own status if it had exited before.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        let _ = self.0.kill();
        self.0.wait()
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.reap();
    }
}

/// Returns the error for a subprocess that exited without a complete response.
fn crash(status: ExitStatus) -> PictureError {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt as _;

        match status.signal().and_then(Signal::from_named_raw) {
            // Rust aborts on a failed allocation, and the kernel kills a process if memory runs out.
            Some(Signal::ABORT | Signal::KILL) => return PictureError::TooMuchMemory,
            Some(Signal::XCPU) => return PictureError::TooSlow,
            _ => {}
        }
    }
    broken(clean_message(format_args!("the decoder crashed ({status})")))
}

/// Runs the subprocess: decodes the picture from stdin and writes the result to stdout.
fn serve(memory: u64, cpu_seconds: u64) -> io::Result<()> {
    #[cfg(unix)]
    limit_resources(memory, cpu_seconds);
    // Standard error is not read, and a backtrace takes time and memory.
    panic::set_hook(Box::new(|_| ()));
    let mut length = [0; 8];
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock();
    stdin.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if stdin.by_ref().take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    drop(stdin);
    thread::Builder::new().spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        process::exit(1);
    })?;
    let response = catch_panic(|| decode_in_process(&bytes), broken);
    let mut stdout = io::stdout().lock();
    write_response(&response, &mut stdout)?;
    stdout.flush()
}

/// Does not fail if a limit cannot be set: macOS has none on the address space.
#[cfg(unix)]
fn limit_resources(memory: u64, cpu_seconds: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // A core dump would contain the picture and takes long to write.
    for (resource, limit) in [(Resource::As, memory), (Resource::Cpu, cpu_seconds), (Resource::Core, 0)] {
        let limit = getrlimit(resource).maximum.map_or(limit, |maximum| limit.min(maximum));
        let _ = setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) });
    }
}

/// Writes `pixels WIDTH HEIGHT CHANNELS`, a line feed and the samples; or an error's kind and arguments.
fn write_response(response: &Result<DynamicImage, PictureError>, out: &mut impl Write) -> io::Result<()> {
    match response {
        Ok(pixels) => {
            writeln!(out, "pixels {} {} {}", pixels.width(), pixels.height(), pixels.color().channel_count())?;
            out.write_all(pixels.as_bytes())
        }
        Err(PictureError::TooManyPixels { width, height }) => writeln!(out, "too-many-pixels {width} {height}"),
        Err(PictureError::TooMuchMemory) => writeln!(out, "too-much-memory"),
        Err(PictureError::UnsupportedKind { kind, .. }) => writeln!(out, "unsupported {kind}"),
        Err(PictureError::Broken { reason, .. }) => writeln!(out, "broken {reason}"),
        Err(error) => writeln!(out, "broken {error}"),
    }
}

/// Reads the output of [`write_response`], which is not trusted.
///
/// # Errors
///
/// Returns an error of the kind `UnexpectedEof` if the response is incomplete, or another if it is invalid.
fn read_response(mut from: impl BufRead) -> io::Result<Result<DynamicImage, PictureError>> {
    const MAX_LINE: u64 = 1024;
    let mut line = String::new();
    if from.by_ref().take(MAX_LINE).read_line(&mut line)? as u64 == MAX_LINE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let line = line.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
    let (kind, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let numbers: Vec<u32> = arguments.split(' ').filter_map(|number| number.parse().ok()).collect();
    let error = match (kind, &numbers[..]) {
        ("pixels", &[width, height, channels @ (3 | 4)]) => {
            let samples = u64::from(width).saturating_mul(height.into()).min(MAX_PIXELS) * u64::from(channels);
            let mut bytes = Vec::new();
            from.take(samples).read_to_end(&mut bytes)?;
            let pixels = to_pixels(width, height, channels, bytes);
            return pixels.map(Ok).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        ("too-many-pixels", &[width, height]) => PictureError::TooManyPixels { width, height },
        ("too-much-memory", _) => PictureError::TooMuchMemory,
        ("unsupported", _) => {
            PictureError::UnsupportedKind { format: PictureFormat::Avif, kind: clean_message(arguments) }
        }
        ("broken", _) => broken(clean_message(arguments)),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok(Err(error))
}

#[cfg(all(test, unix))]
mod tests;
