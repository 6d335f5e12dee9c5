//! Standard error, written to by a thread of its own: whoever logs never waits for whoever reads.
//!
//! A pipe that nobody reads (a stalled log collector, a paused terminal) blocks those who write to it, and a
//! blocked runtime answers no call, no probe and no signal. So lines are queued up to a bound in bytes;
//! what does not fit is dropped and counted, and the count is written where the lines are missing, as soon as
//! there is room again.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write, stderr},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::{
    format,
    time::{FormatTime, SystemTime},
};

use super::Format;

/// Bytes that may wait to be written.
const ROOM: usize = 1 << 20;
/// Room for what must not be lost, beside that.
const SPARE: usize = 64 << 10;
/// How much is written at once.
const PIECE: usize = 64 << 10;
/// How long to wait where the other end of a non-blocking pipe has no room.
const AGAIN: Duration = Duration::from_millis(50);

/// How long lines of which there are many are gathered before they are written.
const GATHER: Duration = Duration::from_millis(5);

static STANDARD_ERROR: OnceLock<Writer> = OnceLock::new();

/// A queue in front of a slow reader; cheap to clone.
#[derive(Clone)]
pub(super) struct Writer(Arc<Shared>);

struct Shared {
    format: Format,
    queue: Mutex<Queue>,
    /// There is something to be written.
    more: Condvar,
    /// Everything is written.
    done: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Box<[u8]>>,
    /// Of the lines, and of those being written.
    bytes: usize,
    /// Lines dropped since the last that was kept.
    dropped: u64,
    /// Whether the thread waits for a line: to wake it is a system call.
    waits: bool,
    /// Whether others are likely to follow at once.
    gathers: bool,
}

impl Writer {
    /// Standard error. A process has one, so that its lines do not mix.
    pub(super) fn standard_error(format: Format) -> Self {
        STANDARD_ERROR.get_or_init(|| Self::start(format, stderr())).clone()
    }

    fn start(format: Format, to: impl Write + Send + 'static) -> Self {
        let (more, done) = (Condvar::new(), Condvar::new());
        let writer = Self(Arc::new(Shared { format, queue: Mutex::default(), more, done }));
        let shared = writer.0.clone();
        // Without a thread nothing is logged, which is no reason not to serve.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_all(to));
        writer
    }

    /// Standard error, once something is logged to it.
    pub(super) fn get() -> Option<&'static Self> {
        STANDARD_ERROR.get()
    }

    pub(super) fn format(&self) -> Format {
        self.0.format
    }

    /// Queues a line of which there are as many as calls: it may wait a moment for others.
    pub(super) fn push_one_of_many(&self, line: &[u8]) {
        self.put(line, ROOM, true);
    }

    /// Queues a line, its end included, where it fits into so many bytes.
    fn push(&self, line: &[u8], room: usize) {
        self.put(line, room, false);
    }

    fn put(&self, line: &[u8], room: usize, is_one_of_many: bool) {
        let mut queue = self.0.lock();
        if queue.bytes + line.len() > room {
            queue.dropped += 1;
            return;
        }
        if queue.dropped > 0 {
            let notice = notice(self.0.format, std::mem::take(&mut queue.dropped));
            queue.push(notice.as_bytes());
        }
        queue.push(line);
        queue.gathers |= is_one_of_many;
        let waits = std::mem::take(&mut queue.waits);
        drop(queue);
        if waits {
            self.0.more.notify_one();
        }
    }

    /// Waits until everything is written, at most so long.
    fn flush(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut queue = self.0.lock();
        while queue.bytes > 0 {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            queue = self.0.done.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Queue {
    fn push(&mut self, line: &[u8]) {
        self.bytes += line.len();
        self.lines.push_back(line.into());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut to: impl Write) {
        let mut piece = Vec::new();
        loop {
            let mut queue = self.lock();
            queue.bytes -= piece.len();
            piece.clear();
            if queue.lines.is_empty() && queue.dropped > 0 {
                let notice = notice(self.format, std::mem::take(&mut queue.dropped));
                queue.push(notice.as_bytes());
            }
            if queue.lines.is_empty() {
                self.done.notify_all();
            }
            while queue.lines.is_empty() {
                queue.waits = true;
                queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if std::mem::take(&mut queue.gathers) && queue.bytes < PIECE {
                drop(queue);
                thread::park_timeout(GATHER);
                queue = self.lock();
            }
            while let Some(line) = queue.lines.front() {
                if !piece.is_empty() && piece.len() + line.len() > PIECE {
                    break;
                }
                piece.extend_from_slice(line);
                queue.lines.pop_front();
            }
            drop(queue);
            write(&mut to, &piece);
        }
    }
}

/// Writes all of it, however long that takes; where there is no reader any more, nothing.
fn write(to: &mut impl Write, mut left: &[u8]) {
    while !left.is_empty() {
        match to.write(left) {
            Ok(0) => return,
            Ok(written) => left = &left[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // On the log's own thread, which is there to wait.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::park_timeout(AGAIN),
            Err(_) => return,
        }
    }
}

/// The line that says how many are missing.
fn notice(format: Format, lines: u64) -> String {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut format::Writer::new(&mut time));
    match format {
        Format::Text => format!("{time}  WARN kit::telemetry: log.lines_dropped lines={lines}\n"),
        Format::Json => {
            let record = serde_json::json!({
                "timestamp": time, "level": "WARN", "message": "log.lines_dropped", "lines": lines,
                "target": "kit::telemetry",
            });
            format!("{record}\n")
        }
    }
}

/// One line, as the layer that formats it writes it.
impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line, ROOM);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says something on standard error, in line with the log where there is one: then without ever waiting.
pub fn say(text: &str) {
    match STANDARD_ERROR.get() {
        Some(writer) => writer.push(text.as_bytes(), ROOM + SPARE),
        None => {
            let _ = stderr().write_all(text.as_bytes());
        }
    }
}

/// Waits until everything that was logged and said is written, at most so long.
pub fn written(limit: Duration) {
    if let Some(writer) = STANDARD_ERROR.get() {
        writer.flush(limit);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A reader that reads when it is told to.
    struct Reader {
        may: mpsc::Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(|_| ErrorKind::BrokenPipe)?;
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_no_time_and_is_told_how_many() {
        let (go, may) = mpsc::channel();
        let read = Arc::<Mutex<Vec<u8>>>::default();
        let mut writer = Writer::start(Format::Text, Reader { may, read: read.clone() });
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let (begun, sent) = (Instant::now(), 30_000);
        for _ in 0..sent {
            writer.write_all(&line).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(writer.0.lock().bytes <= ROOM);
        for _ in 0..1_000 {
            go.send(()).unwrap();
        }
        writer.flush(Duration::from_secs(10));
        writer.write_all(b"again\n").unwrap();
        writer.flush(Duration::from_secs(10));
        let read = String::from_utf8(read.lock().unwrap().clone()).unwrap();
        let kept = read.lines().filter(|line| line.starts_with('x')).count();
        let told = read
            .lines()
            .filter_map(|line| line.split_once("log.lines_dropped lines=")?.1.parse::<usize>().ok());
        assert_eq!(kept + told.sum::<usize>(), sent, "every line is there or counted");
        assert!(kept < sent && read.ends_with("again\n"));
    }

    #[test]
    fn what_is_missing_is_told_as_the_other_lines_are() {
        let line: serde_json::Value = serde_json::from_str(&notice(Format::Json, 3)).unwrap();
        assert_eq!((&line["message"], &line["lines"]), (&"log.lines_dropped".into(), &3.into()));
        assert!(notice(Format::Text, 3).ends_with("log.lines_dropped lines=3\n"));
    }
}
