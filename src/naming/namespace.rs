//! Names of namespaces and values of GitLab's labels.

use super::DNS_LABEL_LENGTH;

/// The namespace of a project's environment, or of the whole project when `slug` is `None`.
///
/// With the prefix `""` this is GitLab's default namespace for a cluster without a namespace of its own. A prefix is put
/// directly in front and takes its share of the 63 characters. The end of the project's path is cut where there are too
/// many; id and slug stay whole, because they are what makes the name unique. The longest prefixes (20 characters) leave no
/// room for an id of 19 digits beside the longest slug: callers check the result with [`is_dns_label`].
///
/// Source: `lib/gitlab/kubernetes/default_namespace.rb`, `lib/gitlab/namespace_sanitizer.rb`.
pub fn namespace_name(prefix: &str, project_path_last_segment: &str, project_id: i64, slug: Option<&str>) -> String {
    let suffix = match slug {
        Some(slug) => format!("-{project_id}-{slug}"),
        None => format!("-{project_id}"),
    };
    let mut base = sanitize(&project_path_last_segment.to_lowercase());
    base.truncate(DNS_LABEL_LENGTH.saturating_sub(prefix.len() + suffix.len()));
    format!("{prefix}{}", sanitize(&(base + &suffix)))
}

/// The value of the label `app.gitlab.com/app`, and of `CI_PROJECT_PATH_SLUG`, for a project's full path.
///
/// Source: `slugify` in `gems/gitlab-utils/lib/gitlab/utils.rb`.
pub fn full_path_slug(full_path: &str) -> String {
    let slug: String = full_path
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(DNS_LABEL_LENGTH)
        .collect();
    slug.trim_matches('-').to_owned()
}

/// Whether Kubernetes accepts the text as the name of a namespace (RFC 1123 label).
pub fn is_dns_label(text: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=DNS_LABEL_LENGTH).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Every character that a namespace may not hold becomes one dash; leading dashes go, others stay, repeated ones too.
fn sanitize(text: &str) -> String {
    let dashed: String =
        text.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    dashed.trim_start_matches('-').to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naming::{environment_slug, vectors::cases};

    #[test]
    fn namespaces_are_gitlabs_default_ones() {
        let mut compared = 0;
        for case in cases("/default_namespace/cases") {
            let platform_namespace = case["platform_namespace"].as_str().unwrap_or_default();
            if !platform_namespace.is_empty() {
                // A namespace set on the cluster entry is not a default namespace.
                continue;
            }
            let slug = case["namespace_per_environment"]
                .as_bool()
                .unwrap()
                .then(|| case["environment_slug"].as_str().unwrap());
            let name =
                namespace_name("", case["project_path"].as_str().unwrap(), case["project_id"].as_i64().unwrap(), slug);
            assert_eq!(name, case["namespace"].as_str().unwrap(), "{case}");
            assert_eq!(name.len() as u64, case["length"].as_u64().unwrap(), "{case}");
            compared += 1;
        }
        assert!(compared >= 20, "only {compared} cases compared");
    }

    #[test]
    fn dns_labels_are_told_apart_as_kubernetes_does() {
        for case in cases("/default_namespace/cases") {
            let namespace = case["namespace"].as_str().unwrap();
            assert_eq!(is_dns_label(namespace), case["valid_dns_label"].as_bool().unwrap(), "{case}");
        }
        for text in ["", "-a", "a-", "A", "a.b", "a_b", "é", &"a".repeat(64)] {
            assert!(!is_dns_label(text), "{text}");
        }
        for text in ["a", "0", "a-b", "a--b", &"a".repeat(63)] {
            assert!(is_dns_label(text), "{text}");
        }
    }

    #[test]
    fn full_path_slugs_are_gitlabs() {
        for case in cases("/project_full_path_slug/cases") {
            assert_eq!(full_path_slug(case["full_path"].as_str().unwrap()), case["slug"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn a_prefix_stands_in_front_and_counts_among_the_63_characters() {
        assert_eq!(namespace_name("uni-", "web-app", 42, Some("production")), "uni-web-app-42-production");
        assert_eq!(namespace_name("uni-", "__", 5, None), "uni-5");
        let long = namespace_name("uni-", &"x".repeat(100), 42, Some("production"));
        assert_eq!(long, format!("uni-{}-42-production", "x".repeat(63 - 4 - 14)));
    }

    proptest! {
        #[test]
        fn a_namespace_is_a_dns_label_and_ends_with_id_and_slug(
            prefix in "([a-z0-9][a-z0-9-]{0,15}-)?",
            path in any::<String>(),
            id in 1..=i64::MAX,
            environment in any::<String>(),
        ) {
            let slug = environment_slug(&environment);
            let name = namespace_name(&prefix, &path, id, Some(&slug));
            prop_assert!(is_dns_label(&name), "{name}");
            prop_assert!(name.starts_with(&prefix), "{name}");
            let ending = format!("{id}-{slug}");
            prop_assert!(name.ends_with(&ending), "{name}");
        }
    }
}
