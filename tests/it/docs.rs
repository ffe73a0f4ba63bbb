//! Pages of docs/ that are made from the code.

use std::fmt::Write;

use muster::domain::expression::functions::{FUNCTIONS, Function, Repeats};
use muster::domain::schema::TEMPLATES;
use serde_json::Value as Json;

use crate::templates;

#[test]
fn the_reference_of_functions_is_the_one_in_the_repository() {
    let mut page = String::from(
        "# Functions of the mapping language\n\n\
         Made from the table that evaluates them. Optional parameters carry a `?`, repeated ones a `…`. The examples hold at\n\
         2025-07-30T12:00:00Z, where `DefaultDomain()` is contoso.com, `%DomainFQDN%` is contoso.local, and nobody has any\n\
         name yet. Try one out with `muster eval`.\n",
    );
    for function in FUNCTIONS {
        describe(&mut page, function);
    }
    compare("functions.md", &page);
}

#[test]
fn the_reference_of_templates_is_the_one_in_the_repository() {
    let mut page = String::from(
        "# Templates\n\n\
         Made from the templates themselves. An app's `template` names the schema that its job starts with; `muster schema\n\
         export` writes it out, to be changed and given back with `schema = \"F.json\"` or `muster schema import`. All of them\n\
         create and update accounts and delete none, and leave alone who leaves the scope\n\
         (`skip_out_of_scope_deletions`).\n\n\
         | template | for |\n| --- | --- |\n",
    );
    for template in TEMPLATES {
        writeln!(
            page,
            "| [{0}](#{1}) | {2} |",
            template.id,
            template.id.to_lowercase(),
            template.description
        )
        .unwrap();
    }
    for template in TEMPLATES {
        list(&mut page, template.id);
    }
    compare("templates.md", &page);
}

/// A template's mappings, and where they are not those that Microsoft documents.
fn list(page: &mut String, id: &str) {
    write!(
        page,
        "\n## {id}\n\n| attribute | value | flows |\n| --- | --- | --- |\n"
    )
    .unwrap();
    for mapping in templates::mappings(id) {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
        let flows = match &*text(&mapping["flowType"]) {
            "ObjectAddOnly" => "when the account is made",
            _ => "always",
        };
        let finds = match mapping["matchingPriority"].as_u64() {
            Some(0) | None => "",
            Some(_) => "; finds the account",
        };
        let (target, value) = (
            text(&mapping["targetAttributeName"]),
            code(&text(&mapping["source"]["expression"])),
        );
        writeln!(page, "| {target} | {value} | {flows}{finds} |").unwrap();
    }
    let differences = templates::defaults(id);
    let mut differences = differences.iter().filter(|row| !row.why.is_empty()).peekable();
    if differences.peek().is_some() {
        page.push_str("\nWhere this is not what Microsoft documents, or what follows from it, and why:\n\n| attribute | would be | why not |\n| --- | --- | --- |\n");
    }
    for row in differences {
        writeln!(
            page,
            "| {} | {} | {} |",
            row.target,
            code(&row.documented),
            row.why
        )
        .unwrap();
    }
}

fn compare(file: &str, page: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(file);
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/{file} changed: run the tests once with MUSTER_UPDATE=1 and look at the difference"
    );
}

fn describe(page: &mut String, function: &Function) {
    let parameters = function.parameters.iter().map(|one| {
        let optional = if one.required { "" } else { "?" };
        let repeated = if one.repeats == Repeats::Once { "" } else { "…" };
        format!("{}{optional}{repeated}", one.name)
    });
    let parameters: Vec<String> = parameters.collect();
    write!(
        page,
        "\n## {}\n\n`{}({})`\n\n{}\n\n| expression | with | value |\n| --- | --- | --- |\n",
        function.name,
        function.name,
        parameters.join(", "),
        function.summary
    )
    .unwrap();
    for example in function.examples {
        let inputs: Vec<String> = example
            .inputs
            .iter()
            .map(|(name, values)| format!("{name} = {}", shown(values)))
            .collect();
        let row = [code(example.expression), inputs.join(", "), shown(example.result)];
        writeln!(page, "| {} |", row.join(" | ")).unwrap();
    }
}

fn shown(values: &[&str]) -> String {
    match values {
        [] => "nothing".into(),
        several => several.iter().copied().map(code).collect::<Vec<_>>().join(", "),
    }
}

/// A cell of a table; two backticks hold one.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('\n', " ");
    match text.is_empty() {
        true => "`\"\"`".into(),
        false => format!("`{text}`"),
    }
}
