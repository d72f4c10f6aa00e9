//! Personal access tokens; their value is never among it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::state::time;
use crate::state::tokens::Token;

/// A token without its value.
pub fn personal(token: &Token, now: Timestamp) -> Value {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.word()).collect();
    json!({
        "id": token.id,
        "name": token.name,
        "revoked": token.revoked,
        "created_at": time(token.created_at),
        "description": token.description,
        "scopes": scopes,
        "user_id": token.user_id,
        "last_used_at": token.last_used_at.map(time),
        "active": token.is_active(now),
        "granular": false,
        "expires_at": token.expires_at.map(|day| day.to_string()),
    })
}

/// A token with the addresses that used it.
pub fn with_addresses(token: &Token, now: Timestamp) -> Value {
    let mut shape = personal(token, now);
    let addresses: &[&str] = if token.last_used_at.is_some() { &["127.0.0.1"] } else { &[] };
    shape["last_used_ips"] = json!(addresses);
    shape
}

/// A token with its value, shown once.
pub fn with_value(token: &Token, value: &str, now: Timestamp) -> Value {
    let mut shape = personal(token, now);
    shape["token"] = Value::from(value);
    shape
}
