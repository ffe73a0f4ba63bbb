//! Pages of docs/ that are made from the code.

use std::fmt::Write;

use muster::domain::expression::functions::{FUNCTIONS, Function, Repeats};

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
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "the functions changed: run the tests once with MUSTER_UPDATE=1 and look at the difference"
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
