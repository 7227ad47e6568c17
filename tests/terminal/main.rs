//! End-to-end tests: the real binary in a pseudo-terminal, checked by its screen and its files.
#![cfg(unix)]

mod archive;
mod broad_folder;
mod crash_recovery;
mod emulator;
mod full_review;
mod lifecycle;
mod memory;
mod parquet;
mod pictures;
mod pty;
mod sessions;
mod siblings;
mod structured;
mod team;
