//! Expansion of references inside variable values.
//!
//! Two hands do it. GitLab sorts the variables by what they refer to and expands `$X`, `${X}` and `%X%`, except
//! references to unknown, file and raw variables, which it leaves to the runner; when references form a circle it expands
//! nothing (`lib/gitlab/ci/variables/collection.rb`). The runner then makes one pass over every value that is not raw:
//! `$$` becomes `$`, an unknown variable nothing, a file variable the path of its file, a raw one its literal value.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::job_variables::JobVariable;

static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\$\$|%%|\$([a-zA-Z_][a-zA-Z0-9_]*)|\$\{([a-zA-Z_][a-zA-Z0-9_]*)?\}|%([a-zA-Z_][a-zA-Z0-9_]*)%").ok()
});
static RUNNER_REFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$\$|\$([a-zA-Z0-9_]+)|\$\{([^}]*)\}").ok());

/// The variables as the job sees them. `file_folder` is where the runner puts the files of file variables.
pub fn expand(variables: Vec<JobVariable>, file_folder: &str) -> Vec<JobVariable> {
    let by_server = expand_by_server(variables);
    expand_by_runner(by_server, file_folder)
}

/// One text of `.gitlab-ci.yml` (an environment's name) expanded: an unknown variable is nothing
/// (`lib/expand_variables.rb`).
pub fn expand_text(text: &str, variables: &[JobVariable]) -> String {
    let expanded = expand_by_server(variables.to_vec());
    replace(&REFERENCE, text, |name| {
        let name = name?;
        let found = expanded.iter().rfind(|variable| variable.key == name);
        Some(found.map(|found| found.value.clone()).unwrap_or_default())
    })
}

fn expand_by_server(variables: Vec<JobVariable>) -> Vec<JobVariable> {
    let Some(order) = dependency_order(&variables) else { return variables };
    let mut expanded: Vec<JobVariable> = Vec::with_capacity(variables.len());
    let mut last: HashMap<String, usize> = HashMap::new();
    for at in order {
        let mut variable = variables[at].clone();
        if !variable.raw {
            variable.value = replace(&REFERENCE, &variable.value, |name| {
                let found = &expanded[*last.get(name?)?];
                (!found.file && !found.raw).then(|| found.value.clone())
            });
        }
        last.insert(variable.key.clone(), expanded.len());
        expanded.push(variable);
    }
    expanded
}

fn expand_by_runner(variables: Vec<JobVariable>, file_folder: &str) -> Vec<JobVariable> {
    let known: HashMap<&str, &JobVariable> =
        variables.iter().map(|variable| (variable.key.as_str(), variable)).collect();
    let value_of = |name: Option<&str>| {
        let Some(name) = name else { return Some("$".to_owned()) };
        let found = known.get(name);
        let value = found.map(|found| if found.file { format!("{file_folder}/{name}") } else { found.value.clone() });
        Some(value.unwrap_or_default())
    };
    let expand = |variable: &JobVariable| {
        if variable.raw {
            return variable.clone();
        }
        JobVariable { value: replace(&RUNNER_REFERENCE, &variable.value, value_of), ..variable.clone() }
    };
    variables.iter().map(expand).collect()
}

/// Replaces each reference by what `value_of` says of its name (none for `$$`); none leaves it as it stands.
fn replace(pattern: &LazyLock<Option<Regex>>, text: &str, value_of: impl Fn(Option<&str>) -> Option<String>) -> String {
    let Some(pattern) = pattern.as_ref() else { return text.to_owned() };
    let replaced =
        pattern.replace_all(text, |found: &Captures<'_>| value_of(name(found)).unwrap_or_else(|| found[0].to_owned()));
    replaced.into_owned()
}

fn name<'t>(found: &Captures<'t>) -> Option<&'t str> {
    found.iter().skip(1).flatten().next().map(|name| name.as_str())
}

/// The order in which what is referred to comes before what refers to it, stable otherwise; none when references form a
/// circle (a variable that refers to its own key is no circle).
fn dependency_order(variables: &[JobVariable]) -> Option<Vec<usize>> {
    let mut by_key: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, variable) in variables.iter().enumerate() {
        by_key.entry(&variable.key).or_default().push(at);
    }
    let children =
        |at: usize| references(&variables[at]).into_iter().filter_map(|name| by_key.get(name)).flatten().copied();
    let mut seen = vec![Mark::New; variables.len()];
    let mut order = Vec::with_capacity(variables.len());
    for start in 0..variables.len() {
        let mut stack = vec![(start, None)];
        while let Some((at, waiting)) = stack.pop() {
            let mut waiting: Vec<usize> = match waiting {
                Some(waiting) => waiting,
                None if seen[at] != Mark::New => continue,
                None => {
                    seen[at] = Mark::Open;
                    let mut children: Vec<usize> = children(at).collect();
                    children.reverse();
                    children
                }
            };
            let next = loop {
                match waiting.pop() {
                    Some(child) if child == at || seen[child] == Mark::Done => {}
                    Some(child) if seen[child] == Mark::Open => return None,
                    next => break next,
                }
            };
            match next {
                Some(child) => {
                    stack.push((at, Some(waiting)));
                    stack.push((child, None));
                }
                None => {
                    seen[at] = Mark::Done;
                    order.push(at);
                }
            }
        }
    }
    Some(order)
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

fn references(variable: &JobVariable) -> Vec<&str> {
    match REFERENCE.as_ref() {
        Some(pattern) if !variable.raw => {
            pattern.captures_iter(&variable.value).filter_map(|found| name(&found)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(key: &str, value: &str) -> JobVariable {
        JobVariable::public(key, value)
    }

    fn value(variables: Vec<JobVariable>, key: &str) -> String {
        let expanded = expand(variables, "/files");
        expanded.iter().rfind(|variable| variable.key == key).expect("the variable").value.clone()
    }

    #[test]
    fn references_are_expanded_through_several_steps_in_any_order() {
        let of = || vec![variable("A", "[$B]"), variable("B", "${C}%C%"), variable("C", "c")];
        assert_eq!(value(of(), "A"), "[cc]");
    }

    #[test]
    fn a_text_is_expanded_with_what_is_known() {
        let variables = [variable("REF", "fix-$N"), variable("N", "1")];
        assert_eq!(expand_text("review/$REF${UNKNOWN}", &variables), "review/fix-1");
    }

    #[test]
    fn an_unknown_variable_is_nothing_and_two_dollars_are_one() {
        assert_eq!(value(vec![variable("A", "x$UNKNOWN-${ALSO}y")], "A"), "x-y");
        assert_eq!(value(vec![variable("A", "$$B costs $$5"), variable("B", "b")], "A"), "$B costs $5");
    }

    #[test]
    fn a_raw_variable_is_literal_also_when_referred_to() {
        let raw = JobVariable { raw: true, ..variable("RAW", "raw-$A") };
        let of = || vec![variable("A", "normal"), raw.clone(), variable("C", "$RAW")];
        assert_eq!(value(of(), "RAW"), "raw-$A");
        assert_eq!(value(of(), "C"), "raw-$A");
    }

    #[test]
    fn a_file_variable_is_expanded_itself_and_referred_to_by_path() {
        let file = JobVariable { file: true, ..variable("CONFIG", "token: $TOKEN") };
        let of = || vec![file.clone(), variable("TOKEN", "t"), variable("WHERE", "$CONFIG")];
        assert_eq!(value(of(), "CONFIG"), "token: t");
        assert_eq!(value(of(), "WHERE"), "/files/CONFIG");
    }

    #[test]
    fn a_circle_ends_after_one_pass_of_the_runner() {
        let of = || vec![variable("A", "a$B"), variable("B", "b$A")];
        assert_eq!(value(of(), "A"), "ab$A");
        assert_eq!(value(of(), "B"), "ba$B");
    }

    #[test]
    fn a_variable_may_extend_an_earlier_one_of_its_own_key() {
        assert_eq!(value(vec![variable("P", "a"), variable("P", "$P:b")], "P"), "a:b");
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let mut chain: Vec<JobVariable> =
            (0..20_000).map(|at| variable(&format!("V{at}"), &format!("$V{}", at + 1))).collect();
        chain.push(variable("V20000", "end"));
        assert_eq!(value(chain, "V0"), "end");
    }
}
