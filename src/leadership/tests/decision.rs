//! What is decided in every situation that a process can be in.

use super::{super::*, at, seconds, timing};

fn lease(version: &str, holder: Option<&str>) -> Record {
    Record { version: version.into(), holder: holder.map(str::to_owned), duration: Some(seconds(30)) }
}

/// A candidate that read these states of the Lease at these seconds.
fn candidate(reads: &[(u64, Option<Record>)]) -> Knowledge {
    let mut known = Knowledge::new();
    for (second, record) in reads {
        known.saw(record.clone(), at(*second));
    }
    known
}

/// A holder whose last renewal began at this second.
fn holder(second: u64) -> Knowledge {
    let mut known = Knowledge::new();
    known.held(lease("1", Some("me")), at(second), at(second));
    known
}

fn decided(known: &Knowledge, second: u64) -> Decision {
    decide("me", &timing(), known, at(second))
}

fn wait(second: u64) -> Decision {
    Decision::Wait { until: at(second) }
}

#[test]
fn a_candidate_reads_before_it_does_anything() {
    assert_eq!(decided(&Knowledge::new(), 100), Decision::Read);
}

#[test]
fn in_a_new_cluster_the_lease_is_made_at_once() {
    assert_eq!(decided(&candidate(&[(100, None)]), 100), Decision::Create);
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    let given_back = candidate(&[(100, Some(lease("1", Some("other")))), (101, Some(lease("2", None)))]);
    assert_eq!(decided(&given_back, 101), Decision::Hold(Hold::Free));
}

#[test]
fn a_held_lease_is_taken_when_it_did_not_change_for_as_long_as_its_holder_said() {
    let known = candidate(&[(100, Some(lease("1", Some("other")))), (121, Some(lease("1", Some("other"))))]);
    for second in 121..130 {
        assert_eq!(decided(&known, second), wait(130));
    }
    assert_eq!(decided(&known, 130), Decision::Hold(Hold::Expired));
}

#[test]
fn a_candidate_that_hears_nothing_for_two_periods_looks_for_itself() {
    let known = candidate(&[(100, Some(lease("1", Some("other"))))]);
    for second in 100..110 {
        assert_eq!(decided(&known, second), wait(110));
    }
    for second in 110..130 {
        assert_eq!(decided(&known, second), Decision::Read);
    }
}

#[test]
fn any_change_begins_the_wait_anew_and_seeing_the_same_again_does_not() {
    let same = lease("1", Some("other"));
    let known = candidate(&[(100, Some(same.clone())), (125, Some(same))]);
    assert_eq!(decided(&known, 130), Decision::Hold(Hold::Expired));
    let known = candidate(&[(100, Some(lease("1", Some("other")))), (125, Some(lease("2", Some("other"))))]);
    assert_eq!(decided(&known, 130), wait(135));
    assert_eq!(decided(&known, 154), Decision::Read);
    assert_eq!(decided(&known, 155), Decision::Hold(Hold::Expired));
}

#[test]
fn the_holders_own_duration_counts_and_ours_only_without_one() {
    let of = |duration| Record { duration, ..lease("1", Some("other")) };
    for (duration, expiry) in [(Some(seconds(90)), 190), (Some(seconds(3)), 103), (None, 130)] {
        let known = candidate(&[(100, Some(of(duration)))]);
        assert_ne!(decided(&known, expiry - 1), Decision::Hold(Hold::Expired));
        assert_eq!(decided(&known, expiry), Decision::Hold(Hold::Expired));
    }
}

#[test]
fn who_saw_the_lease_vanish_waits_for_a_holder_that_may_not_have_noticed() {
    let known = candidate(&[(100, Some(lease("1", Some("other")))), (120, None), (145, None)]);
    assert_eq!(decided(&known, 145), wait(150));
    assert_eq!(decided(&known, 150), Decision::Create);
}

#[test]
fn a_change_is_read_before_anything_is_decided_by_what_was() {
    let mut known = candidate(&[(100, Some(lease("1", Some("other"))))]);
    known.changed();
    assert_eq!(decided(&known, 200), Decision::Read);
    known.saw(Some(lease("1", Some("other"))), at(200));
    assert_eq!(decided(&known, 200), Decision::Hold(Hold::Expired), "nothing had changed after all");
}

#[test]
fn after_a_failed_call_a_candidate_pauses_and_then_reads() {
    let mut known = candidate(&[(100, Some(lease("1", None)))]);
    known.failed(at(101), seconds(4));
    assert_eq!(decided(&known, 101), wait(105));
    assert_eq!(decided(&known, 105), Decision::Read);
}

#[test]
fn who_finds_itself_in_the_lease_holds_it_only_after_another_write() {
    let known = candidate(&[(100, Some(lease("1", Some("me"))))]);
    assert_eq!(decided(&known, 100), Decision::Hold(Hold::Renew));
    assert!(!known.is_holder());
}

#[test]
fn a_holder_renews_with_every_retry_period() {
    let known = holder(100);
    for second in 100..105 {
        assert_eq!(decided(&known, second), wait(105));
    }
    for second in 105..120 {
        assert_eq!(decided(&known, second), Decision::Hold(Hold::Renew));
    }
}

#[test]
fn a_holder_gives_up_at_the_renew_deadline_whatever_it_was_doing() {
    let mut failing = holder(100);
    failing.failed(at(119), seconds(4));
    assert_eq!(decided(&failing, 119), wait(120), "not longer than until the deadline");
    let mut outdated = holder(100);
    outdated.changed();
    let mut deleted = holder(100);
    deleted.saw(None, at(110));
    for known in [holder(100), failing, outdated, deleted] {
        for second in [120, 130, 10_000] {
            assert_eq!(decided(&known, second), Decision::End(Loss::Deadline(seconds(20))));
        }
    }
}

#[test]
fn the_deadline_counts_from_when_the_renewal_was_sent() {
    let mut known = Knowledge::new();
    known.held(lease("1", Some("me")), at(100), at(109));
    assert_eq!(decided(&known, 120), Decision::End(Loss::Deadline(seconds(20))));
}

#[test]
fn a_holder_reads_after_a_failed_or_lost_renewal_and_renews_what_it_reads() {
    let mut known = holder(100);
    known.failed(at(106), seconds(3));
    assert_eq!(decided(&known, 106), wait(109));
    assert_eq!(decided(&known, 109), Decision::Read);
    known.saw(Some(lease("2", Some("me"))), at(109));
    assert_eq!(decided(&known, 109), Decision::Hold(Hold::Renew));
}

#[test]
fn a_holder_ends_when_another_one_or_nobody_stands_in_the_lease() {
    for by in [Some("other"), None] {
        let mut known = holder(100);
        known.changed();
        assert_eq!(decided(&known, 105), Decision::Read);
        known.saw(Some(lease("2", by)), at(105));
        assert_eq!(decided(&known, 105), Decision::End(Loss::Taken { by: by.map(str::to_owned) }));
    }
}

#[test]
fn a_holder_makes_a_deleted_lease_anew() {
    let mut known = holder(100);
    known.changed();
    known.saw(None, at(105));
    assert_eq!(decided(&known, 105), Decision::Create);
}
