//! One record of several sources: each field by the source that has the say for it.

mod random;
mod school;
mod story;
