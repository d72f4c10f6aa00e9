//! One trouble after another: everything changes meanwhile, and nothing is missed.

use std::time::Duration;

use gl_k8s_integrator::controllers::Limits;

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
async fn survives(scene: &Scene, limits: Limits, trouble: Trouble) {
    let operator = scene.operator(limits).await;
    let before = scene.look().await;
    operator.wire.strike(trouble);
    scene.change().await;
    all_meet_it(&operator).await;
    operator.wire.heal();
    scene.nothing_is_missed(&operator, &before).await;
}

/// Everything changes while nothing can be watched, and then the watches cannot go on where they were.
async fn survives_a_gap(scene: &Scene, limits: Limits, trouble: Trouble) {
    let operator = scene.operator(limits).await;
    let before = scene.look().await;
    operator.wire.strike(Trouble::Refused);
    scene.change().await;
    all_meet_it(&operator).await;
    operator.wire.strike(trouble);
    all_meet_it(&operator).await;
    operator.wire.heal();
    scene.nothing_is_missed(&operator, &before).await;
}

/// No limit is reached while a test runs.
pub fn patient() -> Limits {
    Limits { watch: LONG, page: LONG, relist: LONG }
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_watch_that_is_cut_sees_what_it_did_not_see_to_its_end() {
    in_turn(async |scene| {
        let operator = scene.operator(patient()).await;
        let before = scene.look().await;
        operator.wire.strike(Trouble::CutBetween);
        all_meet_it(&operator).await;
        operator.wire.strike(Trouble::CutInside);
        scene.change().await;
        all_meet_it(&operator).await;
        operator.wire.heal();
        scene.nothing_is_missed(&operator, &before).await;
    });
}

#[test]
fn events_that_come_twice_do_no_harm() {
    in_turn(|scene| survives(scene, patient(), Trouble::Twice));
}

#[test]
fn a_watch_that_is_silent_for_ever_is_given_up() {
    let limits = Limits { watch: Duration::from_secs(1), ..patient() };
    in_turn(|scene| survives(scene, limits, Trouble::Mute));
}

#[test]
fn what_happened_while_lists_and_watches_were_refused_and_history_was_lost_is_noticed() {
    in_turn(|scene| survives_a_gap(scene, patient(), Trouble::Gone));
}

#[test]
fn a_list_that_never_ends_is_given_up() {
    let limits = Limits { page: Duration::from_secs(2), ..patient() };
    in_turn(|scene| survives_a_gap(scene, limits, Trouble::MuteLists));
}

#[test]
fn events_that_get_lost_are_made_up_for_by_a_new_list() {
    let limits = Limits { relist: Duration::from_secs(4), ..patient() };
    in_turn(async |scene| {
        let operator = scene.operator(limits).await;
        let before = scene.look().await;
        operator.wire.strike(Trouble::Deaf);
        scene.change().await;
        // What a list shows in this moment gets lost to no watch.
        assert!(operator.wire.met() > WATCHES / 2, "{} watches lost events", operator.wire.met());
        operator.wire.heal();
        scene.nothing_is_missed(&operator, &before).await;
    });
}

#[test]
fn an_api_server_that_was_away_and_forgot_its_history_is_taken_up_again() {
    in_turn(async |scene| {
        let operator = scene.operator(patient()).await;
        let before = scene.look().await;
        operator.wire.strike(Trouble::Away);
        scene.control_plane.stop_api_server().await;
        scene.control_plane.start_api_server().await.unwrap();
        scene.change().await;
        all_meet_it(&operator).await;
        operator.wire.heal();
        scene.nothing_is_missed(&operator, &before).await;
    });
}
