//! From the wire to one tree of parameters: query strings, forms and JSON with the notation `a[b][]=c`.

use serde_json::{Map, Value};

/// Decodes `application/x-www-form-urlencoded` text (also the query string) into pairs.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

/// Puts one `key[inner][]=value` into the tree, as Rack does.
pub fn insert(tree: &mut Map<String, Value>, key: &str, value: Value) {
    let (first, rest) = match key.find('[') {
        Some(at) if at > 0 => (&key[..at], &key[at..]),
        _ => (key, ""),
    };
    let slot = tree.entry(first.to_owned()).or_insert(Value::Null);
    place(slot, rest, value);
}

fn place(slot: &mut Value, rest: &str, value: Value) {
    let Some(inner) = rest.strip_prefix('[') else {
        *slot = value;
        return;
    };
    let Some((name, rest)) = inner.split_once(']') else {
        *slot = value;
        return;
    };
    if name.is_empty() {
        place_in_list(slot, rest, value);
        return;
    }
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(object) = slot {
        place(object.entry(name.to_owned()).or_insert(Value::Null), rest, value);
    }
}

/// `a[]=1` appends; `a[][k]=v` fills the last hash until a key of it repeats.
fn place_in_list(slot: &mut Value, rest: &str, value: Value) {
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    let Value::Array(list) = slot else { return };
    let key = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')).map(|(name, _)| name);
    if let (Some(key), Some(Value::Object(last))) = (key, list.last())
        && !last.contains_key(key)
        && let Some(last) = list.last_mut()
    {
        place(last, rest, value);
        return;
    }
    let mut element = Value::Null;
    place(&mut element, rest, value);
    list.push(element);
}

/// Merges `over` into `under`, key by key at the top level (Rack lets the body win over the query).
pub fn merge(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        under.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(text: &str) -> Value {
        let mut tree = Map::new();
        for (key, value) in pairs(text) {
            insert(&mut tree, &key, Value::String(value));
        }
        Value::Object(tree)
    }

    #[test]
    fn hash_and_array_notation_become_a_tree() {
        assert_eq!(
            tree("filter[environment_scope]=a%2Fb&scopes[]=x&scopes[]=y&h[][k]=1&h[][v]=2&h[][k]=3"),
            json!({"filter": {"environment_scope": "a/b"}, "scopes": ["x", "y"],
                   "h": [{"k": "1", "v": "2"}, {"k": "3"}]})
        );
    }
}
