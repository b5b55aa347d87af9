//! One record of several sources: each field by the source that has the say for it.

mod example;
mod faults;
mod random;
mod school;
mod story;
