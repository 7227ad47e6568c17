//! Signals: termination, a closed terminal, and being stopped and continued by the shell.

/// A signal, or the end of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ends the review like `quit-now`: every acknowledged decision is stored.
    End,
    /// Asks the program to stop, like `^z`.
    Stop,
    /// The program was continued: another program may have used the terminal meanwhile.
    Continue,
    /// The terminal has another size.
    Resize,
}

#[cfg(unix)]
pub use unix::{Signals, terminal_is_gone};

#[cfg(unix)]
mod unix {
    use std::future::Future;
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::{Duration, Instant};

    use futures::StreamExt as _;
    use futures::stream::FuturesUnordered;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{self, Signal as Number};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::oneshot;

    use super::Signal;
    use crate::exit::ExitCode;
    use crate::tui::terminal;

    /// How long the screen may take to react to a signal that ends the review, and the program to exit after the terminal
    /// has closed.
    const GRACE: Duration = Duration::from_secs(2);

    /// How long SIGINT and SIGQUIT belong to an editor after its end: they reach this program at the same time, and may be
    /// handled later. In the review, the keys of the terminal send neither.
    const EDITOR_GRACE: Duration = Duration::from_secs(1);

    /// The signals that would end the program and leave the terminal in raw mode, in the alternate screen and with mouse
    /// reports.
    const ENDING: [Number; 14] = [
        Number::TERM,
        Number::HUP,
        Number::INT,
        Number::QUIT,
        Number::ABORT,
        Number::ALARM,
        Number::USR1,
        Number::USR2,
        Number::VTALARM,
        Number::PROF,
        Number::XCPU,
        Number::TRAP,
        Number::SYS,
        Number::IO,
    ];

    /// Which program the keys of the terminal send their signals to.
    #[derive(Clone, Copy, Debug, Default)]
    enum Foreground {
        #[default]
        Reviewer,
        Editor,
        EditorUntil(Instant),
    }

    pub struct Signals {
        ended: oneshot::Receiver<()>,
        gone: oneshot::Receiver<()>,
        stop: tokio::signal::unix::Signal,
        proceed: tokio::signal::unix::Signal,
        resize: tokio::signal::unix::Signal,
        shared: Arc<Shared>,
    }

    #[derive(Debug, Default)]
    struct Shared {
        foreground: Mutex<Foreground>,
        /// The screen has seen that the review ends.
        noticed: AtomicBool,
    }

    impl Shared {
        fn foreground(&self) -> Foreground {
            *self.foreground.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn set_foreground(&self, foreground: Foreground) {
            *self.foreground.lock().unwrap_or_else(PoisonError::into_inner) = foreground;
        }

        /// Returns true if a signal was meant for the editor.
        fn is_for_editor(&self, number: Number) -> bool {
            let editor = match self.foreground() {
                Foreground::Reviewer => false,
                Foreground::Editor => true,
                Foreground::EditorUntil(end) => Instant::now() < end,
            };
            editor && matches!(number, Number::INT | Number::QUIT)
        }
    }

    impl Signals {
        /// Registers the signal handlers.
        ///
        /// # Errors
        /// Returns an error if the system refuses.
        pub fn new() -> io::Result<Self> {
            let shared = Arc::new(Shared::default());
            // With a handler, a write beyond the limit of the file size is an error and does not end the program.
            drop(signal(kind(Number::XFSZ))?);
            Ok(Self {
                ended: watch(Arc::clone(&shared))?,
                gone: terminal_gone()?,
                stop: signal(kind(Number::TSTP))?,
                proceed: signal(kind(Number::CONT))?,
                resize: signal(SignalKind::window_change())?,
                shared,
            })
        }

        /// Waits for a signal, or for the terminal to close.
        pub async fn received(&mut self) -> Signal {
            let Self { ended, gone, stop, proceed, resize, shared } = self;
            tokio::select! {
                biased;
                _ = ended => {
                    shared.noticed.store(true, Ordering::Release);
                    Signal::End
                }
                // A receiver that has returned an error panics if it is polled again: the terminal cannot be watched.
                Ok(()) = gone, if !gone.is_terminated() => Signal::End,
                _ = stop.recv() => Signal::Stop,
                _ = proceed.recv() => Signal::Continue,
                _ = resize.recv() => Signal::Resize,
            }
        }

        /// Stops the process group, as the terminal does for `^z`, until the shell continues it.
        ///
        /// # Errors
        /// Returns an error if the system refuses.
        pub async fn stop_group(&mut self) -> io::Result<()> {
            process::kill_current_process_group(Number::TSTP)?;
            // We are in the group: the signal arrives here too.
            self.stop.recv().await;
            self.stop().await
        }

        /// Stops the process until the shell continues it.
        ///
        /// # Errors
        /// Returns an error if the system refuses.
        pub async fn stop(&mut self) -> io::Result<()> {
            // Not SIGTSTP, which has a handler, nor SIGSTOP: without a shell that could continue the process, the system
            // ignores this signal.
            process::kill_process(process::getpid(), Number::TTIN)?;
            // Consumes the SIGCONT that ended the stop, if there was one.
            let _ = tokio::time::timeout(Duration::from_millis(100), self.proceed.recv()).await;
            Ok(())
        }

        /// Waits for a program that has the terminal. `^c` and `^\` are meant for that program, and `^z` stops both.
        pub async fn lend_terminal<T>(&mut self, program: impl Future<Output = T>) -> T {
            self.shared.set_foreground(Foreground::Editor);
            tokio::pin!(program);
            let result = loop {
                tokio::select! {
                    biased;
                    result = &mut program => break result,
                    _ = self.stop.recv() => {
                        // If the system refuses, the review waits for the program.
                        let _ = self.stop().await;
                    }
                    _ = self.proceed.recv() => {}
                }
            };
            self.shared.set_foreground(Foreground::EditorUntil(Instant::now() + EDITOR_GRACE));
            result
        }
    }

    fn kind(number: Number) -> SignalKind {
        SignalKind::from_raw(number.as_raw())
    }

    /// Watches for the signals that end the review. If the screen does not react, because it is blocked on the terminal,
    /// restores the terminal and exits.
    fn watch(shared: Arc<Shared>) -> io::Result<oneshot::Receiver<()>> {
        let mut signals = Vec::new();
        for number in ENDING {
            signals.push((number, signal(kind(number))?));
        }
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let mut waiting: FuturesUnordered<_> = signals
                .into_iter()
                .map(|(number, mut signal)| {
                    let shared = &shared;
                    async move {
                        while let Some(()) = signal.recv().await {
                            if !shared.is_for_editor(number) {
                                return;
                            }
                        }
                        std::future::pending::<()>().await;
                    }
                })
                .collect();
            let _ = waiting.next().await;
            // The receiver is gone if the program is about to end anyway.
            if sender.send(()).is_err() {
                return;
            }
            loop {
                tokio::time::sleep(GRACE).await;
                if shared.noticed.load(Ordering::Acquire) {
                    return;
                }
                let has_screen = match shared.foreground() {
                    Foreground::Reviewer => true,
                    Foreground::Editor => false,
                    Foreground::EditorUntil(end) => Instant::now() >= end + GRACE,
                };
                if has_screen {
                    terminal::restore_by_force();
                    std::process::exit(i32::from(ExitCode::Interrupted as u8));
                }
            }
        });
        Ok(receiver)
    }

    /// Watches for the terminal to close. Not every process is sent a signal then, and the event reader sees a closed
    /// terminal as one that is always readable.
    fn terminal_gone() -> io::Result<oneshot::Receiver<()>> {
        let (sender, receiver) = oneshot::channel();
        std::thread::Builder::new().name("hang-up".to_owned()).spawn(move || {
            if hung_up(None) {
                // The receiver may be gone.
                let _ = sender.send(());
                // A thread may be blocked on the terminal. Decisions are stored long before the grace period ends.
                std::thread::sleep(GRACE);
                std::process::exit(i32::from(ExitCode::Interrupted as u8));
            }
        })?;
        Ok(receiver)
    }

    /// Returns true if the terminal has closed.
    pub fn terminal_is_gone() -> bool {
        hung_up(Some(&Timespec::default()))
    }

    /// Waits until the terminal has closed or the timeout expires. Returns false if the terminal cannot be watched.
    fn hung_up(timeout: Option<&Timespec>) -> bool {
        let stdin = io::stdin();
        // Without requested events, poll returns only on a hang-up or an error.
        let mut watched = [PollFd::new(&stdin, PollFlags::empty())];
        while matches!(poll(&mut watched, timeout), Err(rustix::io::Errno::INTR)) {}
        watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }
}

#[cfg(not(unix))]
pub use other::{Signals, terminal_is_gone};

#[cfg(not(unix))]
mod other {
    use std::future::Future;
    use std::io;

    use super::Signal;

    pub struct Signals;

    #[expect(clippy::unused_self, clippy::unused_async, reason = "the same interface as on Unix")]
    impl Signals {
        /// # Errors
        /// Never returns an error.
        pub fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub async fn received(&mut self) -> Signal {
            let _ = tokio::signal::ctrl_c().await;
            Signal::End
        }

        /// # Errors
        /// Always returns an error: only Unix can suspend a process.
        pub async fn stop_group(&mut self) -> io::Result<()> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "suspending is not supported on this system"))
        }

        /// # Errors
        /// Always returns an error: only Unix can suspend a process.
        pub async fn stop(&mut self) -> io::Result<()> {
            self.stop_group().await
        }

        pub async fn lend_terminal<T>(&mut self, program: impl Future<Output = T>) -> T {
            program.await
        }
    }

    /// Returns false: a console does not close.
    pub fn terminal_is_gone() -> bool {
        false
    }
}
