//! The variables of a job: which of the stored ones it gets, and which wins.

use std::fmt;

use super::environment_scope::matching;

/// One variable as a job sees it. Of several with one key the last wins.
#[derive(Clone, PartialEq, Eq)]
pub struct JobVariable {
    /// Name.
    pub key: String,
    /// Value; of a file variable the file's content.
    pub value: String,
    /// May it be shown?
    pub public: bool,
    /// Does the runner write it to a file?
    pub file: bool,
    /// Is it replaced in logs?
    pub masked: bool,
    /// Is its value taken literally, without expansion?
    pub raw: bool,
    /// Does it come from a protected variable?
    pub protected: bool,
}

/// Values may be secrets: only the name is printed.
impl fmt::Debug for JobVariable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JobVariable({})", self.key)
    }
}

impl JobVariable {
    /// A predefined variable that may be shown.
    pub fn public(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_owned(),
            public: true,
            file: false,
            masked: false,
            raw: false,
            protected: false,
        }
    }

    /// A predefined variable that must not be shown.
    pub fn secret(key: &str, value: &str) -> Self {
        Self { public: false, masked: true, ..Self::public(key, value) }
    }
}

/// A stored CI/CD variable with what decides whether a job gets it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The variable itself.
    pub variable: JobVariable,
    /// Its environment scope.
    pub scope: String,
}

/// The stored variables of one level (instance, one group, a project) that a job gets, least fitting scope first:
/// protected ones only on a protected ref.
pub fn of_level(stored: &[Stored], environment: Option<&str>, ref_protected: bool) -> Vec<JobVariable> {
    let fitting = matching(stored, |stored| &stored.scope, environment);
    let allowed = fitting.into_iter().filter(|stored| ref_protected || !stored.variable.protected);
    allowed.map(|stored| stored.variable.clone()).collect()
}

/// Each key once, with its last value, at the place of its last appearance.
pub fn last_of_each_key(variables: Vec<JobVariable>) -> Vec<JobVariable> {
    let mut kept: Vec<JobVariable> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for variable in variables.into_iter().rev() {
        if seen.insert(variable.key.clone()) {
            kept.push(variable);
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: &str, scope: &str, protected: bool) -> Stored {
        Stored { variable: JobVariable { protected, ..JobVariable::public("KEY", value) }, scope: scope.to_owned() }
    }

    #[test]
    fn the_closest_scope_wins_within_a_level() {
        let level = [stored("exact", "production", false), stored("all", "*", false), stored("no", "staging", false)];
        let values =
            |environment| last_of_each_key(of_level(&level, environment, false)).pop().map(|variable| variable.value);
        assert_eq!(values(Some("production")).as_deref(), Some("exact"));
        assert_eq!(values(Some("other")).as_deref(), Some("all"));
        assert_eq!(values(None).as_deref(), Some("all"));
    }

    #[test]
    fn an_unprotected_ref_gets_no_protected_variable() {
        let level = [stored("open", "*", false), stored("secret", "production", true)];
        let open = of_level(&level, Some("production"), false);
        assert_eq!(open.iter().map(|variable| variable.value.as_str()).collect::<Vec<_>>(), ["open"]);
        assert_eq!(of_level(&level, Some("production"), true).len(), 2);
    }

    #[test]
    fn a_nearer_level_wins_because_it_comes_later() {
        let levels =
            [stored("instance", "*", false), stored("group", "production", false), stored("project", "*", false)];
        let all: Vec<JobVariable> =
            levels.iter().flat_map(|level| of_level(std::slice::from_ref(level), Some("production"), true)).collect();
        let last = last_of_each_key(all);
        assert_eq!(last.len(), 1);
        assert_eq!(last[0].value, "project");
    }
}
