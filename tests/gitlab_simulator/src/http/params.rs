//! Declared parameters, as the API framework of GitLab (Grape) checks them: coercion, all errors collected, unknown ones dropped.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::coerce::{coerce, each_text, is_blank};

/// What a parameter is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text; numbers and booleans in JSON become text.
    Text,
    /// A whole number, also as text.
    Integer,
    /// `true` or `false`, also as text.
    Flag,
    /// A moment in ISO 8601; a bare date is its first moment in UTC. Kept as text.
    Time,
    /// A day in ISO 8601; the day of a moment. Kept as text.
    Date,
    /// An array of texts, or one text with commas.
    Texts,
    /// An array of whole numbers, or one text with commas.
    Integers,
    /// A hash with its own declared parameters.
    Hash(&'static [Param]),
}

/// The value that an absent parameter takes.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// None: it stays absent.
    Absent,
    /// A text.
    Text(&'static str),
    /// A boolean.
    Flag(bool),
    /// A number.
    Integer(i64),
}

/// One declared parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    name: &'static str,
    kind: Kind,
    required: bool,
    not_blank: bool,
    values: &'static [&'static str],
    excluded: &'static [&'static str],
    refusal: Option<&'static str>,
    fallback: Fallback,
}

impl Param {
    /// A parameter that may be absent.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: false,
            not_blank: false,
            values: &[],
            excluded: &[],
            refusal: None,
            fallback: Fallback::Absent,
        }
    }

    /// A parameter that must be there: else `name is missing`.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self { required: true, ..Self::optional(name, kind) }
    }

    /// Also refuses blanks: `name is empty` (and both sentences when it is missing).
    pub const fn not_blank(self) -> Self {
        Self { not_blank: true, ..self }
    }

    /// Only these values: else `name does not have a valid value`.
    pub const fn values(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }

    /// Not these values: else `name has a value not allowed`.
    pub const fn except(self, excluded: &'static [&'static str]) -> Self {
        Self { excluded, ..self }
    }

    /// Not to be given at all: else the name and this sentence.
    pub const fn refused(self, sentence: &'static str) -> Self {
        Self { refusal: Some(sentence), ..self }
    }

    /// The value when absent.
    pub const fn default(self, fallback: Fallback) -> Self {
        Self { fallback, ..self }
    }
}

/// The checked parameters of one request: declared ones only, each of its declared kind (or null).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Map<String, Value>);

impl Params {
    /// Checks `given` against the declaration; on failure all errors, in the order of declaration.
    pub fn check(declared: &[&[Param]], given: &Map<String, Value>) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let mut checked = Map::new();
        for param in declared.iter().copied().flatten() {
            check_one(param, "", given, &mut checked, &mut errors);
        }
        if errors.is_empty() { Ok(Self(checked)) } else { Err(errors) }
    }

    /// Was it given (or defaulted), null included?
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The text, unless absent or null.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The text, unless absent, null or blank.
    pub fn present(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// The whole number, unless absent or null.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// The whole number as an id; a negative one matches nothing.
    pub fn id(&self, name: &str) -> Option<u64> {
        self.integer(name).map(|number| u64::try_from(number).unwrap_or(0))
    }

    /// The boolean, unless absent or null.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// Is the boolean given and true?
    pub fn is_true(&self, name: &str) -> bool {
        self.flag(name) == Some(true)
    }

    /// The moment, unless absent or null.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// The day, unless absent or null.
    pub fn date(&self, name: &str) -> Option<Date> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// The list of texts; empty when absent.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    /// The list of whole numbers; empty when absent.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_i64).collect()
    }

    /// The inner parameters of a hash, unless absent.
    pub fn hash(&self, name: &str) -> Option<Params> {
        self.0.get(name).and_then(Value::as_object).cloned().map(Params)
    }

    /// All values, by name.
    pub fn into_values(self) -> impl Iterator<Item = (String, Value)> {
        self.0.into_iter()
    }

    /// The raw checked value, null included.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

fn check_one(
    param: &Param,
    prefix: &str,
    given: &Map<String, Value>,
    checked: &mut Map<String, Value>,
    errors: &mut Vec<String>,
) {
    let full = if prefix.is_empty() { param.name.to_owned() } else { format!("{prefix}[{}]", param.name) };
    let Some(raw) = given.get(param.name) else {
        absent(param, &full, checked, errors);
        return;
    };
    let value = match param.kind {
        Kind::Hash(inner) => check_hash(inner, &full, raw, errors),
        _ => coerce(param.kind, raw),
    };
    let Some(value) = value else {
        errors.push(format!("{full} is invalid"));
        return;
    };
    if let Some(sentence) = param.refusal
        && !is_blank(&value)
    {
        errors.push(format!("{full} {sentence}"));
    }
    if param.not_blank && is_blank(&value) {
        errors.push(format!("{full} is empty"));
    }
    if !param.values.is_empty() && !each_text(&value).iter().all(|text| param.values.contains(&text.as_str())) {
        errors.push(format!("{full} does not have a valid value"));
    }
    if each_text(&value).iter().any(|text| param.excluded.contains(&text.as_str())) {
        errors.push(format!("{full} has a value not allowed"));
    }
    checked.insert(param.name.to_owned(), value);
}

/// A required parameter that is absent is an error, and so is everything required inside it.
fn absent(param: &Param, full: &str, checked: &mut Map<String, Value>, errors: &mut Vec<String>) {
    if param.required {
        errors.push(format!("{full} is missing"));
        if param.not_blank {
            errors.push(format!("{full} is empty"));
        }
        if let Kind::Hash(inner) = param.kind {
            for inner in inner {
                if inner.required {
                    absent(inner, &format!("{full}[{}]", inner.name), &mut Map::new(), errors);
                }
            }
        }
        return;
    }
    let value = match param.fallback {
        Fallback::Absent => return,
        Fallback::Text(text) => Value::from(text),
        Fallback::Flag(flag) => Value::from(flag),
        Fallback::Integer(number) => Value::from(number),
    };
    checked.insert(param.name.to_owned(), value);
}

fn check_hash(inner: &[Param], full: &str, raw: &Value, errors: &mut Vec<String>) -> Option<Value> {
    let given = match raw {
        Value::Object(object) => object,
        Value::Null => return Some(Value::Null),
        _ => return None,
    };
    let mut checked = Map::new();
    for param in inner {
        check_one(param, full, given, &mut checked, errors);
    }
    Some(Value::Object(checked))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLATFORM: &[Param] = &[
        Param::required("api_url", Kind::Text),
        Param::required("token", Kind::Text).not_blank(),
        Param::optional("kind", Kind::Text).values(&["rbac"]).default(Fallback::Text("rbac")),
    ];
    const DECLARED: &[Param] = &[
        Param::required("name", Kind::Text),
        Param::required("platform", Kind::Hash(PLATFORM)),
        Param::optional("per_page", Kind::Integer).except(&["0"]).default(Fallback::Integer(20)),
        Param::optional("scopes", Kind::Texts).values(&["a", "b"]),
    ];

    fn check(given: Value) -> Result<Params, Vec<String>> {
        Params::check(&[DECLARED], given.as_object().expect("an object"))
    }

    #[test]
    fn a_missing_hash_also_names_what_is_required_inside_it() {
        let errors = check(json!({"unknown": 1})).expect_err("must be refused");
        assert_eq!(
            errors,
            [
                "name is missing",
                "platform is missing",
                "platform[api_url] is missing",
                "platform[token] is missing",
                "platform[token] is empty"
            ]
        );
    }

    #[test]
    fn values_are_coerced_defaulted_and_unknown_ones_dropped() {
        let params = check(json!({"name": 5, "platform": {"api_url": "u", "token": "t"}, "scopes": "a,b", "x": 1}));
        let params = params.expect("accepted");
        assert_eq!(params.text("name"), Some("5"));
        assert_eq!(params.integer("per_page"), Some(20));
        assert_eq!(params.texts("scopes"), ["a", "b"]);
        assert!(!params.has("x"));
        assert_eq!(params.hash("platform").expect("a hash").text("kind"), Some("rbac"));
    }

    #[test]
    fn refused_values_say_why() {
        let given = json!({"name": {}, "platform": {"api_url": "u", "token": ""}, "per_page": "0", "scopes": ["c"]});
        assert_eq!(
            check(given).expect_err("must be refused"),
            [
                "name is invalid",
                "platform[token] is empty",
                "per_page has a value not allowed",
                "scopes does not have a valid value"
            ]
        );
    }
}
