//! From what the terminal said, and what its environment says of it, to how pictures are drawn.

use std::env;
use std::process::{Command, Stdio};

use super::replies::Replies;
use crate::preview::capabilities::{Capabilities, Protocol};
use crate::preview::fit::CellSize;

/// The sixel bit of the device attributes.
const SIXEL: u16 = 4;

/// The variables terminals announce themselves with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub term: String,
    pub program: String,
    pub colour: String,
    pub konsole: String,
    pub outer: String,
    pub tmux: bool,
}

impl Environment {
    pub fn current() -> Self {
        let variable = |name| env::var(name).unwrap_or_default();
        Self {
            term: variable("TERM"),
            program: variable("TERM_PROGRAM"),
            colour: variable("COLORTERM"),
            konsole: variable("KONSOLE_VERSION"),
            outer: variable("LC_TERMINAL"),
            tmux: env::var_os("TMUX").is_some(),
        }
    }

    /// Whether it is safe to ask. The Linux console and Apple's Terminal print queries they don't know.
    pub fn answers_queries(&self) -> bool {
        !matches!(self.term.as_str(), "" | "dumb" | "linux") && self.program != "Apple_Terminal"
    }

    pub fn in_tmux(&self) -> bool {
        self.tmux || self.term.starts_with("tmux") || self.program == "tmux"
    }
}

/// Whether tmux hands unknown sequences on to the terminal around it. A tmux that cannot be asked (it runs on another
/// machine) is given the benefit of the doubt.
pub(super) fn tmux_lets_through() -> bool {
    let asked = Command::new("tmux")
        .args(["show-options", "-Apv", "allow-passthrough"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    asked.map_or(true, |answer| !answer.stdout.starts_with(b"off"))
}

/// The best the terminal can do.
pub(super) fn choose(replies: &Replies, environment: &Environment, window_cell: Option<CellSize>) -> Capabilities {
    let name = |start: &str| replies.names.iter().any(|name| name.to_lowercase().starts_with(start));
    let program = |part: &str| environment.program.contains(part) || environment.outer.contains(part);
    let tmux = environment.in_tmux() || name("tmux");
    // tmux carries the variables of whatever terminal it was started in.
    let said_outside = |part: &str| !tmux && program(part);

    let konsole = name("konsole") || (!tmux && !environment.konsole.is_empty());
    let wezterm = name("wezterm") || said_outside("WezTerm");
    let iterm = wezterm || name("iterm2") || name("mintty") || said_outside("iTerm") || said_outside("mintty");
    let sixel = replies.attributes.as_ref().is_some_and(|attributes| attributes.contains(&SIXEL));
    let cell = replies.cell.or(window_cell);

    // Without the size of a cell a picture cannot be measured out.
    let (protocol, printing) = match cell {
        Some(_) if konsole && tmux => (Protocol::Blocks, Protocol::Blocks),
        Some(_) if konsole => (if replies.kitty { Protocol::Kitty } else { Protocol::Blocks }, Protocol::Iterm),
        // What WezTerm does with placeholders is wrong.
        Some(_) if iterm && !tmux => (Protocol::Iterm, Protocol::Iterm),
        Some(_) if replies.kitty && replies.placeholders && !iterm => {
            (Protocol::Kitty, if tmux { Protocol::Blocks } else { Protocol::Kitty })
        }
        Some(_) if sixel => (Protocol::Sixel, Protocol::Sixel),
        Some(_) if replies.kitty && !tmux => (Protocol::Kitty, Protocol::Kitty),
        _ => (Protocol::Blocks, Protocol::Blocks),
    };

    Capabilities {
        protocol,
        printing,
        cell: cell.unwrap_or(CellSize::USUAL),
        background: replies.background,
        terminal: replies.names.iter().find(|name| !name.starts_with("tmux")).or(replies.names.last()).cloned(),
        // Konsole says yes to placeholders and draws none. tmux moves text, and nothing that is laid over it.
        placeholders: tmux || replies.placeholders && !konsole,
        tmux: tmux && protocol == Protocol::Kitty,
        true_colour: shows_true_colour(replies, environment),
        largest_sixel: replies.largest_sixel,
    }
}

/// Terminals that show all colours say so in `COLORTERM`, or are known to.
fn shows_true_colour(replies: &Replies, environment: &Environment) -> bool {
    const KNOWN: [&str; 8] = ["kitty", "foot", "konsole", "wezterm", "iterm2", "ghostty", "mintty", "xterm("];
    matches!(environment.colour.as_str(), "truecolor" | "24bit")
        || environment.term.ends_with("-direct")
        || replies.names.iter().any(|name| KNOWN.iter().any(|known| name.to_lowercase().starts_with(known)))
        // tmux turns colours into what the terminal around it shows.
        || environment.in_tmux()
}
