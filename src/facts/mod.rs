//! The only readers. What they read is complete or an error, never a guess.

pub mod caches;
pub mod cluster;
pub mod contents;
pub mod declarations;
pub mod instance;
pub mod problems;
pub mod project;
pub mod survey;
