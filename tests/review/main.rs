//! Behaviour of the reviewer as (before, keys, after), through the default keymap and the pure core.

mod costs;
mod deciding;
mod describing;
mod editing;
mod navigation;
mod palette;
mod panes;
mod properties;
mod saving;
mod screens;
mod searching;
mod selection;
mod settings;
mod sheet;
mod siblings;
mod sorting;
mod spot_check;
mod statistics;
mod structured;
mod substitution;
mod tabs;
mod tags;
mod verdicts;
mod verifying;
mod world;
mod zooming;
