//! How far it is, on stderr: a bar where somebody watches, a line every few seconds where a file is written.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines: at first, and at last, so that a long wait does not fill a file.
const SOON: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_secs(60);

pub struct Progress {
    what: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    told: Instant,
    pause: Duration,
}

impl Progress {
    /// `what` reads on from "3 of 5": `rows sent`.
    pub fn new(what: &'static str, total: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let style = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what);
            bar
        });
        Progress {
            what,
            total,
            bar,
            told: Instant::now(),
            pause: SOON,
        }
    }

    /// Shows nothing; what has to be said is said.
    pub fn silent() -> Progress {
        Progress {
            what: "",
            total: 0,
            bar: None,
            told: Instant::now(),
            pause: SOON,
        }
    }

    pub fn at(&mut self, position: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(position),
            None if self.told.elapsed() >= self.pause => {
                self.told = Instant::now();
                self.pause = (self.pause * 2).min(LATE);
                eprintln!("{position} of {} {}", self.total, self.what);
            }
            None => {}
        }
    }

    /// Something that whoever waits should know.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
