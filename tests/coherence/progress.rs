//! How far a run is: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines.
const LINE: Duration = Duration::from_secs(10);

pub(crate) struct Progress {
    /// Draws nothing where there is no terminal.
    bar: ProgressBar,
    whole: Duration,
    shown: Duration,
}

impl Progress {
    /// For a run of so many nanoseconds.
    pub(crate) fn new(whole: u64) -> Self {
        let whole = Duration::from_nanos(whole);
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new(whole.as_secs()) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} s, {eta} left\n{wide_msg}");
        Self { bar: bar.with_style(style.expect("the template is well formed")), whole, shown: Duration::ZERO }
    }

    pub(crate) fn show(&mut self, passed: u64, what: &str) {
        let passed = Duration::from_nanos(passed);
        self.bar.set_position(passed.as_secs());
        self.bar.set_message(what.to_owned());
        if self.bar.is_hidden() && passed >= self.shown + LINE {
            self.shown = passed;
            println!("{} of {} s: {what}", passed.as_secs(), self.whole.as_secs());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
