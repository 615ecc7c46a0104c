//! How far a long job is: a bar on a terminal, else a line now and then. All on standard error.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Without a terminal, a line is written this often: the log of a short job stays short.
const LINES_EVERY: Duration = Duration::from_secs(5);

/// A job's progress.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
    what: &'static str,
    length: Option<u64>,
    bytes: bool,
    began: Instant,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
    Nothing,
}

impl Progress {
    /// A job of so many bytes, if that is known.
    pub fn of_bytes(what: &'static str, length: Option<u64>, quiet: bool) -> Self {
        let template = match length {
            Some(_) => "{msg} {bar:30} {percent:>3} % {binary_bytes_per_sec} {eta}",
            None => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}",
        };
        Self::new(what, length, true, template, quiet)
    }

    /// A job of so many documents, if that is known.
    pub fn of_documents(what: &'static str, length: Option<u64>, quiet: bool) -> Self {
        let template = match length {
            Some(_) => "{msg} {bar:30} {percent:>3} % {per_sec} {eta}",
            None => "{msg} {spinner} {per_sec}",
        };
        Self::new(what, length, false, template, quiet)
    }

    fn new(
        what: &'static str,
        length: Option<u64>,
        bytes: bool,
        template: &str,
        quiet: bool,
    ) -> Self {
        let began = Instant::now();
        let shown = match (quiet, io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => {
                let bar = match length {
                    Some(length) => ProgressBar::new(length),
                    None => ProgressBar::new_spinner(),
                };
                // A template that were wrong would leave the usual one.
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                Shown::Bar(bar)
            }
            (false, false) => Shown::Lines { last: began },
        };
        Self {
            shown,
            what,
            length,
            bytes,
            began,
        }
    }

    /// Tells how far it is, and how many documents that were.
    pub fn set(&mut self, position: u64, documents: u64) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_position(position);
                bar.set_message(format!("{documents} {}", self.what));
            }
            Shown::Lines { last } if last.elapsed() >= LINES_EVERY => {
                *last = Instant::now();
                let part = match self.length {
                    Some(length) if length > 0 => format!(" ({} %)", position * 100 / length),
                    _ if self.bytes => format!(" ({} MiB)", position >> 20),
                    _ => String::new(),
                };
                let seconds = self.began.elapsed().as_secs();
                eprintln!("{documents} {}{part} after {seconds} s", self.what);
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Writes a line above the bar.
    pub fn line(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Shown::Lines { .. } | Shown::Nothing => eprintln!("{text}"),
        }
    }

    /// Removes the bar.
    pub fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
