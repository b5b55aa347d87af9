//! The `xiaoshu` binary.

fn main() {}
