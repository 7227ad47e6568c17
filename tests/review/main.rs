//! The reviewer's behaviour as (before, keys, after), through the default keymap and the pure core.

mod counting;
mod deciding;
mod describing;
mod editing;
mod finding;
mod judging;
mod laws;
mod marking;
mod moving;
mod paying;
mod replacing;
mod saving;
mod screens;
mod sheet;
mod sorting;
mod world;
mod zooming;
