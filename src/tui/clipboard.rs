//! The clipboard: the desktop's if there is one, otherwise the terminal's (OSC 52), which also works over SSH.

use std::io;

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;

use crate::console;

#[derive(Default)]
pub struct Clipboard {
    /// Kept open: on some desktops the content is lost when the program that copied it exits.
    desktop: Option<arboard::Clipboard>,
}

impl Clipboard {
    /// # Errors
    /// Returns an error if neither clipboard can be written to. A terminal that ignores OSC 52 goes unnoticed.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        if self.desktop.is_none() && !over_ssh() {
            self.desktop = arboard::Clipboard::new().ok();
        }
        if let Some(desktop) = &mut self.desktop
            && desktop.set_text(text).is_ok()
        {
            return Ok(());
        }
        // OSC 52: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html#h3-Operating-System-Commands
        execute!(console::screen(), CopyToClipboard::to_clipboard_from(text))
    }
}

/// Returns true if the desktop clipboard would be that of a remote machine.
fn over_ssh() -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
