//! A validated `ProjectMapping`.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::Invalid;
use crate::{
    api::{CiAccess, DeletionPolicy, NamespaceLayout, ProjectMapping, Protection, names},
    naming::{Tier, is_dns_label},
};

/// One GitLab project that gets namespaces here.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// The object's name.
    pub name: String,
    /// The object's UID.
    pub uid: String,
    /// The object's generation: a changed spec is compared with GitLab at once.
    pub generation: i64,
    /// The `GitLabInstance`.
    pub instance: String,
    /// The `NamespaceClass`.
    pub class: String,
    /// The project as it was declared.
    pub project: Project,
    /// The project's id as it was resolved before the first effect.
    pub resolved_project_id: Option<i64>,
    /// One namespace for each environment, or one for all.
    pub layout: NamespaceLayout,
    /// The environments; at least one, of different names.
    pub environments: Vec<Environment>,
    /// How jobs get their credentials.
    pub ci_access: CiAccess,
    /// What happens to namespaces at the end.
    pub deletion_policy: DeletionPolicy,
    /// Everything but status stops.
    pub paused: bool,
    /// When the deletion was asked for.
    pub deletion_requested: Option<Timestamp>,
    /// The value of the annotation that asks for a renewal.
    pub renew: Option<String>,
    /// The value of the annotation that asks for a revocation.
    pub revoke: Option<String>,
    /// The value of the annotation that releases a deletion.
    pub release: Option<String>,
    /// The namespace that is to be adopted. What cannot be read here holds up nothing else.
    pub adoption: Result<Option<Adoption>, Invalid>,
}

/// A namespace that somebody made and a mapping is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Its name.
    pub namespace: String,
    /// Its UID: one that takes its place is not meant.
    pub uid: String,
}

impl Adoption {
    /// Reads the annotation of a mapping, if there is one.
    ///
    /// # Errors
    /// When it is not `<namespace>=<UID>`.
    pub fn read(mapping: &ProjectMapping) -> Result<Option<Self>, Invalid> {
        let Some(text) = mapping.annotations().get(names::ADOPT_ANNOTATION) else { return Ok(None) };
        let is_uid =
            |uid: &str| (1..=64).contains(&uid.len()) && uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let parts = text.split_once('=').filter(|(name, uid)| is_dns_label(name) && is_uid(uid));
        let (namespace, uid) = parts.ok_or_else(|| {
            let problem = format!("{text:?} is not a namespace and its UID, written as <namespace>=<UID>");
            Invalid::new(format!("the annotation {}", names::ADOPT_ANNOTATION), problem)
        })?;
        Ok(Some(Self { namespace: namespace.to_owned(), uid: uid.to_owned() }))
    }
}

/// A project as an administrator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Project {
    /// By full path; looked up only once.
    Path(String),
    /// By number.
    Id(i64),
}

/// An environment of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The exact name.
    pub name: String,
    /// The tier to create it with.
    pub tier: Option<Tier>,
    /// Whether its credentials go to protected refs only.
    pub protection: Protection,
}

impl Mapping {
    /// The project's id, as far as it is known without asking GitLab.
    pub fn known_project_id(&self) -> Option<i64> {
        match self.project {
            Project::Id(id) => Some(id),
            Project::Path(_) => self.resolved_project_id,
        }
    }

    /// The UID under which this mapping asks to adopt a namespace of this name, if it does.
    pub fn adopts(&self, namespace: &str) -> Option<&str> {
        let adoption = self.adoption.as_ref().ok()?.as_ref()?;
        (adoption.namespace == namespace).then_some(adoption.uid.as_str())
    }

    /// What the annotation has to say that releases the deletion of this mapping's namespaces: which object it is, and as it
    /// is declared now. A later change of the spec, the deletion of the mapping too, has another generation, so that no
    /// release outlives what it was given for.
    pub fn release_value(&self) -> String {
        format!("{}/{}", self.uid, self.generation)
    }

    /// Whether a person released the deletion of this mapping's namespaces.
    pub fn is_released(&self) -> bool {
        self.release.as_deref() == Some(&self.release_value())
    }

    /// Whether the deletion of the mapping was asked for.
    pub fn is_ending(&self) -> bool {
        self.deletion_requested.is_some()
    }
}

impl TryFrom<&ProjectMapping> for Mapping {
    type Error = Invalid;

    fn try_from(object: &ProjectMapping) -> Result<Self, Invalid> {
        let spec = &object.spec;
        let project = match (&spec.project.path, spec.project.id) {
            (Some(path), None) => Project::Path(path.clone()),
            (None, Some(id)) if id > 0 => Project::Id(id),
            _ => return Err(Invalid::new("spec.project", "it names the project either by path or by a positive id")),
        };
        if spec.environments.is_empty() {
            return Err(Invalid::new("spec.environments", "at least one environment is needed"));
        }
        let annotation = |name: &str| object.annotations().get(name).cloned();
        let resolved_project_id = match annotation(names::PROJECT_ID) {
            None => None,
            Some(text) => Some(text.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
                let problem = "it holds no project id; remove it, and the project is looked up anew";
                Invalid::new(format!("the annotation {}", names::PROJECT_ID), problem)
            })?),
        };
        Ok(Self {
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            instance: spec.instance.clone(),
            class: spec.class.clone(),
            project,
            resolved_project_id,
            layout: spec.namespaces,
            environments: spec
                .environments
                .iter()
                .map(|environment| Environment {
                    name: environment.name.clone(),
                    tier: environment.tier.map(Tier::from),
                    protection: environment.protected,
                })
                .collect(),
            ci_access: spec.ci_access.clone(),
            deletion_policy: spec.deletion_policy,
            paused: spec.paused,
            deletion_requested: object.metadata.deletion_timestamp.as_ref().map(|time| time.0),
            renew: annotation(names::RENEW_ANNOTATION),
            revoke: annotation(names::REVOKE_ANNOTATION),
            release: annotation(names::RELEASE_DELETION_ANNOTATION),
            adoption: Adoption::read(object),
        })
    }
}

impl From<crate::api::Tier> for Tier {
    fn from(tier: crate::api::Tier) -> Self {
        match tier {
            crate::api::Tier::Production => Self::Production,
            crate::api::Tier::Staging => Self::Staging,
            crate::api::Tier::Testing => Self::Testing,
            crate::api::Tier::Development => Self::Development,
            crate::api::Tier::Other => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(annotation: &str) -> Result<Option<Adoption>, Invalid> {
        let spec =
            json!({"instance": "campus", "class": "course", "project": {"id": 42}, "environments": [{"name": "x"}]});
        let mut mapping = ProjectMapping::new("web", serde_json::from_value(spec).unwrap());
        mapping.annotations_mut().insert(names::ADOPT_ANNOTATION.into(), annotation.into());
        Adoption::read(&mapping)
    }

    #[test]
    fn an_adoption_names_a_namespace_and_its_uid() {
        let adoption = read("web-42-production=0b0e8a8e-6d3c-4c7e-9f3e-1f6a5d2c7b1a").unwrap().unwrap();
        assert_eq!(adoption.namespace, "web-42-production");
        assert_eq!(adoption.uid, "0b0e8a8e-6d3c-4c7e-9f3e-1f6a5d2c7b1a");
        for malformed in
            ["", "=", "web", "web=", "=uid", "Web=uid", "web =uid", "web=uid ", "web=a=b", "web=a/b", "a.b=c"]
        {
            let invalid = read(malformed).unwrap_err();
            assert!(invalid.field.contains(names::ADOPT_ANNOTATION), "{invalid}");
            assert!(invalid.problem.contains("<namespace>=<UID>"), "{invalid}");
        }
    }
}
