//! What somebody should know, written down for whoever looks at the store: troubles, what stopped, warnings.

use super::Upstream;
use crate::finding::Text;
use crate::report::ReportError;
use crate::report::status::Trouble;
use crate::store::{FeedId, Millis, Notice, NoticeKind};

impl Upstream {
    /// What an earlier process wrote down.
    pub(super) async fn recall(&mut self) -> Result<(), ReportError> {
        let all = self.around.store.notices().await?;
        self.noted = all.into_iter().filter(|(upstream, ..)| *upstream == self.id).map(|(.., notice)| notice).collect();
        Ok(())
    }

    /// Writes down what has changed, if anything has.
    pub(super) async fn note_standing(&mut self) -> Result<(), ReportError> {
        let notices = self.standing(self.now());
        if notices != self.noted {
            self.around.store.note(self.id, &notices).await?;
            self.noted = notices;
        }
        Ok(())
    }

    fn standing(&self, now: Millis) -> Vec<Notice> {
        let mut all = Vec::new();
        if let Some(trouble) = &self.trouble {
            all.push(self.of_trouble(trouble, None));
        }
        for table in &self.tables {
            if let Some(trouble) = &table.trouble {
                all.push(self.of_trouble(trouble, Some(table.feed)));
            }
            // A closed ramp is told by its step.
            if let Some(text) = table.stopped().filter(|_| table.gated.is_some() || table.lost().is_some()) {
                all.push(self.notice(NoticeKind::Stopped, Some(table.feed), text, now, None));
            }
        }
        let warnings = self.transport.warnings();
        all.extend(warnings.into_iter().map(|text| self.notice(NoticeKind::Warning, None, text, now, None)));
        all
    }

    fn of_trouble(&self, trouble: &Trouble, feed: Option<FeedId>) -> Notice {
        self.notice(NoticeKind::Trouble, feed, trouble.text.clone(), trouble.at, trouble.until)
    }

    /// What was noted before keeps its beginning. A trouble stays the same one though its text may change at each try.
    fn notice(&self, kind: NoticeKind, feed: Option<FeedId>, text: Text, at: Millis, until: Option<Millis>) -> Notice {
        let same = |n: &&Notice| n.kind == kind && n.feed == feed && (kind == NoticeKind::Trouble || n.text == text);
        let since = self.noted.iter().find(same).map_or(at, |before| before.since);
        Notice { kind, feed, text, since, until }
    }
}
