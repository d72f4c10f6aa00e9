//! What each account may do, asked of the API server itself over everything that it serves, and written down in
//! `docs/administrators/rights.md`. Exactly the files in `crds/` and `manifests/` are installed; no operator runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed;
mod limits;
mod resources;
mod reviews;
mod table;
