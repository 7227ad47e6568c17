//! End-to-end tests of the Bedrock describer: the program against a mock service that speaks the protocol of Bedrock.

mod account;
mod consent;
mod doctor;
mod estimate;
mod external_server;
mod generate;
mod ministack;
mod pace;
#[cfg(unix)]
#[path = "../terminal/pty.rs"]
#[allow(dead_code, reason = "only the terminal tests use all of it")]
mod pty;
#[cfg(unix)]
mod review;
mod server;
mod tls_proxy;
mod verify;
mod world;
