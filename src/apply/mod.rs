//! Carries differences out. Nothing here knows a feature or decides what should exist.

pub mod declared;
pub mod deletions;
pub mod events;
pub mod gitlab;
pub mod hands;
pub mod kubernetes;
pub mod namespace;
pub mod tokens;
