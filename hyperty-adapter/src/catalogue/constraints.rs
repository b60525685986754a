//! What clients ask of objects (dev-catalogue: `RequestHandler.meetsConstraints`): a client posts fields with what it can do, and gets the
//! first object all of whose fields of these names are met by that.

use serde_json::{Map, Value};

/// Whether what was `posted` meets what an object `wants`. The object's side decides what is looked at: a client that can do more than
/// is wanted is good, one that says nothing of what is wanted is not.
///
/// - Something simple is met by the same text or by the same number, however it is written: `"1.0"` meets `1`, `true` meets `"true"`.
/// - A list is met by a list that has all its elements, in any order.
/// - An object is met by one whose members meet each of its members.
/// - `null` is met by nothing; an empty list and an empty object by anything, also by nothing at all.
#[must_use]
pub fn meets(posted: Option<&Value>, wants: &Value) -> bool {
    match wants {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            posted.is_some_and(|posted| is_same_plain(posted, wants))
        }
        Value::Array(wants) => {
            let posted = posted.and_then(Value::as_array);
            wants.iter().all(|one| posted.is_some_and(|posted| posted.iter().any(|other| is_same(other, one))))
        }
        Value::Object(wants) => {
            let posted = posted.and_then(Value::as_object);
            wants.iter().all(|(name, one)| meets(posted.and_then(|posted| posted.get(name)), one))
        }
    }
}

/// Whether an object is one that a client asked for. A field that the client names and the object does not have is not met, but for
/// `constraints`: an object without any is for everybody.
#[must_use]
pub(super) fn is_wanted<'a>(posted: &Map<String, Value>, field: impl Fn(&str) -> Option<&'a Value>) -> bool {
    posted.iter().all(|(name, posted)| match field(name) {
        Some(wants) => meets(Some(posted), wants),
        None => name == super::kind::CONSTRAINTS,
    })
}

/// As texts, or as numbers. A list of one is as good as that one: the originals' library reads it so.
fn is_same_plain(posted: &Value, wants: &Value) -> bool {
    if let Value::Array(posted) = posted {
        return matches!(posted.as_slice(), [one] if is_same_plain(one, wants));
    }
    let (Some(posted), Some(wants)) = (text_of(posted), text_of(wants)) else { return false };
    posted == wants || matches!((number_of(&posted), number_of(&wants)), (Some(one), Some(other)) if one == other)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number_of(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Within lists: of the same kind and value, `1` and `1.0` being one number.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || (one.as_f64() == other.as_f64()),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| is_same(one, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_meets_what() {
        let table = [
            (json!(true), json!(true), true),
            (json!("true"), json!(true), true),
            (json!(1), json!("1.0"), true),
            (json!(" 1 "), json!(1), true),
            (json!("a"), json!("b"), false),
            (json!("nan"), json!("NaN"), false),
            (json!(["audio"]), json!("audio"), true),
            (json!(["audio", "video"]), json!("audio"), false),
            (json!({}), json!("audio"), false),
            (json!(["video", "audio", "chat"]), json!(["audio", "video"]), true),
            (json!(["audio"]), json!(["audio", "video"]), false),
            (json!([1]), json!([1.0]), true),
            (json!(["1"]), json!([1]), false),
            (json!("audio"), json!(["audio"]), false),
            (json!(7), json!([]), true),
            (json!({"browser": true, "mic": false}), json!({"browser": true}), true),
            (json!({"browser": false}), json!({"browser": true}), false),
            (json!({}), json!({"browser": true}), false),
            (json!({}), json!({"browser": {}}), true),
            (json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [2]}}), true),
            (json!(null), json!(null), false),
            (json!("x"), json!(null), false),
        ];
        for (posted, wants, expected) in table {
            assert_eq!(meets(Some(&posted), &wants), expected, "{posted} meets {wants}");
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9.]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map("[a-d]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same, with more in its objects and lists.
    fn richer(value: &Value, more: &Value) -> Value {
        match value {
            Value::Array(list) => list.iter().cloned().chain([more.clone()]).collect(),
            Value::Object(map) => {
                let inner = map.iter().map(|(name, value)| (name.clone(), richer(value, more)));
                Value::Object(inner.chain([("more".to_owned(), more.clone())]).collect())
            }
            plain => plain.clone(),
        }
    }

    proptest! {
        #[test]
        fn everything_meets_itself(value in json_value()) {
            prop_assert!(meets(Some(&value), &value));
        }

        #[test]
        fn whoever_can_more_meets_no_less(posted in json_value(), wants in json_value(), more in json_value()) {
            // A list of one stands for that one: with another beside it, it does not.
            prop_assume!(!matches!((&posted, &wants), (Value::Array(_), plain) if !plain.is_array() && !plain.is_object()));
            let rich = Value::Object([("x".to_owned(), posted.clone()), ("y".to_owned(), more.clone())].into_iter().collect());
            let asked = Value::Object([("x".to_owned(), wants.clone())].into_iter().collect());
            prop_assert_eq!(meets(Some(&rich), &asked), meets(Some(&posted), &wants));
            if let (Value::Object(_), Value::Object(_)) = (&posted, &wants) {
                let mut wider = posted.as_object().cloned().unwrap_or_default();
                wider.insert("more".to_owned(), more);
                prop_assert!(!meets(Some(&posted), &wants) || meets(Some(&Value::Object(wider)), &wants));
            }
        }

        #[test]
        fn more_wishes_are_met_by_no_more(posted in json_value(), wants in json_value(), more in json_value()) {
            if meets(Some(&posted), &richer(&wants, &more)) {
                prop_assert!(meets(Some(&posted), &wants));
            }
        }

        #[test]
        fn fields_that_nobody_has_are_wanted_by_nobody(posted in btree_map("[a-c]", json_value(), 1..4)) {
            let posted: Map<String, Value> = posted.into_iter().collect();
            prop_assert!(!is_wanted(&posted, |_| None));
            prop_assert!(is_wanted(&Map::new(), |_| None));
            prop_assert!(is_wanted(&posted, |name| posted.get(name)));
        }
    }
}
