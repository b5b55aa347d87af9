//! Half snapshots: reads that end well and do not hold everything. Nothing is deleted by them, and the reason is shown.
//! Two hundred of them, made from seeds, of real files, databases and servers; and a control group whose records are
//! really gone.

mod control;
mod databases;
mod files;
mod http;
mod school;
mod servers;
