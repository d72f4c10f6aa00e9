//! What the API server itself refuses and fills in, with exactly the files in `crds/` and `manifests/`: the rules of
//! the kinds, the three policies, the roles. The operator does not run here; where it matters, tests act with its
//! account.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actors;
mod bed;
mod claims;
mod class;
mod defaults;
mod fence;
mod files;
mod instance;
mod mapping;
mod minted_tokens;
mod operator_rights;
mod rules;
