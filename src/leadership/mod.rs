//! Leader election: of several operators exactly one works, the others watch and wait.
//!
//! A `Lease` of `coordination.k8s.io` says who works. It is written by compare-and-swap only: a PUT with the resource version
//! that was read, or a POST when there is none. When it expires is judged by the changes that this process saw itself, on a
//! clock that also counts while the machine sleeps; the times in the Lease are for people.
//!
//! - `timing`: how long a lease holds, and what follows from it
//! - `decision`: pure; what was seen, and when → what to do now
//! - `lease`: reads and writes the Lease
//! - `election`: does what `decision` says, until the lease is given back or lost
//! - `tenure`: the election in the background of a program, and its end
//! - `claim`: what a call must have before it leaves, and both seams where it is asked for it
//! - `clock`: the clock that counts suspension

mod claim;
mod clock;
mod decision;
mod election;
mod lease;
mod tenure;
mod timing;

#[cfg(test)]
mod tests;

pub use claim::{Claim, Refused};
pub use clock::{BootClock, Moment, SinceBoot};
pub use decision::{Decision, Hold, Knowledge, Loss, Record, decide};
pub use election::{Candidate, Election};
pub use lease::{LEASE, LeaseStore, Written};
pub use tenure::{Lost, Tenure};
pub use timing::{Timing, TimingError};
