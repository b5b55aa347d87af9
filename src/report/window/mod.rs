//! When rows may go and by when they must: rounds, scope, due dates, sending windows, the ramp, the two lanes.
//!
//! Frequency is a deadline, not a gate. Gates are only: the day before a day-ahead row's date, the collection periods
//! and hours of the settings, scope, and the ramp. Everything here is pure; the day is an argument.

mod calendar;
mod due;
mod gate;
mod lanes;
mod ramp;
mod scope;

pub use calendar::{Calendar, CalendarConfig, Round, TermConfig, day_of, midnight};
pub use due::{Due, due};
pub use gate::{Gate, GateConfig, HoursConfig, PeriodConfig};
pub use lanes::Lanes;
pub use ramp::{advance, allowance, quota};
pub use scope::{Facts, Standing, scope_named, standing};
