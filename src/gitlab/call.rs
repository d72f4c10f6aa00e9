//! One call: an endpoint with what belongs into its path, its query and its body.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde_json::Value;

/// Everything but the characters that never need encoding (RFC 3986, section 2.3). A `+` becomes `%2B`, which GitLab needs.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An endpoint of the API: what is done, and where.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub method: Method,
    /// Method and path with placeholders, as shown in messages and metrics: `GET /projects/:id/variables`.
    pub label: &'static str,
}

impl Endpoint {
    /// `label` must begin with the method.
    pub const fn new(method: Method, label: &'static str) -> Self {
        Self { method, label }
    }

    /// A call of this endpoint; the arguments take the places of the placeholders, in order.
    pub fn call(&self, arguments: &[&(dyn std::fmt::Display + Sync)]) -> Call {
        let template = self.label.split_once(' ').map_or(self.label, |(_, path)| path);
        let mut arguments = arguments.iter();
        let mut path = String::new();
        for segment in template.split('/').skip(1) {
            path.push('/');
            match segment.strip_prefix(':').and_then(|_| arguments.next()) {
                Some(argument) => path.push_str(&encoded(&argument.to_string())),
                None => path.push_str(segment),
            }
        }
        Call {
            method: self.method.clone(),
            label: self.label,
            path,
            query: String::new(),
            body: None,
            secrets: Vec::new(),
        }
    }
}

/// A call that can be sent, also more than once.
pub(super) struct Call {
    pub method: Method,
    pub label: &'static str,
    /// The path below `/api/v4`, encoded.
    path: String,
    /// The query, encoded, without the question mark.
    query: String,
    pub body: Option<Value>,
    /// What the body holds that no message may repeat.
    pub secrets: Vec<SecretString>,
}

impl Call {
    /// Adds a parameter to the query.
    pub fn query(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&encoded(key));
        self.query.push('=');
        self.query.push_str(&encoded(&value.to_string()));
        self
    }

    /// Gives the call a JSON body, and says which secrets it holds.
    pub fn body(mut self, body: Value, secrets: Vec<SecretString>) -> Self {
        self.body = Some(body);
        self.secrets = secrets;
        self
    }

    /// Path and query.
    pub fn path_and_query(&self) -> String {
        match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_encoded() {
        let endpoint = Endpoint::new(Method::GET, "GET /projects/:id/variables/:key");
        let call = endpoint
            .call(&[&"team/web app", &"A"])
            .query("filter[environment_scope]", "review/a+b&c=ü *")
            .query("per_page", 100);
        assert_eq!(
            call.path_and_query(),
            "/projects/team%2Fweb%20app/variables/A?filter%5Benvironment_scope%5D=review%2Fa%2Bb%26c%3D%C3%BC%20%2A&per_page=100"
        );
    }
}
