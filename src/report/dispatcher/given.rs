//! Fields that went out empty, because nobody had said how to seal them or they were masked, and that have a way to go now:
//! the rows stored without them go again.

use std::collections::BTreeMap;

use super::Upstream;
use crate::report::ReportError;
use crate::store::Again;

/// Withheld fields by `edition/table`, as this upstream's rows were last sent.
type Withheld = BTreeMap<String, Vec<String>>;

impl Upstream {
    fn withheld_key(&self) -> String {
        format!("report/withheld/{}", self.name)
    }

    async fn withheld(&self) -> Result<Withheld, ReportError> {
        let kept = self.around.store.get_meta(&self.withheld_key()).await?;
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    async fn keep_withheld(&self, withheld: &Withheld) -> Result<(), ReportError> {
        let bytes = serde_json::Value::from_iter(withheld.clone()).to_string();
        Ok(self.around.store.set_meta(&self.withheld_key(), bytes.as_bytes()).await?)
    }

    /// Holds what is withheld now against what was when rows were sent last. What is given for the first time stays in the
    /// store's list until its rows are ahead again.
    pub(super) async fn find_given(&mut self) -> Result<(), ReportError> {
        let before = self.withheld().await?;
        let mut after = before.clone();
        for table in &mut self.tables {
            let name = format!("{}/{}", table.plan.edition, table.plan.name);
            let now: Vec<String> = table.renderer.withheld().into_iter().map(str::to_owned).collect();
            let was = before.get(&name).map(Vec::as_slice).unwrap_or_default();
            table.given = was.iter().filter(|field| !now.contains(field)).cloned().collect();
            if table.given.is_empty() && was != now {
                after.insert(name, now);
            }
        }
        if after == before { Ok(()) } else { self.keep_withheld(&after).await }
    }

    /// Puts the rows ahead again that a table's upstream has without the given fields. False while batches of before are
    /// under way: their rows are not stored yet, and will be without those fields.
    pub(super) async fn offer_given(&mut self, at: usize) -> Result<bool, ReportError> {
        let table = &self.tables[at];
        if table.given.is_empty() {
            return Ok(true);
        }
        if table.owes() {
            return Ok(false);
        }
        let fields: Vec<&str> = table.given.iter().map(String::as_str).collect();
        let rows = self.around.store.resend(self.id, table.feed, Again::Having(&fields), self.now()).await?;
        let name = format!("{}/{}", table.plan.edition, table.plan.name);
        let now = table.renderer.withheld().into_iter().map(str::to_owned).collect();
        tracing::info!(upstream = %self.name, table = %table.plan.name, rows, fields = %table.given.join(", "), "rows stored without these fields go again");
        let mut withheld = self.withheld().await?;
        withheld.insert(name, now);
        self.keep_withheld(&withheld).await?;
        self.tables[at].given.clear();
        Ok(true)
    }
}
