//! How a plan is told to people and to machines.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use crate::{
    plan::change::{Action, Change, Field, System},
    reconcile::{Key, Outcome},
};

/// What would be changed for one object of ours.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What would be changed, in this order.
    pub changes: Vec<Change>,
    /// What keeps it from being as declared: some of the changes cannot be known, or would not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Trouble>,
}

/// Why an object is not, and will not be, as declared.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// The reason, as it stands in conditions.
    pub reason: &'static str,
    /// What a person has to know.
    pub message: String,
}

impl Planned {
    /// What a pass that only noted down found.
    pub fn new(key: &Key, changes: Vec<Change>, outcome: Outcome) -> Self {
        let message = outcome.message.unwrap_or_default();
        let problem = outcome.problem.map(|reason| Trouble { reason: reason.as_str(), message });
        Self { kind: key.kind(), name: key.name().to_owned(), changes, problem }
    }
}

/// A plan for all objects that were looked at.
pub struct Report(pub Vec<Planned>);

#[derive(Serialize)]
struct Document<'a> {
    plan: &'a [Planned],
}

impl Report {
    /// Whether anything would be changed.
    pub fn has_changes(&self) -> bool {
        self.0.iter().any(|planned| !planned.changes.is_empty())
    }

    /// Whether the plan is not the whole truth about something.
    pub fn has_problems(&self) -> bool {
        self.0.iter().any(|planned| planned.problem.is_some())
    }

    /// Writes the plan as one JSON document.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write_json(&self, mut output: impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut output, &Document { plan: &self.0 })?;
        writeln!(output)
    }

    /// Writes the plan for people. Objects that stay as they are are counted only.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write_text(&self, mut output: impl Write, colours: bool) -> io::Result<()> {
        let paint = |colour: AnsiColor| if colours { colour.on_default() } else { Style::new() };
        for planned in self.0.iter().filter(|planned| !planned.changes.is_empty() || planned.problem.is_some()) {
            writeln!(output, "{} {}", planned.kind, planned.name)?;
            for change in &planned.changes {
                let (sign, colour) = sign(change.action);
                let style = paint(colour);
                let place = if change.system == System::GitLab { "in GitLab: " } else { "" };
                writeln!(output, "  {style}{sign} {place}{}{style:#}: {}", change.object, change.why)?;
                for field in change.fields.iter().filter(|field| is_for_people(field)) {
                    writeln!(output, "      {}", told(field))?;
                }
            }
            if let Some(Trouble { reason, message }) = &planned.problem {
                let style = paint(AnsiColor::Red);
                writeln!(output, "  {style}! {reason}{style:#}: {message}")?;
            }
            writeln!(output)?;
        }
        writeln!(output, "{}", self.summary())
    }

    fn summary(&self) -> String {
        let count = |actions: &[Action]| {
            self.0.iter().flat_map(|planned| &planned.changes).filter(|change| actions.contains(&change.action)).count()
        };
        let problems = self.0.iter().filter(|planned| planned.problem.is_some()).count();
        let nothing = if self.has_changes() || self.has_problems() { "" } else { "; everything is as declared" };
        format!(
            "{} looked at: {} to create, {} to change, {} to replace, {} to delete, {} to issue, {} with problems{nothing}",
            self.0.len(),
            count(&[Action::Create]),
            count(&[Action::Update]),
            count(&[Action::Replace]),
            count(&[Action::Delete]),
            count(&[Action::Issue]),
            problems
        )
    }
}

/// A status tells at length what the other changes tell already: its summary is enough.
fn is_for_people(field: &Field) -> bool {
    !field.path.starts_with("status.") || field.path.starts_with("status.summary.")
}

fn sign(action: Action) -> (&'static str, AnsiColor) {
    match action {
        Action::Create => ("+", AnsiColor::Green),
        Action::Update => ("~", AnsiColor::Yellow),
        Action::Replace => ("±", AnsiColor::Yellow),
        Action::Delete => ("-", AnsiColor::Red),
        Action::Issue => ("*", AnsiColor::Green),
    }
}

fn told(field: &Field) -> String {
    let text = |value: &str| serde_json::Value::from(value).to_string();
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => format!("{}: {} -> {}", field.path, text(before), text(after)),
        (None, Some(after)) => format!("{}: {}", field.path, text(after)),
        (Some(before), None) => format!("{}: {} -> nothing", field.path, text(before)),
        (None, None) => field.path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Reason;

    fn planned(changes: Vec<Change>, problem: Option<Reason>) -> Report {
        let message = problem.map(|_| "because of a test".to_owned());
        let outcome = Outcome { again: None, problem, message };
        Report(vec![Planned::new(&Key::Mapping("web-app".into()), changes, outcome)])
    }

    fn text(report: &Report, colours: bool) -> String {
        let mut output = Vec::new();
        report.write_text(&mut output, colours).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn each_change_tells_what_why_and_which_fields() {
        let field = Field::of("spec.hard.pods", Some("4".into()), Some("5".into()));
        let quota = Change::kubernetes(Action::Update, "ResourceQuota web-42-production/gitlab-quota", "it differs");
        let variable = Change::gitlab(Action::Delete, "variable KUBE_URL (production)", "unwanted");
        let report = planned(vec![quota.with(field), variable], None);
        let told = text(&report, false);
        assert!(
            told.contains(
                "  ~ ResourceQuota web-42-production/gitlab-quota: it differs\n      spec.hard.pods: \"4\" -> \"5\"\n"
            ),
            "{told}"
        );
        assert!(told.contains("  - in GitLab: variable KUBE_URL (production): unwanted\n"), "{told}");
        assert!(told.contains("1 to change, 0 to replace, 1 to delete"), "{told}");
        assert!(report.has_changes() && !report.has_problems() && !told.contains('\u{1b}'));
        assert!(text(&report, true).contains('\u{1b}'));
    }

    #[test]
    fn a_problem_is_told_and_nothing_to_do_is_said() {
        let told = text(&planned(Vec::new(), Some(Reason::NamespaceTaken)), false);
        assert!(told.contains("  ! NamespaceTaken: because of a test"), "{told}");
        assert!(text(&planned(Vec::new(), None), false).contains("everything is as declared"));
    }
}
