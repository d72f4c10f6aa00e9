//! Which slug an environment has, which namespace it gets, and which of two names keeps a slug that both would have.

use std::collections::BTreeMap;

use crate::{
    api::{NamespaceLayout, Protection},
    declared::{Environment, Mapping},
    naming::{self, Tier},
};

/// What is remembered of an environment from earlier passes: from the claim of its namespace, else from status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The first slug that was seen for the name.
    pub slug: Option<String>,
    /// The namespace that its claim or status names.
    pub namespace: Option<String>,
}

/// An environment with its slug and namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// As declared.
    pub environment: Environment,
    /// The first slug that was seen.
    pub slug: String,
    /// The namespace's name.
    pub namespace: String,
}

/// Why an environment gets no namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// Another environment has the slug already.
    SlugTaken {
        /// The slug.
        slug: String,
        /// The environment that has it.
        by: String,
    },
    /// The name is reserved.
    Reserved {
        /// The namespace's name.
        namespace: String,
    },
    /// The name is no RFC 1123 label.
    NotALabel {
        /// The namespace's name.
        namespace: String,
    },
}

/// Patterns of namespace names that are never touched, besides Kubernetes' own.
#[derive(Clone, Debug, Default)]
pub struct ReservedNames {
    patterns: Vec<String>,
}

impl ReservedNames {
    const ALWAYS: [&'static str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

    /// `own` is the operator's own namespace; a `*` in a pattern stands for any run of characters.
    pub fn new(own: &str, patterns: &[String]) -> Self {
        let all = Self::ALWAYS.iter().copied().chain([own]).map(str::to_owned).chain(patterns.iter().cloned());
        Self { patterns: all.collect() }
    }

    /// Whether the operator must not use this name.
    pub fn contains(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))),
    }
}

/// What places all environments of one mapping.
pub struct Placement<'a> {
    /// The mapping.
    pub mapping: &'a Mapping,
    /// The instance's prefix.
    pub prefix: &'a str,
    /// The last segment of the project's current path; without it only remembered namespaces can be placed.
    pub project_path: Option<&'a str>,
    /// The project's id.
    pub project_id: i64,
    /// What was seen of each environment before, by name; for a per-project namespace under the empty name.
    pub remembered: &'a BTreeMap<String, Remembered>,
    /// The slugs that GitLab gave now, by name.
    pub slugs: &'a BTreeMap<String, String>,
    /// Names that must not be used.
    pub reserved: &'a ReservedNames,
}

impl Placement<'_> {
    /// Places each environment whose slug is known, in the declared order. A slug that was remembered beats one that is
    /// new, whatever the order: whoever had it first keeps it.
    pub fn place(&self) -> Vec<(Environment, Result<Placed, Unplaced>)> {
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, remembered) in self.remembered {
            if let Some(slug) = &remembered.slug {
                taken.entry(slug).or_insert(name);
            }
        }
        let mut placed = Vec::new();
        for environment in &self.mapping.environments {
            let remembered = self.remembered.get(&environment.name);
            let Some(slug) = remembered.and_then(|r| r.slug.as_ref()).or_else(|| self.slugs.get(&environment.name))
            else {
                continue;
            };
            let holder = *taken.entry(slug).or_insert(&environment.name);
            let result = if holder == environment.name {
                self.namespace_of(environment, slug)
            } else {
                Some(Err(Unplaced::SlugTaken { slug: slug.clone(), by: holder.to_owned() }))
            };
            placed.extend(result.map(|result| (environment.clone(), result)));
        }
        placed
    }

    fn namespace_of(&self, environment: &Environment, slug: &str) -> Option<Result<Placed, Unplaced>> {
        let (key, part) = match self.mapping.layout {
            NamespaceLayout::PerEnvironment => (environment.name.as_str(), Some(slug)),
            NamespaceLayout::PerProject => ("", None),
        };
        let remembered = self.remembered.get(key).and_then(|remembered| remembered.namespace.clone());
        let computed = |path| naming::namespace_name(self.prefix, path, self.project_id, part);
        let namespace = remembered.or_else(|| self.project_path.map(computed))?;
        Some(if self.reserved.contains(&namespace) {
            Err(Unplaced::Reserved { namespace })
        } else if !naming::is_dns_label(&namespace) {
            Err(Unplaced::NotALabel { namespace })
        } else {
            Ok(Placed { environment: environment.clone(), slug: slug.to_owned(), namespace })
        })
    }
}

/// What is remembered of an environment's protection. Either may be lost, so the stricter of the two counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Whether one of our secrets is protected in GitLab now. Another method of delivery leaves none there.
    pub in_gitlab: bool,
    /// What status says of the last time that GitLab was read. Status can be wiped, or be older than this field.
    pub on_record: Option<bool>,
}

impl Before {
    fn was_protected(self) -> bool {
        self.in_gitlab || self.on_record == Some(true)
    }
}

/// Whether an environment's secrets go to protected refs only.
///
/// The live tier belongs to Developers (GitLab lets them change it), so it may only raise protection, and what was
/// protected stays so unless the mapping says `Never`.
pub fn is_protected(environment: &Environment, live_tier: Option<Tier>, before: Before) -> bool {
    let sensitive = |tier: Tier| matches!(tier, Tier::Production | Tier::Staging);
    match environment.protection {
        Protection::Always => true,
        Protection::Never => false,
        Protection::Auto => {
            before.was_protected()
                || environment.tier.is_some_and(sensitive)
                || sensitive(naming::guess_tier(&environment.name))
                || live_tier.is_some_and(sensitive)
        }
    }
}

/// Whether what is on record is what the mapping asks for, as far as that can be told without GitLab. Without a record
/// nothing can be told.
pub fn is_protection_recorded(environment: &Environment, on_record: Option<bool>) -> bool {
    let before = Before { in_gitlab: false, on_record };
    on_record.is_none_or(|recorded| recorded == is_protected(environment, None, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api;

    fn environment(name: &str) -> Environment {
        Environment { name: name.into(), tier: None, protection: Protection::Auto }
    }

    fn mapping(names: &[&str], layout: NamespaceLayout) -> Mapping {
        Mapping {
            name: "web".into(),
            uid: "uid".into(),
            generation: 1,
            instance: "campus".into(),
            class: "course".into(),
            project: crate::declared::Project::Id(42),
            resolved_project_id: None,
            layout,
            environments: names.iter().map(|name| environment(name)).collect(),
            ci_access: api::CiAccess::default(),
            deletion_policy: api::DeletionPolicy::Retain,
            paused: false,
            deletion_requested: None,
            renew: None,
            revoke: None,
            release: None,
            adoption: Ok(None),
        }
    }

    fn place(
        mapping: &Mapping,
        path: &str,
        remembered: &[(&str, Remembered)],
        slugs: &[(&str, &str)],
    ) -> Vec<Result<String, Unplaced>> {
        let remembered = remembered.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let slugs = slugs.iter().map(|(name, slug)| ((*name).to_owned(), (*slug).to_owned())).collect();
        let placement = Placement {
            mapping,
            prefix: "",
            project_path: Some(path),
            project_id: 42,
            remembered: &remembered,
            slugs: &slugs,
            reserved: &ReservedNames::new("gl-k8s-integrator", &["openshift-*".to_owned()]),
        };
        placement.place().into_iter().map(|(_, result)| result.map(|placed| placed.namespace)).collect()
    }

    #[test]
    fn a_renamed_project_keeps_its_namespace() {
        let mapping = mapping(&["production", "staging"], NamespaceLayout::PerEnvironment);
        let remembered = Remembered { slug: Some("production".into()), namespace: Some("web-42-production".into()) };
        let placed = place(&mapping, "shop", &[("production", remembered)], &[("staging", "staging")]);
        assert_eq!(placed, [Ok("web-42-production".to_owned()), Ok("shop-42-staging".to_owned())]);
    }

    #[test]
    fn an_environment_that_came_back_with_another_slug_keeps_its_namespace() {
        let mapping = mapping(&["review"], NamespaceLayout::PerEnvironment);
        let remembered = Remembered { slug: Some("review".into()), namespace: Some("web-42-review".into()) };
        let placed = place(&mapping, "web", &[("review", remembered)], &[("review", "review-abc123")]);
        assert_eq!(placed, [Ok("web-42-review".to_owned())]);
    }

    #[test]
    fn a_taken_slug_is_refused_and_the_first_holder_keeps_it() {
        let declared_first = mapping(&["foo-", "foo"], NamespaceLayout::PerEnvironment);
        let remembered = Remembered { slug: Some("foo".into()), namespace: Some("web-42-foo".into()) };
        let placed = place(&declared_first, "web", &[("foo", remembered)], &[("foo-", "foo")]);
        assert_eq!(
            placed,
            [Err(Unplaced::SlugTaken { slug: "foo".into(), by: "foo".into() }), Ok("web-42-foo".to_owned())]
        );
    }

    #[test]
    fn a_per_project_mapping_has_one_namespace_for_all() {
        let mapping = mapping(&["production", "staging"], NamespaceLayout::PerProject);
        let slugs = [("production", "production"), ("staging", "staging")];
        assert_eq!(place(&mapping, "web", &[], &slugs), vec![Ok("web-42".to_owned()); 2]);
        let remembered = Remembered { slug: None, namespace: Some("old-42".into()) };
        assert_eq!(place(&mapping, "web", &[("", remembered)], &slugs), vec![Ok("old-42".to_owned()); 2]);
    }

    #[test]
    fn reserved_names_are_refused_and_lookalikes_are_not() {
        let reserved = ReservedNames::new("operator", &["openshift-*".to_owned(), "*-infra".to_owned()]);
        for name in ["default", "kube-system", "operator", "openshift-x", "my-infra"] {
            assert!(reserved.contains(name), "{name}");
        }
        for name in ["kube-demo-7-production", "openshift", "infra"] {
            assert!(!reserved.contains(name), "{name}");
        }
        let mapping = mapping(&["x"], NamespaceLayout::PerEnvironment);
        let remembered = Remembered { slug: Some("x".into()), namespace: Some("kube-system".into()) };
        assert!(matches!(place(&mapping, "web", &[("x", remembered)], &[])[0], Err(Unplaced::Reserved { .. })));
    }

    #[test]
    fn the_live_tier_only_raises_protection() {
        let auto = environment("eu");
        let new = Before::default();
        assert!(!is_protected(&auto, Some(Tier::Development), new));
        assert!(is_protected(&auto, Some(Tier::Production), new));
        assert!(is_protected(&environment("production"), Some(Tier::Development), new));
        let declared = Environment { tier: Some(Tier::Staging), ..environment("eu") };
        assert!(is_protected(&declared, Some(Tier::Other), new));
        assert!(!is_protected(&never(), Some(Tier::Production), new));
        let always = Environment { protection: Protection::Always, ..environment("eu") };
        assert!(is_protected(&always, None, new));
    }

    fn never() -> Environment {
        Environment { protection: Protection::Never, ..environment("production") }
    }

    /// Every combination of the two memories.
    #[test]
    fn the_stricter_of_gitlab_and_status_is_remembered_until_never() {
        for in_gitlab in [false, true] {
            for on_record in [None, Some(false), Some(true)] {
                let before = Before { in_gitlab, on_record };
                let lowered = is_protected(&environment("eu"), Some(Tier::Development), before);
                assert_eq!(lowered, in_gitlab || on_record == Some(true), "{before:?}");
                assert!(!is_protected(&never(), Some(Tier::Production), before), "{before:?}");
            }
        }
    }

    #[test]
    fn a_record_that_the_mapping_contradicts_is_seen_without_gitlab() {
        let always = Environment { protection: Protection::Always, ..environment("eu") };
        let declared = Environment { tier: Some(Tier::Production), ..environment("eu") };
        for (environment, on_record, agrees) in [
            (&environment("eu"), Some(true), true),
            (&environment("eu"), Some(false), true),
            (&environment("production"), Some(false), false),
            (&declared, Some(false), false),
            (&always, Some(false), false),
            (&always, Some(true), true),
            (&never(), Some(true), false),
            (&never(), Some(false), true),
            (&always, None, true),
            (&never(), None, true),
        ] {
            assert_eq!(is_protection_recorded(environment, on_record), agrees, "{environment:?} {on_record:?}");
        }
    }
}
