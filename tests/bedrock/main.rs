//! `recaption generate` and Bedrock, through the real program and a service that speaks the real protocol.

mod generating;
mod ministack;
mod server;
mod world;
