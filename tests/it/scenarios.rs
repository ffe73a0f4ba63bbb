//! Workers' lives as data: what HR says, what others do to the account, and the plan that must come of it.
//!
//! Each `scenarios/*.toml` holds lives; each day of a life is planned with the real planner, the plan is compared with
//! what the file expects, carried out, and planned again, which must find nothing left to do. The account is kept in
//! memory, and then the same files are lived in real targets through their connectors (`grounds.rs`).

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use muster::connector::{active_directory, bulk, entra};
use muster::domain::account::Model;
use muster::domain::account::{Account, Anchor, Protection};
use muster::domain::dn::Dn;
use muster::domain::link::Link;
use muster::domain::matching::Found;
use muster::domain::plan::{self, Effect, Facts, Moment, Planned, Receipt};
use muster::domain::policy::{Policy, Settings};
use muster::domain::schema;
use muster::domain::worker::Worker;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::grounds::{self, Ground, Kind, STAFF};
use crate::support::{lab, samba};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    life: Vec<Life>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    name: String,
    #[serde(default)]
    switch: Switches,
    /// An account that is there already.
    account: Option<BTreeMap<String, String>>,
    /// Further mappings, target attribute → expression, that flow always.
    #[serde(default)]
    mapping: BTreeMap<String, String>,
    /// A clause `attribute operator value` that admits a worker.
    scope: Option<[String; 3]>,
    /// Accounts of other workers, by their externalId.
    #[serde(default)]
    others: BTreeMap<String, String>,
    day: Vec<Day>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Switches {
    reenable_by_hr: bool,
    disable_out_of_scope: bool,
    flow_types: Option<String>,
    delete_after_days: Option<i64>,
    may_delete_at_once: bool,
    move_disabled: bool,
    managed: Vec<String>,
    clears: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    at: Timestamp,
    /// SCIM data; the externalId is filled in.
    says: Option<Json>,
    #[serde(default)]
    deletes: bool,
    /// What somebody else makes of the account.
    elsewhere: Option<BTreeMap<String, String>>,
    #[serde(default)]
    vanishes: bool,
    /// The plan, an effect a line.
    plan: Vec<String>,
    /// Codes of the findings.
    #[serde(default)]
    findings: Vec<String>,
    revisit: Option<Timestamp>,
    #[serde(default)]
    pending: Vec<String>,
}

#[test]
fn every_life_goes_as_written() {
    let lives = lives();
    assert!(lives.len() > 10, "the scenarios are there");
    for life in &lives {
        futures::executor::block_on(World::new(life, None).live(life));
    }
}

fn lives() -> Vec<Life> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: std::path::PathBuf| {
        let file: File = toml::from_str(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.life
    };
    files.into_iter().flat_map(read).collect()
}

/// Every life that can take place on this kind of ground, on one of its own.
async fn lived(kind: Kind, ground: impl AsyncFn(&[String]) -> Ground) {
    let mut count = 0;
    for life in lives() {
        if let Some(why) = grounds::impossible(kind, &life.name) {
            println!("{kind:?}: not '{}': {why}", life.name);
            continue;
        }
        println!("{kind:?}: {}", life.name);
        let ground = ground(&policy(&life, kind).target_attributes()).await;
        let mut world = World::new(&life, Some(ground));
        world.settle_in(&life).await;
        world.live(&life).await;
        if let Some(ground) = &world.ground {
            ground.clear();
        }
        count += 1;
    }
    assert!(count > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_lives_on_samba() {
    let domain = samba::controller();
    lived(Kind::Samba, async |attributes| {
        Ground::samba(attributes, &domain).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_lives_in_the_simulated_directory() {
    let domain = lab::directory_with(lab::rome());
    lived(Kind::Directory, async |attributes| {
        Ground::directory(attributes, &domain).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_lives_in_the_simulated_tenant() {
    lived(Kind::Entra, async |attributes| Ground::entra(attributes).await).await;
}

/// Any value that HR or somebody else may come up with.
fn some_text() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        Just(json!("")),
        "[A-Za-zß' ]{1,12}".prop_map(Json::from),
        "[a-z]{60,80}".prop_map(Json::from)
    ]
}

fn some_day() -> impl Strategy<Value = (Json, bool, Option<bool>)> {
    let active = prop_oneof![
        Just(None),
        Just(Some(json!(true))),
        Just(Some(json!("False"))),
        Just(Some(Json::Null))
    ];
    let said = (
        active,
        prop::collection::btree_map(
            prop::sample::select(vec!["title", "displayName", "userName", "nickName"]),
            some_text(),
            0..4,
        ),
    );
    let said = said.prop_map(|(active, texts)| {
        let mut data =
            serde_json::Map::from_iter(texts.into_iter().map(|(name, text)| (name.to_string(), text)));
        data.extend(active.map(|active| ("active".to_string(), active)));
        Json::Object(data)
    });
    (
        said,
        prop::bool::weighted(0.1),
        prop::option::weighted(0.2, any::<bool>()),
    )
}

proptest! {
    #[test]
    fn any_life_settles_and_nothing_missing_disables(days in prop::collection::vec(some_day(), 1..8)) {
        let life: Life = toml::from_str("name = \"any\"\nday = []\nswitch = { flow_types = \"Add, Update, Delete\" }").unwrap();
        let mut world = World::new(&life, None);
        let mut stated = false;
        for (number, (says, deletes, disabled)) in (0i64..).zip(days) {
            stated |= deletes || says.get("active").is_some_and(|active| !active.is_null());
            let day = Day {
                at: Timestamp::from_second(1_800_000_000 + number * 86_400).unwrap(),
                says: Some(says),
                deletes,
                elsewhere: disabled.map(|flag| BTreeMap::from([("accountDisabled".to_string(), if flag { "True" } else { "False" }.to_string())])),
                vanishes: false,
                plan: Vec::new(),
                findings: Vec::new(),
                revisit: None,
                pending: Vec::new(),
            };
            let planned = futures::executor::block_on(world.pass(&day, "any life"));
            prop_assert!(stated || !planned.change.effects.contains(&Effect::Disable), "B3");
        }
    }
}

struct World {
    /// Where the account is; in memory without one.
    ground: Option<Ground>,
    kind: Kind,
    policy: Policy,
    worker: Worker,
    account: Option<Account>,
    link: Option<Link>,
    others: BTreeMap<String, Anchor>,
}

impl World {
    fn new(life: &Life, ground: Option<Ground>) -> World {
        let kind = ground.as_ref().map_or(Kind::Memory, |ground| ground.kind);
        World {
            ground,
            kind,
            policy: policy(life, kind),
            worker: Worker::new("1"),
            account: life.account.as_ref().map(|values| {
                let mut account = blank(values.get("cn").map_or("Found", String::as_str));
                elsewhere(&mut account, values);
                account
            }),
            link: None,
            others: life
                .others
                .iter()
                .map(|(worker, anchor)| (worker.clone(), Anchor(anchor.clone())))
                .collect(),
        }
    }

    /// Makes what is there before the life begins.
    async fn settle_in(&mut self, life: &Life) {
        let Some(ground) = &self.ground else { return };
        if let Some(values) = &life.account {
            ground.make(None, values).await;
        }
        for (worker, anchor) in &mut self.others {
            *anchor = ground.make(Some(worker), &BTreeMap::new()).await;
        }
        self.refresh().await;
    }

    async fn refresh(&mut self) {
        if let Some(ground) = &self.ground {
            let linked = self.link.as_ref().map(|link| &link.account);
            self.account = ground.account(linked).await;
        }
    }

    async fn live(&mut self, life: &Life) {
        for (number, day) in (1..).zip(&life.day) {
            let place = format!("{:?}: {} on {}", self.kind, life.name, day.at);
            let planned = self.pass(day, &place).await;
            let (plan, findings) = grounds::differs(self.kind, &life.name, number);
            let plan = plan.unwrap_or_else(|| {
                day.plan
                    .iter()
                    .map(|line| grounds::line(self.kind, line))
                    .collect()
            });
            let findings = findings.unwrap_or_else(|| day.findings.clone());
            let codes: Vec<&str> = planned
                .findings
                .iter()
                .map(|finding| finding.code.as_ref())
                .collect();
            assert_eq!(
                self.lines(life, &planned),
                plan,
                "{place}: the plan; findings {:?}",
                planned.findings
            );
            assert_eq!(codes, findings, "{place}: the findings {:?}", planned.findings);
            assert_eq!(planned.revisit, day.revisit, "{place}: the revisit");
            let pending: Vec<&str> = planned.pending.iter().map(|one| one.to.as_str()).collect();
            assert_eq!(pending, day.pending, "{place}: pending references");
        }
    }

    /// What happens on a day, planned and carried out; what must hold of every plan holds of this one.
    async fn pass(&mut self, day: &Day, place: &str) -> Planned {
        self.hear(day);
        if let (Some(account), true) = (self.account.take_if(|_| day.vanishes), day.vanishes)
            && let Some(ground) = &self.ground
        {
            ground.vanish(&account).await;
        }
        if let (Some(account), Some(values)) = (&mut self.account, &day.elsewhere) {
            match &self.ground {
                Some(ground) => ground.elsewhere(account, values).await,
                None => elsewhere(account, values),
            }
        }
        self.refresh().await;
        let planned = self.plan(day.at);
        assert_eq!(
            planned,
            self.plan(day.at),
            "{place}: planning twice gives the same plan"
        );
        let disables = planned
            .change
            .effects
            .iter()
            .position(|effect| *effect == Effect::Disable);
        assert!(
            disables.is_none_or(|at| at == 0),
            "{place}: B13: a disable is the first effect"
        );
        self.apply(&planned, day.at).await;
        let again = self.plan(day.at);
        let deleted = planned.change.effects.contains(&Effect::Delete);
        let left = &again.change.effects;
        assert!(
            left.is_empty() || deleted,
            "{place}: planned again, there is nothing left to do: {left:?}"
        );
        planned
    }

    fn hear(&mut self, day: &Day) {
        let mut said = day.says.clone();
        if day.deletes {
            said = Some(json!({}));
        }
        let Some(mut data) = said else { return };
        data["externalId"] = json!("1");
        let request = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": if day.deletes { "DELETE" } else { "POST" }, "path": "/Users", "bulkId": "1", "data": data }],
        });
        for statement in bulk::statements(request.to_string().as_bytes(), day.at).unwrap() {
            self.worker.fold(statement.unwrap());
        }
    }

    fn plan(&self, now: Timestamp) -> Planned {
        let facts = Facts {
            link: self.link.clone(),
            found: Found {
                by: self
                    .link
                    .is_none()
                    .then(|| grounds::named(self.kind, "employeeID")),
                accounts: self.account.iter().cloned().collect(),
                ..Found::default()
            },
            references: self.others.clone(),
            recoverable: self.ground.as_ref().is_some_and(|ground| ground.recoverable),
            ..Facts::default()
        };
        plan::plan(
            &self.policy,
            &self.worker,
            facts,
            &Moment {
                now,
                plan: Uuid::nil(),
            },
        )
    }

    async fn apply(&mut self, planned: &Planned, at: Timestamp) {
        let wanted = !planned.change.effects.is_empty();
        let receipt = match &self.ground {
            Some(ground) if wanted => Some(ground.write(planned.change.clone()).await),
            Some(_) => None,
            None => wanted.then(|| in_memory(&mut self.account, planned, at)),
        };
        self.link = Link::next(
            &self.policy.model,
            self.link.as_ref(),
            planned,
            receipt.as_ref(),
            at,
        );
        self.refresh().await;
    }

    /// The plan as the scenarios write it; other workers' accounts by the names they have there.
    fn lines(&self, life: &Life, planned: &Planned) -> Vec<String> {
        let mut lines = lines(planned, &grounds::named(self.kind, "cn"));
        for (worker, anchor) in &self.others {
            for line in &mut lines {
                *line = grounds::line(self.kind, &line.replace(&anchor.0, &life.others[worker]));
            }
        }
        lines
    }
}

fn in_memory(account: &mut Option<Account>, planned: &Planned, at: Timestamp) -> Receipt {
    for effect in &planned.change.effects {
        apply(account, effect);
    }
    Receipt {
        change: planned.change.id,
        account: Anchor("A".into()),
        address: String::new(),
        endpoint: String::new(),
        done: planned.change.effects.clone(),
        at,
        event: None,
    }
}

fn policy(life: &Life, kind: Kind) -> Policy {
    let (template, model): (&str, Model) = match kind {
        Kind::Entra => ("API2AAD", entra::MODEL),
        _ => ("API2AD", active_directory::MODEL),
    };
    let mut schema = schema::template(template)
        .unwrap()
        .document()
        .unwrap()
        .json()
        .clone();
    let object = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    if let Some(types) = &life.switch.flow_types {
        object["flowTypes"] = json!(types);
    }
    if let Some([attribute, operator, value]) = &life.scope {
        object["scope"] = json!({ "groups": [{ "name": "scope", "clauses": [{
            "sourceOperandName": attribute, "operatorName": operator, "targetOperand": { "values": [value] },
        }] }] });
    }
    let mappings = object["attributeMappings"].as_array_mut().unwrap();
    for (target, expression) in &life.mapping {
        let target = grounds::named(kind, target);
        mappings.retain(|mapping| mapping["targetAttributeName"] != target);
        mappings.push(json!({
            "targetAttributeName": target, "source": { "expression": expression }, "flowType": "Always",
        }));
    }
    for mapping in mappings {
        let clears = |name: &String| mapping["targetAttributeName"] == grounds::named(kind, name);
        if life.switch.clears.iter().any(clears) {
            mapping["flowNullValues"] = json!(true);
        }
    }
    if !life.switch.clears.is_empty() {
        let attributes = schema["directories"][0]["objects"][0]["attributes"]
            .as_array_mut()
            .unwrap();
        for attribute in attributes {
            attribute["flowNullValues"] = json!(true);
        }
    }
    let document = schema::Document::read(schema).unwrap();
    let managed = match life.switch.managed.as_slice() {
        [] => vec![STAFF.to_string()],
        several => several.to_vec(),
    };
    Policy {
        version: 1,
        schema: schema::compile(document.schema(), schema::Options { model })
            .unwrap()
            .0,
        model,
        settings: Settings {
            container: model.container.map(|_| STAFF.into()),
            managed: managed.iter().map(|dn| Dn::parse(dn).unwrap()).collect(),
            default_domain: Some("example.test".into()),
            reenable_by_hr: life.switch.reenable_by_hr,
            skip_out_of_scope_deletions: !life.switch.disable_out_of_scope,
            delete_after: SignedDuration::from_hours(24 * life.switch.delete_after_days.unwrap_or(30)),
            may_delete_at_once: life.switch.may_delete_at_once,
            move_disabled: life.switch.move_disabled,
            ..Settings::default()
        },
    }
}

fn blank(name: &str) -> Account {
    let mut account = Account {
        anchor: Anchor("A".into()),
        address: format!("CN={name},{STAFF}"),
        enabled: Some(true),
        values: BTreeMap::new(),
        protected: None,
        deleted: false,
    };
    account.values.insert("employeeID".into(), vec!["1".into()]);
    account.values.insert("cn".into(), vec![name.into()]);
    account
        .values
        .insert("parentDistinguishedName".into(), vec![STAFF.into()]);
    account
}

fn elsewhere(account: &mut Account, values: &BTreeMap<String, String>) {
    for (name, value) in values {
        match name.as_str() {
            "accountDisabled" => account.enabled = Some(value != "True"),
            "parentDistinguishedName" => place(account, value),
            "protected" => account.protected = Some(Protection::AdminCount),
            _ => drop(account.values.insert(name.clone(), vec![value.clone()])),
        }
    }
}

fn place(account: &mut Account, container: &str) {
    let name = account.first("cn").unwrap_or_default().to_string();
    account.address = format!("CN={name},{container}");
    account
        .values
        .insert("parentDistinguishedName".into(), vec![container.into()]);
}

fn apply(account: &mut Option<Account>, effect: &Effect) {
    if let Effect::Create {
        values,
        container,
        enabled,
        ..
    } = effect
    {
        let mut made = blank(values["cn"][0].as_str());
        made.values = values.clone();
        made.enabled = Some(*enabled);
        place(&mut made, container.as_deref().unwrap_or(STAFF));
        *account = Some(made);
        return;
    }
    let Some(held) = account else {
        panic!("{effect:?} for nobody")
    };
    match effect {
        Effect::Create { .. } | Effect::Password { .. } => {}
        Effect::Disable => held.enabled = Some(false),
        Effect::Enable => held.enabled = Some(true),
        Effect::Set {
            attribute,
            before,
            after,
        } => {
            let now = held.values.get(attribute).cloned().unwrap_or_default();
            assert_eq!(now, *before, "the precondition of {attribute}");
            held.values.insert(attribute.clone(), after.clone());
            held.values.retain(|_, values| !values.is_empty());
        }
        Effect::Refer { attribute, after, .. } => {
            held.values.insert(
                attribute.clone(),
                after.iter().map(|anchor| anchor.0.clone()).collect(),
            );
        }
        Effect::Rename { after, .. } => {
            held.values.insert("cn".into(), vec![after.clone()]);
        }
        Effect::Move { after, .. } => place(held, after),
        Effect::Restore => held.deleted = false,
        Effect::Delete => *account = None,
    }
}

/// `name` is the attribute that tells new accounts apart.
fn lines(planned: &Planned, name: &str) -> Vec<String> {
    let joined = |values: &[String]| values.join(", ");
    planned
        .change
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Create {
                values,
                container,
                enabled,
                ..
            } => format!(
                "create {}{} {}",
                joined(values.get(name).unwrap_or(&values["displayName"])),
                container
                    .as_ref()
                    .map_or(String::new(), |place| format!(" in {place}")),
                if *enabled { "enabled" } else { "disabled" }
            ),
            Effect::Disable => "disable".into(),
            Effect::Enable => "enable".into(),
            Effect::Password { .. } => "another password".into(),
            Effect::Set { attribute, after, .. } if after.is_empty() => format!("clear {attribute}"),
            Effect::Set {
                attribute,
                before,
                after,
            } => format!("set {attribute}: {} → {}", joined(before), joined(after)),
            Effect::Refer { attribute, after, .. } => {
                format!(
                    "refer {attribute} → {}",
                    after.as_ref().map_or("nobody", |anchor| &anchor.0)
                )
            }
            Effect::Rename { before, after } => format!("rename {before} → {after}"),
            Effect::Move { before, after } => format!("move {before} → {after}"),
            Effect::Restore => "restore".into(),
            Effect::Delete => "delete".into(),
        })
        .collect()
}
