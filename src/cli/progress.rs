//! Progress on standard error: a bar on a terminal, plain lines otherwise, nothing beside JSON.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::width::clean;
use crate::app::Progress;
use crate::finding::{Lang, Text};

/// A bar, redrawn in place.
#[derive(Clone)]
pub(super) struct Bar {
    lang: Lang,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

/// One line a stretch of work.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    lang: Lang,
}

/// What fits standard error.
pub(super) fn for_terminal(lang: Lang, json: bool) -> Box<dyn Progress> {
    if json {
        Box::new(crate::app::Silent)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar { lang, bar: Arc::default() })
    } else {
        Box::new(Lines { lang })
    }
}

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        // A thread that panicked while it drew leaves a bar that can still be drawn.
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut bar);
    }
}

impl Progress for Bar {
    fn begin(&self, what: Text, total: Option<u64>) {
        let bar = match total {
            Some(total) => ProgressBar::new(total).with_style(style("{msg} {bar:30} {human_pos}/{human_len} {eta}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg} {human_pos} {elapsed}")),
        };
        bar.set_message(clean(what.get(self.lang)));
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|old| {
            if let Some(old) = old.replace(bar) {
                old.finish_and_clear();
            }
        });
    }

    fn advance(&self, steps: u64) {
        self.with(|bar| {
            if let Some(bar) = bar {
                bar.inc(steps);
            }
        });
    }

    fn note(&self, what: Text) {
        let line = clean(what.get(self.lang));
        self.with(|bar| match bar {
            Some(bar) => bar.println(line),
            None => print_line(&line),
        });
    }

    fn end(&self) {
        self.with(|bar| {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        });
    }

    fn log(&self, line: &[u8]) {
        let write = || drop(std::io::stderr().write_all(line));
        self.with(|bar| match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        });
    }

    fn share(&self) -> Arc<dyn Progress> {
        Arc::new(self.clone())
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Lines {
    fn begin(&self, what: Text, _: Option<u64>) {
        print_line(&clean(what.get(self.lang)));
    }

    fn advance(&self, _: u64) {}

    fn note(&self, what: Text) {
        print_line(&clean(what.get(self.lang)));
    }

    fn end(&self) {}

    fn share(&self) -> Arc<dyn Progress> {
        Arc::new(*self)
    }
}

/// Standard error may be closed; progress is not worth a failure.
fn print_line(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
