//! What is declared, read live and once: which objects the checks are about.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::{
    checks::Check,
    cluster::Cluster,
    findings::{Finding, remedy_of},
    projects,
};
use crate::{
    api::{GitLabInstance, NamespaceClass, ProjectMapping, names},
    declared::{Class, Instance, Mapping},
    facts::problems,
    status::Reason,
};

/// What is declared and can be worked with; about everything else there is a finding.
#[derive(Default)]
pub struct Declared {
    /// Instances by name.
    pub instances: BTreeMap<String, Instance>,
    /// Classes by name.
    pub classes: BTreeMap<String, Class>,
    /// Mappings as they stand in the cluster, with what they say once validated.
    pub mappings: Vec<(ProjectMapping, Mapping)>,
    /// What cannot be worked with.
    pub findings: Vec<Finding>,
}

/// Reads everything, or of the mappings only those with these names, with what they refer to.
///
/// # Errors
/// When there is no mapping of a given name.
pub async fn read(cluster: &Cluster, only: &[String]) -> anyhow::Result<Declared> {
    let mut declared = Declared::default();
    let mappings = list::<ProjectMapping>(cluster, &mut declared.findings).await;
    if let (Some(mappings), Some(unknown)) = (&mappings, unknown(mappings.as_deref(), only)) {
        bail!("there is no ProjectMapping {unknown}; there are {}", mappings.len());
    }
    let wanted = |mapping: &ProjectMapping| only.is_empty() || only.contains(&mapping.name_any());
    for object in mappings.into_iter().flatten().filter(wanted) {
        match Mapping::try_from(&object) {
            Ok(mapping) => declared.mappings.push((object, mapping)),
            Err(invalid) => declared.findings.push(unusable(projects::object(&object.name_any()), &invalid)),
        }
    }
    for object in list::<GitLabInstance>(cluster, &mut declared.findings).await.into_iter().flatten() {
        let name = object.name_any();
        if !only.is_empty() && !declared.mappings.iter().any(|(_, mapping)| mapping.instance == name) {
            continue;
        }
        match Instance::try_from(&object) {
            Ok(instance) => drop(declared.instances.insert(name, instance)),
            Err(invalid) => declared.findings.push(unusable(format!("GitLabInstance/{name}"), &invalid)),
        }
    }
    for object in list::<NamespaceClass>(cluster, &mut declared.findings).await.into_iter().flatten() {
        let name = object.name_any();
        if !only.is_empty() && !declared.mappings.iter().any(|(_, mapping)| mapping.class == name) {
            continue;
        }
        match Class::try_from(&object) {
            Ok(class) => drop(declared.classes.insert(name, class)),
            Err(invalid) => declared.findings.push(unusable(format!("NamespaceClass/{name}"), &invalid)),
        }
    }
    Ok(declared)
}

impl Declared {
    /// The ClusterRoles that the classes name; the default one always, since a class may come that names none.
    pub fn roles(&self) -> BTreeSet<String> {
        let named = self.classes.values().map(|class| class.cluster_role.clone());
        named.chain([names::DEFAULT_CLUSTER_ROLE.to_owned()]).collect()
    }
}

/// The first of these names that no mapping has.
fn unknown<'a>(mappings: Option<&[ProjectMapping]>, only: &'a [String]) -> Option<&'a String> {
    let mappings = mappings?;
    only.iter().find(|name| !mappings.iter().any(|mapping| mapping.name_any() == **name))
}

fn unusable(object: String, invalid: &crate::declared::Invalid) -> Finding {
    Finding::error(Check::MappingReady, object, invalid.to_string(), remedy_of(Reason::InvalidSpec))
}

/// All objects of a kind; `None`, with a finding, when they cannot be listed.
async fn list<K>(cluster: &Cluster, findings: &mut Vec<Finding>) -> Option<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    match cluster.list().await {
        Ok(all) => Some(all),
        // The check of the kinds tells that this one is not installed.
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => {
            let kind = K::kind(&());
            let problem = problems::kubernetes(&format!("list the kind {kind}"), &error);
            findings.push(Finding::hidden(Check::MappingReady, format!("{kind}/*"), &problem));
            None
        }
    }
}
