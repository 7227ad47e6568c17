//! End-to-end tests of the OpenAI describer: the program against a server that sends exact bytes.

#[path = "../bedrock/external_server.rs"]
mod external_server;
#[path = "../bedrock/tls_proxy.rs"]
mod tls_proxy;
#[path = "../bedrock/world.rs"]
#[allow(dead_code, reason = "only the Bedrock tests use all of it")]
mod world;

mod consent;
mod doctor;
mod responses;
mod server;
mod streams;
mod third_party;
mod verify;
