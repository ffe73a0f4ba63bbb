//! Stored trees that the published ones do not cover.

use serde_json::json;

use super::super::tree::Tree;
use super::*;

fn read(tree: serde_json::Value) -> Result<String, ParseError> {
    let tree: Tree = serde_json::from_value(tree).unwrap();
    Expression::from_tree(&tree).map(|expression| expression.to_string())
}

#[test]
fn a_tree_says_the_same_as_its_text() {
    for text in [
        "IIF(BitAnd([userAccountControl], 2)=\"0\", \"True\", \"False\")",
        "CBool([a]<>[b])",
        "Switch([a], , \"1\", \"x\", \"2\", \"y\")",
        "Switch([a])",
        "SelectUniqueValue([a], [b], [c])",
        "Coalesce([a], [b], \"c\")",
        "FormatDateTime([a], , \"yyyy\", \"yy\")",
        "Replace([a], , \"(?<x>.)\", \"x\", , [b])",
        "IIF([a], , )",
        "InStr([a], \"b\", 1, vbTextCompare)",
        "IIF([a], IgnoreAttributeFlow, \"IgnoreAttributeFlow\")",
        "Join(\"@\", [a], %DomainFQDN%)",
        "Guid()",
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(
            Expression::from_tree(&expression.tree()),
            Ok(expression.clone()),
            "{text}"
        );
        let mut bare = serde_json::to_value(expression.tree()).unwrap();
        forget_texts(&mut bare);
        let same = read(bare).unwrap();
        assert!(
            same == text || text.contains("IgnoreAttributeFlow") || text.contains("vbTextCompare"),
            "{same}"
        );
    }
}

/// As clients write trees that know only names.
fn forget_texts(tree: &mut serde_json::Value) {
    let Some(members) = tree.as_object_mut() else {
        return;
    };
    members.remove("expression");
    for parameter in members["parameters"].as_array_mut().unwrap() {
        forget_texts(&mut parameter["value"]);
    }
}

#[test]
fn settings_that_the_service_leaves_out_of_the_text_are_found_in_the_tree() {
    let attribute = json!({"expression": "[a]", "name": "a", "type": "Attribute", "parameters": []});
    let setting = json!({"expression": null, "name": "%DomainFQDN%", "type": "Constant", "parameters": []});
    let at = json!({"expression": "\"@\"", "name": "@", "type": "Constant", "parameters": []});
    let join = |text: &str| {
        json!({
            "expression": text, "name": "Join", "type": "Function",
            "parameters": [
                {"key": "separator", "value": at}, {"key": "source", "value": attribute},
                {"key": "source", "value": setting},
            ],
        })
    };
    assert_eq!(
        read(join("Join(\"@\", [a], )")).unwrap(),
        "Join(\"@\", [a], %DomainFQDN%)"
    );
    assert_eq!(read(join("Join(\"@\", [b], )")).unwrap(), "Join(\"@\", [b], )");
}

#[test]
fn sparse_and_broken_trees_are_read_or_refused() {
    assert_eq!(read(json!({"name": "cn", "type": "Attribute"})).unwrap(), "[cn]");
    assert_eq!(
        read(json!({"name": "a\"b", "type": "Constant", "parameters": null})).unwrap(),
        "\"a\\\"b\""
    );
    assert_eq!(
        read(json!({"name": "Now", "type": "Function", "expression": ""})).unwrap(),
        "Now()"
    );
    let source = json!({"name": "a", "type": "Attribute"});
    for broken in [
        json!({}),
        json!({"name": "Nothing", "type": "Function"}),
        json!({"name": "Trim", "type": "Function"}),
        json!({"name": "Trim", "type": "Function", "parameters": [{"key": "text", "value": source}]}),
        json!({"name": "a]b", "type": "Attribute"}),
        json!({"expression": "Trim(", "name": "Trim", "type": "Function"}),
    ] {
        assert!(read(broken.clone()).is_err(), "{broken}");
    }
}
