//! The reviewer in a terminal: keys in, frames out. The loop waits for keys, for the runtime's messages and for
//! signals; it draws only after something happened.

mod clipboard;
mod editor;
mod entry;
mod input;
mod keymap;
mod late;
pub mod layout;
mod listener;
mod signals;
mod terminal;
mod theme;
pub mod view;

use std::io;
use std::time::Duration;

use crossterm::event::{Event, KeyEvent};
use ratatui::layout::Rect;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::dataset::RecordId;
use crate::preview::{self, Capabilities, CellSize, Painter, ProtocolChoice};
use crate::review::{Effect, Model, Msg, Viewport, update};
use crate::runtime::Runtime;
use crate::text;
use clipboard::Clipboard;
use input::Input;
use late::LateAnswers;
use layout::Layout;
use listener::Listener;
use signals::Signals;
use terminal::Screen;
use view::Look;

pub use entry::Entry;
pub use keymap::{Context, Key, Keymap, KeymapError, Lookup, Mistake, Preset};
pub use terminal::Notify;
pub use theme::{Ground, Theme};

/// How long the terminal may take to say what it can do. Most answer within a few milliseconds; over a slow line the
/// answer may take a few tenths of a second.
const PROBE_DEADLINE: Duration = Duration::from_millis(400);

/// Most messages taken in before a frame is drawn: a flood never stops the screen.
const BATCH: usize = 1_000;

/// How the reviewer should look and listen.
#[derive(Clone, Debug)]
pub struct Options {
    /// The keys.
    pub keymap: Keymap,
    /// The ground of the theme; `None` asks the terminal.
    pub ground: Option<Ground>,
    /// Glyphs in ASCII only.
    pub ascii: bool,
    /// Whether the mouse is ours.
    pub mouse: bool,
    /// How pictures are drawn.
    pub pictures: ProtocolChoice,
    /// The operator's editor, as a shell command.
    pub editor: Option<String>,
    /// How the operator is told that something long is done.
    pub notify: Notify,
}

/// Reviews until the operator leaves. The runtime's work begins once there is a first frame.
///
/// # Errors
/// Where the terminal fails. What was decided is safe in any case.
pub async fn run(
    model: Model,
    options: Options,
    mut runtime: Runtime,
    mut messages: UnboundedReceiver<Msg>,
) -> io::Result<()> {
    terminal::restore_on_panic();
    let shown = App::open(model, options).and_then(|mut app| {
        app.draw()?;
        runtime.start();
        app.meet_terminal(&mut runtime)?;
        Ok(app)
    });
    let result = match shown {
        Ok(mut app) => {
            let result = app.review(&mut runtime, &mut messages).await;
            app.withdraw_pictures();
            result
        }
        Err(error) => Err(error),
    };
    runtime.close().await;
    // Whether a signal came first or a frame could not be written: the operator has left.
    result.or_else(|error| if signals::terminal_is_gone() { Ok(()) } else { Err(error) })
}

/// What the loop holds.
struct App {
    screen: Screen,
    model: Model,
    input: Input,
    theme: Theme,
    zone: jiff::tz::TimeZone,
    painter: Option<Painter>,
    terminal: Capabilities,
    /// The size of a cell by the kernel's account. Where it changes, so does the terminal's own.
    kernels_cell: Option<CellSize>,
    pictures: bool,
    /// Answers of the terminal that are still to come.
    late: LateAnswers,
    /// Keys typed before there was anything they could be about.
    typed_ahead: Vec<KeyEvent>,
    options: Options,
    pause: Option<Pause>,
    clipboard: Clipboard,
    /// What the operator is to be told wherever they look.
    attention: Option<String>,
    title: String,
    leaving: bool,
}

/// Something for which the terminal is given away for a while.
enum Pause {
    Suspend,
    Edit { record: RecordId, text: String },
}

impl App {
    fn open(model: Model, options: Options) -> io::Result<Self> {
        let app = Self {
            screen: Screen::enter(options.mouse)?,
            input: Input::new(options.keymap.clone()),
            theme: Theme::new(options.ground.unwrap_or_default(), options.ascii),
            zone: jiff::tz::TimeZone::system(),
            painter: None,
            terminal: Capabilities::floor(),
            kernels_cell: preview::cell_now(),
            pictures: options.pictures != ProtocolChoice::None,
            late: LateAnswers::default(),
            typed_ahead: Vec::new(),
            pause: None,
            clipboard: Clipboard::default(),
            attention: None,
            title: String::new(),
            leaving: false,
            model,
            options,
        };
        Ok(app)
    }

    /// Asks the terminal what it can do. Keys typed meanwhile are not lost.
    fn meet_terminal(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let probe = preview::probe(PROBE_DEADLINE);
        if self.options.ground.is_none() {
            let ground = probe.capabilities.background.map(Ground::of).unwrap_or_default();
            self.theme = Theme::new(ground, self.options.ascii);
        }
        if let Some(terminal) = probe.capabilities.chosen(self.options.pictures) {
            self.terminal = terminal;
            self.painter = Some(runtime.show_pictures(self.terminal.clone()));
        }
        self.pictures = self.painter.is_some();
        self.measure(runtime)?;
        self.typed_ahead = input::typed_ahead(&probe.typed);
        self.late = probe.late.as_deref().map(LateAnswers::after).unwrap_or_default();
        Ok(())
    }

    fn press_typed_ahead(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        for key in std::mem::take(&mut self.typed_ahead) {
            self.terminal_event(&Event::Key(key), runtime)?;
        }
        Ok(())
    }

    async fn review(&mut self, runtime: &mut Runtime, messages: &mut UnboundedReceiver<Msg>) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let mut events = Listener::start(std::mem::take(&mut self.late))?;
        loop {
            let caption_rows = self.draw()?;
            if caption_rows != self.model.caption.rows {
                self.take(Msg::CaptionLaidOut(caption_rows), runtime);
            }
            tokio::select! {
                biased;
                event = events.next() => self.terminal_event(&event?, runtime)?,
                Some(msg) = messages.recv() => self.take(msg, runtime),
                () = signals.received() => return Ok(()),
            }
            for _ in 0..BATCH {
                if self.leaving || self.pause.is_some() {
                    break;
                }
                if let Some(event) = events.at_once() {
                    self.terminal_event(&event?, runtime)?;
                } else if let Ok(msg) = messages.try_recv() {
                    self.take(msg, runtime);
                } else {
                    break;
                }
            }
            if self.model.is_ready() {
                self.press_typed_ahead(runtime)?;
            }
            if self.leaving {
                return Ok(());
            }
            if let Some(pause) = self.pause.take() {
                // Another program is about to read the keys.
                events.pause();
                self.give_way(pause, runtime)?;
                events.resume()?;
            }
        }
    }

    fn terminal_event(&mut self, event: &Event, runtime: &mut Runtime) -> io::Result<()> {
        if matches!(event, Event::Resize(..)) {
            self.follow_font(runtime)?;
            return self.measure(runtime);
        }
        // Those typed first come first, whether there is anything for them or not.
        self.press_typed_ahead(runtime)?;
        let size = self.screen.size()?;
        let layout = Layout::new(Rect::new(0, 0, size.width, size.height), self.pictures);
        if let Some(msg) = self.input.message(event, &self.model, layout.as_ref()) {
            self.take(msg, runtime);
        }
        Ok(())
    }

    /// Tells the core how much room there is.
    fn measure(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let size = self.screen.size()?;
        if let Some(layout) = Layout::new(Rect::new(0, 0, size.width, size.height), self.pictures) {
            let viewport = Viewport { cell: self.terminal.cell, ..layout.viewport() };
            self.take(Msg::Resized(viewport), runtime);
        }
        Ok(())
    }

    /// A font of another size needs other pictures, though the screen may have as many cells as before; and pixels of the
    /// old ones lie where cells are that say the same as before.
    fn follow_font(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let before = self.kernels_cell;
        self.kernels_cell = preview::cell_now();
        if let (Some(cell), Some(_), true) = (self.kernels_cell, &self.painter, self.kernels_cell != before) {
            self.withdraw_pictures();
            self.screen.renew()?;
            self.terminal.cell = cell;
            self.painter = Some(runtime.show_pictures(self.terminal.clone()));
            self.take(Msg::PicturesLost, runtime);
        }
        Ok(())
    }

    /// Takes a message in and performs what follows from it, answers that are there at once included.
    fn take(&mut self, msg: Msg, runtime: &mut Runtime) {
        let mut next = Some(msg);
        while let Some(msg) = next.take() {
            for effect in update(&mut self.model, msg) {
                match effect {
                    Effect::Quit => self.leaving = true,
                    Effect::Copy(text) => {
                        next =
                            self.clipboard.copy(&text).err().map(|error| Msg::Notice(format!("not copied: {error}")));
                    }
                    Effect::Notify(words) => self.attention = Some(words),
                    Effect::Suspend => self.pause = Some(Pause::Suspend),
                    Effect::EditExternally { record, text } => self.pause = Some(Pause::Edit { record, text }),
                    other => next = runtime.perform(other).or(next),
                }
            }
        }
        self.input.follow(&self.model.mode);
    }

    fn give_way(&mut self, pause: Pause, runtime: &mut Runtime) -> io::Result<()> {
        self.withdraw_pictures();
        self.screen.pause()?;
        let msg = match pause {
            Pause::Suspend => signals::suspend().err().map(|error| Msg::Notice(error.to_string())),
            Pause::Edit { record, text } => {
                let result = editor::edit(self.options.editor.as_deref(), &text).map_err(|error| error.to_string());
                Some(Msg::EditedExternally { record, result })
            }
        };
        self.screen.resume()?;
        runtime.forget_pictures();
        self.take(Msg::PicturesLost, runtime);
        self.measure(runtime)?;
        if let Some(msg) = msg {
            self.take(msg, runtime);
        }
        Ok(())
    }

    /// Takes the pictures back that the terminal keeps.
    fn withdraw_pictures(&mut self) {
        if let Some(painter) = &mut self.painter {
            // A terminal that is gone keeps nothing.
            let _ = self.screen.send(&painter.farewell());
        }
    }

    /// Says in the window's title how far the review is, and calls for attention where that is wanted.
    fn announce(&mut self) -> io::Result<()> {
        let name = text::sanitize(&self.model.settings.dataset);
        let title = match self.model.tabs.total() {
            0 => format!("{name} · recaption"),
            total => format!("{}/{total} · {name} · recaption", self.model.tabs.reviewed()),
        };
        if title != self.title {
            self.screen.set_title(&title)?;
            self.title = title;
        }
        match self.attention.take() {
            Some(words) => self.screen.call_attention(&text::sanitize(&words), self.options.notify),
            None => Ok(()),
        }
    }

    /// Draws a frame, and says how many rows the caption pane's text takes.
    fn draw(&mut self) -> io::Result<u16> {
        self.announce()?;
        let Self { screen, model, theme, input, zone, painter, pictures, .. } = self;
        let look = Look {
            theme,
            keymap: input.keymap(),
            entry: input.entry(),
            pending: input.pending(),
            zone,
            pictures: *pictures,
        };
        let mut rows = 0;
        screen.draw(|frame| {
            rows = view::draw(frame, model, look, painter.as_mut());
            painter.as_mut().map(Painter::end).unwrap_or_default()
        })?;
        Ok(rows)
    }
}
