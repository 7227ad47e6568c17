//! The reader of keys: a thread of its own, so that the screen never waits for the terminal, whatever becomes of it.
//! (crossterm 0.29 may read the end of a terminal again and again, and never come back from it.)

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::event::{self, Event, EventStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::late::LateAnswers;

/// The longest crossterm is asked to wait at a time. Any would do: it is woken where that is wanted.
const LONG: Duration = Duration::from_hours(1);

/// What the terminal sends, in order.
pub struct Listener {
    sender: UnboundedSender<io::Result<Event>>,
    events: UnboundedReceiver<io::Result<Event>>,
    thread: Option<Reading>,
}

impl Listener {
    /// Starts reading, and passes over the answers of the terminal that are still to come. Nobody else may read from the
    /// terminal until [`Listener::pause`].
    ///
    /// # Errors
    /// Where there is no thread to read with.
    pub fn start(late: LateAnswers) -> io::Result<Self> {
        let (sender, events) = unbounded_channel();
        let thread = Some(Reading::start(sender.clone(), late)?);
        Ok(Self { sender, events, thread })
    }

    /// Waits for the next event.
    pub async fn next(&mut self) -> io::Result<Event> {
        self.events.recv().await.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// The next event, if it is there already.
    pub fn at_once(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }

    /// Stops reading, for another program to read. What was read is kept.
    pub fn pause(&mut self) {
        if let Some(reading) = self.thread.take() {
            reading.stop();
        }
    }

    /// Reads again. What the terminal had to answer, it has answered by now.
    ///
    /// # Errors
    /// Where there is no thread to read with.
    pub fn resume(&mut self) -> io::Result<()> {
        self.thread = Some(Reading::start(self.sender.clone(), LateAnswers::default())?);
        Ok(())
    }
}

/// The thread, and what wakes it: dropping an event stream makes crossterm stop waiting. The stream is never read from.
struct Reading {
    thread: JoinHandle<()>,
    waker: EventStream,
    stopping: Arc<AtomicBool>,
}

impl Reading {
    fn start(sender: UnboundedSender<io::Result<Event>>, late: LateAnswers) -> io::Result<Self> {
        let waker = EventStream::new();
        let stopping = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopping);
        let thread = thread::Builder::new().name("keys".to_owned()).spawn(move || read(&sender, &told, late))?;
        Ok(Self { thread, waker, stopping })
    }

    fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        drop(self.waker);
        // One that panicked reads no more, either.
        let _ = self.thread.join();
    }
}

fn read(sender: &UnboundedSender<io::Result<Event>>, stopping: &AtomicBool, mut late: LateAnswers) {
    loop {
        let patience = late.patience().unwrap_or(LONG);
        let keys = match event::poll(patience).and_then(|ready| if ready { event::read().map(Some) } else { Ok(None) })
        {
            Ok(Some(event)) => late.take(event),
            // It was woken. Only now: a wake-up left behind would come together with the next key, and crossterm 0.29
            // forgets the rest of what it was woken for.
            Ok(None) if stopping.load(Ordering::Acquire) => return,
            Ok(None) => late.give_up(),
            Err(error) => {
                // Nobody may be left to be told.
                let _ = sender.send(Err(error));
                return;
            }
        };
        if keys.into_iter().any(|key| sender.send(Ok(key)).is_err()) {
            return;
        }
    }
}
