//! What planning makes of people of whom not everything is kept (B33).

use super::*;
use crate::domain::account::{Model, StateAttribute, Values};
use crate::domain::keeping::Reads;
use crate::domain::link::joins;
use crate::domain::mapping::Flow;
use crate::domain::ownership::Owner;
use crate::domain::policy::Settings;
use crate::domain::schema::{Compiled, Filter, FilterClause, FilterGroup, FlowTypes, TargetOperand};
use crate::domain::scope::Scope;
use crate::domain::value::Value;
use crate::domain::worker::{Said, Statement};

const MODEL: Model = Model {
    state: Some(StateAttribute {
        name: "accountDisabled",
        enabled: false,
    }),
    state_aliases: &[],
    container: None,
    name: None,
    references: &[],
    identifying: &[],
    person: None,
    required: &["employeeID"],
    passwords: &[],
    bin: false,
    canonical: |_, value| value,
    check: |_, _| Ok(()),
    compose: None,
    record: None,
};

fn mapping(target: &str, expression: &str, role: Role, matching: Option<u32>) -> Mapping {
    Mapping {
        target: target.into(),
        expression: Some(Expression::parse(expression).unwrap()),
        default: None,
        flow: Flow::Always,
        matching,
        role,
        multivalued: false,
        case_exact: false,
        clears: false,
    }
}

/// Everybody whom HR has, found by the number, with a title.
pub fn policy() -> Policy {
    Policy {
        version: 1,
        schema: Compiled {
            flow_types: FlowTypes {
                add: true,
                update: true,
                delete: false,
            },
            scope: Scope::default(),
            mappings: vec![
                mapping("employeeID", "[externalId]", Role::Plain, Some(1)),
                mapping("accountDisabled", "Not([active])", Role::State, None),
                mapping("title", "[title]", Role::Plain, None),
            ],
            source_object: "User".into(),
            source_directory: "HR".into(),
            target_object: "user".into(),
            target_directory: "Directory".into(),
        },
        model: MODEL,
        settings: Settings::default(),
    }
}

/// A filter that asks one thing.
pub fn filter(attribute: &str, operator: &str, value: &str, is_input: bool) -> Scope {
    let group = FilterGroup {
        name: Some("staff".into()),
        clauses: vec![FilterClause {
            operator_name: operator.into(),
            source_operand_name: attribute.into(),
            target_operand: Some(TargetOperand {
                values: vec![value.into()],
            }),
        }],
    };
    let (input_filter_groups, groups) = match is_input {
        true => (vec![group], Vec::new()),
        false => (Vec::new(), vec![group]),
    };
    Scope::compile(Some(&Filter {
        groups,
        input_filter_groups,
        ..Filter::default()
    }))
    .unwrap()
}

pub fn says(worker: &mut Worker, pairs: &[(&str, &str)]) {
    let attributes = pairs
        .iter()
        .map(|(name, value)| (name.to_string(), Value::text(*value)));
    let active = pairs.iter().find(|(name, _)| *name == "active");
    worker.fold(Statement {
        anchor: worker.anchor.clone(),
        active: active.map(|(_, value)| *value == "True"),
        said: Said::Partial(attributes.collect()),
        at: Timestamp::UNIX_EPOCH,
    });
}

/// Somebody of the unit whom HR has told of, and of whom what this policy reads was kept.
pub fn worker(policy: &Policy, active: &str) -> Worker {
    let mut worker = Worker::new("1");
    let all = [
        ("externalId", "1"),
        ("active", active),
        ("title", "Clerk"),
        ("unit", "Staff"),
    ];
    says(&mut worker, &all);
    worker.keep_only(&Reads::of([policy]));
    worker
}

/// The same, long gone.
pub fn shrunk(policy: &Policy) -> Worker {
    let mut worker = worker(policy, "False");
    worker.shrink(&Reads::of([policy]), days(90));
    worker
}

fn days(days: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days)
}

fn account(enabled: bool) -> Account {
    Account {
        anchor: Anchor("A".into()),
        address: "A".into(),
        enabled: Some(enabled),
        values: BTreeMap::from([
            ("employeeID".to_string(), vec!["1".to_string()]),
            ("title".to_string(), vec!["Clerk".to_string()]),
        ]),
        protected: None,
        deleted: false,
    }
}

/// The account is linked, and HR wanted it disabled when it was looked at last.
pub fn linked(enabled: bool) -> Facts {
    let link = Link {
        worker: "1".into(),
        account: Anchor("A".into()),
        generation: 1,
        made: true,
        wanted: Some(false),
        disabled_by_us: !enabled,
        disabled_at: None,
        enabled: Some(false),
        waiting: None,
    };
    Facts {
        link: Some(link),
        found: Found {
            accounts: vec![account(enabled)],
            ..Found::default()
        },
        ..Facts::default()
    }
}

fn unlinked(enabled: bool) -> Facts {
    Facts {
        found: Found {
            by: Some("employeeID".into()),
            accounts: vec![account(enabled)],
            ..Found::default()
        },
        ..Facts::default()
    }
}

fn nobodys() -> Facts {
    Facts {
        found: Found {
            by: Some("employeeID".into()),
            ..Found::default()
        },
        ..Facts::default()
    }
}

pub fn planned(policy: &Policy, worker: &Worker, facts: &Facts) -> Planned {
    plan(policy, worker, facts.clone(), &moment())
}

pub fn moment() -> Moment {
    Moment {
        now: days(200),
        plan: Uuid::nil(),
    }
}

fn effects(policy: &Policy, worker: &Worker, facts: &Facts) -> Vec<Effect> {
    planned(policy, worker, facts).change.effects
}

fn findings(policy: &Policy, worker: &Worker, facts: &Facts) -> Vec<(String, Weight)> {
    let findings = planned(policy, worker, facts).findings.into_iter();
    findings.map(|one| (one.code.into_owned(), one.weight)).collect()
}

fn one(code: &str, weight: Weight) -> Vec<(String, Weight)> {
    vec![(code.to_string(), weight)]
}

#[test]
fn b13_a_leaver_of_whom_little_is_kept_has_no_account_that_is_open() {
    let policy = policy();
    let worker = shrunk(&policy);
    assert_eq!(
        worker.attributes.keys().collect::<Vec<_>>(),
        ["active", "externalId"]
    );
    assert_eq!(
        effects(&policy, &worker, &linked(true)),
        [Effect::Disable],
        "by hand"
    );
    assert_eq!(
        effects(&policy, &worker, &unlinked(true)),
        [Effect::Disable],
        "found since"
    );
    assert!(findings(&policy, &worker, &linked(true)).is_empty());
    for facts in [linked(false), unlinked(false), nobodys(), Facts::default()] {
        assert!(effects(&policy, &worker, &facts).is_empty());
        assert_eq!(
            findings(&policy, &worker, &facts),
            one("LeaverForgotten", Weight::Skip)
        );
    }
    // Where we may not, somebody is told.
    let mut protected = linked(true);
    protected.found.accounts[0].protected = Some(Protection::AdminCount);
    assert_eq!(
        findings(&policy, &worker, &protected),
        one("ProtectedAccount", Weight::Failure)
    );
    protected.found.accounts[0].enabled = Some(false);
    assert_eq!(
        findings(&policy, &worker, &protected),
        one("LeaverForgotten", Weight::Skip)
    );
}

#[test]
fn b13_a_leaver_of_whom_little_is_kept_is_disabled_under_another_schema_too() {
    let before = policy();
    let worker = shrunk(&before);
    let mut after = policy();
    after.schema.mappings[1] = mapping(
        "accountDisabled",
        r#"IIF([title] = "Left", "True", "False")"#,
        Role::State,
        None,
    );
    assert_eq!(effects(&after, &worker, &linked(true)), [Effect::Disable]);
    // Who works there is not taken for a leaver for that.
    let mut unread = before.clone();
    unread.schema.mappings.truncate(2);
    let worker = self::worker(&unread, "True");
    assert!(effects(&after, &worker, &linked(true)).is_empty());
    assert!(findings(&after, &worker, &linked(true)).contains(&("InputNotKept".into(), Weight::Warning)));
}

#[test]
fn b15_who_is_gone_is_deleted_however_little_is_kept() {
    let mut policy = policy();
    policy.schema.flow_types.delete = true;
    policy.settings.delete_after = SignedDuration::from_hours(24 * 180);
    let mut worker = worker(&policy, "True");
    worker.fold(Statement {
        anchor: "1".into(),
        active: None,
        said: Said::Gone,
        at: days(1),
    });
    worker.shrink(&Reads::of([&policy]), days(91));
    let planned = plan(
        &policy,
        &worker,
        linked(false),
        &Moment {
            now: days(100),
            ..moment()
        },
    );
    assert_eq!(
        (planned.change.effects, planned.revisit),
        (Vec::new(), Some(days(181)))
    );
    assert_eq!(effects(&policy, &worker, &linked(false)), [Effect::Delete]);
}

#[test]
fn b13_b26_who_left_before_what_was_sent_was_answered_for_is_disabled() {
    let mut policy = policy();
    policy.schema.scope = filter("unit", "EQUALS", "Staff", false);
    let mut leaver = worker(&policy, "False");
    says(&mut leaver, &[("unit", "Elsewhere")]);
    assert_eq!(effects(&policy, &leaver, &unlinked(true)), [], "it is nobody's");
    let touched = Facts {
        touched: true,
        ..unlinked(true)
    };
    assert_eq!(effects(&policy, &leaver, &touched), [Effect::Disable]);
}

/// The delete was found out in the look that joined the account which somebody made since.
#[test]
fn b26_after_a_delete_without_an_answer_the_next_account_is_linked() {
    let receipt = |account: &str, done: &[Effect]| Receipt {
        change: Uuid::nil(),
        account: Anchor(account.into()),
        address: account.into(),
        endpoint: String::new(),
        done: done.to_vec(),
        at: Timestamp::UNIX_EPOCH,
        event: None,
    };
    let policy = policy();
    let planned = planned(&policy, &worker(&policy, "True"), &unlinked(true));
    let deleted = receipt("before", &[Effect::Disable, Effect::Delete]);
    let title = Effect::Set {
        attribute: "title".into(),
        before: Vec::new(),
        after: vec!["Clerk".into()],
    };
    let next = |model: &Model, receipt: &Receipt| {
        Link::next(model, None, &planned, Some(receipt), Timestamp::UNIX_EPOCH)
    };
    assert_eq!(next(&MODEL, &deleted), None, "there is none yet");
    let both = deleted.then(receipt("A", std::slice::from_ref(&title)));
    assert_eq!(both.account, Anchor("A".into()));
    assert_eq!(both.since_delete(&MODEL), [title]);
    let link = next(&MODEL, &both).unwrap();
    assert_eq!(link.account, both.account);
    let state = (link.enabled, link.disabled_by_us, link.disabled_at);
    assert_eq!(
        state,
        (Some(true), false, None),
        "what was done to the other is not"
    );
    let made = Effect::Create {
        values: Values::new(),
        container: None,
        enabled: true,
        password: Recipe::default(),
    };
    let found = Link { made: false, ..link };
    let linked = Link::next(
        &MODEL,
        Some(&found),
        &planned,
        Some(&receipt("A", &[made])),
        Timestamp::UNIX_EPOCH,
    );
    assert!(
        linked.unwrap().made,
        "it was linked before it was known who made it"
    );
    let bin = Model { bin: true, ..MODEL };
    assert_eq!(both.since_delete(&bin).len(), 3, "it is still the one in the bin");
}

/// Were it taken, nobody would look for the one that comes.
#[test]
fn b26_while_an_account_of_ours_may_come_no_other_is_taken() {
    let policy = policy();
    for state in ["True", "False"] {
        let arriving = Facts {
            arriving: true,
            ..unlinked(true)
        };
        let waits = planned(&policy, &worker(&policy, state), &arriving);
        assert_eq!(waits.change.effects, []);
        assert!(!joins(&waits));
        assert!(joins(&planned(&policy, &worker(&policy, state), &unlinked(true))));
        let linked = Facts {
            arriving: true,
            ..linked(true)
        };
        let leaves = planned(&policy, &worker(&policy, "False"), &linked);
        assert_eq!(
            leaves.change.effects,
            [Effect::Disable],
            "a leaver is never blocked"
        );
    }
}

#[test]
fn b7_who_else_has_the_number_is_said_of_an_account_that_is_known() {
    let policy = policy();
    let mut facts = unlinked(true);
    let stranger = Account {
        anchor: Anchor("S".into()),
        ..account(true)
    };
    facts.found.accounts.insert(0, stranger);
    facts.found.settle_on(account(true));
    let planned = planned(&policy, &worker(&policy, "True"), &facts);
    let Situation::Unlinked { account, .. } = &planned.situation else {
        panic!("{:?}", planned.situation);
    };
    assert_eq!(account.anchor, Anchor("A".into()));
    let told: Vec<_> = planned
        .findings
        .iter()
        .filter(|one| one.code == "StrangerLeftOut")
        .collect();
    assert!(
        told.len() == 1 && told[0].message.starts_with("S carries"),
        "{told:?}"
    );
}

/// Nobody else does what a paused job is to do, so somebody has to know.
#[test]
fn b8_what_is_due_of_a_job_that_is_paused_is_a_failure() {
    let policy = policy();
    for (rests, weight, code) in [
        (false, Weight::Warning, "OwnedByAnotherJob"),
        (true, Weight::Failure, "OwnerPaused"),
    ] {
        let owner = Owner {
            app: "HR".into(),
            job: "other".into(),
            rests,
        };
        let owned = Facts {
            others: Others {
                owner: Some(owner.clone()),
                ..Others::default()
            },
            ..linked(true)
        };
        let told = findings(&policy, &worker(&policy, "False"), &owned);
        assert_eq!(told, one(code, weight));
        let made = Facts {
            others: Others {
                maker: Some(owner),
                ..Others::default()
            },
            ..nobodys()
        };
        let planned = planned(&policy, &worker(&policy, "True"), &made);
        assert_eq!(planned.change.effects, []);
        let told = planned.findings.last().unwrap();
        let is_told = told.weight == Weight::Failure && told.code == code;
        assert!(
            is_told == rests && (rests || told.weight == Weight::Skip),
            "{told:?}"
        );
    }
}

/// Another job's business, or nobody's: it is no failure of this one.
#[test]
fn b14_whose_accounts_they_are_matters_to_those_in_scope() {
    let mut policy = policy();
    policy.schema.scope = filter("unit", "EQUALS", "Staff", false);
    let mut elsewhere = worker(&policy, "True");
    says(&mut elsewhere, &[("unit", "Elsewhere")]);
    let found = unlinked(true).found;
    let twice = Facts {
        found: Found {
            accounts: [found.accounts.clone(), found.accounts.clone()].concat(),
            ..found.clone()
        },
        ..Facts::default()
    };
    let claimed = Facts {
        found: Found {
            owner: Some("another".into()),
            ..found
        },
        ..Facts::default()
    };
    for (facts, failure) in [
        (twice, "DuplicateTargetEntries"),
        (claimed, "DuplicateSourceEntries"),
    ] {
        let codes = |worker: &Worker, facts: Facts| {
            let planned = plan(&policy, worker, facts, &moment());
            assert_eq!(planned.change.effects, []);
            let told = planned.findings.iter();
            told.map(|finding| (finding.weight, finding.code.to_string()))
                .collect::<Vec<_>>()
        };
        let told = codes(&worker(&policy, "True"), facts.clone());
        assert_eq!(told, [(Weight::Failure, failure.to_string())]);
        let told = codes(&elsewhere, facts);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, Weight::Skip);
    }
    // Nor does it that nothing finds an account.
    let weight = |unit: &str| {
        let mut worker = worker(&policy, "True");
        says(&mut worker, &[("unit", unit), ("externalId", "")]);
        let told = findings(&policy, &worker, &Facts::default());
        told.into_iter().map(|(_, weight)| weight).collect::<Vec<_>>()
    };
    assert_eq!(weight("Staff"), [Weight::Failure]);
    assert_eq!(weight("Elsewhere"), [Weight::Skip]);
}

#[test]
fn b33_who_returns_is_in_the_scope_that_was_left() {
    let mut policy = policy();
    policy.schema.scope = filter("unit", "EQUALS", "Staff", false);
    let mut worker = shrunk(&policy);
    assert_eq!(worker.attributes["unit"], Value::text("Staff"));
    says(&mut worker, &[("active", "True")]);
    assert_eq!(effects(&policy, &worker, &linked(false)), [Effect::Enable]);
}

#[test]
fn b33_a_filter_that_reads_what_was_not_kept_decides_nothing() {
    let before = policy();
    for (operator, is_input) in [
        ("EQUALS", false),
        ("EQUALS", true),
        ("NOT EQUALS", true),
        ("IS NULL", false),
    ] {
        let mut after = policy();
        after.settings.skip_out_of_scope_deletions = false;
        after.schema.scope = filter("unit", operator, "Staff", is_input);
        let told = one("InputNotKept", Weight::Warning);
        let mut joiner = worker(&before, "True");
        for facts in [linked(true), linked(false), unlinked(true), nobodys()] {
            let planned = planned(&after, &joiner, &facts);
            assert!(planned.change.effects.is_empty(), "{operator}");
            assert!(planned.scope.is_err(), "{operator}: nobody is let in");
            assert_eq!(findings(&after, &joiner, &facts), told, "{operator}");
        }
        // A leaver is never blocked (B13).
        let leaver = worker(&before, "False");
        assert_eq!(
            effects(&after, &leaver, &linked(true)),
            [Effect::Disable],
            "{operator}"
        );
        assert_eq!(findings(&after, &leaver, &linked(true)), told, "{operator}");
        // HR sends it again.
        says(&mut joiner, &[("unit", "Staff")]);
        assert!(
            !findings(&after, &joiner, &linked(true)).contains(&told[0]),
            "{operator}"
        );
    }
}

#[test]
fn b33_no_account_is_made_without_what_it_needs_and_that_is_a_failure() {
    let before = policy();
    let worker = worker(&before, "True");
    let with = |target: &str, expression: &str, matching| {
        let mut policy = policy();
        let mappings = &mut policy.schema.mappings;
        mappings.retain(|mapping| mapping.target != target);
        mappings.push(mapping(target, expression, Role::Plain, matching));
        policy
    };
    // By this alone, so no account can be found either.
    let number = with("employeeID", r#"Append("E", [unit])"#, Some(1));
    assert!(matching::keys(&number, &worker, &moment()).is_empty());
    assert!(effects(&number, &worker, &nobodys()).is_empty());
    assert_eq!(
        findings(&number, &worker, &nobodys()),
        one("InputNotKept", Weight::Failure)
    );
    let second = with("mail", r#"Append([unit], "@example.test")"#, Some(2));
    assert!(effects(&second, &worker, &nobodys()).is_empty());
    assert_eq!(
        findings(&second, &worker, &nobodys()),
        one("InputNotKept", Weight::Failure)
    );
    // What it does not need keeps nobody from an account.
    let plain = with("department", "[unit]", None);
    assert!(effects(&plain, &worker, &nobodys())[0].is_create());
    assert_eq!(
        findings(&plain, &worker, &nobodys()),
        one("InputNotKept", Weight::Warning)
    );
}

#[test]
fn b21_a_fence_is_met_by_who_is_in_scope_or_linked_and_by_nobody_else() {
    let mut policy = policy();
    policy.model.container = Some("parentDistinguishedName");
    policy.settings.managed = vec![dn::Dn::parse("OU=Staff,DC=example,DC=test").unwrap()];
    for (code, protected) in [
        ("OutsideManagedContainers", None),
        ("ProtectedAccount", Some(Protection::AdminCount)),
    ] {
        let fence = |mut facts: Facts| {
            let account = &mut facts.found.accounts[0];
            account.protected = protected;
            account.address = "CN=Ada,OU=Contractors,DC=example,DC=test".into();
            facts
        };
        for (unit, active, weight) in [
            ("Staff", "True", Weight::Warning),
            ("Staff", "False", Weight::Failure),
            ("Contractors", "True", Weight::Warning),
            ("Contractors", "False", Weight::Failure),
        ] {
            policy.schema.scope = filter("unit", "EQUALS", unit, false);
            for delete in [false, true] {
                policy.schema.flow_types.delete = delete;
                let mut worker = worker(&policy, active);
                let is_in = unit == "Staff";
                let found = match is_in {
                    true => one(code, weight),
                    false => one("EntrySynchronizationSkipped", Weight::Skip),
                };
                assert_eq!(findings(&policy, &worker, &fence(unlinked(true))), found);
                assert_eq!(
                    findings(&policy, &worker, &fence(linked(true))),
                    one(code, weight),
                    "a linked account is looked after, whatever the scope"
                );
                worker.gone = Some(days(1));
                worker.hidden = Some(days(1));
                for facts in [fence(unlinked(true)), fence(linked(true))] {
                    assert!(effects(&policy, &worker, &facts).is_empty());
                }
            }
        }
    }
}
