//! What should exist: synchronous functions from declarations and facts to values. Nothing here talks to a server.

pub mod brake;
pub mod change;
pub mod ci_access;
pub mod credentials;
pub mod difference;
pub mod environments;
pub mod namespace;
pub mod ownership;
pub mod quantity;
