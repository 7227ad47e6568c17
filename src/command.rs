//! The headless commands: one file each.

pub mod show;
