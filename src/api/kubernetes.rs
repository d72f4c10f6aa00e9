//! Schemas of Kubernetes' own specs inside a class: the generated ones, with quantities checked and every list and map
//! bounded.
//!
//! The bounds are not policy. The API server refuses a CRD whose rules could cost too much on the largest object that
//! the schema admits, so whatever a rule walks over has an upper size.

use k8s_openapi::api::{
    core::v1::{LimitRangeSpec, ResourceQuotaSpec},
    networking::v1::NetworkPolicySpec,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// The names that `ResourceQuota` knows without a domain; others are `count/<resource>.<group>` or extended resources
/// with a domain.
const QUOTA_NAMES: &str = "['cpu', 'memory', 'ephemeral-storage', 'pods', 'services', 'services.loadbalancers', \
    'services.nodeports', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims', \
    'requests.cpu', 'requests.memory', 'requests.storage', 'requests.ephemeral-storage', \
    'limits.cpu', 'limits.memory', 'limits.ephemeral-storage']";

/// Schema of `resourceQuota`.
pub fn resource_quota(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = ResourceQuotaSpec::json_schema(generator);
    if let Some(hard) = schema.pointer_mut("/properties/hard") {
        quantities(hard, 30);
        rule(
            hard,
            &format!(
                "self.all(k, k in {QUOTA_NAMES} || k.contains('/') || k.startsWith('hugepages-') || k.startsWith('requests.hugepages-'))"
            ),
            "names what Kubernetes can limit: requests.cpu, limits.memory, pods, requests.storage, count/jobs.batch and so on",
        );
    }
    schema
}

/// Schema of `limitRange`.
pub fn limit_range(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = LimitRangeSpec::json_schema(generator);
    if let Some(limits) = schema.pointer_mut("/properties/limits") {
        limits["minItems"] = json!(1);
        limits["maxItems"] = json!(3);
    }
    if let Some(Value::Object(fields)) = schema.pointer_mut("/properties/limits/items/properties") {
        for (name, field) in fields {
            if name == "type" {
                field["enum"] = json!(["Pod", "Container", "PersistentVolumeClaim"]);
            } else {
                quantities(field, 8);
            }
        }
    }
    schema
}

/// Schema of one of `networkPolicy.policies`.
pub fn network_policies(generator: &mut SchemaGenerator) -> Schema {
    let policy = NetworkPolicySpec::json_schema(generator);
    json_schema!({
        "type": "array",
        "items": policy,
        "maxItems": 16,
        "x-kubernetes-list-type": "atomic",
    })
}

/// Schema of `networkPolicy.ingressFrom`.
pub fn namespace_names(_: &mut SchemaGenerator) -> Schema {
    let mut name = json!({ "type": "string", "minLength": 1, "maxLength": 63 });
    rule(
        &mut name,
        "!format.dns1123Label().validate(self).hasValue()",
        "must be the name of a namespace: small letters, digits and '-'",
    );
    json_schema!({ "type": "array", "items": name, "maxItems": 32, "x-kubernetes-list-type": "set" })
}

/// Schema of a namespace's further labels.
pub fn labels(_: &mut SchemaGenerator) -> Schema {
    let mut value = json!({ "type": "string", "maxLength": 63 });
    rule(
        &mut value,
        "!format.labelValue().validate(self).hasValue()",
        "must be the value of a label: letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    );
    json_schema!({ "type": "object", "additionalProperties": value, "maxProperties": 32 })
}

/// Schema of a namespace's further annotations.
pub fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string", "maxLength": 4096 },
        "maxProperties": 32,
    })
}

/// Turns a map of quantities into one whose values are checked.
fn quantities(map: &mut Value, most: u32) {
    map["maxProperties"] = json!(most);
    map["additionalProperties"] = json!({
        "description": "A quantity such as 500m, 2 or 4Gi.",
        "x-kubernetes-int-or-string": true,
        "minimum": 0,
        "maxLength": 64,
    });
    rule(
        &mut map["additionalProperties"],
        "type(self) == int || (isQuantity(self) && !self.startsWith('-'))",
        "must be a Kubernetes quantity such as 500m, 2 or 4Gi, and not negative",
    );
}

fn rule(schema: &mut Value, rule: &str, message: &str) {
    let rules = &mut schema["x-kubernetes-validations"];
    if !rules.is_array() {
        *rules = json!([]);
    }
    if let Value::Array(rules) = rules {
        rules.push(json!({ "rule": rule, "message": message }));
    }
}
