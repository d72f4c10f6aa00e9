//! Each mapping and its project in GitLab: what the operator says of it, the role of the token's user, the flag.

use std::collections::BTreeMap;

use kube::ResourceExt as _;

use super::{
    checks::Check,
    findings::{Finding, Level, remedy_of},
};
use crate::{
    api::{CiAccessMethod, ProjectMapping},
    declared::{self, Mapping},
    facts::{instance::Access, problems},
    gitlab::{Error, Missing, Project, ProjectRef},
    status::{REASONS, Reason, ready},
};

/// GitLab's number for the role.
const MAINTAINER: i64 = 40;
/// From this number of mappings on projects are read in bulk, since GitLab allows few single reads a minute.
const MANY: usize = 10;
/// No more pages of 100 projects than these are read; what lies behind is read singly.
const PAGES: usize = 200;

/// The name of a mapping in findings.
pub fn object(mapping: &str) -> String {
    format!("ProjectMapping/{mapping}")
}

/// What the operator itself says of the mapping.
pub fn judge_ready(mapping: &ProjectMapping) -> Finding {
    let object = object(&mapping.name_any());
    let check = Check::MappingReady;
    let status = mapping.status.as_ref();
    let Some(condition) = status.and_then(|status| ready(&status.conditions)) else {
        let remedy = "see that the operator runs, and its log";
        return Finding::error(check, object, "the operator has not looked at it yet", remedy);
    };
    if condition.observed_generation != mapping.metadata.generation {
        let remedy = "wait a moment; if it stays, see that the operator runs, and its log";
        return Finding::warning(check, object, "the operator has not taken up the last change of it", remedy);
    }
    if condition.status == "True" {
        return Finding::ok(check, object, "ready");
    }
    let reason = REASONS.iter().map(|(reason, ..)| *reason).find(|reason| reason.as_str() == condition.reason);
    let level = match reason {
        Some(Reason::Paused | Reason::Progressing | Reason::Deleting) => Level::Warning,
        _ => Level::Error,
    };
    let message = format!("not ready ({}): {}", condition.reason, condition.message);
    Finding::new(level, check, object, message, reason.map_or("see the message.", remedy_of))
}

/// The projects of an instance as listings show them.
pub async fn in_bulk(access: &Access, ids: &[i64]) -> BTreeMap<i64, Project> {
    let mut found = BTreeMap::new();
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return found };
    if ids.len() < MANY {
        return found;
    }
    let mut after = first - 1;
    for _ in 0..PAGES {
        // What a listing does not show is read singly, and then a failure has its finding.
        let Ok(page) = access.client.projects_page(after).await else { break };
        let Some(end) = page.last().map(|project| project.id) else { break };
        found.extend(page.into_iter().filter(|project| ids.contains(&project.id)).map(|project| (project.id, project)));
        if end >= *last {
            break;
        }
        after = end;
    }
    found
}

/// Checks role and flag; gives the project's id if they suffice to ask for more.
pub async fn check(access: &Access, mapping: &Mapping, listed: &BTreeMap<i64, Project>) -> (Vec<Finding>, Option<i64>) {
    let object = object(&mapping.name);
    let project = match read(access, mapping, listed).await {
        Ok(project) => project,
        Err(error) => {
            let problem = problems::gitlab("read the project of the mapping", &error);
            return (vec![Finding::problem(Check::ProjectRole, object, &problem)], None);
        }
    };
    let mut findings = vec![role(access, &object, &project).await];
    if findings[0].level == Level::Ok && mapping.ci_access.method == CiAccessMethod::ClusterCertificate {
        findings.push(judge_clusters(&object, access.client.clusters(project.id).await.map(drop)));
    }
    let suffices = findings.iter().all(|finding| finding.level == Level::Ok);
    (findings, suffices.then_some(project.id))
}

async fn read(access: &Access, mapping: &Mapping, listed: &BTreeMap<i64, Project>) -> Result<Project, Error> {
    let id = match (mapping.known_project_id(), &mapping.project) {
        (Some(id), _) => id,
        (None, declared::Project::Id(id)) => *id,
        (None, declared::Project::Path(path)) => return access.client.project(ProjectRef::Path(path)).await,
    };
    match listed.get(&id) {
        Some(project) => Ok(project.clone()),
        None => access.client.project(ProjectRef::Id(id)).await,
    }
}

/// The project's answer shows roles in it and above it; a role by way of an invited group takes one question more.
async fn role(access: &Access, object: &str, project: &Project) -> Finding {
    let shown = project.permissions.and_then(|permissions| permissions.project_access.max(permissions.group_access));
    if access.certificate_based_clusters.is_some() {
        return Finding::ok(Check::ProjectRole, object, "the token's user is an administrator");
    }
    let level = match (shown, access.token_user) {
        (Some(level), _) if level >= MAINTAINER => Some(level),
        (shown, Some(user)) => match access.client.member_level(project.id, user).await {
            Ok(level) => level.max(shown),
            Err(error) => {
                let problem = problems::gitlab("read the role of the token's user in the project", &error);
                return Finding::problem(Check::ProjectRole, object, &problem);
            }
        },
        (shown, None) => shown,
    };
    judge_level(object, &project.path_with_namespace, level)
}

fn judge_level(object: &str, project: &str, level: Option<i64>) -> Finding {
    if level.is_some_and(|level| level >= MAINTAINER) {
        return Finding::ok(Check::ProjectRole, object, "Maintainer or more");
    }
    let has = level.map_or("no role".to_owned(), |level| format!("only the access level {level}"));
    let message = format!("the token's user has {has} in {project}; {MAINTAINER} (Maintainer) is needed");
    Finding::error(Check::ProjectRole, object, message, remedy_of(Reason::ProjectForbidden))
}

fn judge_clusters(object: &str, listed: Result<(), Error>) -> Finding {
    let check = Check::ProjectClusters;
    match listed {
        Ok(()) => Finding::ok(check, object, "the flag is on"),
        Err(Error::NotFound { what: Missing::Feature, .. }) => Finding::error(
            check,
            object,
            "the mapping asks for the method ClusterCertificate, and GitLab's flag certificate_based_clusters is off",
            remedy_of(Reason::CertificateBasedClustersOff),
        ),
        Err(error) => Finding::problem(check, object, &problems::gitlab("list the project's clusters", &error)),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;

    fn mapping(status: &str, reason: &str, seen: i64) -> ProjectMapping {
        let mut mapping = ProjectMapping::new(
            "web-app",
            serde_json::from_value(serde_json::json!({"instance": "campus", "class": "course", "project": {"id": 1},
                "environments": [{"name": "production"}]}))
            .unwrap(),
        );
        mapping.metadata.generation = Some(2);
        let condition = Condition {
            type_: "Ready".into(),
            status: status.into(),
            reason: reason.into(),
            message: "words".into(),
            observed_generation: Some(seen),
            last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
        };
        mapping.status = Some(crate::api::ProjectMappingStatus { conditions: vec![condition], ..Default::default() });
        mapping
    }

    #[test]
    fn what_the_operator_says_of_a_mapping_is_passed_on_with_the_remedy() {
        assert_eq!(judge_ready(&mapping("True", "Ready", 2)).level, Level::Ok);
        assert_eq!(judge_ready(&mapping("True", "Ready", 1)).level, Level::Warning);
        assert_eq!(judge_ready(&mapping("False", "Paused", 2)).level, Level::Warning);
        let taken = judge_ready(&mapping("False", "NamespaceTaken", 2));
        assert_eq!((taken.level, taken.remedy.as_deref()), (Level::Error, Some(remedy_of(Reason::NamespaceTaken))));
        assert_eq!(judge_ready(&mapping("False", "Unheard", 2)).level, Level::Error);
        let never = ProjectMapping { status: None, ..mapping("True", "Ready", 2) };
        assert_eq!(judge_ready(&never).level, Level::Error);
    }

    #[test]
    fn less_than_a_maintainer_is_an_error() {
        assert_eq!(judge_level("x", "team/web-app", Some(40)).level, Level::Ok);
        assert_eq!(judge_level("x", "team/web-app", Some(50)).level, Level::Ok);
        assert_eq!(judge_level("x", "team/web-app", Some(30)).level, Level::Error);
        assert_eq!(judge_level("x", "team/web-app", None).level, Level::Error);
    }

    #[test]
    fn a_flag_that_is_off_is_told_only_by_the_answer_that_says_so() {
        let missing = |what| Error::NotFound { endpoint: "GET /x", what, message: "404".into() };
        assert!(judge_clusters("x", Err(missing(Missing::Feature))).message.contains("certificate_based_clusters"));
        assert_eq!(judge_clusters("x", Ok(())).level, Level::Ok);
        assert_eq!(judge_clusters("x", Err(missing(Missing::Project))).level, Level::Error);
    }
}
