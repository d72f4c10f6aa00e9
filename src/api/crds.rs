//! The CustomResourceDefinitions as they are installed: what `gl-k8s-integrator crds` prints and what stands in
//! `crds/`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::{GitLabInstance, NamespaceClass, ProjectMapping};

/// All kinds, in the order in which an administrator meets them.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    [GitLabInstance::crd(), NamespaceClass::crd(), ProjectMapping::crd()].into_iter().map(without_null).collect()
}

/// One definition as a YAML document.
///
/// # Errors
/// Never for what [`all`] returns; the serializer's type says that it may.
pub fn yaml(definition: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(definition)
}

/// All kinds as one YAML stream.
///
/// # Errors
/// As [`yaml`].
pub fn all_yaml() -> Result<String, serde_saphyr::ser::Error> {
    let documents = all().iter().map(yaml).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}

/// An optional field may be left out, but not be `null`: with `nullable` the API server would keep the `null`, fill no
/// default in its place, and the rules would take it for a value.
fn without_null(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = definition.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        forbid_null(schema);
    }
    definition
}

fn forbid_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        forbid_null(property);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        forbid_null(values);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => forbid_null(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(forbid_null),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// `UPDATE_CRDS=1 cargo test -p gl-k8s-integrator --lib crds` writes the files anew.
    #[test]
    fn the_files_in_crds_are_fresh() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
        for definition in all() {
            let file = folder.join(format!("{}.yaml", definition.spec.names.plural));
            let generated = yaml(&definition).unwrap();
            if env::var_os("UPDATE_CRDS").is_some() {
                fs::write(&file, &generated).unwrap();
            }
            let stored = fs::read_to_string(&file).unwrap_or_default();
            assert!(
                stored == generated,
                "{} is stale: run UPDATE_CRDS=1 cargo test -p gl-k8s-integrator --lib crds",
                file.display()
            );
        }
    }

    #[test]
    fn no_field_has_a_format_that_kubernetes_does_not_know() {
        let text = all_yaml().unwrap();
        for format in ["uint8", "uint16", "uint32", "uint64", "nullable"] {
            assert!(!text.contains(format), "{format}");
        }
    }
}
