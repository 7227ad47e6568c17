//! End-to-end tests: the real binary in a pseudo-terminal, checked by its screen and its files.
#![cfg(unix)]

mod archive;
mod broad_folder;
mod crash_recovery;
mod emulator;
#[path = "../bedrock/external_server.rs"]
#[allow(dead_code, reason = "only the tests of Bedrock use all of it")]
mod external_server;
mod full_review;
mod lifecycle;
mod memory;
mod parquet;
mod pictures;
mod pty;
mod s3;
mod sessions;
mod siblings;
mod structured;
mod team;
