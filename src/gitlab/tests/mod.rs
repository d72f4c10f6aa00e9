//! Tests of the client: against scripted answers, and of the transport over real sockets.

mod calls;
mod errors;
mod scripted;
mod sending;
mod simulated;
mod transport;
