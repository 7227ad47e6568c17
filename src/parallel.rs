//! Work on all processors, with the results in order.

use std::num::NonZeroUsize;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

/// Results of each thread that may wait to be taken.
const WAITING: usize = 4;

/// What the work runs beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    /// The threads give way to that of the screen, as far as the system lets threads differ (Linux).
    Screen,
}

impl Beside {
    fn apply(self) {
        #[cfg(target_os = "linux")]
        if self == Self::Screen {
            // Without it, keys wait a little longer.
            let _ = rustix::process::nice(10);
        }
    }
}

/// Calls `work` with the numbers below `count` on all processors, and `take` with each result on this thread, in order. At
/// most a few results per thread wait. Stops at the first error of `take`.
///
/// # Errors
/// Returns the error of `take`.
///
/// # Panics
/// Panics if `work` does.
pub fn in_order<T: Send, E>(
    count: usize,
    beside: Beside,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    visit_in_order(count, beside, |number| Some(work(number)), |result| result.take().map_or(Ok(()), &mut take))
}

/// Like [`in_order`], for results of many allocations: `visit` borrows them, and the thread that made a result drops it.
/// Otherwise, the threads wait for each other in the allocator.
///
/// # Errors
/// Returns the error of `visit`.
///
/// # Panics
/// Panics if `work` does.
pub fn visit_in_order<T: Send, E>(
    count: usize,
    beside: Beside,
    work: impl Fn(usize) -> T + Sync,
    mut visit: impl FnMut(&mut T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(count);
    thread::scope(|scope| {
        let work = &work;
        let results: Vec<_> = (0..threads)
            .map(|first| {
                let (sender, receiver) = sync_channel(WAITING);
                let (give_back, visited) = channel::<T>();
                scope.spawn(move || {
                    beside.apply();
                    (first..count).step_by(threads).try_for_each(|number| {
                        visited.try_iter().for_each(drop);
                        // Sending fails if `visit` returned an error.
                        sender.send(work(number))
                    })
                });
                (receiver, give_back)
            })
            .collect();
        // The threads take turns. One without a result has panicked; leaving the scope passes the panic on.
        for number in 0..count {
            let (results, give_back) = &results[number % threads];
            let Ok(mut result) = results.recv() else { break };
            visit(&mut result)?;
            // The thread may have ended.
            let _ = give_back.send(result);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn results_arrive_in_order(count in 0_usize..300, last in 0_usize..300) {
            let begun = AtomicUsize::new(0);
            let mut taken = Vec::new();
            let result = in_order(
                count,
                Beside::Nothing,
                |number| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    number * 2
                },
                |double| {
                    taken.push(double);
                    if double / 2 == last { Err(last) } else { Ok(()) }
                },
            );
            let expected = if last < count { last + 1 } else { count };
            prop_assert_eq!(result, if last < count { Err(last) } else { Ok(()) });
            prop_assert_eq!(taken, (0..expected).map(|number| number * 2).collect::<Vec<_>>());
            let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            prop_assert!(begun.into_inner() <= expected + threads * (WAITING + 2), "work begins only a little ahead");
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let _: Result<(), ()> = in_order(100, Beside::Screen, |number| assert!(number < 50), |()| Ok(()));
    }
}
