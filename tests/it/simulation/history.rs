//! What may happen to a company in some weeks, drawn from a seed: what HR says, what people do to the directory by hand, what
//! fails, and when the gateway dies.

use std::collections::BTreeMap;
use std::fmt;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use crate::gateway::{APP, BULK_REQUEST, ENTERPRISE, JOB};

/// Everything that a run depends on.
#[derive(Clone)]
pub struct History {
    pub seed: u64,
    pub house: House,
    pub steps: Vec<Step>,
}

/// How the gateway is configured, and what was there before it.
#[derive(Clone, Debug)]
pub struct House {
    pub workers: usize,
    /// So few of each action in 24 hours that limits hold.
    pub tight: bool,
    /// DELETE deletes, after a while.
    pub deletes: bool,
    /// Names are chosen among candidates.
    pub chooses: bool,
    /// The first so many workers have accounts that people made.
    pub known: usize,
    /// Externals have a job of their own, over the same domain (B8).
    pub shared: bool,
}

impl House {
    /// (app, job, whom it takes).
    pub fn jobs(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        let jobs = &[(APP, JOB, "Employee"), (OTHER_APP, OTHER_JOB, "External")];
        if self.shared { jobs } else { &jobs[..1] }
    }
}

const OTHER_APP: &str = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c12";
const OTHER_JOB: &str = "externals-to-corp";

#[derive(Clone, Debug)]
pub enum Step {
    /// One upload.
    Said(Vec<Operation>),
    ByHand(Hand, usize),
    Fault(Fault),
    Healed,
    /// Seconds in which the gateway is awake.
    Wait(u64),
    /// Hours that are passed over whenever the gateway has nothing to do.
    Pass(i64),
    /// Minutes by which the clock is put forward or back.
    Jump(i64),
    /// The gateway dies so many milliseconds later, and so many turns of its tasks after that; another is started.
    Killed {
        after: u64,
        turns: u32,
    },
    /// It is told to stop, and started anew.
    Restarted,
    Paused,
    Started,
    Forgot(Memory),
    /// What limits hold of disables is released.
    Released,
}

/// Which parts of its memory a job is made to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    Links,
    Escrows,
    Watermark,
    Quarantine,
}

/// One operation of an upload, about nobody where it names no worker.
#[derive(Clone, Debug)]
pub struct Operation {
    pub who: Option<usize>,
    pub said: Said,
}

#[derive(Clone, Debug)]
pub enum Said {
    Partial(BTreeMap<Field, Value>),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    UserName,
    DisplayName,
    GivenName,
    FamilyName,
    Title,
    Organization,
    Manager,
    UserType,
    Active,
    Password,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Flag(bool),
    Null,
}

/// What people do to somebody's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    Make,
    MakeTwin,
    Delete,
    Recreate,
    Rename,
    MoveWithin,
    MoveOut,
    MoveBack,
    Disable,
    Enable,
    Edit,
    Protect,
    Unprotect,
    DropContainer,
    BringContainer,
}

/// What goes wrong with the directory until it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No controller answers.
    Down,
    /// The first one does not.
    FirstDown,
    /// Answers take seconds.
    Slow,
    /// So many seconds of patience are asked for.
    Throttled(u64),
    /// Writes to this worker's account are refused.
    Refused(usize),
    /// So many answers in a hundred are lost, half of them after the deed.
    Lost(u32),
    /// So many questions in a hundred are not answered.
    Flaky(u32),
}

pub fn id(worker: usize) -> String {
    format!("W{worker}")
}

impl History {
    pub fn draw(seed: u64) -> History {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let workers = rng.random_range(3..=8);
        let house = House {
            workers,
            tight: rng.random_bool(0.35),
            deletes: rng.random_bool(0.3),
            chooses: rng.random_bool(0.4),
            known: match rng.random_bool(0.4) {
                true => rng.random_range(1..=workers / 2),
                false => 0,
            },
            shared: false,
        };
        let mut author = Author {
            rng,
            workers,
            titles: 0,
        };
        let everybody = (0..workers).map(|who| author.hire(who)).collect();
        let mut steps = vec![Step::Said(everybody)];
        for _ in 0..author.rng.random_range(10..=30) {
            author.step(&mut steps);
        }
        History { seed, house, steps }
    }

    /// The same, in which HR now and then gives somebody another user name.
    pub fn with_user_names(mut self) -> History {
        let mut rng = ChaCha8Rng::seed_from_u64(!self.seed);
        if rng.random_bool(0.4) {
            for number in 0..rng.random_range(1..=4) {
                let who = rng.random_range(0..self.house.workers);
                let name = Value::Text(format!("{}n{number}", id(who).to_lowercase()));
                let said = Operation {
                    who: Some(who),
                    said: Said::Partial([(Field::UserName, name)].into()),
                };
                let at = rng.random_range(1..=self.steps.len());
                self.steps.insert(at, Step::Said(vec![said]));
            }
        }
        self
    }

    /// The same, where employees become externals and come back, and each kind has a job of its own.
    pub fn with_two_jobs(mut self) -> History {
        let mut rng = ChaCha8Rng::seed_from_u64(!self.seed);
        self.house.shared = true;
        for _ in 0..rng.random_range(2..=6) {
            let who = rng.random_range(0..self.house.workers);
            let kind = if rng.random_bool(0.6) {
                "External"
            } else {
                "Employee"
            };
            let mut fields = BTreeMap::from([(Field::UserType, Value::Text(kind.into()))]);
            if rng.random_bool(0.3) {
                fields.insert(Field::Active, Value::Flag(rng.random_bool(0.5)));
            }
            let said = Operation {
                who: Some(who),
                said: Said::Partial(fields),
            };
            let at = rng.random_range(1..=self.steps.len());
            self.steps.insert(at, Step::Said(vec![said]));
        }
        self
    }
}

struct Author {
    rng: ChaCha8Rng,
    workers: usize,
    /// Titles are numbered as they are given, so that it shows in which order they are written.
    titles: u32,
}

impl Author {
    fn step(&mut self, steps: &mut Vec<Step>) {
        let who = self.who();
        let step = match self.rng.random_range(0..100) {
            0..45 => Step::Said(self.operations()),
            45..57 => Step::ByHand(self.hand(), who),
            57..67 => {
                let fault = self.fault();
                steps.push(Step::Fault(fault));
                let lasts = fault == Fault::Down && self.rng.random_bool(0.5);
                match lasts {
                    true => Step::Pass(72),
                    false => Step::Said(self.operations()),
                }
            }
            67..72 => Step::Healed,
            72..78 => Step::Wait(self.rng.random_range(1..40)),
            78..84 => Step::Pass(*self.pick(&[1, 7, 20, 25, 72, 200])),
            84..86 => Step::Jump(*self.pick(&[-20, -1, 2, 90, 1500])),
            86..92 => Step::Killed {
                after: self.rng.random_range(0..120),
                turns: self.rng.random_range(0..60),
            },
            92..93 => Step::Restarted,
            93..95 => Step::Paused,
            95..97 => Step::Started,
            97..99 => Step::Forgot(*self.pick(&[
                Memory::Links,
                Memory::Escrows,
                Memory::Watermark,
                Memory::Quarantine,
            ])),
            _ => Step::Released,
        };
        steps.push(step);
    }

    fn pick<'p, T>(&mut self, from: &'p [T]) -> &'p T {
        from.choose(&mut self.rng).unwrap()
    }

    fn who(&mut self) -> usize {
        self.rng.random_range(0..self.workers)
    }

    fn operations(&mut self) -> Vec<Operation> {
        if self.rng.random_bool(0.04) {
            // The column with the status is lost.
            let lost = |who| Operation {
                who: Some(who),
                said: Said::Partial(BTreeMap::from([(Field::Active, Value::Null)])),
            };
            return (0..self.workers).map(lost).collect();
        }
        (0..self.rng.random_range(1..=4))
            .map(|_| self.operation())
            .collect()
    }

    fn operation(&mut self) -> Operation {
        let who = self.who();
        let fields: Vec<(Field, Value)> = match self.rng.random_range(0..100) {
            0..12 => return self.hire(who),
            12..32 => vec![self.active(false)],
            // A leaver with a record that no directory takes.
            32..38 => {
                let title = format!("T{} {}", self.next_title(), "x".repeat(150));
                vec![self.active(false), (Field::Title, Value::Text(title))]
            }
            38..52 => vec![self.active(true)],
            52..64 => vec![self.title()],
            64..74 => vec![self.manager(who), self.title()],
            74..82 => self.name(who),
            82..90 => {
                let units = ["Staff", "Sales", "Sales", "Staff", "Lost", "Abroad"];
                let unit = (*self.pick(&units)).to_string();
                vec![(Field::Organization, Value::Text(unit)), self.title()]
            }
            90..94 => {
                let kind = *self.pick(&["Employee", "External"]);
                vec![(Field::UserType, Value::Text(kind.into())), self.title()]
            }
            94..96 => vec![(Field::Active, Value::Null)],
            96..99 => {
                return Operation {
                    who: Some(who),
                    said: Said::Gone,
                };
            }
            _ => {
                let said = Said::Partial(BTreeMap::from([self.title()]));
                return Operation { who: None, said };
            }
        };
        Operation {
            who: Some(who),
            said: Said::Partial(fields.into_iter().collect()),
        }
    }

    /// Everything that there is to say of somebody; now and then of one who begins later.
    fn hire(&mut self, who: usize) -> Operation {
        let starts = !self.rng.random_bool(0.15);
        let mut fields = BTreeMap::from([
            (Field::UserName, Value::Text(id(who).to_lowercase())),
            (Field::UserType, Value::Text("Employee".into())),
            self.active(starts),
            self.title(),
        ]);
        fields.extend(self.name(who));
        if self.rng.random_bool(0.5) {
            fields.extend([self.manager(who)]);
        }
        if self.rng.random_bool(0.2) {
            fields.insert(Field::Password, Value::Text(format!("Said-{}", self.titles)));
        }
        Operation {
            who: Some(who),
            said: Said::Partial(fields),
        }
    }

    fn active(&mut self, flag: bool) -> (Field, Value) {
        let value = match self.rng.random_bool(0.2) {
            true => Value::Text(if flag { "True" } else { "False" }.into()),
            false => Value::Flag(flag),
        };
        (Field::Active, value)
    }

    fn title(&mut self) -> (Field, Value) {
        (Field::Title, Value::Text(format!("T{}", self.next_title())))
    }

    fn next_title(&mut self) -> u32 {
        self.titles += 1;
        self.titles
    }

    /// Now and then the same as somebody else's.
    fn name(&mut self, who: usize) -> Vec<(Field, Value)> {
        let (given, family) = match self.rng.random_range(0..10) {
            0 => ("Ada".to_string(), "Byron".to_string()),
            1 => ("Max".to_string(), "Muster".to_string()),
            2 => ("Zoë, PhD".to_string(), format!("O'Neil+{who}")),
            _ => ("Person".to_string(), format!("Number{who}")),
        };
        vec![
            (Field::DisplayName, Value::Text(format!("{given} {family}"))),
            (Field::GivenName, Value::Text(given)),
            (Field::FamilyName, Value::Text(family)),
        ]
    }

    /// Anybody, who may be the person, somebody below, or nobody known.
    fn manager(&mut self, who: usize) -> (Field, Value) {
        let manager = match self.rng.random_range(0..10) {
            0 => Value::Text(id(who)),
            1 => Value::Text("X99".into()),
            2 => Value::Null,
            _ => Value::Text(id(self.who())),
        };
        (Field::Manager, manager)
    }

    fn hand(&mut self) -> Hand {
        use Hand::*;
        *self.pick(&[
            Make,
            MakeTwin,
            Delete,
            Recreate,
            Recreate,
            Rename,
            MoveWithin,
            MoveOut,
            MoveBack,
            Disable,
            Disable,
            Disable,
            Enable,
            Enable,
            Edit,
            Edit,
            Protect,
            Unprotect,
            DropContainer,
            BringContainer,
        ])
    }

    fn fault(&mut self) -> Fault {
        let who = self.who();
        *self.pick(&[
            Fault::Down,
            Fault::Down,
            Fault::FirstDown,
            Fault::Slow,
            Fault::Throttled(7),
            Fault::Throttled(900),
            Fault::Refused(who),
            Fault::Lost(40),
            Fault::Lost(90),
            Fault::Lost(60),
            Fault::Flaky(30),
        ])
    }
}

impl Operation {
    pub fn json(&self) -> Json {
        let mut data = json!({});
        if let Some(who) = self.who {
            data["externalId"] = json!(id(who));
        }
        let Said::Partial(fields) = &self.said else {
            return json!({ "method": "DELETE", "path": "/Users", "bulkId": "1", "data": data });
        };
        for (field, value) in fields {
            let value = value.json();
            match field {
                Field::UserName => data["userName"] = value,
                Field::DisplayName => data["displayName"] = value,
                Field::GivenName => data["name"]["givenName"] = value,
                Field::FamilyName => data["name"]["familyName"] = value,
                Field::Title => data["title"] = value,
                Field::Organization => data[ENTERPRISE]["organization"] = value,
                Field::Manager => data[ENTERPRISE]["manager"] = json!({ "value": value }),
                Field::UserType => data["userType"] = value,
                Field::Active => data["active"] = value,
                Field::Password => data["password"] = value,
            }
        }
        json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": data })
    }
}

impl Value {
    fn json(&self) -> Json {
        match self {
            Value::Text(text) => json!(text),
            Value::Flag(flag) => json!(flag),
            Value::Null => Json::Null,
        }
    }
}

pub fn request(operations: &[Operation]) -> Json {
    let operations: Vec<Json> = operations.iter().map(Operation::json).collect();
    json!({ "schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": null })
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {:?}", self.seed, self.house)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{number:>4}  {step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Said(operations) => {
                f.write_str("HR says")?;
                for (number, operation) in operations.iter().enumerate() {
                    let comma = if number > 0 { ";" } else { "" };
                    write!(f, "{comma} {operation}")?;
                }
                Ok(())
            }
            Step::ByHand(hand, who) => write!(f, "by hand: {hand:?} {}", id(*who)),
            Step::Fault(Fault::Refused(who)) => write!(f, "the directory refuses {}", id(*who)),
            Step::Fault(fault) => write!(f, "the directory is {fault:?}"),
            Step::Healed => f.write_str("the directory is well again"),
            Step::Wait(seconds) => write!(f, "{seconds} s go by"),
            Step::Pass(hours) => write!(f, "{hours} h go by"),
            Step::Jump(minutes) => write!(f, "the clock jumps by {minutes} min"),
            Step::Killed { after, turns } => {
                write!(f, "the gateway dies {after} ms and {turns} turns later")
            }
            Step::Restarted => f.write_str("the gateway is stopped and started"),
            Step::Paused => f.write_str("the job is paused"),
            Step::Started => f.write_str("the job is started"),
            Step::Forgot(memory) => write!(f, "the job is restarted and forgets {memory:?}"),
            Step::Released => f.write_str("held disables are released"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who.map_or("nobody".into(), id))?;
        let Said::Partial(fields) = &self.said else {
            return f.write_str(" DELETE");
        };
        for (field, value) in fields {
            match value {
                Value::Text(text) => write!(f, " {field:?}={text:.24}")?,
                Value::Flag(flag) => write!(f, " {field:?}={flag}")?,
                Value::Null => write!(f, " {field:?}=null")?,
            }
        }
        Ok(())
    }
}
