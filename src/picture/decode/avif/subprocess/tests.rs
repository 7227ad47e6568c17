use std::fs;
use std::path::Path;

use rstest::rstest;
use rustix::process::{Pid, test_kill_process};

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn run_shell(script: &str) -> Result<DynamicImage, PictureError> {
    run(shell(script), b"file", TIMEOUT, &|| false)
}

fn unsupported(kind: &str) -> PictureError {
    PictureError::UnsupportedKind { format: PictureFormat::Avif, kind: kind.to_owned() }
}

#[test]
fn reads_pixels() {
    let pixels = run_shell(r"printf 'pixels 1 2 3\nabcdef'").unwrap();
    assert_eq!(pixels.to_rgb8().into_raw(), b"abcdef");
}

#[rstest]
#[case::abort("kill -ABRT $$", PictureError::TooMuchMemory)]
#[case::out_of_memory_killer("kill -KILL $$", PictureError::TooMuchMemory)]
#[case::cpu_limit("kill -XCPU $$", PictureError::TooSlow)]
#[case::reported("echo 'broken it is bad'", broken("it is bad".to_owned()))]
#[case::reported_with_escapes(r"printf 'unsupported a\033[31m\n'", unsupported("a [31m"))]
#[case::reported_size("echo too-many-pixels 70000 80000", PictureError::TooManyPixels { width: 70_000, height: 80_000 })]
fn errors_are_distinguished(#[case] script: &str, #[case] expected: PictureError) {
    assert_eq!(run_shell(script), Err(expected));
}

#[rstest]
#[case::crash("kill -SEGV $$", "signal: 11")]
#[case::exit("exit 3", "exit status: 3")]
#[case::too_few_samples(r"printf 'pixels 2 2 3\nabc'", "exit status: 0")]
#[case::false_size(r"printf 'pixels 65000 65000 3\nabc'", "exit status: 0")]
#[case::other_output("echo hello", "response is invalid")]
#[case::other_channels(r"printf 'pixels 1 1 9\nabcdefghi'", "response is invalid")]
#[case::endless_line("yes | tr -d '\\n'", "response is invalid")]
fn other_failures_break_only_the_picture(#[case] script: &str, #[case] expected: &str) {
    match run_shell(script) {
        Err(PictureError::Broken { format: PictureFormat::Avif, reason }) => {
            assert!(reason.contains(expected), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_program_is_an_error() {
    let error = run(Command::new("/nonexistent/decoder"), b"", TIMEOUT, &|| false).unwrap_err();
    assert!(error.to_string().contains("cannot start the AVIF decoder: No such file"), "{error}");
}

/// `cat` waits for the end of its input, which stays open as long as the parent waits.
#[test]
fn a_subprocess_that_hangs_is_killed() {
    assert_eq!(run(shell("cat >&2"), b"file", Duration::ZERO, &|| false), Err(PictureError::TooSlow));
}

#[test]
fn a_subprocess_that_does_not_read_is_killed() {
    let larger_than_a_pipe = vec![0; 1 << 20];
    let error = run(shell("kill -STOP $$"), &larger_than_a_pipe, Duration::ZERO, &|| false);
    assert_eq!(error, Err(PictureError::TooSlow));
}

#[test]
fn a_cancelled_subprocess_is_killed_and_reaped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let pid = |file: &Path| fs::read_to_string(file).ok()?.parse().ok().and_then(Pid::from_raw);
    let script = format!("printf $$ >{0}.new; mv {0}.new {0}; cat >&2", file.display());
    let result = run(shell(&script), b"file", TIMEOUT, &|| pid(&file).is_some());
    assert_eq!(result, Err(PictureError::Cancelled));
    assert_eq!(test_kill_process(pid(&file).unwrap()), Err(rustix::io::Errno::SRCH));
}

#[test]
fn responses_survive_the_pipe() {
    let pixels = DynamicImage::new_rgba8(3, 2);
    let errors = [
        PictureError::TooManyPixels { width: 1, height: 2 },
        PictureError::TooMuchMemory,
        unsupported("a kind"),
        broken("a reason".to_owned()),
    ];
    for response in [Ok(pixels)].into_iter().chain(errors.map(Err)) {
        let mut bytes = Vec::new();
        write_response(&response, &mut bytes).unwrap();
        assert_eq!(read_response(&bytes[..]).unwrap(), response);
    }
}
