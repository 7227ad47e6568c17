//! The reviewer's behaviour as (before, keys, after), through the default keymap and the pure core.

mod deciding;
mod describing;
mod editing;
mod laws;
mod moving;
mod paying;
mod saving;
mod screens;
mod world;
mod zooming;
