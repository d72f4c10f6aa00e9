//! The brake: many deletions at once stop and ask a person.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};

/// How many namespaces may be deleted within a time before a person is asked. Set by flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// This many may go; the next one is held. With 0 every deletion is held.
    pub limit: usize,
    /// Within this time.
    pub window: Duration,
}

/// The deletions that were begun: the UID of each namespace, and when.
pub type Deletions = BTreeMap<String, Timestamp>;

/// A namespace that is to be deleted.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its UID.
    pub uid: &'a str,
    /// A person released it.
    pub released: bool,
    /// Another deletion is held already and no person has decided on it: nothing goes on by itself meanwhile.
    pub others_held: bool,
}

/// Whether a namespace may be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may: a person released it, or it is on record already.
    Go,
    /// It may as soon as this record is kept. What is older than the window has left it.
    Reserve(Deletions),
    /// It waits for a person.
    Hold {
        /// How many were deleted within the window.
        deleted: usize,
    },
}

impl Brake {
    /// Decides on one namespace.
    ///
    /// The end of the window lifts nothing: what was held waits for a person, and so does everything that comes after it
    /// meanwhile. A deletion that lies in the future was written by a clock that is ahead of ours, and counts.
    pub fn decide(&self, deletions: &Deletions, asked: Asked<'_>, now: Timestamp) -> Decision {
        if asked.released {
            return Decision::Go;
        }
        let window = SignedDuration::try_from(self.window).unwrap_or(SignedDuration::MAX);
        let mut recent = deletions.clone();
        recent.retain(|_, at| now.duration_since(*at) < window);
        if recent.contains_key(asked.uid) {
            return Decision::Go;
        }
        if asked.others_held || recent.len() >= self.limit {
            return Decision::Hold { deleted: recent.len() };
        }
        for at in recent.values_mut() {
            *at = (*at).min(now);
        }
        recent.insert(asked.uid.to_owned(), now);
        Decision::Reserve(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRAKE: Brake = Brake { limit: 3, window: Duration::from_secs(600) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn deletions(seconds: &[i64]) -> Deletions {
        seconds.iter().enumerate().map(|(number, second)| (format!("uid-{number}"), at(*second))).collect()
    }

    fn decide(seconds: &[i64], uid: &str, released: bool, others_held: bool, now: i64) -> Decision {
        BRAKE.decide(&deletions(seconds), Asked { uid, released, others_held }, at(now))
    }

    #[test]
    fn as_many_as_the_limit_go_and_the_next_one_is_held() {
        let mut record = Deletions::new();
        for number in 0..3 {
            let uid = format!("uid-{number}");
            let asked = Asked { uid: &uid, released: false, others_held: false };
            let Decision::Reserve(next) = BRAKE.decide(&record, asked, at(number)) else { panic!("{number}") };
            assert_eq!(next.len(), record.len() + 1);
            record = next;
        }
        let fourth = Asked { uid: "uid-3", released: false, others_held: false };
        assert_eq!(BRAKE.decide(&record, fourth, at(3)), Decision::Hold { deleted: 3 });
    }

    #[test]
    fn what_is_on_record_is_not_counted_twice() {
        assert_eq!(decide(&[0, 1, 2], "uid-2", false, false, 5), Decision::Go);
        assert_eq!(decide(&[0, 1, 2], "uid-2", false, true, 5), Decision::Go, "it went before anything was held");
        // Its turn is over with the window.
        assert!(matches!(decide(&[0, 1, 2], "uid-0", false, false, 600), Decision::Reserve(_)));
        assert_eq!(decide(&[0, 1, 2], "uid-0", false, true, 600), Decision::Hold { deleted: 2 });
    }

    #[test]
    fn the_window_ends_to_the_second_and_what_is_older_leaves_the_record() {
        assert_eq!(decide(&[0, 1, 2], "new", false, false, 599), Decision::Hold { deleted: 3 });
        let Decision::Reserve(record) = decide(&[0, 1, 2], "new", false, false, 600) else { panic!("held") };
        assert_eq!(record.keys().collect::<Vec<_>>(), ["new", "uid-1", "uid-2"]);
        assert_eq!(record["new"], at(600));
    }

    #[test]
    fn the_end_of_the_window_lifts_nothing_while_something_is_held() {
        assert_eq!(decide(&[], "new", false, true, 5_000), Decision::Hold { deleted: 0 });
        assert_eq!(decide(&[0, 1, 2], "new", true, true, 5), Decision::Go, "a person may always release");
    }

    #[test]
    fn a_limit_of_none_asks_for_every_deletion() {
        let brake = Brake { limit: 0, ..BRAKE };
        let asked = |released| Asked { uid: "new", released, others_held: false };
        assert_eq!(brake.decide(&Deletions::new(), asked(false), at(0)), Decision::Hold { deleted: 0 });
        assert_eq!(brake.decide(&Deletions::new(), asked(true), at(0)), Decision::Go);
    }

    #[test]
    fn a_clock_that_is_ahead_only_holds_more() {
        assert_eq!(decide(&[3_600, 3_601, 3_602], "new", false, false, 0), Decision::Hold { deleted: 3 });
        let Decision::Reserve(record) = decide(&[3_600], "new", false, false, 0) else { panic!("held") };
        assert_eq!(record["uid-0"], at(0), "from now on it is dated by our clock");
    }

    /// Whatever the times: within any window no more than the limit go without a person.
    #[test]
    fn no_run_of_requests_gets_more_than_the_limit_through_a_window() {
        for seed in 0..200 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let (mut record, mut now, mut gone) = (Deletions::new(), 0, Vec::new());
            for number in 0..60 {
                now += chance.i64(0..300);
                let uid = format!("uid-{number}");
                let asked = Asked { uid: &uid, released: false, others_held: false };
                if let Decision::Reserve(next) = BRAKE.decide(&record, asked, at(now)) {
                    (record, gone) = (next, [gone, vec![now]].concat());
                }
            }
            assert!(gone.windows(4).all(|four| four[3] - four[0] >= 600), "seed {seed}: {gone:?}");
        }
    }
}
