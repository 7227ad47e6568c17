//! recaption: review machine-written image captions in a terminal.
//!
//! A *dataset* (JSON Lines and the pictures it names) is never changed while it is reviewed; a *session* beside it
//! holds everything the operator and the describers did; *saving* joins the two. `ARCHITECTURE.md` shows how the parts
//! fit and where new things go.

pub mod command;
pub mod dataset;
pub mod describe;
pub mod lint;
pub mod output;
pub mod preview;
pub mod review;
pub mod runtime;
pub mod session;
pub mod text;
pub mod tui;
