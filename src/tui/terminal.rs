//! Terminal setup and restoration.

use std::io::{self, BufWriter, Stdout, Write};
use std::mem::{self, ManuallyDrop};

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

use crate::config::Notify;
use crate::console;
use crate::text::sanitize;

/// The output buffer in bytes. Unbuffered, a frame is thousands of writes.
const BUFFER: usize = 1 << 17;

/// Pushes and pops the window title: <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>, window manipulation 22 and
/// 23.
const PUSH_TITLE: &[u8] = b"\x1b[22;0t";
const POP_TITLE: &[u8] = b"\x1b[23;0t";

/// The terminal in raw mode. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Screen {
    /// Never dropped: ratatui would show the cursor, and panic if the terminal and standard error are closed. [`restore`]
    /// shows the cursor.
    terminal: ManuallyDrop<Drawn>,
    mouse: bool,
}

type Drawn = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

impl Screen {
    /// Enters raw mode, the alternate screen, bracketed paste and, if requested, mouse capture.
    ///
    /// # Errors
    /// Returns an error if there is no terminal, or it fails.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        let terminal = set_up(mouse).and_then(|()| blank()).inspect_err(|_| restore())?;
        Ok(Self { terminal: ManuallyDrop::new(terminal), mouse })
    }

    /// Draws a frame, of which only the changed cells are written. `view` returns sequences to write after the frame.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame) -> String) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let mut after = String::new();
        self.terminal.draw(|frame| after = view(frame))?;
        queue!(self.terminal.backend_mut(), Print(after))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Writes control sequences outside of a frame.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn send(&mut self, sequences: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), Print(sequences))
    }

    /// Returns the size in columns and rows.
    ///
    /// # Errors
    /// Returns an error if the terminal does not report it.
    pub fn size(&self) -> io::Result<ratatui::layout::Size> {
        self.terminal.size()
    }

    /// Restores the terminal until [`Screen::resume`].
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn pause(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().flush()?;
        restore();
        Ok(())
    }

    /// Sets the terminal up again.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn resume(&mut self) -> io::Result<()> {
        set_up(self.mouse)?;
        self.clear()
    }

    /// Clears the screen, so that the next frame is drawn in full.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn clear(&mut self) -> io::Result<()> {
        drop(ManuallyDrop::into_inner(mem::replace(&mut self.terminal, ManuallyDrop::new(blank()?))));
        Ok(())
    }

    /// Notifies the operator, who may be in another window.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn notify(&mut self, message: &str, how: Notify) -> io::Result<()> {
        let message = sanitize(message);
        let out = self.terminal.backend_mut();
        match how {
            Notify::Off => return Ok(()),
            Notify::Bell => write!(out, "\x07")?,
            // OSC 9 is for iTerm2 and foot, OSC 777 for urxvt, Ghostty and VTE; each ignores the other's.
            Notify::Desktop => write!(out, "\x1b]9;{message}\x1b\\\x1b]777;notify;recaption;{message}\x1b\\")?,
        }
        out.flush()
    }

    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), crossterm::terminal::SetTitle(sanitize(title)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Clears the screen. (`Terminal::clear` would query the position of the cursor, and not every terminal replies.)
fn blank() -> io::Result<Drawn> {
    execute!(console::screen(), Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(BUFFER, console::screen())))
}

fn set_up(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let mut out = console::screen().lock();
    out.write_all(PUSH_TITLE)?;
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Restores the terminal. Errors are ignored: they cannot be reported without a terminal.
fn restore() {
    let mut out = console::screen().lock();
    let _ = execute!(out, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste, cursor::Show);
    let _ = execute!(out, LeaveAlternateScreen);
    let _ = out.write_all(POP_TITLE);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Restores the terminal before a panic of this thread is reported. A panic of another thread, such as a describer's, ends
/// only the work of that thread: it is logged, and the screen stays.
pub fn restore_on_panic() {
    let screen = std::thread::current().id();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == screen {
            restore();
            report(panic);
        } else {
            tracing::error!("{panic}");
        }
    }));
}
