//! A thread that reads terminal events, so that the screen never waits for the terminal. (crossterm 0.29 may read the end
//! of file of a closed terminal in an endless loop.)

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::terminal_replies::ReplyFilter;
use wake::Waker;

/// How long [`EventReader::pause`] waits for the thread. A thread that is blocked in a read, because another program took
/// the input first, must not block the screen.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The timeout of a poll for the rest of the input that has arrived: crossterm does not poll at all with a timeout of 0.
const ARRIVED: Duration = Duration::from_millis(1);

pub struct EventReader {
    events: UnboundedReceiver<io::Result<Event>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    waker: Waker,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The thread must not read.
    paused: bool,
    /// The thread does not read.
    idle: bool,
    closed: bool,
}

impl EventReader {
    /// Starts reading, and drops the pending replies of the terminal. Nothing else may read from the terminal until
    /// [`EventReader::pause`].
    ///
    /// # Errors
    /// Returns an error if the thread cannot be spawned.
    pub fn start(replies: ReplyFilter) -> io::Result<Self> {
        let (sender, events) = unbounded_channel();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), waker: Waker::new()? });
        let reader = Arc::clone(&shared);
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            reader.read(&sender, replies);
            reader.update(|state| state.idle = true);
        })?;
        Ok(Self { events, shared })
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
        let shared = &self.shared;
        shared.update(|state| state.paused = true);
        shared.waker.wake();
        let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        // After the timeout, the other program competes for the input.
        drop(shared.changed.wait_timeout_while(state, PAUSE_TIMEOUT, |state| !state.idle));
    }

    /// Starts reading again.
    pub fn resume(&mut self) {
        self.shared.update(|state| state.paused = false);
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.shared.update(|state| state.closed = true);
        self.shared.waker.wake();
    }
}

impl Shared {
    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits while the reader is paused. Returns false if it is closed.
    fn may_read(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.paused && !state.closed {
            state.idle = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        !state.closed
    }

    fn is_paused(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).paused
    }

    fn read(&self, sender: &UnboundedSender<io::Result<Event>>, mut replies: ReplyFilter) {
        // Events that were read but not sent before a pause.
        let mut are_left = false;
        while self.may_read() {
            if let Err(error) = self.read_arrived(sender, &mut replies, &mut are_left) {
                // The receiver may be gone.
                let _ = sender.send(Err(error));
                return;
            }
        }
    }

    /// Waits for input, and sends the events that arrive until the next pause.
    fn read_arrived(
        &self,
        sender: &UnboundedSender<io::Result<Event>>,
        replies: &mut ReplyFilter,
        are_left: &mut bool,
    ) -> io::Result<()> {
        let send = |events: Vec<Event>| {
            for event in events {
                // Fails only while the program ends.
                let _ = sender.send(Ok(event));
            }
        };
        if std::mem::take(are_left) || self.waker.wait(replies.timeout())? {
            while event::poll(ARRIVED)? {
                send(replies.filter(event::read()?));
                if self.is_paused() {
                    *are_left = true;
                    break;
                }
            }
        } else {
            send(replies.flush());
        }
        Ok(())
    }
}

#[cfg(unix)]
mod wake {
    use std::fs::{File, OpenOptions};
    use std::io::{self, IsTerminal as _, Read as _, Write as _};
    use std::os::fd::{AsFd as _, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// Waits for input of the terminal, or to be woken. (crossterm's own waker is lost if input arrives with it.)
    #[derive(Debug)]
    pub struct Waker {
        /// `None` if standard input is the terminal.
        terminal: Option<File>,
        sender: UnixStream,
        receiver: UnixStream,
    }

    impl Waker {
        pub fn new() -> io::Result<Self> {
            let terminal = io::stdin().is_terminal();
            let terminal = if terminal { None } else { Some(OpenOptions::new().read(true).open("/dev/tty")?) };
            let (sender, receiver) = UnixStream::pair()?;
            sender.set_nonblocking(true)?;
            receiver.set_nonblocking(true)?;
            Ok(Self { terminal, sender, receiver })
        }

        pub fn wake(&self) {
            // If the buffer is full, enough bytes are in it to wake the thread.
            let _ = (&self.sender).write(&[0]);
        }

        /// Returns true if the terminal has input, and false if woken or after the timeout.
        pub fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
            let stdin = io::stdin();
            let terminal: BorrowedFd = self.terminal.as_ref().map_or(stdin.as_fd(), |file| file.as_fd());
            let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            let mut watched = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(&self.receiver, PollFlags::IN)];
            match poll(&mut watched, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let woken = !watched[1].revents().is_empty();
            let arrived = !watched[0].revents().is_empty();
            if woken {
                let _ = (&self.receiver).read(&mut [0; 64]);
            }
            Ok(arrived && !woken)
        }
    }
}

#[cfg(not(unix))]
mod wake {
    use std::io;
    use std::time::Duration;

    /// Waits for input of the terminal in short polls, which need no waking.
    #[derive(Debug)]
    pub struct Waker;

    impl Waker {
        const POLL: Duration = Duration::from_millis(50);

        pub fn new() -> io::Result<Self> {
            Ok(Self)
        }

        #[expect(clippy::unused_self, reason = "the same interface as on Unix")]
        pub fn wake(&self) {}

        #[expect(clippy::unused_self, reason = "the same interface as on Unix")]
        pub fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
            crossterm::event::poll(timeout.unwrap_or(Self::POLL).min(Self::POLL))
        }
    }
}
