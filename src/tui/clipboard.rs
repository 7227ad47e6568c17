//! The clipboard: the desktop's where there is one, else the terminal's own, which also works over SSH.

use std::io;

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;

/// Where texts are copied to.
#[derive(Default)]
pub struct Clipboard {
    /// Held as long as the program runs: on some desktops a text is gone with the program that has copied it.
    desktop: Option<arboard::Clipboard>,
}

impl Clipboard {
    /// Puts a text on the clipboard.
    ///
    /// # Errors
    /// Where neither can be written to. That a terminal ignores it is not known.
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
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
    }
}

/// Whether the desktop this runs on is not the one the operator sits at.
fn over_ssh() -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
