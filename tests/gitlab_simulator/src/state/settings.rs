//! Application settings: those that change what the simulated endpoints do.

use serde_json::{Map, Value};

use crate::http::params::{Kind, Param};
use crate::rules::api_address::Policy;

/// What a setting is at first; its kind never changes.
#[derive(Clone, Copy, Debug)]
enum Initial {
    Flag(bool),
    Number(u64),
    Text(&'static str),
    NoText,
    NoTexts,
}

const INITIAL: &[(&str, Initial)] = &[
    ("admin_mode", Initial::Flag(false)),
    ("allow_local_requests_from_web_hooks_and_services", Initial::Flag(false)),
    ("allow_local_requests_from_system_hooks", Initial::Flag(true)),
    ("dns_rebinding_protection_enabled", Initial::Flag(true)),
    ("outbound_local_requests_whitelist", Initial::NoTexts),
    ("auto_devops_domain", Initial::NoText),
    ("default_branch_protection", Initial::Number(2)),
    ("default_project_visibility", Initial::Text("private")),
    ("default_group_visibility", Initial::Text("private")),
    ("deletion_adjourned_period", Initial::Number(30)),
    ("require_personal_access_token_expiry", Initial::Flag(true)),
    ("throttle_authenticated_api_enabled", Initial::Flag(false)),
    ("throttle_authenticated_api_requests_per_period", Initial::Number(7200)),
    ("throttle_authenticated_api_period_in_seconds", Initial::Number(3600)),
    ("throttle_unauthenticated_api_enabled", Initial::Flag(false)),
    ("throttle_unauthenticated_api_requests_per_period", Initial::Number(3600)),
    ("throttle_unauthenticated_api_period_in_seconds", Initial::Number(3600)),
    ("throttle_authenticated_files_api_enabled", Initial::Flag(false)),
    ("throttle_authenticated_files_api_requests_per_period", Initial::Number(500)),
    ("throttle_authenticated_files_api_period_in_seconds", Initial::Number(15)),
    ("rate_limiting_response_text", Initial::NoText),
    ("projects_api_limit", Initial::Number(2000)),
    ("projects_api_rate_limit_unauthenticated", Initial::Number(400)),
    ("project_api_limit", Initial::Number(400)),
    ("groups_api_limit", Initial::Number(200)),
    ("group_api_limit", Initial::Number(400)),
    ("group_projects_api_limit", Initial::Number(600)),
    ("project_members_api_limit", Initial::Number(200)),
    ("members_delete_limit", Initial::Number(60)),
    ("users_get_by_id_limit", Initial::Number(300)),
];

impl Initial {
    fn value(self) -> Value {
        match self {
            Self::Flag(flag) => Value::from(flag),
            Self::Number(number) => Value::from(number),
            Self::Text(text) => Value::from(text),
            Self::NoText => Value::Null,
            Self::NoTexts => Value::Array(Vec::new()),
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Flag(_) => Kind::Flag,
            Self::Number(_) => Kind::Integer,
            Self::Text(_) | Self::NoText => Kind::Text,
            Self::NoTexts => Kind::Texts,
        }
    }
}

/// Settings by GitLab's names, always complete.
#[derive(Clone, Debug)]
pub struct Settings(Map<String, Value>);

impl Default for Settings {
    fn default() -> Self {
        let initial = INITIAL.iter().map(|(name, initial)| ((*name).to_owned(), initial.value()));
        Self(initial.collect())
    }
}

impl Settings {
    /// All of them.
    pub fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The parameters by which they are changed.
    pub fn declared() -> Vec<Param> {
        INITIAL.iter().map(|(name, initial)| Param::optional(name, initial.kind())).collect()
    }

    /// Sets one that exists; unknown names change nothing.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(slot) = self.0.get_mut(name) {
            *slot = value;
        }
    }

    /// A boolean setting.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A number, 0 when absent.
    pub fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A text, none when null.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Do administrators need the scope `admin_mode`?
    pub fn admin_mode(&self) -> bool {
        self.flag("admin_mode")
    }

    /// Which addresses webhooks and integrations (clusters too) may call.
    pub fn outbound_policy(&self) -> Policy {
        let allowed = self.0.get("outbound_local_requests_whitelist").and_then(Value::as_array);
        let allowed = allowed.into_iter().flatten().filter_map(Value::as_str);
        Policy {
            local_requests: self.flag("allow_local_requests_from_web_hooks_and_services"),
            allowed: allowed.map(str::to_owned).collect(),
        }
    }

    /// The plan limit of offset pagination; 0 = none.
    pub fn offset_pagination_limit(&self) -> usize {
        50_000
    }
}
