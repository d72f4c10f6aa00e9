//! What a set of rules allows, decided as RBAC decides it.

use k8s_openapi::api::{authorization::v1::ResourceRule, rbac::v1::PolicyRule};

/// A rule about resources, whichever API it was read from.
pub trait Rule {
    /// The API groups.
    fn groups(&self) -> &[String];
    /// The resources, with their parts after a slash.
    fn resources(&self) -> &[String];
    /// The verbs.
    fn verbs(&self) -> &[String];
    /// The names of objects; none for all.
    fn names(&self) -> &[String];

    /// Whether the rule allows a verb on every object of a resource.
    fn allows(&self, verb: &str, group: &str, resource: &str) -> bool {
        self.names().is_empty() && self.touches(verb, group, resource)
    }

    /// Whether the rule allows a verb on some objects of a resource at least.
    fn touches(&self, verb: &str, group: &str, resource: &str) -> bool {
        let part = resource.split_once('/').map(|(_, part)| format!("*/{part}"));
        has(self.verbs(), verb)
            && has(self.groups(), group)
            && (has(self.resources(), resource) || part.is_some_and(|part| self.resources().contains(&part)))
    }
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|item| item == word || item == "*")
}

/// Roles and reviews spell a rule alike, in types of their own.
macro_rules! rule {
    ($($kind:ty),*) => {$(
        impl Rule for $kind {
            fn groups(&self) -> &[String] {
                self.api_groups.as_deref().unwrap_or_default()
            }
            fn resources(&self) -> &[String] {
                self.resources.as_deref().unwrap_or_default()
            }
            fn verbs(&self) -> &[String] {
                &self.verbs
            }
            fn names(&self) -> &[String] {
                self.resource_names.as_deref().unwrap_or_default()
            }
        }
    )*};
}
rule!(PolicyRule, ResourceRule);

/// What jobs must not be able to do in their own namespace, with the words for it: by each they could keep access that
/// outlives a revocation, or give away more than they have.
const DANGERS: [(&str, &str, &str, &str); 6] = [
    ("create", "", "serviceaccounts/token", "request tokens of any account"),
    ("impersonate", "", "serviceaccounts", "impersonate accounts"),
    ("impersonate", "", "users", "impersonate users"),
    ("impersonate", "", "groups", "impersonate groups"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles", "bind roles with rights that they do not have"),
    ("escalate", "rbac.authorization.k8s.io", "roles", "write roles with rights that they do not have"),
];

/// Which of the dangers these rules bring.
pub fn dangers<R: Rule>(rules: &[R]) -> Vec<&'static str> {
    let brings = |(verb, group, resource, _): &&(&str, &str, &str, &str)| {
        rules.iter().any(|rule| rule.touches(verb, group, resource))
    };
    DANGERS.iter().filter(brings).map(|(.., words)| *words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(group: &str, resource: &str, verb: &str, names: &[&str]) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![group.into()]),
            resources: Some(vec![resource.into()]),
            verbs: vec![verb.into()],
            resource_names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            ..PolicyRule::default()
        }
    }

    #[test]
    fn stars_and_parts_are_understood() {
        assert!(rule("*", "*", "*", &[]).allows("get", "apps", "deployments"));
        assert!(rule("", "*/token", "create", &[]).allows("create", "", "serviceaccounts/token"));
        assert!(!rule("", "serviceaccounts", "create", &[]).allows("create", "", "serviceaccounts/token"));
        assert!(!rule("", "secrets", "get", &["x"]).allows("get", "", "secrets"));
        assert!(rule("", "secrets", "get", &["x"]).touches("get", "", "secrets"));
        assert!(!rule("apps", "secrets", "get", &[]).allows("get", "", "secrets"));
    }

    #[test]
    fn every_danger_is_seen_also_for_single_names() {
        assert_eq!(dangers(&[rule("*", "*", "*", &[])]).len(), DANGERS.len());
        assert_eq!(dangers(&[rule("", "serviceaccounts/token", "create", &["default"])]).len(), 1);
        assert_eq!(dangers(&[rule("", "secrets", "*", &[])]), Vec::<&str>::new());
    }
}
