//! Application settings: those that change what the simulated endpoints do.

use serde_json::{Map, Value, json};

/// Settings by GitLab's names, always complete.
#[derive(Clone, Debug)]
pub struct Settings(Map<String, Value>);

impl Default for Settings {
    fn default() -> Self {
        let defaults = json!({
            "id": 1,
            "admin_mode": false,
            "allow_local_requests_from_web_hooks_and_services": false,
            "allow_local_requests_from_system_hooks": true,
            "dns_rebinding_protection_enabled": true,
            "outbound_local_requests_whitelist": [],
            "default_branch_protection": 2,
            "default_project_visibility": "private",
            "default_group_visibility": "private",
            "deletion_adjourned_period": 30,
            "require_personal_access_token_expiry": true,
            "throttle_authenticated_api_enabled": false,
            "throttle_authenticated_api_requests_per_period": 7200,
            "throttle_authenticated_api_period_in_seconds": 3600,
            "throttle_unauthenticated_api_enabled": false,
            "throttle_unauthenticated_api_requests_per_period": 3600,
            "throttle_unauthenticated_api_period_in_seconds": 3600,
            "throttle_authenticated_files_api_enabled": false,
            "throttle_authenticated_files_api_requests_per_period": 500,
            "throttle_authenticated_files_api_period_in_seconds": 15,
            "rate_limiting_response_text": null,
            "projects_api_limit": 2000,
            "projects_api_rate_limit_unauthenticated": 400,
            "project_api_limit": 400,
            "groups_api_limit": 200,
            "group_api_limit": 400,
            "group_projects_api_limit": 600,
            "members_delete_limit": 60,
            "users_get_by_id_limit": 300,
        });
        match defaults {
            Value::Object(map) => Self(map),
            _ => Self(Map::new()),
        }
    }
}

impl Settings {
    /// All of them.
    pub fn all(&self) -> &Map<String, Value> {
        &self.0
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

    /// May webhooks and integrations (clusters too) call local addresses?
    pub fn allows_local_requests(&self) -> bool {
        self.flag("allow_local_requests_from_web_hooks_and_services")
    }

    /// The plan limit of offset pagination; 0 = none.
    pub fn offset_pagination_limit(&self) -> usize {
        50_000
    }
}
