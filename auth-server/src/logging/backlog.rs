//! Lines on their way out. A reader that stops reading, as a stuck log collector does, blocks whoever writes to it, and
//! that must not be a thread that answers requests.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// How much waits for a slow reader: a thousand lines or so. What comes then is lost, and counted.
const CAPACITY: usize = 256 * 1024;

/// How long a line waits for others, so that a busy program does not wake the thread for each of them: a switch of threads and a
/// system call cost more than all else that is done for a line.
const GATHERING: Duration = Duration::from_millis(5);

/// How long the end of the program waits for the last lines to be taken.
const END_DEADLINE: Duration = Duration::from_secs(1);

/// Takes lines without ever waiting, and writes them on a thread of its own. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Backlog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    thread: Doing,
    /// The end of the program waits.
    hurry: bool,
    lost: u64,
}

/// What the thread that writes does.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It waits to be woken.
    #[default]
    Resting,
    Gathering,
    /// It has taken some, and has not written them yet.
    Writing,
}

impl Backlog {
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let backlog = Self::default();
        let shared = Arc::clone(&backlog.shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_out(out))?;
        Ok(backlog)
    }

    /// Waits until all is written, but not for ever.
    pub(super) fn flush(&self) {
        let mut state = self.shared.lock();
        state.hurry = true;
        self.shared.changed.notify_all();
        let busy = |state: &mut State| state.thread == Doing::Writing || !state.waiting.is_empty();
        let _ = self.shared.changed.wait_timeout_while(state, END_DEADLINE, busy);
    }
}

impl Shared {
    /// As much at once as has come meanwhile: under load that is one system call for many lines.
    fn write_out(&self, mut out: impl Write) {
        loop {
            let mut state = self.lock();
            state.thread = Doing::Resting;
            self.changed.notify_all();
            let nothing = |state: &mut State| state.waiting.is_empty();
            state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            state.thread = Doing::Gathering;
            let more_may_come = |state: &mut State| !state.hurry && state.waiting.len() < CAPACITY / 2;
            let gathered = self.changed.wait_timeout_while(state, GATHERING, more_may_come);
            (state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            let lines = mem::take(&mut state.waiting);
            let lost = mem::take(&mut state.lost);
            state.thread = Doing::Writing;
            drop(state);
            // There is nobody to tell that the log cannot be written.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            if lost > 0 {
                // After those that were before the gap.
                tracing::error!(lost, "log lines are missing here: they came faster than they were read");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what belongs together in one piece.
impl Write for Backlog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > CAPACITY {
            state.lost += 1;
        } else {
            let before = state.waiting.len();
            state.waiting.extend_from_slice(line);
            let is_much = before < CAPACITY / 2 && state.waiting.len() >= CAPACITY / 2;
            if is_much || state.thread == Doing::Resting {
                self.shared.changed.notify_all();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Backlog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A reader who takes a piece each time it is told to.
    struct Slow {
        go_on: mpsc::Receiver<()>,
        taken: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            self.go_on.recv().map_err(io::Error::other)?;
            self.taken.send(lines.to_vec()).map_err(io::Error::other)?;
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_kept_up_to_a_bound_and_then_let_go() {
        let (tell, go_on) = mpsc::channel();
        let (taken, pieces) = mpsc::channel();
        let mut backlog = Backlog::start(Slow { go_on, taken }).unwrap();
        let line = [b'x'; 1024];
        for _ in 0..1000 {
            backlog.write_all(&line).unwrap();
        }
        // What was taken before, and what is kept.
        for _ in 0..3 {
            tell.send(()).unwrap();
        }
        backlog.flush();
        let kept = pieces.try_iter().flatten().count();
        assert!((CAPACITY..=2 * CAPACITY).contains(&kept) && kept % line.len() == 0, "{kept}");

        tell.send(()).unwrap();
        backlog.write_all(b"after").unwrap();
        backlog.flush();
        assert_eq!(pieces.try_iter().flatten().collect::<Vec<_>>(), b"after");
    }
}
