//! A plan tells which namespaces the brake lets go and which it holds.

use gl_k8s_integrator::{
    commands::plan::{Planned, plan},
    plan::change::Action,
    reconcile::Key,
    status::Reason,
};
use serde_json::json;

use crate::{
    ground::Ground,
    operator::Operator,
    planned::{made, sent},
};

/// Plans for all these mappings in one go, without any write.
async fn planned(operator: &Operator, mappings: &[&str]) -> Vec<Planned> {
    for mapping in mappings {
        operator.sees(mapping).await;
    }
    let before = operator.seams.calls().len();
    let keys = mappings.iter().map(|mapping| Key::Mapping((*mapping).to_owned())).collect();
    let plan = plan(&operator.context, keys).await;
    let calls = operator.seams.calls().split_off(before);
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).map(ToString::to_string).collect();
    assert_eq!(writes, Vec::<String>::new());
    plan
}

/// Each of these mappings has its pass, in the order of the plan, which does what was planned for it and says the same.
async fn is_done(operator: &Operator, plan: &[Planned]) {
    for planned in plan {
        // What the pass before this one left in another mapping's status counts.
        for other in plan {
            operator.sees(&other.name).await;
        }
        let (calls, outcome) = operator.calls_of_a_pass(&planned.name).await;
        let mut expected: Vec<_> = planned.changes.iter().flat_map(sent).collect();
        let mut calls: Vec<_> = calls.iter().filter(|call| call.is_write() && !call.is_event()).map(made).collect();
        expected.sort();
        calls.sort();
        assert_eq!(expected, calls, "{planned:#?}");
        let said = planned.problem.as_ref().map(|problem| (problem.reason, problem.message.clone()));
        assert_eq!(said, outcome.problem.map(|reason| (reason.as_str(), outcome.message.unwrap())), "{planned:#?}");
    }
}

/// The namespaces that would be deleted.
fn go(planned: &Planned) -> Vec<&str> {
    let deleted = planned.changes.iter().filter(|change| change.action == Action::Delete);
    deleted.filter_map(|change| change.object.strip_prefix("Namespace ")).collect()
}

fn said(planned: &Planned) -> &str {
    let problem = planned.problem.as_ref().unwrap_or_else(|| panic!("nothing is held: {planned:#?}"));
    assert_eq!(problem.reason, Reason::DeletionHeld.as_str());
    &problem.message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_the_deletions_of_all_mappings_and_names_what_is_held() {
    let ground = Ground::new("plan-held", 3).await;
    let operator = ground.bench.operator().await;
    let names = ["plan-held-a", "plan-held-b", "plan-held-c"];
    let mut projects = Vec::new();
    for name in names {
        projects.push(ground.mapped(&operator, name, &["production", "staging"]).await);
        ground.delete(name).await;
    }
    let plan = planned(&operator, &names).await;
    assert_eq!(plan.iter().map(go).map(|gone| gone.len()).collect::<Vec<_>>(), [2, 1, 0], "{plan:#?}");
    assert!(plan[0].problem.is_none());
    let held: Vec<_> = ground.standing(projects[1]).await.into_iter().filter(|one| go(&plan[1]) != [one]).collect();
    assert!(said(&plan[1]).contains(&format!("the deletion of {} waits for a person", held[0])));
    assert!(said(&plan[2]).contains("1 of other mappings wait"), "{}", said(&plan[2]));
    is_done(&operator, &plan).await;

    // What the plan after it says is what stands by then.
    let plan = planned(&operator, &names[1..]).await;
    assert_eq!(plan.iter().map(go).map(|gone| gone.len()).collect::<Vec<_>>(), [0, 0], "{plan:#?}");
    is_done(&operator, &plan).await;
    let message = operator.message("plan-held-c").await;
    ground.runs_what_it_says(&message, "to delete it: ").await;
    let plan = planned(&operator, &names[1..]).await;
    assert_eq!(plan.iter().map(go).map(|gone| gone.len()).collect::<Vec<_>>(), [0, 2], "{plan:#?}");
    is_done(&operator, &plan).await;
    ground.clear(&operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_that_leave_one_mapping_are_counted_one_by_one() {
    let ground = Ground::new("plan-part", 1).await;
    let operator = ground.bench.operator().await;
    let project = ground.mapped(&operator, "plan-part-web", &["production", "a", "b"]).await;
    let one = json!({"spec": {"environments": [{"name": "production"}]}});
    ground.bench.campus.patch_mapping("plan-part-web", one).await;
    let plan = planned(&operator, &["plan-part-web"]).await;
    let [gone] = go(&plan[0])[..] else { panic!("{plan:#?}") };
    is_done(&operator, &plan).await;
    let standing = ground.standing(project).await;
    assert!(!standing.iter().any(|one| one == gone), "{gone} in {standing:?}");
    let held: Vec<_> = standing.iter().filter(|one| said(&plan[0]).contains(one.as_str())).collect();
    assert_eq!(held.len(), 1, "{}", said(&plan[0]));
    ground.clear(&operator).await;
}
