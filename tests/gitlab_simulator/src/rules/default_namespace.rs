//! The Kubernetes namespace that GitLab computes for a project's environment.

const LONGEST: usize = 63;

/// What the default namespace is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The last segment of the project's path, never the full path.
    pub project_path: &'a str,
    /// The project's id.
    pub project_id: u64,
    /// The environment's slug.
    pub environment_slug: &'a str,
    /// Does GitLab manage namespaces of the cluster?
    pub managed: bool,
    /// One namespace per environment, or one per project?
    pub namespace_per_environment: bool,
    /// The namespace stored with the cluster; blank counts as none.
    pub platform_namespace: Option<&'a str>,
}

/// `lib/gitlab/kubernetes/default_namespace.rb`. A platform namespace is used without any check of length.
pub fn default_namespace(input: Input<'_>) -> String {
    let Input { project_id, environment_slug, managed, namespace_per_environment, .. } = input;
    if let Some(platform) = input.platform_namespace.filter(|platform| !platform.trim().is_empty()) {
        if managed && namespace_per_environment {
            return format!("{platform}-{environment_slug}");
        }
        return platform.to_owned();
    }
    let suffix =
        if namespace_per_environment { format!("-{project_id}-{environment_slug}") } else { format!("-{project_id}") };
    let room = LONGEST.saturating_sub(suffix.chars().count());
    let base: String = sanitize(&input.project_path.to_lowercase()).chars().take(room).collect();
    sanitize(&(base + &suffix))
}

/// Other characters become one dash each; leading dashes go, trailing and repeated ones stay.
fn sanitize(text: &str) -> String {
    let keep = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let dashed: String = text.chars().map(|c| if keep(c) { c } else { '-' }).collect();
    dashed.trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::{block, cases, text};

    #[test]
    fn every_default_namespace_is_gitlabs() {
        for case in cases(&block("default_namespace"), "/cases") {
            let namespace = default_namespace(Input {
                project_path: text(&case, "project_path"),
                project_id: case["project_id"].as_u64().expect("an id"),
                environment_slug: text(&case, "environment_slug"),
                managed: case["managed"].as_bool().expect("a flag"),
                namespace_per_environment: case["namespace_per_environment"].as_bool().expect("a flag"),
                platform_namespace: case["platform_namespace"].as_str(),
            });
            assert_eq!(namespace, text(&case, "namespace"), "{case}");
            assert_eq!(namespace.len() as u64, case["length"], "{case}");
        }
    }
}
