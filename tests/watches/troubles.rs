//! One trouble after another: everything changes meanwhile, and nothing is missed.

use crate::{
    bed::eventually,
    operator::Operator,
    scene::{Scene, in_turn},
    wire::Trouble,
};

/// Our three kinds, the namespaces, seven kinds of objects in them, and two in the operator's own namespace.
const WATCHES: usize = 13;

/// Waits until every watch has met the trouble.
async fn all_meet_it(operator: &Operator) {
    eventually("every watch meets the trouble", async || match operator.wire.met() {
        WATCHES => Ok(()),
        met => Err(format!("{met} of {WATCHES}")),
    })
    .await;
}

/// Everything changes while this is wrong; then it is over.
async fn survives(scene: &Scene, trouble: Trouble) {
    let operator = scene.operator().await;
    let before = scene.look().await;
    let since = operator.wire.writes().len();
    operator.wire.strike(trouble);
    scene.change().await;
    all_meet_it(&operator).await;
    operator.wire.heal();
    scene.nothing_is_missed(&before).await;
    scene.neighbour_was_left_alone(&operator, since).await;
}

#[test]
fn a_watch_that_ends_between_two_events_goes_on_where_it_was() {
    in_turn(|scene| survives(scene, Trouble::CutBetween));
}

#[test]
fn a_watch_that_breaks_in_the_middle_of_an_event_sees_the_event_again() {
    in_turn(|scene| survives(scene, Trouble::CutInside));
}

#[test]
fn a_watch_that_ends_in_the_middle_of_an_event_sees_the_event_again() {
    in_turn(|scene| survives(scene, Trouble::EndsInside));
}

#[test]
fn events_that_come_twice_do_no_harm() {
    in_turn(|scene| survives(scene, Trouble::Twice));
}

#[test]
fn lists_and_watches_that_are_refused_are_tried_again() {
    in_turn(|scene| survives(scene, Trouble::Refused));
}

#[test]
fn while_the_api_server_is_away_nothing_is_lost() {
    in_turn(|scene| survives(scene, Trouble::Away));
}
