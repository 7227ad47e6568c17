use std::sync::mpsc::channel;

use super::*;
use crate::dataset::OpenOptions;

fn engine(folder: &std::path::Path) -> Engine {
    let path = folder.join("metadata.jsonl");
    std::fs::write(&path, "{\"file_name\": \"a.jpg\", \"text\": \"One.\"}\n").unwrap();
    let dataset = Dataset::open(&path, &OpenOptions::default()).unwrap();
    let options = EngineOptions {
        session: Location::find(&path, "text", Some(&folder.join("session.sqlite"))).unwrap(),
        target: SaveTarget::new(&dataset, None, false),
        dataset,
        read_only: false,
        reviewer: None,
        describer: None,
        verifier: None,
        rules: Rules::default(),
        candidates: None,
        sample: None,
    };
    Engine::start(options, Arc::new(|_| ()))
}

/// A read from a stalled network mount does not hold up the exit.
#[tokio::test]
async fn closing_does_not_wait_for_threads_that_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (release, stalled) = channel::<()>();
    engine.spawn_reader("stalled", move || {
        let _ = stalled.recv();
    });
    // With a wait for the thread, this would never return.
    engine.close().await.unwrap();
    drop(release);
}

#[tokio::test]
async fn closing_waits_for_threads_that_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(folder.path());
    let written = folder.path().join("report.txt");
    let path = written.clone();
    engine.spawn_writer("report", move || {
        // Long enough to lose a race.
        (0..1_000).for_each(|_| thread::yield_now());
        std::fs::write(path, "done").unwrap();
    });
    engine.close().await.unwrap();
    assert_eq!(std::fs::read_to_string(written).unwrap(), "done");
}
