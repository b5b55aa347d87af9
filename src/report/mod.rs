//! Reporting: from the feed to the upstreams, and the verdicts back.
mod clock;
mod delivery;
mod fieldseal;
mod render;
mod setting;
mod transport;
