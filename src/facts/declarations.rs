//! What administrators declared, kept up by watches.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kube::{
    ResourceExt as _,
    runtime::reflector::{ObjectRef, Store, store::WriterDropped},
};

use crate::{
    api::{GitLabInstance, Key, NamespaceClass, ProjectMapping, names},
    declared::{Adoption, Class, Instance, Mapping},
    plan::ownership::{Candidate, OtherMappings, ProjectIdentity},
    status::{Problem, Reason},
};

/// How long a wait for a store goes without asking it again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The three kinds, as the watches show them.
#[derive(Clone)]
pub struct Declarations {
    /// All instances.
    pub instances: Store<GitLabInstance>,
    /// All classes.
    pub classes: Store<NamespaceClass>,
    /// All mappings.
    pub mappings: Store<ProjectMapping>,
}

impl Declarations {
    /// Waits until all three were listed once; for ever if they cannot be listed.
    ///
    /// # Errors
    /// When a watch ended before that.
    pub async fn ready(&self) -> Result<(), WriterDropped> {
        // A store wakes only one of several tasks that wait for it (kube 5.0, kube-runtime utils/delayed_init.rs), and its
        // controller waits too. Whoever asks again sees that it is filled.
        loop {
            if let Ok(listed) = tokio::time::timeout(ASK_AGAIN, self.listed()).await {
                return listed;
            }
        }
    }

    async fn listed(&self) -> Result<(), WriterDropped> {
        self.instances.wait_until_ready().await?;
        self.classes.wait_until_ready().await?;
        self.mappings.wait_until_ready().await
    }

    /// The instance that a mapping names.
    ///
    /// # Errors
    /// When there is none, or it cannot be worked with.
    pub fn instance(&self, name: &str) -> Result<Instance, Problem> {
        let object = self.instances.get(&ObjectRef::new(name)).ok_or_else(|| {
            let message = format!("there is no GitLabInstance {name}; create it, it is taken up at once");
            Problem::until_changed(Reason::InstanceNotFound, message)
        })?;
        Instance::try_from(&*object)
            .map_err(|invalid| Problem::until_changed(Reason::InvalidSpec, format!("GitLabInstance {name}: {invalid}")))
    }

    /// The class that a mapping names.
    ///
    /// # Errors
    /// When there is none, or it cannot be worked with.
    pub fn class(&self, name: &str) -> Result<Class, Problem> {
        let object = self.classes.get(&ObjectRef::new(name)).ok_or_else(|| {
            let message = format!("there is no NamespaceClass {name}; create it, or correct spec.class");
            Problem::until_changed(Reason::ClassNotFound, message)
        })?;
        Class::try_from(&*object)
            .map_err(|invalid| Problem::until_changed(Reason::InvalidSpec, format!("NamespaceClass {name}: {invalid}")))
    }

    /// Makes sure that an object which the API server does not know is gone from the watches too. A single "not found" may
    /// be a lie of whatever stands in between, and nothing would ever wake the object again.
    ///
    /// # Errors
    /// When a watch still shows it: it is looked at again.
    pub fn agree_that_it_is_gone(&self, key: &Key) -> Result<(), Problem> {
        let shown = match key {
            Key::Instance(name) => self.instances.get(&ObjectRef::new(name)).is_some(),
            Key::Class(name) => self.classes.get(&ObjectRef::new(name)).is_some(),
            Key::Mapping(name) => self.mappings.get(&ObjectRef::new(name)).is_some(),
        };
        if !shown {
            return Ok(());
        }
        let message = format!("the API server knows no {} {}, but the watch shows it", key.kind(), key.name());
        Err(Problem::new(Reason::KubernetesUnavailable, message))
    }

    /// All mappings that name an instance.
    pub fn mappings_of_instance(&self, instance: &str) -> Vec<Arc<ProjectMapping>> {
        self.mappings.state_filter(|mapping| mapping.spec.instance == instance)
    }

    /// All mappings that name a class.
    pub fn mappings_of_class(&self, class: &str) -> Vec<Arc<ProjectMapping>> {
        self.mappings.state_filter(|mapping| mapping.spec.class == class)
    }

    /// The mappings that are concerned by a namespace that has our label and no claim: those that are to adopt it, and those
    /// that some namespace stands in the way of.
    pub fn mappings_in_want_of(&self, namespace: &str) -> Vec<Arc<ProjectMapping>> {
        self.mappings.state_filter(|mapping| {
            let adoption = Adoption::read(mapping).ok().flatten();
            let summary = mapping.status.as_ref().and_then(|status| status.summary.as_ref()?.reason.as_deref());
            adoption.is_some_and(|adoption| adoption.namespace == namespace)
                || summary == Some(Reason::NamespaceTaken.as_str())
        })
    }

    /// Whether a mapping is being deleted, or an environment that it had is no longer declared.
    pub fn something_leaves(&self, mapping: &str) -> bool {
        self.mappings.get(&ObjectRef::new(mapping)).is_some_and(|mapping| {
            let declared = |name: &str| mapping.spec.environments.iter().any(|declared| declared.name == name);
            let recorded = mapping.status.iter().flat_map(|status| &status.environments);
            mapping.metadata.deletion_timestamp.is_some() || !recorded.map(|one| one.name.as_str()).all(declared)
        })
    }

    /// How many namespaces wait for a person who releases their deletion, over all mappings but one. What a plan foresees
    /// of a mapping stands in place of its status.
    pub fn deletions_held(&self, but: &str, foreseen: &BTreeMap<String, usize>) -> usize {
        let held = |mapping: &Arc<ProjectMapping>| {
            let in_status = || mapping.status.as_ref().map_or(0, |status| status.held_deletions.len());
            foreseen.get(&mapping.name_any()).copied().unwrap_or_else(in_status)
        };
        self.mappings.state().iter().filter(|mapping| mapping.name_any() != but).map(held).sum()
    }

    /// All mappings that name a project, this one included.
    pub fn candidates(&self, project: &ProjectIdentity, path: Option<&str>) -> Vec<Candidate> {
        // Every mapping asks this of all others: what is cheap to see comes first.
        let names = |mapping: &ProjectMapping| {
            has_number(mapping, project, path) == Some(true) && self.is_on(mapping, project) == Some(true)
        };
        self.mappings
            .state_filter(names)
            .iter()
            .map(|mapping| Candidate {
                name: mapping.name_any(),
                uid: mapping.uid().unwrap_or_default(),
                created: mapping.creation_timestamp().map_or(0, |time| time.0.as_second()),
            })
            .collect()
    }

    /// Whether a mapping names a project; `None` when that cannot be said, since its project was never looked up.
    fn names_project(&self, mapping: &ProjectMapping, project: &ProjectIdentity) -> Option<bool> {
        if self.is_on(mapping, project)? { has_number(mapping, project, None) } else { Some(false) }
    }

    /// Whether a mapping's instance is the project's GitLab; `None` when there is no such instance.
    fn is_on(&self, mapping: &ProjectMapping, project: &ProjectIdentity) -> Option<bool> {
        let instance = self.instances.get(&ObjectRef::new(&mapping.spec.instance))?;
        Some(instance.spec.url.trim_end_matches('/') == project.gitlab_url)
    }

    /// Another mapping of a project that may be at work without knowing of this one, because it found the project before
    /// this mapping did: no pass of it has ended with a verdict yet. Only the oldest of them waits for it.
    pub fn under_way(&self, candidates: &[Candidate], mapping: &Mapping, id: i64) -> Option<String> {
        // A pass that ended with a verdict has either left a claim or had no effect: whoever is broken holds nobody up.
        let decided = |other: &ProjectMapping| {
            let verdict = other.status.as_ref().and_then(|status| status.summary.as_ref()?.reason.as_deref());
            verdict.is_some_and(|reason| reason != Reason::Progressing.as_str())
        };
        let others = candidates.iter().filter(|other| other.name != mapping.name).map(|other| &other.name);
        let found = |name: &&String| {
            let other = self.mappings.get(&ObjectRef::new(name));
            other.is_some_and(|other| {
                other.annotations().get(names::PROJECT_ID) == Some(&id.to_string()) && !decided(&other)
            })
        };
        others.into_iter().find(found).cloned()
    }

    /// Whether the watch already shows the project id that was written on the mapping. From then on it shows every
    /// mapping of the same project that was annotated before, so that of two only one can hold itself for the oldest.
    pub fn shows_project_id(&self, mapping: &Mapping, id: i64) -> bool {
        self.mappings.get(&ObjectRef::new(&mapping.name)).is_some_and(|seen| {
            seen.uid().as_deref() == Some(&mapping.uid)
                && seen.annotations().get(names::PROJECT_ID) == Some(&id.to_string())
        })
    }
}

/// Whether a mapping names the project of this number, on whatever GitLab; `None` when its project was never looked up.
fn has_number(mapping: &ProjectMapping, project: &ProjectIdentity, path: Option<&str>) -> Option<bool> {
    let annotated = || mapping.annotations().get(names::PROJECT_ID)?.parse().ok();
    let seen = || mapping.status.as_ref()?.project.as_ref()?.id;
    match mapping.spec.project.id.or_else(annotated).or_else(seen) {
        Some(id) => Some(id == project.project_id),
        None => {
            let same = mapping.spec.project.path.as_deref().zip(path).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
            same.then_some(true)
        }
    }
}

impl OtherMappings for Declarations {
    /// In doubt a mapping that exists still holds what its claim says.
    fn holds(&self, mapping: &str, project: &ProjectIdentity) -> bool {
        self.mappings
            .get(&ObjectRef::new(mapping))
            .is_some_and(|mapping| self.names_project(&mapping, project).unwrap_or(true))
    }

    fn exists(&self, mapping: &str) -> bool {
        self.mappings.get(&ObjectRef::new(mapping)).is_some()
    }
}
