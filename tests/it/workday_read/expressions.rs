//! Thousands of expressions that nobody would write, on documents that nobody would send, against lxml.
//!
//! Left out is where libxml2 departs from the recommendation: it reads exponents in numbers and writes them, and writes
//! fifteen digits at most. The context of lxml is the root element, ours the document; so paths outside of predicates
//! begin with a slash.

use std::fmt::Write as _;

use muster::connector::workday::answer::Answer;
use muster::connector::workday::tree::Node;
use muster::connector::workday::xml::Limits;
use muster::connector::workday::xpath::Xpaths;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use super::{lxml, texts};

const DOCUMENTS: u64 = 80;
const EXPRESSIONS: usize = 60;

const NAMES: &[&str] = &["wd:a", "wd:b", "wd:c", "d"];
const ATTRIBUTES: &[&str] = &["wd:p", "wd:q", "r"];
const TEXTS: &[&str] = &[
    "1", "2", "0", "10", "-1", "2.5", "x", "WORK", "Home", " 1 ", "x y", "é😀z", "true", "1a", " ",
];

struct Dice(ChaCha8Rng);

impl Dice {
    fn one_in(&mut self, of: u32) -> bool {
        self.0.random_ratio(1, of)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit)
    }

    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from.choose(&mut self.0).unwrap()
    }
}

/// An element with others inside, or a text.
fn element(dice: &mut Dice, depth: usize, into: &mut String) {
    let name = dice.pick(NAMES);
    let _ = write!(into, "<{name}");
    for attribute in ATTRIBUTES {
        if dice.one_in(3) {
            let _ = write!(into, " {attribute}='{}'", dice.pick(TEXTS));
        }
    }
    into.push('>');
    match depth {
        0 => into.push_str(if dice.one_in(4) { "" } else { dice.pick(TEXTS) }),
        _ => {
            for _ in 0..dice.below(5) {
                if dice.one_in(8) {
                    into.push_str(dice.pick(&["mixed", "1", "\n  ", "<!-- c -->", "<![CDATA[<&]]>"]));
                }
                let deeper = depth - 1 - dice.below(depth);
                element(dice, deeper, into);
            }
        }
    }
    let _ = write!(into, "</{name}>");
}

/// Writes expressions: `inside` counts the predicates around.
struct Writer<'d> {
    dice: &'d mut Dice,
    inside: usize,
    budget: usize,
}

impl Writer<'_> {
    fn any(&mut self) -> String {
        match self.dice.below(8) {
            0..4 => self.nodes(),
            4 => self.text(),
            5 | 6 => self.flag(),
            _ => self.number(),
        }
    }

    fn spend(&mut self) -> bool {
        self.budget = self.budget.saturating_sub(1);
        self.budget > 0
    }

    fn nodes(&mut self) -> String {
        if !self.spend() {
            return if self.inside > 0 { ".".into() } else { "/*".into() };
        }
        match self.dice.below(12) {
            0 => format!("{} | {}", self.path(), self.path()),
            1 => format!("({})[{}]", self.nodes(), self.predicate()),
            2 => format!("({})/{}", self.nodes(), self.step()),
            3 => format!("({})//{}", self.nodes(), self.step()),
            _ => self.path(),
        }
    }

    fn path(&mut self) -> String {
        let is_relative = self.inside > 0 && !self.dice.one_in(5);
        let mut path = match (is_relative, self.dice.below(3)) {
            (true, 0) => format!(".//{}", self.step()),
            (true, _) => self.step(),
            (false, 0) => format!("/wd:Worker/{}", self.step()),
            (false, _) => format!("//{}", self.step()),
        };
        for _ in 0..self.dice.below(3) {
            let slash = if self.dice.one_in(4) { "//" } else { "/" };
            let _ = write!(path, "{slash}{}", self.step());
        }
        path
    }

    fn step(&mut self) -> String {
        let mut step = match self.dice.below(16) {
            0..6 => self.dice.pick(NAMES).to_string(),
            6 | 7 => "*".into(),
            8 => "wd:*".into(),
            9 => self.dice.pick(&["text()", "node()"]).into(),
            10 | 11 => format!("@{}", self.dice.pick(&["wd:p", "wd:q", "r", "*", "wd:*"])),
            12 => return self.dice.pick(&["..", "."]).into(),
            13 => format!("self::{}", self.dice.pick(&["wd:a", "*", "node()", "text()"])),
            14 => format!("parent::{}", self.dice.pick(&["wd:a", "*", "node()"])),
            _ => format!(
                "descendant-or-self::{}",
                self.dice.pick(&["wd:b", "*", "text()", "node()"])
            ),
        };
        while self.dice.one_in(4) && self.inside < 3 {
            let _ = write!(step, "[{}]", self.predicate());
        }
        step
    }

    fn predicate(&mut self) -> String {
        self.inside += 1;
        let predicate = match self.dice.below(6) {
            0 => self
                .dice
                .pick(&[
                    "1",
                    "2",
                    "last()",
                    "last()-1",
                    "position()<3",
                    "last()=position()",
                    "1.5",
                ])
                .into(),
            1 => self.nodes(),
            2 => format!("{} = {}", self.nodes(), literal(self.dice)),
            3 => self.any(),
            _ => self.flag(),
        };
        self.inside -= 1;
        predicate
    }

    fn text(&mut self) -> String {
        if !self.spend() {
            return literal(self.dice);
        }
        match self.dice.below(12) {
            0 | 1 => literal(self.dice),
            2 => format!("string({})", self.any()),
            3 => format!("concat({}, {}, {})", self.text(), self.any(), self.nodes()),
            4 => format!("substring({}, {}, {})", self.any(), self.number(), self.number()),
            5 => format!("substring({}, {})", self.nodes(), self.number()),
            6 => format!("substring-before({}, {})", self.any(), self.text()),
            7 => format!("substring-after({}, {})", self.nodes(), self.text()),
            8 => format!(
                "translate({}, {}, {})",
                self.any(),
                self.text(),
                literal(self.dice)
            ),
            9 => format!("normalize-space({})", self.any()),
            10 => format!(
                "{}({})",
                self.dice.pick(&["name", "local-name", "namespace-uri"]),
                self.nodes()
            ),
            _ => format!("string({})", self.nodes()),
        }
    }

    fn number(&mut self) -> String {
        if !self.spend() {
            return self.dice.pick(&["0", "1", "2", "3.5", ".5"]).into();
        }
        match self.dice.below(12) {
            0 | 1 => self.dice.pick(&["0", "1", "2", "3", "2.5", "-1", "-.5"]).into(),
            2 => format!("count({})", self.nodes()),
            3 => format!("sum({})", self.nodes()),
            4 => format!("string-length({})", self.any()),
            5 => format!("number({})", self.any()),
            6 => format!(
                "({} {} {})",
                self.number(),
                self.dice.pick(&["+", "-", "*", "mod"]),
                self.any()
            ),
            7 => format!(
                "({} div {})",
                self.number(),
                self.dice.pick(&["2", "4", "0", "-1"])
            ),
            8 => format!(
                "{}({})",
                self.dice.pick(&["floor", "ceiling", "round"]),
                self.any()
            ),
            9 => format!("-{}", self.nodes_in_parentheses()),
            10 if self.inside > 0 => self.dice.pick(&["position()", "last()"]).into(),
            _ => format!("count({})", self.nodes()),
        }
    }

    fn nodes_in_parentheses(&mut self) -> String {
        format!("({})", self.nodes())
    }

    fn flag(&mut self) -> String {
        if !self.spend() {
            return self.dice.pick(&["true()", "false()"]).into();
        }
        let relation = self.dice.pick(&["=", "=", "=", "!=", "<", "<=", ">", ">="]);
        match self.dice.below(12) {
            0..3 => format!("{} {relation} {}", self.operand(), self.operand()),
            3 => format!(
                "{} {relation} {}",
                self.nodes_in_parentheses(),
                literal(self.dice)
            ),
            4 => format!(
                "{} {relation} {}",
                literal(self.dice),
                self.nodes_in_parentheses()
            ),
            5 => format!(
                "{} {relation} {}",
                self.nodes_in_parentheses(),
                self.nodes_in_parentheses()
            ),
            6 => format!("({} and {})", self.any(), self.any()),
            7 => format!("({} or {})", self.any(), self.any()),
            8 => format!("not({})", self.any()),
            9 => format!("boolean({})", self.any()),
            10 => format!("contains({}, {})", self.any(), self.text()),
            _ => format!("starts-with({}, {})", self.nodes(), self.text()),
        }
    }

    fn operand(&mut self) -> String {
        format!("({})", self.any())
    }
}

fn literal(dice: &mut Dice) -> String {
    let quote = dice.pick(&["'", "\""]);
    format!("{quote}{}{quote}", dice.pick(TEXTS))
}

/// `None` if both say the same. `whole` is all text: what the document is, which lxml leaves out of its lists.
fn difference(ours: &[String], theirs: &Json, whole: &str) -> Option<String> {
    let single = |text: String| if text.is_empty() { Vec::new() } else { vec![text] };
    let agrees = if let Some(number) = theirs["number"].as_str() {
        let number: f64 = number.parse().unwrap();
        match ours {
            [] => number.is_nan(),
            [ours] => ours.parse::<f64>().is_ok_and(|ours| ours == number),
            _ => false,
        }
    } else if let Some(text) = theirs["text"].as_str() {
        ours == single(text.to_string())
    } else if let Some(flag) = theirs["flag"].as_bool() {
        ours == [flag.to_string()]
    } else {
        let theirs = texts(theirs);
        let without_document = ours.split_first().filter(|(first, _)| *first == whole);
        ours == theirs || without_document.is_some_and(|(_, rest)| rest == theirs)
    };
    (!agrees).then(|| format!("ours {ours:?}, lxml's {theirs}"))
}

#[test]
fn random_expressions_select_what_lxml_selects() {
    let mut cases = Vec::new();
    let mut ours = Vec::new();
    for seed in 0..DOCUMENTS {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let mut worker = String::from("<wd:Worker>");
        for _ in 0..1 + dice.below(4) {
            element(&mut dice, 4, &mut worker);
        }
        worker.push_str("</wd:Worker>");
        let mut xpaths = Xpaths::default();
        let mut written = Vec::new();
        for _ in 0..EXPRESSIONS {
            let mut writer = Writer {
                dice: &mut dice,
                inside: 0,
                budget: 12,
            };
            let expression = writer.any();
            xpaths
                .add(&expression)
                .unwrap_or_else(|error| panic!("{expression}: {error}"));
            written.push(expression);
        }
        let page = format!(
            "<wd:Get_Workers_Response xmlns:wd='urn:com.workday/bsvc'><wd:Response_Data>{worker}</wd:Response_Data></wd:Get_Workers_Response>"
        );
        let mut answer = Answer::open(page.as_bytes(), xpaths.names(), Limits::default()).unwrap();
        let tree = answer.worker().unwrap().unwrap().tree;
        let values = xpaths.evaluator().evaluate(tree).into_iter();
        let values: Vec<Vec<String>> = values
            .map(|values| values.unwrap().into_iter().map(String::from).collect())
            .collect();
        ours.push((values, tree.string(Node::DOCUMENT).to_string()));
        cases.push(json!({ "xml": page, "each": "//wd:Worker", "xpaths": written }));
    }
    let mut differences = Vec::new();
    let mut kinds = [0; 2];
    for ((case, (ours, whole)), theirs) in cases.iter().zip(&ours).zip(lxml(&cases)) {
        for ((expression, ours), theirs) in case["xpaths"]
            .as_array()
            .unwrap()
            .iter()
            .zip(ours)
            .zip(&theirs[0])
        {
            kinds[usize::from(ours.is_empty())] += 1;
            if let Some(difference) = difference(ours, theirs, whole) {
                differences.push(format!("{expression}\n  {difference}\n  in {}", case["xml"]));
            }
        }
    }
    let shown = differences.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        differences.is_empty(),
        "{} of {kinds:?}\n{shown}",
        differences.len()
    );
    assert!(
        kinds[0] > 2000 && kinds[1] > 200,
        "{kinds:?} with and without values say little"
    );
}
