//! The demo: a small university on this machine.
fn main() {}
