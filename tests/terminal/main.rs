//! The real program in a pseudo-terminal: real keys in, what is on the screen and in the files afterwards.
#![cfg(unix)]

mod afternoon;
mod lasting;
mod picturing;
mod player;
mod pty;
mod reviewing;
mod surviving;
