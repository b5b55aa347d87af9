//! Reading an object: page after page, no more than two of them in memory.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::answer::Page;
use super::call::Client;
use super::paging::{Astray, By, Pager, Step};
use super::request::Request;
use super::row::Columns;
use super::settings::{Complete, Method, Object, Send};
use crate::finding::{Place, Text};
use crate::source::reader::{Handout, Proof, RowReader};
use crate::source::{Position, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// A batch of long cells ends early.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A position: the page reached and the rows of it that were given.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    /// What was asked for, so that a position of other settings is not gone on from.
    asked: u64,
    step: Step,
    row: usize,
    /// Hash of the last of these rows.
    last: u64,
    read: u64,
    columns: Vec<String>,
    /// The value of the incremental parameter of this reading.
    since: Option<String>,
    /// The newest change seen, in milliseconds.
    newest: Option<i64>,
    ended: bool,
}

/// Opens an object.
pub(super) fn open(client: Client, object: Object, resume: Option<&Position>) -> Result<Box<dyn Source>, SourceError> {
    let mark = resume.and_then(|position| serde_json::from_slice::<Mark>(&position.0).ok());
    let mark = mark.filter(|mark| mark.asked == object.fingerprint());
    let (source, name): (_, Arc<str>) = (client.source.clone(), object.name.as_str().into());
    let patience = client.settings.limits.timeout();
    let proof = Proof::default();
    let shared = proof.clone();
    let reader = RowReader::start(&source, name, patience, move |courier| async move {
        let mut reading = Reading::begin(client, object, mark).await?;
        courier.opened(&reading.columns.all);
        let handout = courier.hand_out_batches(async |max_rows| reading.next_batch(max_rows.max(1)).await).await?;
        if handout == Handout::Finished {
            reading.prove(&shared).await;
        }
        Ok(handout)
    })?;
    Ok(Box::new(reader.proven_by(proof).promising()))
}

/// An object being read.
struct Reading {
    client: Client,
    object: Object,
    pager: Pager,
    columns: Columns,
    page: Page,
    /// The next row of the page.
    at: usize,
    /// Hash of the row before it.
    last: u64,
    read: u64,
    since: Option<String>,
    newest: Option<i64>,
    ended: bool,
    resumed: bool,
    evidence: Evidence,
}

/// What tells whether pages shifted under the reading; gathered where completeness is wanted.
#[derive(Default)]
struct Evidence {
    wanted: bool,
    total: Option<u64>,
    rows: HashSet<u64>,
    pages: Vec<u64>,
    shifted: bool,
}

impl Evidence {
    fn add(&mut self, page: &Page) {
        if !self.wanted {
            return;
        }
        if !self.pages.is_empty() && self.total != page.seen.total {
            self.shifted = true;
        }
        self.total = page.seen.total;
        self.pages.push(page.seen.digest);
        for row in page.iter() {
            self.shifted |= !self.rows.insert(xxh3_64(row.as_bytes()));
        }
    }
}

impl Reading {
    async fn begin(mut client: Client, object: Object, mark: Option<Mark>) -> Result<Self, SourceError> {
        let most = client.settings.limits.pages;
        let done = mark.as_ref().filter(|mark| mark.ended && object.incremental.is_some());
        let newest = done.and_then(|mark| mark.newest);
        let fresh = object.incremental.as_ref().and_then(|incremental| incremental.value(newest));
        if let Some(mark) = mark.filter(|mark| !mark.ended || object.incremental.is_none()) {
            let pager = Pager::new(object.paging.clone(), mark.step.clone(), most);
            let page = match mark.ended {
                true => Page::default(),
                false => fetch(&mut client, &object, &pager, mark.since.as_deref()).await?,
            };
            let same = |row: usize| row <= page.len() && xxh3_64(page.row(row - 1).as_bytes()) == mark.last;
            if mark.ended || mark.row == 0 || same(mark.row) {
                let columns = Columns::named(&mark.columns);
                let Mark { row: at, last, read, since, newest, ended, .. } = mark;
                let (evidence, resumed) = (Evidence::default(), true);
                return Ok(Self {
                    client,
                    object,
                    pager,
                    columns,
                    page,
                    at,
                    last,
                    read,
                    since,
                    newest,
                    ended,
                    resumed,
                    evidence,
                });
            }
            // The pages have shifted since: from the start.
        }
        let pager = Pager::new(object.paging.clone(), Step::First, most);
        let page = fetch(&mut client, &object, &pager, fresh.as_deref()).await?;
        let columns = columns(&client, &object, &page)?;
        let mut evidence = Evidence { wanted: object.complete != Complete::Never && fresh.is_none(), ..Evidence::default() };
        evidence.add(&page);
        let (at, last, read, ended, resumed) = (0, 0, 0, false, false);
        Ok(Self { client, object, pager, columns, page, at, last, read, since: fresh, newest, ended, resumed, evidence })
    }

    async fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        let watched = self.object.incremental.as_ref().and_then(|incremental| self.columns.index(&incremental.column));
        let mut batch = SourceBatchBuilder::new(self.columns.all.clone(), max_rows.min(4096));
        while !self.ended && batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
            if self.at >= self.page.len() {
                self.turn().await?;
                continue;
            }
            let row = self.page.row(self.at);
            self.read += 1;
            self.last = xxh3_64(row.as_bytes());
            let changed = self.columns.push(row, Place::Row(self.read), watched, &mut batch);
            if let (Some(incremental), Some(changed)) = (&self.object.incremental, changed) {
                self.newest = self.newest.max(incremental.moment(&changed));
            }
            self.at += 1;
        }
        // A position has to say whether anything lies behind it.
        while !self.ended && self.at >= self.page.len() {
            self.turn().await?;
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let position = self.position();
        Ok(Some(batch.finish(position)))
    }

    /// Goes to the next page; sets `ended` behind the last.
    async fn turn(&mut self) -> Result<(), SourceError> {
        if !turned(&self.client, &self.object, &mut self.pager, &mut self.page, self.read)? {
            self.ended = true;
            return Ok(());
        }
        self.page = fetch(&mut self.client, &self.object, &self.pager, self.since.as_deref()).await?;
        self.evidence.add(&self.page);
        self.at = 0;
        Ok(())
    }

    fn position(&self) -> Position {
        let mark = Mark {
            asked: self.object.fingerprint(),
            step: self.pager.step.clone(),
            row: self.at,
            last: self.last,
            read: self.read,
            columns: self.columns.all.iter().map(|column| column.name.to_string()).collect(),
            since: self.since.clone(),
            newest: self.newest,
            ended: self.ended,
        };
        Position(serde_json::to_vec(&mark).unwrap_or_default())
    }

    /// Says whether what did not come is known not to be there. A second look that fails proves nothing.
    async fn prove(&mut self, proof: &Proof) {
        let seen = &self.evidence;
        if !seen.wanted || self.resumed {
            return;
        }
        if seen.shifted {
            return proof.lacking(Text::new(
                "读取期间各页内容有变动（总数改变或同一行出现两次）；这次读取不能说明删除",
                "the pages shifted while they were read (another total, or one row twice); the read proves no deletions",
            ));
        }
        if let Some(total) = seen.total.filter(|total| *total != self.read) {
            let read = self.read;
            return proof.lacking(Text::new(
                format!("接口声明共 {total} 行，实际读到 {read} 行；这次读取不能说明删除"),
                format!("the interface says that there are {total} rows and gave {read}; the read proves no deletions"),
            ));
        }
        let told = seen.total.is_some() || self.object.paging.tells_its_end();
        match self.object.complete {
            Complete::Never => {}
            Complete::Stable if told => proof.whole(),
            Complete::Stable => proof.whole_but(Text::new(
                "接口不说明总行数，也不说明哪一页是最后一页：少了几页也看不出来（设置 answer.total，或 complete = \"twice\"）",
                "the interface tells neither a total nor which page is the last, so missing pages would not be noticed (set answer.total, \
                 or complete = \"twice\")",
            )),
            Complete::Twice => match self.again().await {
                Ok(true) => proof.whole(),
                Ok(false) | Err(_) => proof.lacking(Text::new(
                    "再读一遍时各页与第一遍不同或读不到；这次读取不能说明删除",
                    "at the second reading the pages were others, or could not be read; the read proves no deletions",
                )),
            },
        }
    }

    /// Asks for all pages once more: whether they are the same.
    async fn again(&mut self) -> Result<bool, SourceError> {
        let mut pager = Pager::new(self.object.paging.clone(), Step::First, self.client.settings.limits.pages);
        let mut read = 0;
        let mut expected = self.evidence.pages.iter();
        loop {
            let mut page = fetch(&mut self.client, &self.object, &pager, None).await?;
            read += page.len() as u64;
            if expected.next() != Some(&page.seen.digest) {
                return Ok(false);
            }
            if !turned(&self.client, &self.object, &mut pager, &mut page, read)? {
                return Ok(expected.next().is_none());
            }
        }
    }
}

/// The columns as set, or as the first page has them.
fn columns(client: &Client, object: &Object, page: &Page) -> Result<Columns, SourceError> {
    let columns = match &object.columns {
        Some(names) => Columns::named(names),
        None => Columns::found(page.iter()),
    };
    if !columns.all.is_empty() {
        return Ok(columns);
    }
    Err(SourceError::Settings {
        source_name: client.source.clone(),
        what: format!("the first page of {} holds no row that would tell its columns", object.name),
        remedy: format!("name them in the source's settings: objects.{}.columns = [\"…\"]", object.name),
    })
}

/// Asks for the page that the pager stands at.
async fn fetch(client: &mut Client, object: &Object, pager: &Pager, since: Option<&str>) -> Result<Page, SourceError> {
    let mut request = Request {
        method: object.method,
        send: object.send,
        url: object.url.clone(),
        parameters: object.parameters.clone(),
        headers: Vec::new(),
        query: Vec::new(),
    };
    if let Step::Link(to) = &pager.step
        && let Ok(mut url) = reqwest::Url::parse(to)
    {
        request.query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        url.set_query(None);
        (request.url, request.method, request.send) = (url, Method::Get, Send::Query);
        request.parameters.clear();
    } else {
        for (name, value) in pager.parameters() {
            request.set(name, value);
        }
        if let (Some(since), Some(incremental)) = (since, &object.incremental) {
            request.set(&incremental.parameter, since.into());
        }
    }
    client.page(object, &request).await
}

/// Moves the pager on; false at the end.
fn turned(client: &Client, object: &Object, pager: &mut Pager, page: &mut Page, read: u64) -> Result<bool, SourceError> {
    if object.paging.by == By::Link
        && let Some(to) = page.seen.next.as_ref().and_then(Value::as_str).filter(|to| !to.is_empty())
    {
        page.seen.next = Some(followed(client, object, to)?.into());
    }
    pager.turn(&page.seen, read).map_err(|astray| {
        let (what, remedy) = match astray {
            Astray::Repeated => (
                "a page holds the same rows as the page before",
                "the paging parameter is not understood, or the last page comes for ever: correct `paging`, or name `answer.total`",
            ),
            Astray::Loop => ("its pages lead round in a circle", "correct `paging.at`, or ask the vendor"),
            Astray::TooMany => ("it has more pages than `limits.pages`", "ask for larger pages, or raise the limit"),
        };
        SourceError::Settings {
            source_name: client.source.clone(),
            what: format!("{}: {what}", object.name),
            remedy: remedy.into(),
        }
    })
}

/// A link's whole address, without the token that a server may have put into it. Only links to the same server are
/// followed: another one would be given the token.
fn followed(client: &Client, object: &Object, to: &str) -> Result<String, SourceError> {
    let url = object.url.join(to).ok().filter(|url| url.origin() == object.url.origin());
    let Some(mut url) = url else {
        return Err(SourceError::Content {
            source_name: client.source.clone(),
            object: object.name.clone(),
            what: "the link to the next page leads to another server; it is not followed".into(),
        });
    };
    if let Some(secret) = client.settings.auth.parameter() {
        let rest: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != secret)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_query(Some(&super::request::joined(&rest)));
    }
    Ok(url.into())
}
