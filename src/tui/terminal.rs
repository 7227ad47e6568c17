//! The terminal: taken over at the start, given back whatever happens.

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

/// Output is gathered up to this many bytes: unbuffered, a frame is thousands of writes.
const BUFFER: usize = 1 << 17;

/// How the operator is told that something long is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// Not at all, but on the screen.
    #[default]
    Off,
    /// By the terminal's bell.
    Bell,
    /// By a notification of the desktop, where the terminal passes it on.
    Desktop,
}

/// The window's title put aside and taken back: <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>, window
/// manipulation 22 and 23.
const KEEP_TITLE: &[u8] = b"\x1b[22;0t";
const RESTORE_TITLE: &[u8] = b"\x1b[23;0t";

/// The terminal in the program's hands. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    /// Not dropped in the end: ratatui then shows the cursor, and panics where the terminal is gone and its standard
    /// error with it. The cursor is shown when the terminal is given back.
    terminal: ManuallyDrop<Drawn>,
    mouse: bool,
}

type Drawn = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

impl Screen {
    /// Takes the terminal over: raw mode, the other screen, bracketed paste, and the mouse where wanted.
    ///
    /// # Errors
    /// Where there is no terminal, or it fails.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        let terminal = take(mouse).and_then(|()| blank()).inspect_err(|_| give_back())?;
        Ok(Self { terminal: ManuallyDrop::new(terminal), mouse })
    }

    /// Draws a frame. What has not changed is not written. `view` gives what is to be sent right after the frame.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame) -> String) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let mut after = String::new();
        self.terminal.draw(|frame| after = view(frame))?;
        queue!(self.terminal.backend_mut(), Print(after))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Sends the terminal something that is no part of a frame.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn send(&mut self, sequences: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), Print(sequences))
    }

    /// The size in columns and rows.
    ///
    /// # Errors
    /// Where the terminal does not say.
    pub fn size(&self) -> io::Result<ratatui::layout::Size> {
        self.terminal.size()
    }

    /// Gives the terminal back for a while.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn pause(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().flush()?;
        give_back();
        Ok(())
    }

    /// Takes the terminal over again.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn resume(&mut self) -> io::Result<()> {
        take(self.mouse)?;
        self.renew()
    }

    /// Empties the screen; everything will be drawn anew.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn renew(&mut self) -> io::Result<()> {
        drop(ManuallyDrop::into_inner(mem::replace(&mut self.terminal, ManuallyDrop::new(blank()?))));
        Ok(())
    }

    /// Has the terminal tell the operator something, also where they look elsewhere.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn call_attention(&mut self, words: &str, how: Notify) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        match how {
            Notify::Off => return Ok(()),
            Notify::Bell => write!(out, "\x07")?,
            // OSC 9 is iTerm2's and foot's, OSC 777 that of urxvt, Ghostty and VTE; each passes over the other's.
            Notify::Desktop => write!(out, "\x1b]9;{words}\x1b\\\x1b]777;notify;recaption;{words}\x1b\\")?,
        }
        out.flush()
    }

    /// Sets the title of the terminal's window.
    ///
    /// # Errors
    /// Where the terminal fails.
    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), crossterm::terminal::SetTitle(title))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// A terminal of which nothing is known to be on the screen. (`Terminal::clear` would ask where the cursor is, and not
/// every terminal answers.)
fn blank() -> io::Result<Drawn> {
    execute!(io::stdout(), Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout())))
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let mut out = io::stdout().lock();
    out.write_all(KEEP_TITLE)?;
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back. Failures are passed over: there is nobody left to tell.
fn give_back() {
    let mut out = io::stdout().lock();
    let _ = execute!(out, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste, cursor::Show);
    let _ = execute!(out, LeaveAlternateScreen);
    let _ = out.write_all(RESTORE_TITLE);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Makes a panic of this thread give the terminal back before it says what happened. One of another thread, as a
/// describer's, ends only what it was doing: it goes to the log, and the screen stays as it is.
pub fn restore_on_panic() {
    let screen = std::thread::current().id();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == screen {
            give_back();
            report(panic);
        } else {
            tracing::error!("{panic}");
        }
    }));
}
