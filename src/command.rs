//! The headless commands: one file each.

pub mod demo;
pub mod show;
