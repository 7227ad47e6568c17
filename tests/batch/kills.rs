//! kill -9 at every write of a step to the disk: the next run continues, and each record has one job and one candidate.
//! Without `strace` the tests print that they were skipped and pass.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::runs::{batch, candidates, command};
use crate::server::{Server, answered, image};
use crate::world::World;

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !found {
        // Written to the handle, because the test harness captures the output of macros.
        let _ = writeln!(std::io::stderr().lock(), "SKIPPED: no strace");
    }
    found
}

const SYNCS: &str = "fdatasync,fsync";

/// Runs a command that is killed at the `number`th of some system calls. Returns false if it ended before.
async fn is_killed_at(world: &World, url: &str, arguments: &[&str], calls: &str, number: usize) -> bool {
    let program = command(world, url, arguments);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
    strace.arg("-e").arg(format!("inject={calls}:signal=SIGKILL:when={number}"));
    strace.arg(program.get_program()).args(program.get_args()).current_dir(world.path()).stdin(Stdio::null());
    strace.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = tokio::task::spawn_blocking(move || strace.status().expect("strace runs")).await.expect("no panic");
    !status.success()
}

fn named(line: &serde_json::Value, images: &[String]) -> String {
    let place = images.iter().position(|known| known == image(line)).expect("the image of a record");
    format!("Image number {place}.")
}

/// A world of 10 records in two jobs, and its server.
async fn world() -> (World, Server) {
    use base64::Engine as _;
    let world = World::new(10, "");
    let encoded = |number: u32| {
        let file = std::fs::read(world.path().join(format!("images/{number}.png"))).expect("an image");
        base64::prelude::BASE64_STANDARD.encode(file)
    };
    let images: Vec<String> = (0..10).map(encoded).collect();
    let server = Server::start("Completed", move |lines| {
        vec![lines.iter().rev().map(|line| answered(line, &named(line, &images))).collect()]
    })
    .await;
    (world, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened_after_a_kill_at_any_step_of_its_creation() {
    if !has_strace() {
        return;
    }
    let mut kills = 0;
    for call in ["pwrite64", SYNCS, "ftruncate", "unlink"] {
        for number in 1.. {
            let world = World::new(1, "");
            // No job is known, so that nothing is sent.
            let was_killed = is_killed_at(&world, "http://127.0.0.1:1", &["stop"], call, number).await;
            let (stopped, code) = batch(&world, "http://127.0.0.1:1", &["stop"]).await;
            assert_eq!(code, 0, "killed at {call} {number}: {stopped}");
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 10, "{kills}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_killed_at_any_step_continues() {
    if !has_strace() {
        return;
    }
    let mut kills = 0;
    loop {
        let (world, server) = world().await;
        let was_killed = is_killed_at(&world, &server.url(), &["submit", "--yes"], SYNCS, kills + 1).await;
        if was_killed {
            let (resumed, code) = batch(&world, &server.url(), &["submit", "--yes"]).await;
            assert_eq!(code, 0, "killed at {}: {resumed}", kills + 1);
        }
        let inputs = server.inputs();
        let sent: Vec<&str> = inputs.iter().flatten().map(image).collect();
        assert_eq!(sent.len(), 10, "killed at {}: each record in one job", kills + 1);
        assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), 10, "killed at {}", kills + 1);
        if !was_killed {
            break;
        }
        kills += 1;
    }
    // Two parts with four steps each.
    assert!(kills >= 8, "{kills}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_is_killed_at_any_step_continues() {
    if !has_strace() {
        return;
    }
    let mut kills = 0;
    loop {
        let (world, server) = world().await;
        let url = server.url();
        batch(&world, &url, &["submit", "--yes"]).await;
        for _ in 0..4 {
            batch(&world, &url, &["status"]).await;
        }
        let was_killed = is_killed_at(&world, &url, &["collect"], SYNCS, kills + 1).await;
        if was_killed {
            let (resumed, code) = batch(&world, &url, &["collect"]).await;
            assert_eq!(code, 0, "killed at {}: {resumed}", kills + 1);
        }
        assert_eq!(candidates(&world), 10, "killed at {}", kills + 1);
        let paid: u32 =
            world.session().query_row("SELECT count(*) FROM usage", [], |row| row.get(0)).expect("a session");
        assert_eq!(paid, 10, "killed at {}: each response is paid once", kills + 1);
        if !was_killed {
            break;
        }
        kills += 1;
    }
    // Two parts: their results and their ends.
    assert!(kills >= 4, "{kills}");
}
