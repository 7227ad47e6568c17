//! The headless commands: one file each.

pub mod review;
pub mod show;
