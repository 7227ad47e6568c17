//! `recaption generate` and Bedrock, through the real program and a service that speaks the real protocol.

mod doctor;
mod generating;
mod ministack;
#[cfg(unix)]
#[path = "../terminal/pty.rs"]
#[allow(dead_code, reason = "the tests of the terminal use all of it")]
mod pty;
#[cfg(unix)]
mod reviewing;
mod server;
mod world;
