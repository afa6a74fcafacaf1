//! What differs between two documents, field by field.

use masivo_core::value::{Json, object};

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldChange {
    /// Where it is: names and numbers with slashes between.
    pub(crate) path: String,
    /// What was there; `None` when it is new.
    pub(crate) before: Option<Json>,
    /// What will be there; `None` when it goes.
    pub(crate) after: Option<Json>,
}

impl FieldChange {
    /// The change as a document.
    pub(crate) fn to_json(&self) -> Json {
        object()
            .with("path", self.path.as_str())
            .with("before", self.before.clone().unwrap_or_default())
            .with("after", self.after.clone().unwrap_or_default())
            .build()
    }
}

/// The fields that differ; the order of fields makes no difference.
pub(super) fn difference(before: &Json, after: &Json) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes
}

fn compare(path: &str, before: Option<&Json>, after: Option<&Json>, changes: &mut Vec<FieldChange>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match (before, after) {
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            for (name, value) in old {
                compare(&below(name), Some(value), after.and_then(|after| after.get_or_null(name)), changes);
            }
            for (name, value) in new {
                if before.and_then(|before| before.get_or_null(name)).is_none() {
                    compare(&below(name), None, Some(value), changes);
                }
            }
        }
        (Some(Json::List(old)), Some(Json::List(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare(&below(&index.to_string()), old.get(index), new.get(index), changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => changes.push(FieldChange {
            path: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        let parse = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let shown: Vec<String> = difference(&parse(before), &parse(after))
            .into_iter()
            .map(|change| {
                let show = |json: Option<Json>| json.map_or_else(|| "-".to_owned(), |json| json.to_string());
                format!("{} {} {}", change.path, show(change.before), show(change.after))
            })
            .collect();
        assert_eq!(shown.join("; "), expected);
    }

    #[test]
    fn only_what_differs_is_named_with_its_place() {
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, "");
        check(
            r#"{"a":1,"b":[1,{"c":2}]}"#,
            r#"{"b":[1,{"c":3},4],"d":0}"#,
            "a 1 -; b/1/c 2 3; b/2 - 4; d - 0",
        );
        check(r#"{"a":{"b":1}}"#, r#"{"a":2}"#, r#"a {"b":1} 2"#);
    }
}
