//! recaption: review machine-written image captions in a terminal.
//!
//! A *dataset* (JSON Lines and the pictures it names) is never changed while it is reviewed; a *session* beside it
//! holds everything the operator and the describers did; *saving* joins the two. `ARCHITECTURE.md` shows how the parts
//! fit and where new things go.

pub mod cli;
pub mod config;
pub mod dataset;
pub mod describe;
pub mod exit;
pub mod lint;
pub mod logging;
pub mod session;
pub mod text;
