//! A page to print, in one language: what a school sends to somebody.

use std::fmt::Write as _;

use super::Lang;

const STYLE: &str = "body{font-family:FangSong,STFangsong,SimSun,serif;font-size:16px;line-height:1.8;max-width:46em;margin:2em auto;padding:0 1em}\
h1{font-size:24px;text-align:center}h2{font-size:18px}table{border-collapse:collapse;width:100%;font-size:14px}\
td,th{border:1px solid #444;padding:2px 6px;text-align:left}.end{text-align:right}@media print{body{margin:0}}";

/// A page as HTML of one file.
pub struct Page {
    out: String,
    lang: Lang,
}

impl Page {
    /// Begins a page, with its title above it.
    pub fn new(lang: Lang, title: &str) -> Self {
        let mut page = Self { out: String::new(), lang };
        let _ = write!(
            page.out,
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title><style>{STYLE}</style></head><body>\n",
            if lang == Lang::Zh { "zh-CN" } else { "en" },
            escaped(title),
        );
        page.element("h1", title);
        page
    }

    /// Its language.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// The one of two texts that is in the page's language.
    pub fn say(&self, zh: String, en: String) -> String {
        if self.lang == Lang::Zh { zh } else { en }
    }

    /// Adds a text as an element (`p`, `h2`).
    pub fn element(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.out, "<{name}>{}</{name}>", escaped(text));
    }

    /// The same with the text of the page's language.
    pub fn both(&mut self, name: &str, zh: impl Into<String>, en: impl Into<String>) {
        let text = self.say(zh.into(), en.into());
        self.element(name, &text);
    }

    /// Adds a table.
    pub fn rows(&mut self, header: &[String], rows: &[Vec<String>]) {
        self.out.push_str("<table><tr>");
        header.iter().for_each(|cell| self.out.push_str(&format!("<th>{}</th>", escaped(cell))));
        for row in rows {
            self.out.push_str("</tr>\n<tr>");
            row.iter().for_each(|cell| self.out.push_str(&format!("<td>{}</td>", escaped(cell))));
        }
        self.out.push_str("</tr></table>\n");
    }

    /// Adds who signs and the date, at the right.
    pub fn signed(&mut self, who: &str, date: &str) {
        let _ = writeln!(self.out, "<p class=\"end\">{}<br>{}</p>", escaped(who), escaped(date));
    }

    /// The whole page.
    pub fn finish(mut self) -> String {
        self.out.push_str("</body></html>\n");
        self.out
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_text_and_never_markup() {
        let mut page = Page::new(Lang::En, "a <b>");
        page.rows(&["h".to_owned()], &[vec!["<td>".to_owned()]]);
        page.signed("\"s\"", "&");
        let page = page.finish();
        assert!(page.contains("<title>a &lt;b&gt;</title>") && page.contains("<td>&lt;td&gt;</td>"), "{page}");
        assert!(page.contains("&quot;s&quot;<br>&amp;") && page.ends_with("</html>\n"), "{page}");
    }
}
