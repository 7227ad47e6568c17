//! End-to-end tests of batch inference: the program against a server that has the API of S3 and the job API of Bedrock.

#[path = "../bedrock/external_server.rs"]
mod external_server;
mod kills;
mod ministack;
mod moto;
#[cfg(unix)]
#[path = "../terminal/pty.rs"]
#[allow(dead_code, reason = "only the terminal tests use all of it")]
mod pty;
#[cfg(unix)]
mod reviewer;
mod runs;
mod server;
#[path = "../bedrock/world.rs"]
#[allow(dead_code, reason = "only the tests of Bedrock use all of it")]
mod world;
