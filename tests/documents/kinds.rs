//! `kinds.md` names each field of each kind, with its default, and no other.

use std::collections::BTreeMap;

use gl_k8s_integrator::api::crds;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_json::Value;

use crate::pages::{code, page, rows};

/// Specs of Kubernetes' own, whose fields Kubernetes documents.
const KUBERNETES_OWN: [&str; 3] = ["spec.resourceQuota", "spec.limitRange", "spec.networkPolicy.policies[]"];

/// What the documents have to say of a field.
#[derive(Debug, PartialEq)]
struct Field {
    /// `required`, the default as code, or `none`; `None` where the fields below it say it.
    default: Option<String>,
    immutable: bool,
    values: Vec<String>,
}

/// All fields of a kind's spec or status, by path.
fn fields(definition: &CustomResourceDefinition, part: &str) -> BTreeMap<String, Field> {
    let schema = definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    let mut fields = BTreeMap::new();
    walk(&schema.properties.as_ref().unwrap()[part], part, &mut fields);
    fields
}

fn walk(schema: &JSONSchemaProps, path: &str, fields: &mut BTreeMap<String, Field>) {
    if KUBERNETES_OWN.contains(&path) || path.ends_with("conditions[]") {
        return;
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        return walk(items, &format!("{path}[]"), fields);
    }
    let required = schema.required.clone().unwrap_or_default();
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        fields.insert(path.clone(), field(property, required.contains(name)));
        walk(property, &path, fields);
    }
}

fn field(schema: &JSONSchemaProps, required: bool) -> Field {
    let default = schema.default.as_ref().map(|default| &default.0);
    let rules = schema.x_kubernetes_validations.iter().flatten();
    let values = schema.enum_.iter().flatten().filter_map(|value| value.0.as_str()).map(str::to_owned);
    Field {
        default: match default {
            Some(Value::Object(_)) => None,
            Some(Value::String(text)) if text.is_empty() => Some("`\"\"`".to_owned()),
            Some(Value::String(text)) => Some(format!("`{text}`")),
            Some(other) => Some(format!("`{other}`")),
            None => Some(if required { "required" } else { "none" }.to_owned()),
        },
        immutable: rules.into_iter().any(|rule| rule.rule == "self == oldSelf"),
        values: values.collect(),
    }
}

fn check(kind: &str) {
    let definition = crds::all().into_iter().find(|definition| definition.spec.names.kind == kind).unwrap();
    let page = page("docs/administrators/kinds.md");
    let section = page.section(&format!("## {kind}"));
    for part in ["spec", "status"] {
        let fields = fields(&definition, part);
        let described: Vec<_> =
            rows(&section).into_iter().filter(|row| row[0].starts_with(&format!("`{part}."))).collect();
        for (path, field) in &fields {
            let row = described.iter().find(|row| code(&row[0])[0] == *path);
            let row = row.unwrap_or_else(|| panic!("{kind}: {path} is not described"));
            if part == "spec" {
                describes(field, row, &format!("{kind}: {path}"));
            }
        }
        for row in &described {
            let path = &code(&row[0])[0];
            assert!(fields.contains_key(path), "{kind}: {path} is described and does not exist");
        }
        assert_eq!(described.len(), fields.len(), "{kind}: a field of {part} is described twice");
    }
}

fn describes(field: &Field, row: &[String], what: &str) {
    let [_, _, default, meaning] = row else { panic!("{what}: the row has not four cells: {row:?}") };
    if let Some(wanted) = &field.default {
        assert_eq!(default, wanted, "{what}");
    }
    assert_eq!(meaning.contains("Immutable."), field.immutable, "{what}: is it immutable?");
    let words = code(&row.join(" "));
    for value in &field.values {
        assert!(words.contains(value), "{what}: the value {value} is not named");
    }
}

#[test]
fn every_field_of_an_instance_is_described_and_no_other() {
    check("GitLabInstance");
}

#[test]
fn every_field_of_a_class_is_described_and_no_other() {
    check("NamespaceClass");
}

#[test]
fn every_field_of_a_mapping_is_described_and_no_other() {
    check("ProjectMapping");
}
