//! The event loop of the reviewer. It waits for terminal events, messages from the runtime and signals, and draws a frame
//! after each batch.

mod clipboard;
mod editor;
mod event_reader;
mod input;
mod keymap;
pub mod layout;
mod signals;
mod terminal;
mod terminal_replies;
mod text_field;
mod theme;
pub mod view;

use std::io;
use std::time::Duration;

use crossterm::event::{Event, KeyEvent};
use ratatui::layout::Rect;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::config::Notify;
use crate::dataset::RecordId;
use crate::preview::{self, Capabilities, CellSize, Painter, ProtocolChoice};
use crate::review::{Effect, Model, Msg, Viewport, update};
use crate::runtime::Runtime;
use crate::text;
use clipboard::Clipboard;
use editor::ExternalEditor;
use event_reader::EventReader;
use input::Input;
use layout::Layout;
use signals::Signals;
use terminal::Screen;
use terminal_replies::ReplyFilter;
use view::RenderContext;

pub use keymap::{BindingError, Key, Keymap, KeymapError, Lookup};
pub use text_field::TextField;
pub use theme::{ColourScheme, Theme};

/// The timeout of the capability probe. Most terminals reply within milliseconds; over a slow connection, replies may take
/// a few tenths of a second.
const PROBE_TIMEOUT: Duration = Duration::from_millis(400);

/// The most events and messages handled between two frames, so that a flood does not freeze the screen.
const BATCH: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Options {
    pub keymap: Keymap,
    /// `None` chooses by the background of the terminal.
    pub scheme: Option<ColourScheme>,
    pub ascii: bool,
    pub mouse: bool,
    pub pictures: ProtocolChoice,
    /// A shell command.
    pub editor: Option<String>,
    pub notify: Notify,
}

/// Runs the reviewer until the operator quits. The runtime starts after the first frame.
///
/// # Errors
/// Returns an error if the terminal fails. Decisions are stored in any case.
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
        app.probe_terminal(&mut runtime)?;
        Ok(app)
    });
    let result = match shown {
        Ok(mut app) => {
            let result = app.review(&mut runtime, &mut messages).await;
            app.clear_images();
            result
        }
        Err(error) => Err(error),
    };
    runtime.close().await;
    // A closed terminal ends the review, whether a signal arrived or a write failed first.
    result.or_else(|error| if signals::terminal_is_gone() { Ok(()) } else { Err(error) })
}

struct App {
    screen: Screen,
    model: Model,
    input: Input,
    theme: Theme,
    zone: jiff::tz::TimeZone,
    painter: Option<Painter>,
    terminal: Capabilities,
    /// The cell size reported by the kernel. If it changes, the font of the terminal has changed.
    kernel_cell: Option<CellSize>,
    pictures: bool,
    replies: ReplyFilter,
    /// Keys typed before the records were loaded.
    typed_ahead: Vec<KeyEvent>,
    options: Options,
    pause: Option<Pause>,
    editor: ExternalEditor,
    clipboard: Clipboard,
    /// A message for an operator who may be in another window.
    notification: Option<String>,
    title: String,
    quitting: bool,
}

/// A reason to restore the terminal for a while.
enum Pause {
    Suspend,
    Edit { record: RecordId, text: String },
}

impl App {
    fn open(model: Model, options: Options) -> io::Result<Self> {
        let app = Self {
            screen: Screen::enter(options.mouse)?,
            input: Input::new(options.keymap.clone()),
            theme: Theme::new(options.scheme.unwrap_or_default(), options.ascii),
            editor: ExternalEditor::new(options.editor.clone()),
            zone: jiff::tz::TimeZone::system(),
            painter: None,
            terminal: Capabilities::minimal(),
            kernel_cell: preview::current_cell_size(),
            pictures: options.pictures != ProtocolChoice::None,
            replies: ReplyFilter::default(),
            typed_ahead: Vec::new(),
            pause: None,
            clipboard: Clipboard::default(),
            notification: None,
            title: String::new(),
            quitting: false,
            model,
            options,
        };
        Ok(app)
    }

    /// Queries the capabilities of the terminal. Keys typed during the probe are kept.
    fn probe_terminal(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let probe = preview::probe(PROBE_TIMEOUT);
        if self.options.scheme.is_none() {
            let scheme = probe.capabilities.background.map(ColourScheme::for_background).unwrap_or_default();
            self.theme = Theme::new(scheme, self.options.ascii);
        }
        if let Some(terminal) = probe.capabilities.with_choice(self.options.pictures) {
            self.terminal = terminal;
            self.painter = Some(runtime.show_pictures(self.terminal.clone()));
        }
        self.pictures = self.painter.is_some();
        self.measure(runtime)?;
        self.typed_ahead = input::typed_ahead(&probe.typed);
        self.replies = probe.late.as_deref().map(ReplyFilter::after).unwrap_or_default();
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
        let mut events = EventReader::start(std::mem::take(&mut self.replies))?;
        loop {
            let caption_rows = self.draw()?;
            if caption_rows != self.model.caption.rows {
                self.handle(Msg::CaptionLaidOut(caption_rows), runtime);
            }
            tokio::select! {
                biased;
                event = events.next() => self.terminal_event(&event?, runtime)?,
                Some(msg) = messages.recv() => self.handle(msg, runtime),
                () = signals.received() => return Ok(()),
            }
            for _ in 0..BATCH {
                if self.quitting || self.pause.is_some() {
                    break;
                }
                if let Some(event) = events.try_next() {
                    self.terminal_event(&event?, runtime)?;
                } else if let Ok(msg) = messages.try_recv() {
                    self.handle(msg, runtime);
                } else {
                    break;
                }
            }
            if self.model.is_ready() {
                self.press_typed_ahead(runtime)?;
            }
            if self.quitting {
                return Ok(());
            }
            if let Some(pause) = self.pause.take() {
                // Another program is about to read from the terminal.
                events.pause();
                self.run_paused(pause, runtime)?;
                events.resume()?;
            }
        }
    }

    fn terminal_event(&mut self, event: &Event, runtime: &mut Runtime) -> io::Result<()> {
        if matches!(event, Event::Resize(..)) {
            self.follow_font(runtime)?;
            return self.measure(runtime);
        }
        // Keys keep their order, even if no record is loaded yet.
        self.press_typed_ahead(runtime)?;
        let size = self.screen.size()?;
        let layout = Layout::new(Rect::new(0, 0, size.width, size.height), self.pictures);
        if let Some(msg) = self.input.message(event, &self.model, layout.as_ref()) {
            self.handle(msg, runtime);
        }
        Ok(())
    }

    /// Sends the sizes of the layout to the model.
    fn measure(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let size = self.screen.size()?;
        if let Some(layout) = Layout::new(Rect::new(0, 0, size.width, size.height), self.pictures) {
            let viewport = Viewport { cell: self.terminal.cell, ..layout.viewport() };
            self.handle(Msg::Resized(viewport), runtime);
        }
        Ok(())
    }

    /// Redraws the images after a change of the font size. The screen may have as many cells as before, and pixels of the
    /// old images remain in unchanged cells.
    fn follow_font(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let before = self.kernel_cell;
        self.kernel_cell = preview::current_cell_size();
        if let (Some(cell), Some(_), true) = (self.kernel_cell, &self.painter, self.kernel_cell != before) {
            self.clear_images();
            self.screen.clear()?;
            self.terminal.cell = cell;
            self.painter = Some(runtime.show_pictures(self.terminal.clone()));
            self.handle(Msg::PicturesLost, runtime);
        }
        Ok(())
    }

    /// Updates the model with a message and performs the effects, including messages they return at once.
    fn handle(&mut self, msg: Msg, runtime: &mut Runtime) {
        let mut next = Some(msg);
        while let Some(msg) = next.take() {
            for effect in update(&mut self.model, msg) {
                match effect {
                    Effect::Quit => self.quitting = true,
                    Effect::Copy(text) => {
                        next =
                            self.clipboard.copy(&text).err().map(|error| Msg::Notice(format!("not copied: {error}")));
                    }
                    Effect::Notify(message) => self.notification = Some(message),
                    Effect::Suspend => self.pause = Some(Pause::Suspend),
                    Effect::EditExternally { record, text } => self.pause = Some(Pause::Edit { record, text }),
                    other => next = runtime.perform(other).or(next),
                }
            }
        }
        self.input.follow(&self.model.mode);
    }

    fn run_paused(&mut self, pause: Pause, runtime: &mut Runtime) -> io::Result<()> {
        self.clear_images();
        self.screen.pause()?;
        let msg = match pause {
            Pause::Suspend => signals::suspend().err().map(|error| Msg::Notice(error.to_string())),
            Pause::Edit { record, text } => {
                let result = self.editor.edit(&text).map_err(|error| error.to_string());
                Some(Msg::EditedExternally { record, result })
            }
        };
        self.screen.resume()?;
        runtime.forget_pictures();
        self.handle(Msg::PicturesLost, runtime);
        self.measure(runtime)?;
        if let Some(msg) = msg {
            self.handle(msg, runtime);
        }
        Ok(())
    }

    /// Deletes our images from the terminal.
    fn clear_images(&mut self) {
        if let Some(painter) = &mut self.painter {
            // A closed terminal keeps no images.
            let _ = self.screen.send(&painter.clear_all());
        }
    }

    /// Updates the window title with the progress, and sends a pending notification.
    fn update_title(&mut self) -> io::Result<()> {
        let name = text::sanitize(&self.model.settings.dataset);
        let title = match self.model.tabs.total() {
            0 => format!("{name} · recaption"),
            total => format!("{}/{total} · {name} · recaption", self.model.counters().reviewed),
        };
        if title != self.title {
            self.screen.set_title(&title)?;
            self.title = title;
        }
        match self.notification.take() {
            Some(message) => self.screen.notify(&message, self.options.notify),
            None => Ok(()),
        }
    }

    /// Draws a frame and returns the number of rows of the text in the caption pane.
    fn draw(&mut self) -> io::Result<u16> {
        self.update_title()?;
        let Self { screen, model, theme, input, zone, painter, pictures, .. } = self;
        let render = RenderContext {
            theme,
            keymap: input.keymap(),
            text_field: input.text_field(),
            pending: input.pending(),
            zone,
            pictures: *pictures,
        };
        let mut rows = 0;
        screen.draw(|frame| {
            rows = view::draw(frame, model, render, painter.as_mut());
            painter.as_mut().map(Painter::end).unwrap_or_default()
        })?;
        Ok(rows)
    }
}
