//! The commands, each a function on plain options that a test can call as well.

mod answer;
mod batch;
pub mod check;
pub mod completions;
pub mod config;
pub mod demo;
pub mod describer;
mod dispatch;
pub mod doctor;
pub mod export;
#[cfg(test)]
mod fixture;
pub mod generate;
mod imagefolder;
pub mod init;
mod input;
pub mod man;
pub mod merge;
mod parquet_schema;
pub mod review;
pub mod save;
pub mod show;
pub mod split;
pub mod stats;
pub mod verify;

pub use dispatch::run;
pub use input::Input;
