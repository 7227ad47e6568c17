//! Detects capabilities from the terminal's replies and environment variables.

use std::env;
use std::process::{Command, Stdio};

use super::replies::Replies;
use crate::preview::capabilities::{Capabilities, Charset, Protocol};
use crate::preview::fit::CellSize;

/// The environment variables that identify terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub term: String,
    pub program: String,
    pub colour: String,
    pub konsole: String,
    pub outer: String,
    pub tmux: bool,
    /// `COLORFGBG`: the numbers of the foreground and the background colour.
    pub colours: String,
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
            colours: variable("COLORFGBG"),
        }
    }

    /// Returns true if queries are safe. The Linux console and Apple's Terminal print those that they do not support.
    pub fn answers_queries(&self) -> bool {
        !matches!(self.term.as_str(), "" | "dumb" | "linux") && self.program != "Apple_Terminal"
    }

    /// Returns true if a query for the kitty protocol is safe. urxvt prints it, and GNU screen shows it in its status line.
    pub fn answers_kitty_query(&self) -> bool {
        !self.term.starts_with("rxvt") && (self.in_tmux() || !self.term.starts_with("screen"))
    }

    /// Returns black or white, for the background colour in `COLORFGBG`. Within tmux it is that of the terminal that tmux
    /// was started in.
    fn background(&self) -> Option<[u8; 3]> {
        match self.colours.rsplit(';').next()?.parse() {
            Ok(0..=6 | 8) if !self.in_tmux() => Some([0; 3]),
            Ok(7 | 9..=15) if !self.in_tmux() => Some([255; 3]),
            _ => None,
        }
    }

    pub fn in_tmux(&self) -> bool {
        self.tmux || self.term.starts_with("tmux") || self.program == "tmux"
    }
}

/// Returns true if tmux passes unknown sequences to the outer terminal. Also returns true if tmux cannot be queried, because
/// it runs on another machine.
pub(super) fn tmux_allows_passthrough() -> bool {
    let output = Command::new("tmux")
        .args(["show-options", "-Apv", "allow-passthrough"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    output.map_or(true, |output| !output.stdout.starts_with(b"off"))
}

/// Returns the best capabilities that the terminal supports.
pub(super) fn detect(replies: &Replies, environment: &Environment, window_cell: Option<CellSize>) -> Capabilities {
    let name = |start: &str| replies.names.iter().any(|name| name.to_lowercase().starts_with(start));
    let program = |part: &str| environment.program.contains(part) || environment.outer.contains(part);
    let tmux = environment.in_tmux() || name("tmux");
    // Within tmux the variables are those of the terminal that it was started in.
    let program = |part: &str| !tmux && program(part);

    let konsole = name("konsole") || (!tmux && !environment.konsole.is_empty());
    let wezterm = name("wezterm") || program("WezTerm");
    let iterm = wezterm || name("iterm2") || name("mintty") || program("iTerm") || program("mintty");
    let sixel = replies.has_sixel();
    let cell = replies.cell.or(window_cell);

    // Pixel protocols need the cell size.
    let (protocol, printing) = match cell {
        Some(_) if konsole && tmux => (Protocol::Blocks, Protocol::Blocks),
        Some(_) if konsole => (if replies.kitty { Protocol::Kitty } else { Protocol::Blocks }, Protocol::Iterm),
        // WezTerm's support of placeholders is broken.
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
        cell: cell.unwrap_or(CellSize::TYPICAL),
        background: replies.background.or_else(|| environment.background()),
        terminal: replies.names.iter().find(|name| !name.starts_with("tmux")).or(replies.names.last()).cloned(),
        // Konsole claims to support placeholders but does not draw them. In tmux overlays would not move with the text.
        placeholders: tmux || replies.placeholders && !konsole,
        tmux: tmux && protocol == Protocol::Kitty,
        true_colour: has_true_colour(replies, environment),
        charset: if replies.utf8 == Some(false) { Charset::Bytes } else { Charset::Utf8 },
        largest_sixel: replies.largest_sixel,
    }
}

/// Terminals with true colour set `COLORTERM`, or are known to support it.
fn has_true_colour(replies: &Replies, environment: &Environment) -> bool {
    const KNOWN: [&str; 8] = ["kitty", "foot", "konsole", "wezterm", "iterm2", "ghostty", "mintty", "xterm("];
    matches!(environment.colour.as_str(), "truecolor" | "24bit")
        || environment.term.ends_with("-direct")
        || replies.names.iter().any(|name| KNOWN.iter().any(|known| name.to_lowercase().starts_with(known)))
        // tmux converts colours for the outer terminal.
        || environment.in_tmux()
}
