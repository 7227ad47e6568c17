//! A thread that reads terminal events, so that the screen never waits for the terminal. (crossterm 0.29 may read the end
//! of file of a closed terminal in an endless loop.)

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::event::{self, Event, EventStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::terminal_replies::ReplyFilter;

/// The timeout of a poll without a pending reply. Any will do, as the waker interrupts the poll.
const POLL: Duration = Duration::from_hours(1);

pub struct EventReader {
    sender: UnboundedSender<io::Result<Event>>,
    events: UnboundedReceiver<io::Result<Event>>,
    thread: Option<Worker>,
}

impl EventReader {
    /// Starts reading, and drops the pending replies of the terminal. Nothing else may read from the terminal until
    /// [`EventReader::pause`].
    ///
    /// # Errors
    /// Returns an error if the thread cannot be spawned.
    pub fn start(replies: ReplyFilter) -> io::Result<Self> {
        let (sender, events) = unbounded_channel();
        let thread = Some(Worker::start(sender.clone(), replies)?);
        Ok(Self { sender, events, thread })
    }

    pub async fn next(&mut self) -> io::Result<Event> {
        self.events.recv().await.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }

    /// Returns the next event if it has arrived already.
    pub fn try_next(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }

    /// Stops reading, so that another program can. Events read so far are kept.
    pub fn pause(&mut self) {
        if let Some(worker) = self.thread.take() {
            worker.stop();
        }
    }

    /// Starts reading again. No replies are expected by now.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be spawned.
    pub fn resume(&mut self) -> io::Result<()> {
        self.thread = Some(Worker::start(self.sender.clone(), ReplyFilter::default())?);
        Ok(())
    }
}

/// The thread and its waker: dropping an event stream interrupts a poll of crossterm. The stream is never read.
struct Worker {
    thread: JoinHandle<()>,
    waker: EventStream,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    fn start(sender: UnboundedSender<io::Result<Event>>, replies: ReplyFilter) -> io::Result<Self> {
        let waker = EventStream::new();
        let stopping = Arc::new(AtomicBool::new(false));
        let is_stopping = Arc::clone(&stopping);
        let thread =
            thread::Builder::new().name("keys".to_owned()).spawn(move || read(&sender, &is_stopping, replies))?;
        Ok(Self { thread, waker, stopping })
    }

    fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        drop(self.waker);
        // A panicked thread has stopped reading, too.
        let _ = self.thread.join();
    }
}

fn read(sender: &UnboundedSender<io::Result<Event>>, stopping: &AtomicBool, mut replies: ReplyFilter) {
    loop {
        let timeout = replies.timeout().unwrap_or(POLL);
        let events = match event::poll(timeout).and_then(|ready| if ready { event::read().map(Some) } else { Ok(None) })
        {
            Ok(Some(event)) => replies.filter(event),
            // Stop only after the wake-up was consumed: a pending one would arrive together with the next key, and
            // crossterm 0.29 drops the other events of a wake-up.
            Ok(None) if stopping.load(Ordering::Acquire) => return,
            Ok(None) => replies.flush(),
            Err(error) => {
                // The receiver may be gone.
                let _ = sender.send(Err(error));
                return;
            }
        };
        if events.into_iter().any(|event| sender.send(Ok(event)).is_err()) {
            return;
        }
    }
}
