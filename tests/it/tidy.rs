//! The source tree keeps its shape: a room knows only the rooms below it, and one room each knows SQL and HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who must not know whom. What a room may know is one step down: command → api → engine → connector and
/// store → domain, which knows nothing of ours.
const ABOVE: [(&str, &str); 6] = [
    (
        "domain",
        "api command config connector console engine error lab secret store telemetry written",
    ),
    ("connector", "api command console engine lab store"),
    ("store", "api command connector console engine lab"),
    ("engine", "api command console lab"),
    ("api", "command lab"),
    // Simulators that shared the connectors' parsers could not catch their mistakes.
    ("lab", "api command connector console engine store"),
];

#[test]
fn rooms_do_not_look_up() {
    let mut found = Vec::new();
    for source in sources() {
        for (room, above) in ABOVE {
            let above: BTreeSet<&str> = above.split(' ').collect();
            if source.is_in(room) {
                for known in rooms_named(&source.code).intersection(&above) {
                    found.push(format!("{}: {room} names {known}", source.path));
                }
            }
        }
    }
    assert_none(found);
}

#[test]
fn the_domain_is_pure() {
    let impure = "async await tokio std::fs std::net std::thread Timestamp::now Zoned::now SystemTime::now Instant::now";
    let mut found = Vec::new();
    for source in sources() {
        if source.is_in("domain") && !source.is_test() {
            let words = impure.split(' ').filter(|word| names(&source.code, word));
            found.extend(words.map(|word| format!("{}: {word}", source.path)));
        }
    }
    assert_none(found);
}

#[test]
fn one_room_knows_sql_and_few_know_http() {
    let libraries = [
        ("diesel", ["store"].as_slice()),
        ("diesel_migrations", &["store"]),
        ("actix_web", &["api", "console", "lab"]),
        ("utoipa", &["api", "console", "lab"]),
        ("utoipa_actix_web", &["api", "console", "lab"]),
    ];
    let mut found = Vec::new();
    for source in sources() {
        for (library, rooms) in libraries {
            if names(&source.code, library) && !rooms.iter().any(|room| source.is_in(room)) {
                found.push(format!(
                    "{}: {library} belongs in {}",
                    source.path,
                    rooms.join(", ")
                ));
            }
        }
    }
    assert_none(found);
}

#[test]
fn a_file_has_one_subject() {
    let mut found = Vec::new();
    for source in sources() {
        if source.lines > 800 && !source.is_test() {
            found.push(format!("{}: {} lines", source.path, source.lines));
        }
    }
    assert_none(found);
}

#[test]
fn both_databases_take_the_same_steps() {
    let steps = |database: &str| -> BTreeSet<PathBuf> {
        let root = repository().join("migrations").join(database);
        files(&root)
            .into_iter()
            .map(|file| file.strip_prefix(&root).unwrap().to_owned())
            .collect()
    };
    assert_eq!(steps("sqlite"), steps("postgres"));
    assert!(!steps("sqlite").is_empty());
}

#[test]
fn nothing_names_a_place_on_somebodys_machine() {
    let places = [concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut found = Vec::new();
    for file in files(repository()) {
        // What is not text names no places.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| names(line, place)) {
                found.push(format!("{}:{}: {}", relative(&file), number + 1, line.trim()));
            }
        }
    }
    assert_none(found);
}

struct Source {
    /// From the repository's root.
    path: String,
    lines: usize,
    /// The text without its comments.
    code: String,
}

impl Source {
    fn is_in(&self, room: &str) -> bool {
        let rest = self
            .path
            .strip_prefix("src/")
            .and_then(|path| path.strip_prefix(room));
        rest.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

fn sources() -> Vec<Source> {
    let rust = files(&repository().join("src"))
        .into_iter()
        .filter(|file| file.extension() == Some("rs".as_ref()));
    let sources: Vec<Source> = rust
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let code = text
                .lines()
                .map(|line| format!("{}\n", without_comment(line)))
                .collect();
            Source {
                path: relative(&file),
                lines: text.lines().count(),
                code,
            }
        })
        .collect();
    assert!(!sources.is_empty());
    sources
}

fn without_comment(line: &str) -> &str {
    // The two slashes of a URL follow a colon.
    let comment = line
        .match_indices("//")
        .find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Is the word there, and not just as a part of a longer one?
fn names(text: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part_of_a_word)
            && (!word.ends_with(part_of_a_word) || !after.is_some_and(part_of_a_word))
    })
}

/// What follows `crate::` or `super::`: one name, or one for each branch of the braces.
fn rooms_named(code: &str) -> BTreeSet<&str> {
    let mut rooms = BTreeSet::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                None => rooms.extend(head(rest)),
                Some(branches) => rooms.extend(split_branches(branches).into_iter().filter_map(head)),
            }
        }
    }
    rooms
}

/// `a::{b, c}, d::e}…` into `a::{b, c}` and `d::e`.
fn split_branches(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut branches) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' => {
                branches.push(&text[from..at]);
                break;
            }
            ',' if depth == 0 => {
                branches.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    branches
}

fn head(path: &str) -> Option<&str> {
    path.trim_start()
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .filter(|name| !name.is_empty())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if name != ".git" && name != "target" {
                files.extend(self::files(&entry.path()));
            }
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn relative(file: &Path) -> String {
    file.strip_prefix(repository())
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

#[track_caller]
fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn imports_are_read_as_written() {
    let code = "use crate::{domain::{Worker, plan}, store, engine::apply::{self}};\nuse super::api::Answer; crate::lab::now()";
    assert_eq!(
        rooms_named(code),
        BTreeSet::from(["api", "domain", "engine", "lab", "store"])
    );
    assert!(names("diesel::insert(row)", "diesel") && !names("biodiesel(diesels)", "diesel"));
    assert!(names("f().await?", "await") && names("x in /ho/me", "/ho/"));
    assert_eq!(
        without_comment("let url = \"ldaps://dc1\"; // the first"),
        "let url = \"ldaps://dc1\"; "
    );
}
