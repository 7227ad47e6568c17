//! The clipboard: the desktop's if there is one, otherwise the terminal's (OSC 52), which also works over SSH.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// How long the desktop may take to accept a text.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The desktop's clipboard has a thread of its own: its owner, another program, may never answer.
pub struct Clipboard {
    desktop: Option<Sender<Copy>>,
    answers: UnboundedReceiver<Answer>,
    answer: UnboundedSender<Answer>,
    pending: Option<(Copy, Instant)>,
    /// The number of texts copied.
    copied: u64,
}

#[derive(Clone, Debug)]
struct Copy {
    id: u64,
    text: String,
}

struct Answer {
    id: u64,
    accepted: bool,
}

impl Default for Clipboard {
    fn default() -> Self {
        let (answer, answers) = unbounded_channel();
        Self { desktop: None, answers, answer, pending: None, copied: 0 }
    }
}

impl Clipboard {
    /// Copies a text to the desktop's clipboard, without waiting for it.
    pub fn copy(&mut self, text: String) {
        self.copied += 1;
        let copy = Copy { id: self.copied, text };
        let mut timeout = Instant::now();
        if !over_ssh() {
            let answer = &self.answer;
            let desktop = self.desktop.get_or_insert_with(|| start(answer.clone()));
            // If the thread is busy with an earlier text, it does not answer: do not wait for it again.
            if desktop.send(copy.clone()).is_ok() && self.pending.is_none() {
                timeout += TIMEOUT;
            }
        }
        self.pending = Some((copy, timeout));
    }

    /// Waits for a text that the desktop's clipboard does not accept in time, or at all.
    pub async fn refused(&mut self) -> String {
        loop {
            let Some((copy, timeout)) = &self.pending else { std::future::pending().await };
            let accepted = match timeout_at(*timeout, self.answers.recv()).await {
                Ok(Some(answer)) if answer.id != copy.id => continue,
                Ok(Some(answer)) => answer.accepted,
                Ok(None) | Err(_) => false,
            };
            if let Some((copy, _)) = self.pending.take()
                && !accepted
            {
                return copy.text;
            }
        }
    }
}

/// Starts the thread of the desktop's clipboard.
fn start(answers: UnboundedSender<Answer>) -> Sender<Copy> {
    let (sender, copies) = channel::<Copy>();
    thread::spawn(move || {
        // Kept open: on some desktops the content is lost when the program that copied it exits.
        let mut desktop = None;
        for Copy { id, text } in copies {
            if desktop.is_none() {
                desktop = arboard::Clipboard::new().ok();
            }
            let accepted = desktop.as_mut().is_some_and(|desktop| desktop.set_text(text).is_ok());
            if answers.send(Answer { id, accepted }).is_err() {
                return;
            }
        }
    });
    sender
}

/// Returns true if the desktop clipboard would be that of a remote machine.
fn over_ssh() -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_desktop_that_never_answers_does_not_lose_the_text() {
        let (desktop, texts) = channel();
        let mut clipboard = Clipboard { desktop: Some(desktop), ..Clipboard::default() };
        clipboard.copy("One.".to_owned());
        clipboard.copy("Two.".to_owned());
        assert_eq!(clipboard.refused().await, "Two.");
        drop(texts);
        clipboard.copy("Three.".to_owned());
        assert_eq!(clipboard.refused().await, "Three.");
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_newest_text_is_refused() {
        let (desktop, _texts) = channel();
        let mut clipboard = Clipboard { desktop: Some(desktop), ..Clipboard::default() };
        clipboard.copy("One.".to_owned());
        let answer = clipboard.answer.clone();
        answer.send(Answer { id: 1, accepted: true }).unwrap_or_default();
        let refused = tokio::time::timeout(TIMEOUT * 2, clipboard.refused()).await;
        assert!(refused.is_err(), "accepted");
        clipboard.copy("Two.".to_owned());
        answer.send(Answer { id: 1, accepted: true }).unwrap_or_default();
        answer.send(Answer { id: 2, accepted: false }).unwrap_or_default();
        assert_eq!(clipboard.refused().await, "Two.");
    }
}
