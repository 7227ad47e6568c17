//! The event loop of the reviewer. It waits for terminal events, messages from the runtime and signals, and draws a frame
//! after each batch.

mod clipboard;
mod closing;
mod editor;
mod event_reader;
mod input;
mod keymap;
pub mod layout;
mod marked_text;
mod signals;
mod terminal;
mod terminal_replies;
mod text_field;
mod theme;
pub mod view;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use crossterm::event::Event;
use jiff::Timestamp;
use ratatui::layout::Rect;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::config::{self, Notify};
use crate::console;
use crate::dataset::RecordId;
use crate::preview::{self, Capabilities, CellSize, Charset, Painter, ProtocolChoice, Surroundings};
use crate::review::{Context, Effect, Leaving, Model, Msg, Panes, Tab, update};
use crate::runtime::Runtime;
use crate::session::{Seq, SessionError};
use crate::text;
use clipboard::Clipboard;
use editor::ExternalEditor;
use event_reader::EventReader;
use input::Input;
use layout::{Inputs, Layout};
use signals::Signal;
use terminal::Screen;
use terminal_replies::ReplyFilter;
use view::{Clicks, Drawn, RenderContext};

pub use keymap::{BindingError, Key, Keymap, KeymapError, Lookup};
pub use signals::Signals;
pub use text_field::TextField;
pub use theme::{ColourScheme, Theme};

/// The timeout of the capability probe. Most terminals reply within milliseconds; over a slow connection, replies may take
/// a few tenths of a second.
const PROBE_TIMEOUT: Duration = Duration::from_millis(400);

/// Shown in a terminal that does not decode UTF-8.
const NOT_UTF8: &str =
    "the terminal is not in UTF-8: \"?\" stands for other characters than ASCII; start it with LANG=C.UTF-8";

/// How long events and messages are handled before the next frame, so that a flood does not freeze the screen.
const BATCH: Duration = Duration::from_millis(4);

#[derive(Clone, Debug)]
pub struct Options {
    pub keymap: Keymap,
    pub theme: config::Theme,
    /// The environment asks for no colours, which the automatic theme follows.
    pub no_colour: bool,
    pub ascii: bool,
    pub mouse: bool,
    pub pictures: ProtocolChoice,
    /// A shell command.
    pub editor: Option<String>,
    pub notify: Notify,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Changes were lost.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The terminal failed.
    #[error(transparent)]
    Terminal(#[from] io::Error),
}

/// The state of a review when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub records: u64,
    pub reviewed: u64,
    /// The session has events.
    pub is_begun: bool,
    /// The output was saved at some time.
    pub is_saved: bool,
    /// The output would differ from the last save.
    pub is_unsaved: bool,
    /// `None` if a signal ended the review.
    pub leaving: Option<Leaving>,
}

impl Ended {
    fn of(model: &Model) -> Self {
        Self {
            records: model.tabs.count(Tab::All),
            reviewed: model.tabs.reviewed(),
            is_begun: model.ledger.last() > Seq::default(),
            is_saved: model.ledger.saves().next().is_some(),
            is_unsaved: model.ledger.is_unsaved(),
            leaving: model.leaving,
        }
    }
}

/// Prepares the process for reviews: the terminal is restored after a panic, and signals are handled.
///
/// # Errors
/// Returns an error if the signal handlers cannot be registered.
///
/// # Panics
/// Panics outside a tokio runtime.
pub fn prepare() -> io::Result<Signals> {
    terminal::restore_on_panic();
    Signals::new()
}

/// Runs the reviewer until the operator quits. The runtime starts after the first frame.
///
/// # Errors
/// Returns an error if the terminal fails, in which case decisions are stored, or if changes could not be stored.
pub async fn run(
    model: Model,
    options: Options,
    mut runtime: Runtime,
    mut messages: UnboundedReceiver<Msg>,
    signals: &mut Signals,
) -> Result<Ended, RunError> {
    let shown = App::open(model, options, signals).and_then(|mut app| {
        app.draw()?;
        runtime.start();
        app.probe_terminal(&mut runtime)?;
        Ok(app)
    });
    let mut ended = Ended::default();
    let result = match shown {
        Ok(mut app) => {
            let result = app.review(&mut runtime, &mut messages).await;
            app.clear_images();
            ended = Ended::of(&app.model);
            result
        }
        Err(error) => Err(error),
    };
    closing::close(runtime.close()).await?;
    // A closed terminal ends the review, whether a signal arrived or a write failed first.
    result.or_else(|error| if signals::terminal_is_gone() { Ok(()) } else { Err(error) })?;
    Ok(ended)
}

struct App<'a> {
    screen: Screen,
    signals: &'a mut Signals,
    model: Model,
    input: Input,
    theme: Theme,
    /// The colour of the terminal's background, if known.
    background: Option<[u8; 3]>,
    zone: jiff::tz::TimeZone,
    painter: Option<Painter>,
    terminal: Capabilities,
    /// The cell size reported by the kernel. If it changes, the font of the terminal has changed.
    kernel_cell: Option<CellSize>,
    pictures: bool,
    replies: ReplyFilter,
    /// Input typed before the records were loaded, or before the editor it is meant for has opened.
    held: VecDeque<Event>,
    options: Options,
    pause: Option<Pause>,
    editor: ExternalEditor,
    clipboard: Clipboard,
    /// Draw everything again with the next frame.
    redraw_next: bool,
    /// A message for an operator who may be in another window.
    notification: Option<String>,
    title: String,
    /// The clickable areas of the last frame.
    clicks: Clicks,
    /// The operator's choice of panes that the model has the sizes of.
    measured: Panes,
    quitting: bool,
}

/// A reason to restore the terminal for a while.
enum Pause {
    /// `^z`: stop the process group.
    Suspend,
    /// Another program has asked this one to stop.
    Stop,
    Edit {
        record: RecordId,
        text: String,
    },
}

impl<'a> App<'a> {
    fn open(model: Model, options: Options, signals: &'a mut Signals) -> io::Result<Self> {
        let app = Self {
            screen: Screen::enter(options.mouse)?,
            signals,
            input: Input::new(options.keymap.clone()),
            theme: Theme::new(ColourScheme::chosen(options.theme, options.no_colour, None), options.ascii)
                // Until the terminal has replied.
                .with_only_ascii(options.ascii && !console::is_utf8_locale()),
            background: None,
            editor: ExternalEditor::new(options.editor.clone()),
            zone: jiff::tz::TimeZone::system(),
            painter: None,
            terminal: Capabilities::minimal(),
            kernel_cell: preview::current_cell_size(),
            pictures: options.pictures != ProtocolChoice::None,
            replies: ReplyFilter::default(),
            held: VecDeque::new(),
            pause: None,
            clipboard: Clipboard::default(),
            redraw_next: false,
            notification: None,
            title: String::new(),
            clicks: Clicks::default(),
            measured: model.panes,
            quitting: false,
            model,
            options,
        };
        Ok(app)
    }

    /// Queries the capabilities of the terminal, and draws everything again: some terminals print a query, or scroll.
    /// Keys typed during the probe are kept.
    fn probe_terminal(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let probe = preview::probe(PROBE_TIMEOUT, Surroundings::OwnScreen);
        self.background = probe.capabilities.background;
        self.theme.only_ascii = self.options.ascii && probe.capabilities.charset == Charset::Bytes;
        self.set_theme(self.options.theme);
        if self.theme.only_ascii {
            self.handle(Msg::Notice(NOT_UTF8.to_owned()), runtime);
        }
        if let Some(terminal) = probe.capabilities.with_choice(self.options.pictures) {
            self.terminal = terminal;
            self.painter = Some(runtime.show_pictures(self.terminal.clone()));
        }
        self.pictures = self.painter.is_some();
        self.measure(runtime)?;
        self.screen.clear()?;
        self.held = input::typed_ahead(&probe.typed).into_iter().map(Event::Key).collect();
        self.replies = probe.late.as_deref().map(ReplyFilter::after).unwrap_or_default();
        Ok(())
    }

    fn set_theme(&mut self, theme: config::Theme) {
        let scheme = ColourScheme::chosen(theme, self.options.no_colour, self.background);
        self.theme = Theme::new(scheme, self.options.ascii).with_only_ascii(self.theme.only_ascii);
    }

    /// Handles the held input, until a key has to wait for an editor.
    fn release_held(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        while !self.must_hold()
            && let Some(event) = self.held.pop_front()
        {
            self.input_event(&event, runtime)?;
        }
        Ok(())
    }

    /// Returns true if the next key must not be handled yet: it is meant for an editor that has not opened, or for the
    /// program that is about to have the terminal.
    fn must_hold(&self) -> bool {
        self.model.awaits_editor() || self.pause.is_some() || self.quitting
    }

    async fn review(&mut self, runtime: &mut Runtime, messages: &mut UnboundedReceiver<Msg>) -> io::Result<()> {
        let mut events = EventReader::start(std::mem::take(&mut self.replies))?;
        loop {
            if std::mem::take(&mut self.redraw_next) {
                self.clear_images();
                self.redraw(runtime)?;
            }
            for msg in self.draw()?.messages(&self.model) {
                self.handle(msg, runtime);
            }
            tokio::select! {
                biased;
                signal = self.signals.received() => match signal {
                    Signal::End => return Ok(()),
                    Signal::Stop => self.pause = Some(Pause::Stop),
                    Signal::Continue => self.take_terminal_back(runtime)?,
                    Signal::Resize => self.resized(runtime)?,
                },
                text = self.clipboard.refused() => self.screen.copy(&text)?,
                event = events.next() => self.terminal_event(event?, runtime)?,
                Some(msg) = messages.recv() => self.handle(msg, runtime),
            }
            let begun = Instant::now();
            while begun.elapsed() < BATCH {
                if self.quitting || self.pause.is_some() {
                    break;
                }
                if let Some(event) = events.try_next() {
                    self.terminal_event(event?, runtime)?;
                } else if let Ok(msg) = messages.try_recv() {
                    self.handle(msg, runtime);
                } else {
                    break;
                }
            }
            if self.model.is_ready() {
                self.release_held(runtime)?;
            }
            while let Some(pause) = self.pause.take() {
                // Another program is about to read from the terminal.
                events.pause();
                self.run_paused(pause, runtime).await?;
                events.resume();
                self.release_held(runtime)?;
            }
            if self.quitting {
                if self.model.leaving == Some(Leaving::Reopen) {
                    // The next review is about to read from the terminal.
                    events.pause();
                }
                return Ok(());
            }
        }
    }

    fn terminal_event(&mut self, event: Event, runtime: &mut Runtime) -> io::Result<()> {
        if matches!(event, Event::Resize(..)) {
            return self.resized(runtime);
        }
        if self.model.awaits_editor() && input::cancels(&event) {
            self.handle(Msg::OpeningCancelled, runtime);
            return Ok(());
        }
        // Keys keep their order, even if no record is loaded yet.
        self.release_held(runtime)?;
        if self.must_hold() {
            self.held.push_back(event);
            return Ok(());
        }
        self.input_event(&event, runtime)
    }

    fn resized(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        self.follow_font(runtime)?;
        self.measure(runtime)
    }

    fn input_event(&mut self, event: &Event, runtime: &mut Runtime) -> io::Result<()> {
        if let Some(msg) = self.input.message(event, &self.model, &self.clicks) {
            self.handle(msg, runtime);
        }
        if self.model.panes != self.measured {
            self.measure(runtime)?;
        }
        Ok(())
    }

    /// Sends the sizes of the layout to the model.
    fn measure(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        let size = self.screen.size()?;
        self.measured = self.model.panes;
        let inputs = Inputs { cell: self.terminal.cell, ..Inputs::of(&self.model, self.pictures) };
        if let Some(viewports) = Layout::viewports(Rect::new(0, 0, size.width, size.height), &inputs) {
            self.handle(Msg::Resized(Box::new(viewports)), runtime);
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

    /// Draws everything again. The terminal may have lost its images.
    fn redraw(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        self.screen.clear()?;
        runtime.forget_pictures();
        self.handle(Msg::PicturesLost, runtime);
        self.measure(runtime)
    }

    /// Sets the terminal up again after another program has used it.
    fn take_terminal_back(&mut self, runtime: &mut Runtime) -> io::Result<()> {
        self.clear_images();
        self.screen.pause()?;
        self.screen.resume()?;
        self.redraw(runtime)
    }

    /// Updates the model with a message and performs the effects, including messages they return at once.
    fn handle(&mut self, msg: Msg, runtime: &mut Runtime) {
        self.model.now = Timestamp::now();
        let awaited = self.model.awaits_editor();
        let mut next = Some(msg);
        while let Some(msg) = next.take() {
            for effect in update(&mut self.model, msg) {
                match effect {
                    Effect::Quit => self.quitting = true,
                    Effect::Copy(text) => self.clipboard.copy(text),
                    Effect::Redraw => self.redraw_next = true,
                    // The names are those of the setting.
                    Effect::SetTheme(name) => {
                        self.set_theme(config::Theme::from_str(name, false).unwrap_or(self.options.theme));
                    }
                    Effect::Notify(message) => self.notification = Some(message),
                    Effect::Suspend => self.pause = Some(Pause::Suspend),
                    Effect::EditExternally { record, text } => self.pause = Some(Pause::Edit { record, text }),
                    other => next = runtime.perform(other).or(next),
                }
            }
        }
        self.input.follow(&self.model.mode);
        if awaited && !self.model.awaits_editor() && !Context::of(&self.model).takes_text() {
            // Keys typed for the editor must not run as commands.
            self.held.clear();
        }
    }

    async fn run_paused(&mut self, pause: Pause, runtime: &mut Runtime) -> io::Result<()> {
        self.clear_images();
        self.screen.pause()?;
        let notice = |stopped: io::Result<()>| stopped.err().map(|error| Msg::Notice(error.to_string()));
        let msg = match pause {
            Pause::Suspend => notice(self.signals.stop_group().await),
            Pause::Stop => notice(self.signals.stop().await),
            Pause::Edit { record, text } => {
                let mut editor = std::mem::take(&mut self.editor);
                let edited = tokio::task::spawn_blocking(move || {
                    let result = editor.edit(&text).map_err(|error| error.to_string());
                    (editor, result)
                });
                let edited = self.signals.lend_terminal(edited).await;
                let (editor, result) = edited
                    .unwrap_or_else(|error| (ExternalEditor::new(self.options.editor.clone()), Err(error.to_string())));
                self.editor = editor;
                Some(Msg::EditedExternally { record, result })
            }
        };
        self.screen.resume()?;
        self.redraw(runtime)?;
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
        let dot = self.theme.glyphs.dot;
        let title = match self.model.tabs.total() {
            0 => format!("{name} {dot} recaption"),
            total => format!("{}/{total} {dot} {name} {dot} recaption", self.model.counters().reviewed),
        };
        if title != self.title {
            self.screen.set_title(&self.theme.encodable(&title))?;
            self.title = title;
        }
        match self.notification.take() {
            Some(message) => self.screen.notify(&self.theme.encodable(&message), self.options.notify),
            None => Ok(()),
        }
    }

    fn draw(&mut self) -> io::Result<Drawn> {
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
        let mut drawn = Drawn::default();
        screen.draw(|frame| {
            drawn = view::draw(frame, model, render, painter.as_mut());
            painter.as_mut().map(Painter::end).unwrap_or_default()
        })?;
        self.clicks = std::mem::take(&mut drawn.clicks);
        Ok(drawn)
    }
}
