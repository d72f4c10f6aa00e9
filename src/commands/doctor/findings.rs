//! What the checks find, and how it is reported.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;

use super::checks::Check;
use crate::status::{Problem, REASONS, Reason};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Could not be looked at; the message says why.
    Unchecked,
    /// Works, but somebody should know.
    Warning,
    /// Does not work, or is not safe.
    Error,
}

/// What a check found about one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// About what: `Kind/name`, or `ProjectMapping/name/environment`.
    pub object: String,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub message: String,
    /// What to do; absent when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: Check, object: impl Into<String>, message: impl Into<String>) -> Self {
        Self { check, object: object.into(), level: Level::Ok, message: message.into(), remedy: None }
    }

    /// Not as it should be, with the remedy.
    pub fn new(
        level: Level,
        check: Check,
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, object: object.into(), level, message: message.into(), remedy: Some(remedy.into()) }
    }

    /// Does not work, or is not safe.
    pub fn error(
        check: Check,
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::Error, check, object, message, remedy)
    }

    /// Works, but somebody should know.
    pub fn warning(
        check: Check,
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::Warning, check, object, message, remedy)
    }

    /// Could not be looked at.
    pub fn unchecked(
        check: Check,
        object: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::Unchecked, check, object, message, remedy)
    }

    /// A problem that the check itself met with a server: an error with the remedy of its reason.
    pub fn problem(check: Check, object: impl Into<String>, problem: &Problem) -> Self {
        Self::error(check, object, &problem.message, remedy_of(problem.reason))
    }

    /// The check could not be made, because the API server did not let doctor look. That this account may not look says
    /// nothing of what is there; that the server does not answer is an error.
    pub fn hidden(check: Check, object: impl Into<String>, problem: &Problem) -> Self {
        match problem.reason {
            Reason::KubernetesForbidden => Self::unchecked(
                check,
                object,
                &problem.message,
                "run doctor with the kubeconfig of a cluster administrator to have this checked",
            ),
            _ => Self::problem(check, object, problem),
        }
    }
}

/// What the table of reasons says is to be done.
pub fn remedy_of(reason: Reason) -> &'static str {
    REASONS.iter().find(|(known, ..)| *known == reason).map_or("see the message.", |(_, _, remedy)| remedy)
}

/// Everything that was found, in the order of the checks and then of the objects.
pub struct Report(Vec<Finding>);

impl Report {
    /// Puts findings in order.
    pub fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| (a.check, &a.object, &a.message).cmp(&(b.check, &b.object, &b.message)));
        Self(findings)
    }

    /// How many findings there are of a level.
    pub fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    /// For machines: the shape is documented and stable.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json(&self, mut output: impl Write) -> io::Result<()> {
        let summary = json!({"ok": self.count(Level::Ok), "unchecked": self.count(Level::Unchecked),
            "warning": self.count(Level::Warning), "error": self.count(Level::Error)});
        serde_json::to_writer_pretty(&mut output, &json!({"summary": summary, "findings": self.0}))?;
        writeln!(output)
    }

    /// For people: what is well in one line for each check, everything else in full.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_text(&self, mut output: impl Write, colours: bool) -> io::Result<()> {
        let mut well: BTreeMap<Check, Vec<&Finding>> = BTreeMap::new();
        for finding in self.0.iter().filter(|finding| finding.level == Level::Ok) {
            well.entry(finding.check).or_default().push(finding);
        }
        for (check, findings) in &well {
            let what = match findings[..] {
                [finding] => format!("{}: {}", finding.object, finding.message),
                _ => format!("{} objects", findings.len()),
            };
            writeln!(output, "{} {}  {what}", word(Level::Ok, colours), check.as_str())?;
        }
        for level in [Level::Unchecked, Level::Warning, Level::Error] {
            for finding in self.0.iter().filter(|finding| finding.level == level) {
                let check = finding.check.as_str();
                writeln!(output, "{} {check}  {}: {}", word(level, colours), finding.object, finding.message)?;
                if let Some(remedy) = &finding.remedy {
                    writeln!(output, "          remedy: {remedy}")?;
                }
            }
        }
        let count = |level| self.count(level);
        writeln!(
            output,
            "{} well, {} unchecked, {} warnings, {} errors",
            count(Level::Ok),
            count(Level::Unchecked),
            count(Level::Warning),
            count(Level::Error)
        )
    }
}

/// The level as a word of fixed width.
fn word(level: Level, colours: bool) -> String {
    let (word, colour) = match level {
        Level::Ok => ("ok       ", AnsiColor::Green),
        Level::Unchecked => ("unchecked", AnsiColor::Cyan),
        Level::Warning => ("warning  ", AnsiColor::Yellow),
        Level::Error => ("ERROR    ", AnsiColor::Red),
    };
    let style = if colours { colour.on_default().bold() } else { Style::new() };
    format!("{style}{word}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(vec![
            Finding::error(Check::Kinds, "Kind/b", "gone", "install it"),
            Finding::ok(Check::Kinds, "Kind/a", "current"),
            Finding::ok(Check::RightsHeld, "ServiceAccount/x", "58 rights"),
            Finding::ok(Check::Kinds, "Kind/c", "current"),
            Finding::unchecked(Check::RoleExists, "ClusterRole/x", "hidden", "ask"),
        ])
    }

    #[test]
    fn what_is_well_is_short_and_everything_else_has_its_remedy() {
        let mut text = Vec::new();
        report().write_text(&mut text, false).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "ok        rights.held  ServiceAccount/x: 58 rights\nok        kinds  2 objects\n\
             unchecked role.exists  ClusterRole/x: hidden\n          remedy: ask\n\
             ERROR     kinds  Kind/b: gone\n          remedy: install it\n3 well, 1 unchecked, 0 warnings, 1 errors\n"
        );
        let mut coloured = Vec::new();
        report().write_text(&mut coloured, true).unwrap();
        assert!(String::from_utf8(coloured).unwrap().contains("\u{1b}["));
    }

    #[test]
    fn json_has_a_summary_and_all_findings_in_order() {
        let mut text = Vec::new();
        report().write_json(&mut text).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["summary"], json!({"ok": 3, "unchecked": 1, "warning": 0, "error": 1}));
        assert_eq!(value["findings"][2]["object"], "Kind/b");
        assert_eq!(
            value["findings"][2],
            json!({"check": "kinds", "object": "Kind/b", "level": "Error", "message": "gone", "remedy": "install it"})
        );
        assert!(value["findings"][0].get("remedy").is_none());
    }
}
