//! What the recommendation says, and what the documented expressions rely on, on one small worker.

use super::super::answer::Answer;
use super::super::xml::Limits;
use super::*;

const WORKER: &str = r#"<w:Worker xmlns:w="urn:com.workday/bsvc">
  <w:Worker_Reference w:Descriptor="Ada King">
    <w:ID w:type="WID">00ff</w:ID>
    <w:ID w:type="Employee_ID">21451</w:ID>
  </w:Worker_Reference>
  <w:Worker_Data>
    <w:Phone w:Formatted="+1 2"><w:Usage w:Public="1"><w:ID w:type="T">WORK</w:ID></w:Usage><w:Usage w:Public="0"><w:ID w:type="T">HOME</w:ID></w:Usage></w:Phone>
    <w:Phone w:Formatted="+3 4"><w:Usage w:Public="1"><w:ID w:type="T">HOME</w:ID></w:Usage><w:Usage w:Public="1"><w:ID w:type="T">WORK</w:ID></w:Usage></w:Phone>
    <w:Job w:Primary="1"><w:Title>Engineer</w:Title></w:Job>
    <w:Job w:Primary="true"><w:Title>Pilot</w:Title></w:Job>
    <w:Job w:Primary="0"/>
    <w:Chain><w:Level>a</w:Level><w:Level>b</w:Level></w:Chain>
    <w:Chain><w:Level>c</w:Level><w:Level>d</w:Level><w:Level>e</w:Level></w:Chain>
    <w:Amount>2</w:Amount><w:Amount>40.5</w:Amount>
    <w:Name>  Zoë   😀 </w:Name>
    <plain>unqualified</plain>
  </w:Worker_Data>
</w:Worker>"#;

/// One expression on the worker above.
fn select(expression: &str) -> Vec<String> {
    let mut xpaths = Xpaths::default();
    xpaths
        .add(expression)
        .unwrap_or_else(|error| panic!("{expression}: {error}"));
    on_worker(&xpaths, WORKER).remove(0).unwrap()
}

fn on_worker(xpaths: &Xpaths, worker: &str) -> Vec<Result<Vec<String>, TooCostly>> {
    let page = format!(
        "<x:Get_Workers_Response xmlns:x='urn:com.workday/bsvc'><x:Response_Data>{worker}</x:Response_Data></x:Get_Workers_Response>"
    );
    let mut answer = Answer::open(page.as_bytes(), xpaths.names(), Limits::default()).unwrap();
    let worker = answer.worker().unwrap().unwrap();
    let values = xpaths.evaluator().evaluate(worker.tree);
    let owned = |values: Values<'_>| values.map(|values| values.into_iter().map(String::from).collect());
    values.into_iter().map(owned).collect()
}

fn refusal(expression: &str) -> SyntaxError {
    Xpaths::default().add(expression).unwrap_err()
}

#[track_caller]
fn assert_selects(rows: &[(&str, &[&str])]) {
    for (expression, expected) in rows {
        assert_eq!(select(expression), *expected, "{expression}");
    }
}

#[test]
fn paths_begin_at_the_worker() {
    assert_selects(&[
        (
            "wd:Worker/wd:Worker_Reference/wd:ID[@wd:type='WID']/text()",
            &["00ff"],
        ),
        (
            "/wd:Worker/wd:Worker_Reference/wd:ID[@wd:type=\"Employee_ID\"]",
            &["21451"],
        ),
        (
            " wd:Worker / wd:Worker_Reference / @wd:Descriptor ",
            &["Ada King"],
        ),
        (
            "child::wd:Worker/child::*/attribute::wd:Descriptor",
            &["Ada King"],
        ),
        ("//wd:ID[@wd:type='WID']", &["00ff"]),
        ("wd:Worker//wd:Level", &["a", "b", "c", "d", "e"]),
        ("//wd:Level[1]", &["a", "c"]),
        ("(//wd:Level)[1]", &["a"]),
        ("//wd:Level/../wd:Level[last()]", &["b", "e"]),
        ("//@wd:Formatted/..//wd:ID", &["WORK", "HOME", "HOME", "WORK"]),
        (
            "//wd:Title | //wd:Amount | //wd:Title",
            &["Engineer", "Pilot", "2", "40.5"],
        ),
        ("//wd:Chain/wd:Level/self::node()[. = 'e']", &["e"]),
        ("//wd:Job/@*", &["1", "true", "0"]),
        ("//wd:Job/@wd:*[. = 0]", &["0"]),
        ("//@wd:Primary/self::*", &[]),
        ("//@wd:Primary/self::node()", &["1", "true", "0"]),
        ("//wd:Job/text()", &[]),
        (
            "/",
            &["00ff21451WORKHOMEHOMEWORKEngineerPilotabcde240.5  Zoë   😀 unqualified"],
        ),
    ]);
    assert_eq!(
        select("//plain"),
        ["unqualified"],
        "an element in no namespace, asked for as such"
    );
}

#[test]
fn a_node_set_is_equal_if_any_node_is() {
    assert_selects(&[
        (
            "//wd:Phone[wd:Usage/wd:ID = 'WORK']/@wd:Formatted",
            &["+1 2", "+3 4"],
        ),
        (
            "//wd:Phone[wd:Usage/wd:ID != 'WORK']/@wd:Formatted",
            &["+1 2", "+3 4"],
        ),
        ("//wd:Phone[not(wd:Usage/wd:ID = 'WORK')]/@wd:Formatted", &[]),
        // Only the first counts.
        (
            "//wd:Phone[string(wd:Usage/wd:ID[@wd:type='T'])='WORK']/@wd:Formatted",
            &["+1 2"],
        ),
        (
            "//wd:Phone[string(wd:Nothing)='']/@wd:Formatted",
            &["+1 2", "+3 4"],
        ),
        (
            "//wd:Phone[wd:Usage/@wd:Public='0' and wd:Usage/wd:ID='WORK']/@wd:Formatted",
            &["+1 2"],
        ),
        (
            "//wd:Phone[wd:Usage/@wd:Public=0 or @wd:Formatted='+3 4']/@wd:Formatted",
            &["+1 2", "+3 4"],
        ),
        (
            "//wd:Phone[wd:Usage[1]/wd:ID = wd:Usage[2]/wd:ID]/@wd:Formatted",
            &[],
        ),
        (
            "//wd:Phone[wd:Usage/wd:ID = //wd:Usage/wd:ID]/@wd:Formatted",
            &["+1 2", "+3 4"],
        ),
        ("boolean(//wd:Amount > 40)", &["true"]),
        ("//wd:Amount < 2", &["false"]),
        ("40 < //wd:Amount", &["true"]),
        ("//wd:Amount > //wd:Amount", &["true"]),
        ("//wd:Nothing = //wd:Nothing", &["false"]),
        ("//wd:Nothing = false()", &["true"]),
        ("//wd:Title = true()", &["true"]),
        ("//wd:Nothing < true()", &["true"]),
    ]);
}

#[test]
fn numbers_are_compared_as_numbers() {
    assert_selects(&[
        ("//wd:Job[@wd:Primary=1]/wd:Title", &["Engineer"]),
        ("//wd:Job[@wd:Primary='true']/wd:Title", &["Pilot"]),
        ("count(//wd:Job[@wd:Primary=0])", &["1"]),
        ("sum(//wd:Amount) * 2 - 5 mod 3", &["83"]),
        ("-(-3) - -2", &["5"]),
        ("7 div 2", &["3.5"]),
        ("1 div 0", &["Infinity"]),
        ("'x' + 1", &[]),
        ("string(0 div 0)", &["NaN"]),
        ("1 = '1.0'", &["true"]),
        ("'1' = '1.0'", &["false"]),
        ("'a' < 'b'", &["false"]),
        ("round(-2.5)", &["-2"]),
        ("floor(2.6) + ceiling(2.1)", &["5"]),
        ("number('  12 ') > 11", &["true"]),
        ("1 < 2 < 3", &["true"]),
        ("3 > 2 > 1", &["false"]),
        ("true() + true()", &["2"]),
    ]);
}

#[test]
fn positions_count_within_one_parent() {
    assert_selects(&[
        ("//wd:Chain[position()=1]/wd:Level[last()=position()]", &["b"]),
        ("//wd:Chain/wd:Level[last()=position()]", &["b", "e"]),
        ("//wd:Chain/wd:Level[last()-1]", &["a", "d"]),
        ("//wd:Level[position() > 1][1]", &["b", "d"]),
        ("//wd:Chain[wd:Level[3]]/wd:Level[2]", &["d"]),
        ("//wd:Level[. = 'c' or position() = 2]", &["b", "c", "d"]),
        ("//wd:Level['true']", &["a", "b", "c", "d", "e"]),
        ("position() + last()", &["2"]),
        ("//wd:Chain[count(wd:Level) = last() + 1]/wd:Level[1]", &["c"]),
    ]);
}

#[test]
fn functions_do_what_the_recommendation_says() {
    assert_selects(&[
        ("concat('a', //wd:Amount, 1 div 4, true())", &["a20.25true"]),
        ("substring(//wd:Title, 2, 3)", &["ngi"]),
        ("substring-before('2015-07-28-07:00', '-')", &["2015"]),
        ("substring-after('a@b', '@')", &["b"]),
        ("substring-after('ab', '')", &["ab"]),
        ("substring-before('ab', '')", &[]),
        (
            "translate(string(//wd:Title), 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')",
            &["ENGINEER"],
        ),
        ("translate('a-b-c', '-', '')", &["abc"]),
        ("translate('bar', //wd:Level, 'x')", &["bxr"]),
        ("normalize-space(//wd:Name)", &["Zoë 😀"]),
        ("string-length(normalize-space(//wd:Name))", &["5"]),
        (
            "starts-with(//wd:Title, 'Eng') and contains('abc', '')",
            &["true"],
        ),
        ("local-name(wd:Worker/*)", &["Worker_Reference"]),
        ("name(wd:Worker)", &["w:Worker"]),
        ("name(//plain)", &["plain"]),
        ("namespace-uri(wd:Worker)", &["urn:com.workday/bsvc"]),
        ("local-name(//@wd:type)", &["type"]),
        ("name(//wd:Nothing)", &[]),
        ("//*[local-name() = 'Title' and string-length() = 5]", &["Pilot"]),
        ("//wd:Title[starts-with(., 'P')]", &["Pilot"]),
        ("boolean('false') and not(false())", &["true"]),
        ("''", &[]),
    ]);
}

#[test]
fn a_name_is_what_stands_beside_it() {
    assert_selects(&[
        ("4 div 2", &["2"]),
        ("//wd:Amount[1]*2", &["4"]),
        ("count(//wd:Level[*])", &["0"]),
        ("count(//*[div or mod]) + 0", &["0"]),
        ("count(wd:Worker/*)*2", &["4"]),
        ("2*count(wd:Worker/*)", &["4"]),
    ]);
}

#[test]
fn white_space_between_elements_and_order_of_attributes_do_not_matter() {
    let xpaths = ["//text()", "count(//node())", "//@*", "//wd:Job/node()[1]"];
    let mut compiled = Xpaths::default();
    for xpath in xpaths {
        compiled.add(xpath).unwrap();
    }
    let dense: String = WORKER.lines().map(str::trim_start).collect();
    assert_eq!(on_worker(&compiled, WORKER), on_worker(&compiled, &dense));
}

#[test]
fn what_cannot_be_compiled_is_told_with_its_place() {
    for (expression, at, part) in [
        ("", 0, "expected an XPath"),
        ("wd:Worker/", 10, "expected a step"),
        (
            "wd:Worker/wd:ID[@wd:type='WID'",
            30,
            "expected ']', found the end",
        ),
        ("wd:Worker/wd:ID[@wd:type='WID]", 25, "no closing '"),
        ("é/p1:Worker", 2, "prefix p1"),
        ("wd:Worker/ancestor::wd:X", 10, "axis ancestor is not supported"),
        ("sideways::wd:X", 0, "no axis sideways"),
        ("upper-case('a')", 0, "no function upper-case"),
        ("id('a')", 0, "DTD"),
        ("count('a')", 0, "count() takes nodes"),
        ("concat('a')", 0, "2 arguments or more, not 1"),
        ("not()", 0, "1 argument, not 0"),
        ("'a'[1]", 0, "a predicate filters nodes"),
        ("1 | wd:a", 0, "'|' joins nodes"),
        ("wd:a wd:b", 5, "expected an operator"),
        ("$x", 0, "no variables"),
        ("wd:a[@b=“c”]", 8, "quotation mark"),
        ("comment()", 0, "not read"),
        ("wd:", 3, "expected a name after 'wd:'"),
        ("wd:a/[1]", 5, "expected a step"),
    ] {
        let error = refusal(expression);
        assert!(error.message.contains(part), "{expression}: {error}");
        assert_eq!(error.at, at, "{expression}: {error}");
    }
}

#[test]
fn what_is_hardly_meant_is_put_right_and_told() {
    let mut xpaths = Xpaths::default();
    let pasted =
        "/env:Envelope/env:Body/wd:Get_Workers_Response/wd:Response_Data/wd:Worker/wd:Worker_Data/wd:Name";
    assert!(xpaths.add(pasted).unwrap()[0].message.contains("left out"));
    let stray = xpaths.add("wd:Worker/wd:Worker_Data/wd:Amount[1]} ").unwrap();
    assert_eq!(
        (stray[0].at, stray[0].message.as_str()),
        (37, "the last character, }, is left out")
    );
    let bare = xpaths.add("wd:Worker/Worker_Data").unwrap();
    assert_eq!(bare[0].at, 10);
    assert!(bare[0].message.contains("write wd:Worker_Data"));
    let values = on_worker(&xpaths, WORKER);
    assert_eq!(values[0], Ok(vec!["  Zoë   😀 ".to_string()]));
    assert_eq!(values[1], Ok(vec!["2".to_string()]));
}

#[test]
fn an_expression_that_is_refused_leaves_the_others_alone() {
    let mut xpaths = Xpaths::default();
    xpaths.add("wd:Worker/wd:Worker_Data/wd:Amount").unwrap();
    xpaths
        .add("wd:Worker/wd:Worker_Data/wd:Job[wd:Title = //wd:Nothing]/[")
        .unwrap_err();
    xpaths.add("wd:Worker/wd:Worker_Data/wd:Job/wd:Title").unwrap();
    let values = on_worker(&xpaths, WORKER);
    assert_eq!(values.len(), 2);
    assert_eq!(values[1].as_ref().unwrap().len(), 2);
}

#[test]
fn expressions_have_bounds() {
    let nested = |times| format!("{}1{}", "(".repeat(times), ")".repeat(times));
    assert!(Xpaths::default().add(&nested(30)).is_ok());
    assert!(refusal(&nested(100_000)).message.contains("parts"));
    assert!(refusal(&nested(200)).message.contains("stand in one another"));
    assert!(
        refusal(&format!("wd:a{}", "[wd:a".repeat(200)))
            .message
            .contains("stand in one another")
    );
    // As long as may be, and evaluated and let go without running out of stack.
    let chain = format!("1{}", " + 1".repeat(290));
    assert_eq!(select(&chain), ["291"]);
    let many = format!("{}1", "-".repeat(500));
    assert_eq!(select(&many), ["1"]);
    let equal = format!("1{}", " = 1".repeat(290));
    assert_eq!(select(&equal), ["true"]);
}

#[test]
fn an_expression_that_costs_too_much_fails_alone() {
    let worker = format!(
        "<w:Worker xmlns:w='urn:com.workday/bsvc'>{}</w:Worker>",
        "<w:a><w:b/></w:a>".repeat(1000)
    );
    let mut xpaths = Xpaths::default();
    xpaths.add("//*[count(//*[count(//*) > 5]) > 5]").unwrap();
    xpaths.add("count(//wd:a[//wd:b = //wd:b])").unwrap();
    xpaths.add("count(wd:Worker/wd:a)").unwrap();
    let values = on_worker(&xpaths, &worker);
    assert_eq!(values[0], Err(TooCostly));
    assert_eq!(
        values[1],
        Ok(vec!["1000".to_string()]),
        "paths from the document are walked once"
    );
    assert_eq!(values[2], Ok(vec!["1000".to_string()]));
}
