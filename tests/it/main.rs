
mod standard;
