//! Terminal setup and restoration.

use std::fmt;
use std::io::{self, BufWriter, Stdout, Write};
use std::mem::{self, ManuallyDrop};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

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
    /// The screen shows something else than the last frame.
    stale: bool,
}

type Drawn = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

impl Screen {
    /// Enters raw mode, the alternate screen, bracketed paste and, if requested, mouse capture.
    ///
    /// # Errors
    /// Returns an error if there is no terminal, or it fails.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        let terminal = set_up(mouse).and_then(|()| blank()).inspect_err(|_| restore())?;
        Ok(Self { terminal: ManuallyDrop::new(terminal), mouse, stale: true })
    }

    /// Draws a frame, of which only the changed cells are written. `view` returns sequences to write after the frame.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame) -> String) -> io::Result<()> {
        if self.terminal.get_frame().area().as_size() != self.size()? {
            self.clear()?;
        }
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if mem::take(&mut self.stale) {
            // (`Terminal::clear` would query the position of the cursor, and not every terminal replies.)
            queue!(self.terminal.backend_mut(), Clear(ClearType::All))?;
        }
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

    /// Copies a text to the clipboard of the terminal. A terminal that does not support it gives no sign.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        // OSC 52: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html#h3-Operating-System-Commands
        execute!(self.terminal.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Returns the size in columns and rows.
    ///
    /// # Errors
    /// Returns an error if the terminal does not report it.
    #[expect(clippy::unused_self, reason = "only a terminal that has been set up has a size")]
    pub fn size(&self) -> io::Result<Size> {
        size()
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

    /// Clears the screen with the next frame, which is drawn in full.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn clear(&mut self) -> io::Result<()> {
        self.stale = true;
        // Here an error is returned. Dropping a terminal with a hidden cursor would print it, and panic as described above.
        self.terminal.show_cursor()?;
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

fn blank() -> io::Result<Drawn> {
    let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, console::screen()));
    let viewport = Viewport::Fixed(Rect::from((Position::ORIGIN, size()?)));
    Terminal::with_options(backend, TerminalOptions { viewport })
}

/// Returns the size of the terminal. Serial lines and some containers report 0 × 0: then the size is that of the
/// environment, else 80 × 24.
fn size() -> io::Result<Size> {
    let (columns, rows) = crossterm::terminal::size()?;
    let or_variable = |size: u16, name: &str, default: u16| match size {
        0 => std::env::var(name).ok().and_then(|value| value.parse().ok()).filter(|size| *size > 0).unwrap_or(default),
        size => size,
    };
    Ok(Size::new(or_variable(columns, "COLUMNS", 80), or_variable(rows, "LINES", 24)))
}

fn set_up(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    // Without colours, half blocks show no picture. The theme follows NO_COLOR by itself.
    crossterm::style::force_color_output(true);
    let mut out = console::screen().lock();
    out.write_all(PUSH_TITLE)?;
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse {
        execute!(out, EnableMouse)?;
    }
    Ok(())
}

/// Asks for clicks and the wheel (mode 1000), in the SGR encoding (1006). `EnableMouseCapture` would also ask for motion, of
/// which a slow connection delivers seconds at once.
struct EnableMouse;

impl Command for EnableMouse {
    fn write_ansi(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str("\x1b[?1000h\x1b[?1006h")
    }

    #[cfg(windows)]
    fn execute_winapi(&self) -> io::Result<()> {
        crossterm::event::EnableMouseCapture.execute_winapi()
    }
}

struct DisableMouse;

impl Command for DisableMouse {
    fn write_ansi(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str("\x1b[?1006l\x1b[?1000l")
    }

    #[cfg(windows)]
    fn execute_winapi(&self) -> io::Result<()> {
        crossterm::event::DisableMouseCapture.execute_winapi()
    }
}

/// Restores the terminal. Errors are ignored: they cannot be reported without a terminal.
fn restore() {
    let mut out = console::screen().lock();
    let _ = execute!(out, EndSynchronizedUpdate, DisableMouse, DisableBracketedPaste, cursor::Show);
    let _ = execute!(out, LeaveAlternateScreen);
    let _ = out.write_all(POP_TITLE);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Restores the terminal although the screen's thread may be blocked in a write to it.
#[cfg(unix)]
pub fn restore_by_force() {
    const TIMEOUT: std::time::Duration = std::time::Duration::from_millis(300);
    // Does not write.
    let _ = disable_raw_mode();
    let (sender, restored) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        restore();
        let _ = sender.send(());
    });
    let _ = restored.recv_timeout(TIMEOUT);
}

/// Restores the terminal before a panic of this thread is reported. A panic of another thread, such as a describer's, ends
/// only the work of that thread, and the screen stays. Every panic is logged: the terminal may have closed.
pub fn restore_on_panic() {
    let screen = std::thread::current().id();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        if std::thread::current().id() == screen {
            restore();
            report(panic);
        }
    }));
}
