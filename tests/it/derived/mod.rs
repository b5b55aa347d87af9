//! Tables that the hub computes: portraits, groups of persons, daily sums, lessons by the calendar.

mod daily;
mod groups;
mod making;
mod portraits;
mod proofs;
mod queries;
mod school;
mod timetable;
