//! JSON interfaces over HTTP: an object is a list of rows, given page by page.
//!
//! Each object is declared in the settings: address, parameters, where its rows stand, how it is paged. Nested fields are
//! columns by their path, lists are JSON text. A position holds the page reached and a hash of the last row given: where
//! the pages have shifted meanwhile, reading begins anew. A read counts as complete only where the settings say how that
//! can be known, and then only if count and pages agree.

mod answer;
mod auth;
mod call;
mod paging;
mod read;
mod request;
mod row;
mod settings;
mod sign;
mod since;

use std::sync::OnceLock;

use super::{Begin, Checked, Connector, ReadSpec, Source, SourceError, SourcePlace, guest};
use crate::finding::Text;
use call::Client;
use settings::Settings;

/// More objects than these are not all asked for by a check.
const CHECKED_OBJECTS: usize = 20;

/// The connector.
pub(super) struct Http;

impl Connector for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn settings_schema(&self) -> &'static str {
        static MADE: OnceLock<String> = OnceLock::new();
        guest::with_guest(&MADE, include_str!("settings.json"))
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let names = self.objects(place)?;
        let mut lines = Vec::new();
        let mut notes = Vec::new();
        for name in names.iter().take(CHECKED_OBJECTS) {
            let spec = ReadSpec { object: Some(name.clone()), ..ReadSpec::default() };
            match self.open(place, &spec, Begin::AFRESH) {
                Ok(source) => lines.push(format!("{name}: {} columns", source.columns().len())),
                Err(error @ (SourceError::Settings { .. } | SourceError::Content { .. })) => {
                    notes.push(Text::new(format!("{name} 不能读取：{error}"), format!("{name} cannot be read: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Checked { about: format!("HTTP, {} objects; {}", names.len(), lines.join("; ")), notes, can_write: false })
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        Ok(Settings::of(place)?.objects.into_keys().collect())
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let settings = Settings::of(place)?;
        let wrong = |what: &str, remedy: &str| SourceError::Settings {
            source_name: place.name.clone(),
            what: what.into(),
            remedy: remedy.into(),
        };
        if read.query.is_some() || !read.order_by.is_empty() {
            return Err(wrong(
                "an interface takes neither `query` nor `order_by`",
                "name the object by `object`; what it takes as parameters goes into the source's settings",
            ));
        }
        let Some(name) = &read.object else {
            return Err(wrong("[read] needs `object`", "name one of the objects that the source's settings declare"));
        };
        let object = settings.object(place, name)?;
        read::open(Client::new(place.name, settings)?, object, begin.position())
    }
}
