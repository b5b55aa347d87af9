//! Metrics: counted once a run and once a batch. Without an exporter they go nowhere and cost next to nothing.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

fn meter() -> Meter {
    opentelemetry::global::meter("xiaoshu")
}

/// A run ended: the rows of each outcome (`changed`, `quarantined` …), and how long it took.
pub fn run_ended(source: &str, table: &str, outcomes: &[(&'static str, u64)], took_ms: u64) {
    let place = [KeyValue::new("source", source.to_owned()), KeyValue::new("table", table.to_owned())];
    let rows = meter().u64_counter("xiaoshu.collect.rows").with_description("rows read, by what became of them").build();
    add(&rows, &place, outcomes);
    let took = meter().u64_histogram("xiaoshu.collect.duration").with_unit("ms").with_description("how long a run took").build();
    took.record(took_ms, &place);
}

/// A batch was settled: its records of each outcome (`stored`, `refused`, `unknown`).
pub fn batch_settled(upstream: &str, table: &str, outcomes: &[(&'static str, u64)]) {
    let place = [KeyValue::new("upstream", upstream.to_owned()), KeyValue::new("table", table.to_owned())];
    let records =
        meter().u64_counter("xiaoshu.report.records").with_description("records reported, by the platform's verdict").build();
    add(&records, &place, outcomes);
}

fn add(counter: &opentelemetry::metrics::Counter<u64>, place: &[KeyValue], outcomes: &[(&'static str, u64)]) {
    for (outcome, count) in outcomes.iter().filter(|(_, count)| *count > 0) {
        let mut labels = place.to_vec();
        labels.push(KeyValue::new("outcome", *outcome));
        counter.add(*count, &labels);
    }
}
