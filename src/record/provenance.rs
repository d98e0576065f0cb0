//! Whether two descriptions of an experiment, or of its data, are the same.

use serde_json::Value;
use std::collections::BTreeSet;

/// The dotted keys, below `prefix`, in which two JSON values differ. Differences in `run.*` and `figure.*` are ignored:
/// these keys change no result.
pub fn differing_keys(prefix: &str, a: &Value, b: &Value) -> Vec<String> {
    use serde_json::Value::Object;
    match (a, b) {
        _ if a == b || matches!(prefix, "run" | "figure") => Vec::new(),
        (Object(a), Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let name = |key: &str| if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
            let value = |keys: &serde_json::Map<String, Value>, key| keys.get(key).cloned().unwrap_or_default();
            keys.into_iter().flat_map(|k| differing_keys(&name(k), &value(a, k), &value(b, k))).collect()
        }
        _ => vec![prefix.to_string()],
    }
}

/// The first data file that differs between two lists of files with checksums: its name, and its checksum now and then.
pub(super) fn changed_source(then: &Value, now: &Value) -> Option<[String; 3]> {
    let files = |sources: &Value| -> Vec<[String; 2]> {
        let text = |file: &Value, key: &str| file.get(key).and_then(Value::as_str).unwrap_or("unknown").to_string();
        let files = sources.as_array().into_iter().flatten();
        files.map(|file| [text(file, "path"), text(file, "sha256")]).collect()
    };
    let (then, now) = (files(then), files(now));
    (0..then.len().max(now.len())).find_map(|i| match (then.get(i), now.get(i)) {
        (Some([_, then]), Some([_, now])) if then == now => None,
        (Some([_, then]), Some([file, now])) => Some([file.clone(), now.clone(), then.clone()]),
        (Some([file, then]), None) => Some([file.clone(), "none, as it is not read".into(), then.clone()]),
        (None, Some([file, now])) => Some([file.clone(), now.clone(), "none, as it was not read".into()]),
        (None, None) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_file_that_differs_is_named() {
        let file = |path: &str, sha256: &str| json!({"path": path, "sha256": sha256});
        let then = json!([file("x", "1"), file("y", "2")]);
        assert_eq!(changed_source(&then, &then), None);
        // A file may have moved.
        assert_eq!(changed_source(&then, &json!([file("/new/x", "1"), file("/new/y", "2")])), None);
        let other = json!([file("x", "1"), file("y", "3")]);
        assert_eq!(changed_source(&then, &other), Some(["y", "3", "2"].map(String::from)));
        for (a, b) in [(json!([file("x", "1")]), &then), (then.clone(), &json!([file("x", "1")]))] {
            assert_eq!(changed_source(&a, b).map(|[file, ..]| file), Some("y".into()));
        }
        // Laws that are drawn have no files.
        assert_eq!(changed_source(&json!([]), &Value::Null), None);
    }

    #[test]
    fn keys_that_differ_are_named_with_their_tables() {
        let a = json!({"seed": 1, "widths": {"seeds": 2, "values": [4]}, "run": {"checkpoint_seconds": 1}});
        let b = json!({"seed": 1, "widths": {"seeds": 3, "values": [4]}, "run": {}, "gap": {}});
        assert_eq!(differing_keys("", &a, &b), ["gap", "widths.seeds"]);
    }
}
