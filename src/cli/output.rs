//! Where answers go: text in the user's language, or JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::finding::{Lang, Text};

/// How a command answers.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The language of texts.
    pub lang: Lang,
    /// JSON instead of text.
    pub json: bool,
}

impl Output {
    /// The text in the user's language.
    pub(super) fn say<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// A text of a part in the user's language.
    pub(super) fn text<'a>(&self, text: &'a Text) -> &'a str {
        text.get(self.lang)
    }

    /// Prints an answer: as JSON, or as `render` makes it.
    pub(super) fn print<T: Serialize>(&self, answer: &T, render: impl FnOnce(Self) -> String) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, answer)?;
            writeln!(out)
        } else {
            out.write_all(render(*self).as_bytes())
        }
    }
}
