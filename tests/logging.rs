//! The log of a process. There is one test only, because a process has one log.

use std::fs;
use std::thread;

use recaption::config::LogLevel;
use recaption::logging;

#[test]
fn all_threads_log_to_one_file_until_the_guard_is_dropped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.log");
    let guard = logging::start(&path, LogLevel::Info).expect("a log");
    tracing::info!(target: "recaption", "from here");
    thread::spawn(|| tracing::info!(target: "recaption", "from there")).join().expect("joined");
    let second = logging::start(&folder.path().join("b.log"), LogLevel::Info).expect_err("the process has a log");
    assert!(second.to_string().contains("b.log"), "{second}");
    drop(guard);
    let log = fs::read_to_string(&path).expect("read");
    assert!(log.contains("from here") && log.contains("from there"), "{log}");
}
