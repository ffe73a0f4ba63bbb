//! Expected results are those of .NET.

use super::*;

#[track_caller]
fn check(pattern: &str, text: &str, replacement: &str, expected: Option<&str>) {
    let compiled = Pattern::compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    assert_eq!(
        compiled.replace(text, replacement).unwrap().as_deref(),
        expected,
        "{pattern}"
    );
}

#[test]
fn matches_follow_one_another_as_in_dotnet() {
    check("b", "abcb", "x", Some("axcx"));
    check("z", "abc", "x", None);
    check(".*", "abc", "x", Some("xx"));
    check("a*?", "aa", "-", Some("-a-a-"));
    check("", "é!", "-", Some("-é-!-"));
    check(r"(?<=a)b", "abab", "x", Some("axax"));
    check(r"(?i)STRASSE|é", "Strasse É", "x", Some("x x"));
    check(
        r"^.*?,(?=(?:CN|OU|DC)=)",
        "CN=Doe\\, Joe,OU=Sales,DC=b",
        "",
        Some("OU=Sales,DC=b"),
    );
    check(r"(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "x", None);
}

#[test]
fn a_dollar_also_stands_before_the_last_line_break() {
    check("x$", "x\n", "y", Some("y\n"));
    check(r"x\Z", "x\n", "y", Some("y\n"));
    check(r"x\z", "x\n", "y", None);
    check("x$", "x\nx", "y", Some("x\ny"));
    check("(?m)x$", "x\nx", "y", Some("y\ny"));
    check("(?m:x$)|z$", "x\nz\n", "y", Some("y\ny\n"));
    check(r"(\.)*$", "a.b..", "", Some("a.b"));
    check("[$]", "a$", "x", Some("ax"));
}

#[test]
fn signs_mean_themselves_where_dotnet_says_so() {
    check(
        r"([\/\\\[\]\:\;\|\=\,\+\*\?\<\>])",
        r"a/b\c[d]:;|=,+*?<>e",
        "",
        Some("abcde"),
    );
    check("[[]", "a[b", "", Some("ab"));
    check("[]x]", "a]x", "", Some("a"));
    check("[^]x]", "a]x", "", Some("]x"));
    check("[a&&b]", "a&b", "", Some(""));
    check("[a-z-[aeiou]]", "hello", "", Some("eo"));
    check("[+--]", "+,-.", "", Some("."));
    check(r"[\s-]+", "a - b", "", Some("ab"));
    check(r"[\w-]+", "a-b c", "x", Some("x x"));
    check("^CAS_([^{]*){", "CAS_a{b}", "", Some("b}"));
    check("a{,2}", "a{,2}", "x", Some("x"));
    check("a{2}", "aaa", "x", Some("xa"));
    check("a{1,}?", "aa", "x", Some("xx"));
    check("}]", "}]", "x", Some("x"));
    check(r"\u0041\x42\cI\0\e", "AB\t\0\u{1b}", "x", Some("x"));
    check(r"^CN\s*=\s*([^\,]*)\0ACNF", "CN=a\0ACNF:1", "x", Some("x:1"));
    check(r"\d", "٣x", "", Some("x"));
    check(r"[\d\p{Lu}]+", "1Éa", "", Some("a"));
    check(
        r"(?x) a b # then ( [
        c",
        "abc",
        "x",
        Some("x"),
    );
    check("a(?# nothing )b", "ab", "x", Some("x"));
}

#[test]
fn groups_are_numbered_unnamed_first() {
    check("(?<first>a)(b)", "ab", "$1-$2-${first}", Some("b-a-a"));
    check("(?'q'a)", "a", "[${q}]", Some("[a]"));
    check(r"(?<n>a)(b)\1", "abb", "x", Some("x"));
    check(r"(?<n>.)\k<n>", "xaa", "-", Some("x-"));
    check(r"(.)(?=\1)", "aab", "-", Some("-ab"));
}

#[test]
fn signs_in_a_replacement_stand_for_what_was_found() {
    check("b", "abc", "[$&]", Some("a[b]c"));
    check("b", "abc", "[$`|$'|$_]", Some("a[a|c|abc]c"));
    check("(a)|(b)", "ab", "<$1$2>", Some("<a><b>"));
    check("(a)(?<n>b)", "ab", "$+", Some("b"));
    check("a", "a", "$$1 $9 ${no} $ $x", Some("$1 $9 ${no} $ $x"));
    check(r"(.*?)(?<id>[0-9]{4})(.*)", "ab1234cd", "D${id}", Some("D1234"));
    check(r"\+(?<code>\d*) ", "+49 30", "${code}|", Some("49|30"));
}

#[test]
fn of_a_group_only_what_it_holds_is_replaced() {
    let pattern = Pattern::compile("(?<a>x)|(?<b>y)").unwrap();
    assert_eq!(pattern.replace_group("xyx", "a", "$&").unwrap().unwrap(), "$&y$&");
    assert_eq!(pattern.replace_group("zzz", "a", "-").unwrap(), None);
    assert_eq!(pattern.find_group("zy", "b").unwrap(), Some("y"));
    assert_eq!(pattern.find_group("zy", "a").unwrap(), None);
    assert_eq!(pattern.find_group("zy", "2").unwrap(), Some("y"));
    assert!(pattern.find_group("zy", "c").is_err());
}

#[test]
fn a_group_around_all_of_the_pattern_holds_the_match() {
    for (pattern, group, text, expected) in [
        ("(?<a>@(.)*)", "a", "x@y.z", "x-"),
        ("(@(.)*)", "1", "x@y.z", "x-"),
        ("(?<a>x)|y", "a", "xyx", "-y-"),
        ("(?<a>x)*y", "a", "xxy", "x-y"),
        ("(?<a>x)(?<b>y)", "a", "xyx", "-yx"),
        ("(?<a>(?<b>x)y)", "b", "xy", "-y"),
        ("((?<a>x)y)", "a", "xy", "-y"),
    ] {
        let compiled = Pattern::compile(pattern).unwrap();
        let replaced = compiled.replace_group(text, group, "-").unwrap();
        assert_eq!(replaced.as_deref(), Some(expected), "{pattern}");
    }
    check("(?<a>b)", "abc", "[${a}$1$+$&]", Some("a[bbbb]c"));
    check("(b)|(c)", "abc", "[$1]", Some("a[b][]"));
    check(r"\G(a)|a", "aba", "<$1>", Some("<a>b<>"));
}

#[test]
fn what_dotnet_or_the_engine_cannot_do_is_refused() {
    for pattern in [
        "(",
        ")",
        "[a",
        "a**",
        "a*+",
        "a++",
        "a{2}?+",
        r"\",
        r"\y",
        r"\1",
        "(?n)a",
        "(?<a-b>x)",
        "(?(1)a)",
        "(?<>x)",
        "[z-a]",
        "*a",
        "(*FAIL)",
        r"\ud800",
        r"\u12",
        r"\pL",
        "(?P<n>a)",
        r"\k",
        "(?i",
    ] {
        assert!(Pattern::compile(pattern).is_err(), "{pattern}");
    }
    for deep in [
        "(".repeat(5_000),
        "[a-".repeat(5_000),
        "(?:".repeat(5_000) + &")".repeat(5_000),
        "a".repeat(MAX_PATTERN + 1),
    ] {
        assert!(Pattern::compile(&deep).is_err());
    }
}

#[test]
fn a_search_that_runs_away_is_an_error() {
    let pattern = Pattern::compile(r"(?=(a+)+\1b)x").unwrap();
    assert!(pattern.is_match(&"a".repeat(5_000)).is_err());
    // Each of many searches may go through all the text.
    let each = Pattern::compile("a").unwrap();
    assert!(each.replace(&"a".repeat(4_096), "b").is_ok());
    assert!(each.replace(&"a".repeat(5_000), "b").is_err());
    assert!(each.replace(&format!("a{}", "b".repeat(16_000)), "b").is_ok());
    assert!(
        Pattern::compile("a")
            .unwrap()
            .is_match(&"a".repeat(MAX_TEXT + 1))
            .is_err()
    );
}

/// Each was once looked behind up to the end of the pattern, and this test would not end.
#[test]
fn brackets_that_repeat_nothing_are_read_quickly() {
    let brackets = Pattern::compile(&"{".repeat(MAX_PATTERN)).unwrap();
    assert!(!brackets.is_match(&"{".repeat(100)).unwrap());
    let search = brackets.is_match(&"{".repeat(MAX_PATTERN));
    assert!(search.unwrap_err().contains("can search"));
}
