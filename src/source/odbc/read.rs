//! Rows of one SELECT.

use std::time::Duration;

use odbc_api::Error;

use super::connect::Session;
use super::faults::Stage;
use super::rows::{Rows, Shape};
use crate::source::incremental::View;
use crate::source::reader::{Courier, Handout, Proof, RowReader};
use crate::source::select::is_one_select;
use crate::source::{ReadSpec, Source, SourceError, statement};

/// Opens a table or query.
pub(super) fn open(session: Session, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    // The quote of names is the driver's; what is wrong with the settings shows before there is one.
    let object = statement::build(&session.source, read, '"')?.object;
    let (source, read) = (session.source.clone(), read.clone());
    let patience = Duration::from_secs(session.settings.statement_timeout);
    let proof = Proof::default();
    let shared = proof.clone();
    let reader =
        RowReader::start(&source, object, patience, move |courier| async move { run(&session, &read, &courier, &shared).await })?;
    Ok(Box::new(reader.proven_by(proof)))
}

async fn run(session: &Session, read: &ReadSpec, courier: &Courier, proof: &Proof) -> Result<Handout, SourceError> {
    let before = |error: Error| session.trouble(Stage::Before, &error);
    let connection = session.connect()?;
    let product = session.permit(&connection)?;
    let view = session.begin(&connection, &product)?;
    let quote = connection.identifier_quote_char().ok().flatten().unwrap_or('"');
    let statement::Statement { sql, count, .. } = statement::build(&session.source, read, quote)?;
    if !is_one_select(&sql) {
        return Err(SourceError::Settings {
            source_name: session.source.clone(),
            what: "`query` is more than one statement, or does more than read".into(),
            remedy: "write one SELECT".into(),
        });
    }
    session.arrives(&connection, &product, &sql)?;
    let mut prepared = connection.prepare(&sql).map_err(before)?;
    // Some drivers know no limit.
    let _ = prepared.set_query_timeout_sec(session.patience());
    let Shape { columns, forms, outline } = Shape::of(&mut prepared, product.pads()).map_err(before)?;
    statement::must_give_columns(&session.source, &columns)?;
    let mut given = 0;
    let handout = {
        let cursor = prepared.execute(()).map_err(|error| session.trouble(Stage::Rows, &error))?;
        let cursor = cursor.ok_or_else(|| session.no_rows())?;
        courier.opened_as(&columns, outline);
        let mut seal = |batch| batch;
        let rows = Rows { session, columns: &columns, forms: &forms, courier, given: &mut given, seal: &mut seal };
        rows.hand_out(cursor).await?
    };
    drop(prepared);
    if view != View::Moving && handout == Handout::Finished {
        let counted = session.texts(&connection, &product, &count).ok();
        let first = |texts: Vec<Vec<Option<String>>>| texts.into_iter().flatten().flatten().next();
        proof.counted(given, counted.and_then(first).and_then(|text| text.trim().parse().ok()));
    }
    // Nothing was written: losing the end of the transaction loses nothing.
    let _ = connection.rollback();
    Ok(handout)
}
