//! What happened to whom and why, in the shape of Graph's provisioningObjectSummary.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::report;
use super::review::Withheld;
use crate::connector::bulk;
use crate::domain::account::{Account, Model};
use crate::domain::finding::{Finding, Weight};
use crate::domain::guard::{Action, Held};
use crate::domain::link::{Situation, UNAPPROVED};
use crate::domain::plan::{Effect, HrEvent, NOT_KEPT, Planned, Receipt};
use crate::domain::worker::Worker;
use crate::error::{Error, Kind};
use crate::store::forgetting::{self, FORGOTTEN};
use crate::store::logs::Entry;

/// What every entry of a cycle has in common.
#[derive(Clone, Debug)]
pub struct Origin {
    pub tenant: Uuid,
    pub app: Uuid,
    pub app_name: String,
    pub job: String,
    pub cycle: String,
    /// The ids of the two systems, and the names the schema gives them.
    pub source: String,
    pub source_name: String,
    pub source_type: String,
    pub target: String,
    pub target_name: String,
    pub target_type: String,
    /// Of when HR's data are, where HR has to be asked for them (B19).
    pub heard: Option<Timestamp>,
}

/// How the work on one worker ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// What was written, if anything.
    pub done: Option<Receipt>,
    /// Why not everything was.
    pub error: Option<Error>,
    /// Why a new account was made without what it refers to.
    pub postponed: Option<Error>,
    pub held: Vec<Held>,
    /// What nobody has released yet.
    pub withheld: Option<Unreviewed>,
    /// Some of it had been written before, by a cycle that was interrupted.
    pub resumed: bool,
}

/// What was planned and waits until a person has read it (B9).
#[derive(Debug, Clone)]
pub struct Unreviewed {
    pub code: &'static str,
    pub reason: String,
    pub effects: Vec<Effect>,
}

impl Unreviewed {
    pub fn of(withheld: &Withheld) -> Unreviewed {
        Unreviewed {
            code: withheld.code,
            reason: withheld.reason.clone(),
            effects: withheld.case.proposal.effects.clone(),
        }
    }

    fn describe(&self) -> String {
        let attributes = self.effects.iter().filter_map(Effect::attribute);
        let whole = word(&self.effects).filter(|word| *word != "update");
        let what: Vec<&str> = whole.into_iter().chain(attributes).collect();
        format!("{}: {}", what.join(", "), self.reason)
    }
}

/// The outcome in one word, with the code and the reason behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub word: &'static str,
    pub code: Option<String>,
    pub reason: Option<String>,
}

/// The entry of one worker's last waiting operation, or of a change nobody asked for just now.
pub fn entry(
    origin: &Origin,
    model: &Model,
    worker: &Worker,
    planned: &Planned,
    ending: &Ending,
    took: SignedDuration,
    at: Timestamp,
) -> Entry {
    let status = status(planned, ending);
    let action = action(planned, ending);
    let attempted = match &ending.done {
        Some(receipt) => receipt.done.as_slice(),
        None => planned.change.effects.as_slice(),
    };
    let account = planned.situation.account();
    let target_id = ending
        .done
        .as_ref()
        .map(|receipt| receipt.account.to_string())
        .or(planned.change.account.as_ref().map(|anchor| anchor.to_string()));
    let display_name = display_name(worker);
    let body = Body {
        action,
        change: planned.change.id.to_string(),
        took,
        source_id: &worker.anchor,
        source_name: &display_name,
        target_id: target_id.unwrap_or_default(),
        target_name: display_name.to_string(),
        target_details: ending
            .done
            .as_ref()
            .map(|receipt| receipt.address.clone())
            .or(account.map(|account| account.address.clone())),
        steps: steps(origin, worker, planned, ending, attempted, &status),
        modified: attempted
            .iter()
            .flat_map(|effect| modified(effect, model))
            .collect(),
        status,
    };
    body.entry(origin, at)
}

fn display_name(worker: &Worker) -> Cow<'_, str> {
    worker.display_name().unwrap_or(Cow::Borrowed(&worker.anchor))
}

/// The entry of an operation that a later one of the same worker overtook before it was planned (B5).
pub fn superseded(origin: &Origin, worker: &Worker, change: &Uuid, at: Timestamp) -> Entry {
    let body = Body {
        action: "other",
        change: change.to_string(),
        took: SignedDuration::ZERO,
        source_id: &worker.anchor,
        source_name: &display_name(worker),
        target_id: String::new(),
        target_name: String::new(),
        target_details: None,
        steps: vec![step(
            "EntrySynchronizationSkip",
            "processing",
            "skipped",
            "A later operation about the same worker was waiting; both were carried out together.",
            json!({ "SkipReason": "Superseded" }),
        )],
        modified: Vec::new(),
        status: Status {
            word: "skipped",
            code: Some("Superseded".into()),
            reason: Some("a later operation about the same worker includes this one".into()),
        },
    };
    body.entry(origin, at)
}

/// The entry of an operation that waited when its worker was forgotten (B33): it says no more than that.
pub fn forgotten(origin: &Origin, pseudonym: &str, at: Timestamp) -> Entry {
    let body = Body {
        action: "other",
        change: Uuid::now_v7().to_string(),
        took: SignedDuration::ZERO,
        source_id: pseudonym,
        source_name: FORGOTTEN,
        target_id: String::new(),
        target_name: String::new(),
        target_details: None,
        steps: Vec::new(),
        modified: Vec::new(),
        status: Status {
            word: "skipped",
            code: Some(forgetting::CODE.into()),
            reason: Some("the worker was forgotten before this was carried out".into()),
        },
    };
    body.entry(origin, at)
}

/// The entry of an operation that says nothing about anybody.
pub fn unreadable(origin: &Origin, refused: &bulk::Refused, at: Timestamp) -> Entry {
    failed(origin, "", refused.code, &refused.message, at)
}

/// The entry of a worker who could not be looked at at all.
pub fn unplanned(origin: &Origin, worker: &str, code: &str, reason: &str, at: Timestamp) -> Entry {
    failed(origin, worker, code, reason, at)
}

fn failed(origin: &Origin, worker: &str, code: &str, reason: &str, at: Timestamp) -> Entry {
    let body = Body {
        action: "other",
        change: Uuid::now_v7().to_string(),
        took: SignedDuration::ZERO,
        source_id: worker,
        source_name: worker,
        target_id: String::new(),
        target_name: String::new(),
        target_details: None,
        steps: vec![step("EntryImport", "import", "failure", reason, json!({}))],
        modified: Vec::new(),
        status: Status {
            word: "failure",
            code: Some(code.into()),
            reason: Some(reason.into()),
        },
    };
    body.entry(origin, at)
}

struct Body<'a> {
    action: &'static str,
    change: String,
    took: SignedDuration,
    source_id: &'a str,
    source_name: &'a str,
    target_id: String,
    target_name: String,
    target_details: Option<String>,
    steps: Vec<Json>,
    modified: Vec<Json>,
    status: Status,
}

impl Body<'_> {
    fn entry(self, origin: &Origin, at: Timestamp) -> Entry {
        let id = Uuid::now_v7().to_string();
        let target_details = self
            .target_details
            .map_or_else(|| json!({}), |address| json!({ "distinguishedName": address }));
        let source_details = origin
            .heard
            .map_or_else(|| json!({}), |heard| json!({ "dataOf": heard.to_string() }));
        let body = json!({
            "id": id,
            "activityDateTime": at.to_string(),
            "tenantId": origin.tenant.to_string(),
            "jobId": origin.job,
            "cycleId": origin.cycle,
            "changeId": self.change,
            "provisioningAction": self.action,
            "durationInMilliseconds": self.took.as_millis(),
            "initiatedBy": { "id": "", "displayName": "Muster Provisioning Service", "initiatorType": "system" },
            "servicePrincipal": { "id": origin.app.to_string(), "displayName": origin.app_name },
            "sourceSystem": { "id": origin.source, "displayName": origin.source_name, "details": source_details },
            "targetSystem": { "id": origin.target, "displayName": origin.target_name, "details": {} },
            "sourceIdentity": {
                "id": self.source_id, "displayName": self.source_name, "identityType": origin.source_type, "details": {},
            },
            "targetIdentity": {
                "id": self.target_id, "displayName": self.target_name, "identityType": origin.target_type,
                "details": target_details,
            },
            "provisioningStatusInfo": { "status": self.status.word, "errorInformation": self.status.information() },
            "provisioningSteps": self.steps,
            "modifiedProperties": self.modified,
        });
        Entry {
            id,
            at,
            app: origin.app.to_string(),
            job: origin.job.clone(),
            cycle: origin.cycle.clone(),
            change: self.change,
            source: self.source_id.to_string(),
            action: self.action.into(),
            status: self.status.word.into(),
            body: body.to_string(),
        }
    }
}

impl Status {
    /// Both sides agreed, and there is nothing else to say.
    pub fn is_redundant(&self) -> bool {
        self.code.as_deref() == Some(REDUNDANT)
    }

    fn information(&self) -> Json {
        match &self.code {
            None => Json::Null,
            Some(code) => json!({
                "errorCode": code,
                "reason": self.reason,
                "additionalDetails": null,
                "errorCategory": if self.word == "failure" { "failure" } else { "nonServiceFailure" },
                "recommendedAction": report::repair(code),
            }),
        }
    }
}

const REDUNDANT: &str = "RedundantExport";

/// A refusal outweighs a finding, a finding outweighs a hold, and only what is left may be called done.
pub fn status(planned: &Planned, ending: &Ending) -> Status {
    let of = |word, code: &str, reason: &str| Status {
        word,
        code: Some(code.into()),
        reason: Some(reason.into()),
    };
    let found = |weight| planned.findings.iter().find(|finding| finding.weight == weight);
    if let Some(error) = &ending.error {
        return of("failure", &error.code, &error.to_string());
    }
    if let Some(finding) = found(Weight::Failure) {
        return of("failure", &finding.code, &describe(finding));
    }
    let wrote = ending
        .done
        .as_ref()
        .is_some_and(|receipt| !receipt.done.is_empty());
    if let (Some(held), false) = (ending.held.first(), wrote) {
        return of("skipped", held_code(&held.action), &describe_held(held));
    }
    if let (Some(withheld), false) = (waiting_for_review(ending), wrote) {
        return of("skipped", withheld.code, &withheld.describe());
    }
    if let Some(error) = &ending.postponed {
        return of("warning", &error.code, &error.to_string());
    }
    if let Some(event) = waiting(ending) {
        let reason = format!(
            "HR took it as the event {}, and somebody has to approve that there",
            event.id
        );
        return of("warning", UNAPPROVED, &reason);
    }
    if let Some(finding) = found(Weight::Warning) {
        return of("warning", &finding.code, &describe(finding));
    }
    if wrote || ending.resumed {
        return Status {
            word: "success",
            code: None,
            reason: None,
        };
    }
    if let Some(finding) = found(Weight::Skip) {
        return of("skipped", &finding.code, &describe(finding));
    }
    of(
        "skipped",
        REDUNDANT,
        "The source and the target agree already: there is nothing to change.",
    )
}

fn waiting_for_review(ending: &Ending) -> Option<&Unreviewed> {
    let withheld = ending.withheld.as_ref()?;
    (!withheld.effects.is_empty()).then_some(withheld)
}

/// The event of HR's that somebody has to approve before what was written holds.
fn waiting(ending: &Ending) -> Option<&HrEvent> {
    let event = ending.done.as_ref()?.event.as_ref()?;
    event.waiting.then_some(event)
}

/// One word for what was done, or, where nothing was, for what was to be done.
fn action(planned: &Planned, ending: &Ending) -> &'static str {
    if let Some(receipt) = &ending.done
        && let Some(word) = word(&receipt.done)
    {
        return word;
    }
    if ending
        .held
        .iter()
        .any(|held| matches!(held.action, Action::Disable | Action::Delete))
    {
        return "stagedDelete";
    }
    let held: Vec<Effect> = ending.held.iter().map(|held| held.effect.clone()).collect();
    let withheld = ending.withheld.as_ref().and_then(|one| word(&one.effects));
    let planned_word = word(&planned.change.effects).or(word(&held)).or(withheld);
    match (&planned.situation, planned_word) {
        (_, Some(word)) => word,
        (Situation::Unmatched, None) if planned.findings.iter().any(|one| one.weight == Weight::Failure) => {
            "create"
        }
        _ => "other",
    }
}

fn word(effects: &[Effect]) -> Option<&'static str> {
    let has = |test: fn(&Effect) -> bool| effects.iter().any(test);
    if has(|effect| matches!(effect, Effect::Create { .. })) {
        Some("create")
    } else if has(|effect| *effect == Effect::Delete) {
        Some("delete")
    } else if has(|effect| *effect == Effect::Disable) {
        Some("disable")
    } else if effects.is_empty() {
        None
    } else {
        Some("update")
    }
}

fn steps(
    origin: &Origin,
    worker: &Worker,
    planned: &Planned,
    ending: &Ending,
    attempted: &[Effect],
    status: &Status,
) -> Vec<Json> {
    let name = display_name(worker);
    // Who had no account until now arrives as an add.
    let import = match planned.situation {
        Situation::Unmatched | Situation::Unlinked { .. } => "EntryImportAdd",
        _ => "EntryImport",
    };
    let mut steps = vec![step(
        import,
        "import",
        "success",
        &format!(
            "Received {} '{name}' from {}.",
            origin.source_type, origin.source_name
        ),
        json!({ "externalId": worker.anchor, "active": worker.active.map_or("", |active| if active { "True" } else { "False" }) }),
    )];
    steps.push(matching(origin, planned));
    let scoped = planned.scope.is_ok();
    let is_undecided = |one: &Finding| one.code == NOT_KEPT && one.attribute.is_none();
    steps.push(step(
        "EntrySynchronizationScoping",
        "scoping",
        if scoped { "success" } else { "skipped" },
        if scoped {
            "The worker is in the scope of this job."
        } else if planned.findings.iter().any(is_undecided) {
            "Nobody can say whether the worker is in the scope of this job."
        } else {
            "The worker is not in the scope of this job."
        },
        json!({
            "Active in the source system": if worker.active == Some(false) { "False" } else { "True" },
            "Scoping filter evaluation passed": if scoped { "True" } else { "False" },
        }),
    ));
    for pending in &planned.pending {
        steps.push(step(
            "EntrySynchronizationReference",
            "referenceResolution",
            "warning",
            &format!(
                "{} in {} refers to worker {}, {}.",
                pending.attribute,
                origin.target_name,
                pending.to,
                pending.why.describe()
            ),
            json!({ "attribute": pending.attribute, "reference": pending.to, "reason": pending.why }),
        ));
    }
    for finding in &planned.findings {
        let (name, word) = match finding.weight {
            Weight::Failure => ("EntrySynchronizationError", "failure"),
            Weight::Warning => ("EntrySynchronizationWarning", "warning"),
            Weight::Skip => ("EntrySynchronizationSkip", "skipped"),
            Weight::Note => ("EntrySynchronizationNote", "success"),
        };
        let details = json!({ "SkipReason": finding.code, "attribute": finding.attribute });
        steps.push(step(name, "processing", word, &describe(finding), details));
    }
    for held in &ending.held {
        steps.push(step(
            "EntrySynchronizationHeld",
            "processing",
            "skipped",
            &describe_held(held),
            json!({ "SkipReason": held_code(&held.action) }),
        ));
    }
    if let Some(withheld) = waiting_for_review(ending) {
        steps.push(step(
            "EntrySynchronizationHeld",
            "processing",
            "skipped",
            &withheld.describe(),
            json!({ "SkipReason": withheld.code }),
        ));
    }
    if !attempted.is_empty() {
        let (outcome, text) = match &ending.error {
            None => (
                "success",
                format!("Wrote {} '{name}' to {}.", origin.target_type, origin.target_name),
            ),
            Some(error) => ("failure", error.to_string()),
        };
        for export in exports(attempted) {
            let details = export_details(&worker.anchor, ending);
            steps.push(step(export, "export", outcome, &text, details));
        }
    } else if status.code.as_deref() == Some("RedundantExport") {
        steps.push(step(
            "EntrySynchronizationSkip",
            "processing",
            "skipped",
            "The source and the target agree already: there is nothing to change.",
            json!({ "SkipReason": "RedundantExport" }),
        ));
    }
    steps
}

/// A new account's manager is an export of its own, as Graph has it, though it may have gone aboard the same write.
fn exports(attempted: &[Effect]) -> &'static [&'static str] {
    let refers = attempted
        .iter()
        .any(|effect| matches!(effect, Effect::Refer { .. }));
    match word(attempted) {
        Some("create") if refers => &["EntryExportAdd", "EntryExportUpdate"],
        Some("create") => &["EntryExportAdd"],
        Some("delete") => &["EntryExportDelete"],
        _ => &["EntryExportUpdate"],
    }
}

/// Where it was written, and what HR calls it where it made an event of it.
fn export_details(worker: &str, ending: &Ending) -> Json {
    let done = ending.done.as_ref();
    let address = done.map(|receipt| receipt.address.clone());
    let mut details = json!({ "ReportableIdentifier": worker, "distinguishedName": address });
    if let Some(event) = done.and_then(|receipt| receipt.event.as_ref()) {
        details["EventId"] = json!(event.id);
    }
    details
}

fn matching(origin: &Origin, planned: &Planned) -> Json {
    let target = &origin.target_name;
    // The account may be that of another record of the same person, which is nobody's mistake (B20).
    let failed = planned
        .findings
        .iter()
        .any(|finding| finding.weight == Weight::Failure);
    let found = |account: &Account, how: String| {
        step(
            "EntryImport",
            "matching",
            "success",
            &how,
            json!({ "TargetAnchor": account.anchor, "distinguishedName": account.address }),
        )
    };
    match &planned.situation {
        Situation::Linked(account) => found(
            account,
            format!("Retrieved the linked {} from {target}.", origin.target_type),
        ),
        Situation::Unlinked { account, by } => found(
            account,
            format!("Found one {} in {target} by {by}.", origin.target_type),
        ),
        Situation::Unmatched => step(
            "EntryImportObjectNotFound",
            "matching",
            "success",
            &format!("No matching {} was found in {target}.", origin.target_type),
            json!({}),
        ),
        Situation::Disputed { by, candidates } => step(
            "EntryImport",
            "matching",
            "failure",
            &format!("{} candidates were found in {target} by {by}.", candidates.len()),
            json!({ "candidates": candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") }),
        ),
        Situation::Claimed { by, account, owner } => step(
            "EntryImport",
            "matching",
            if failed { "failure" } else { "skipped" },
            &format!("The account found by {by} belongs to worker {owner}."),
            json!({ "TargetAnchor": account.as_ref().map(ToString::to_string) }),
        ),
        Situation::Gone(anchor) => step(
            "EntryImportObjectNotFound",
            "matching",
            "failure",
            &format!("The linked account no longer exists in {target}."),
            json!({ "TargetAnchor": anchor.to_string() }),
        ),
    }
}

fn step(name: &str, kind: &str, status: &str, description: &str, details: Json) -> Json {
    json!({ "name": name, "provisioningStepType": kind, "status": status, "description": description, "details": details })
}

/// The properties an effect changes, old value and new, as texts.
fn modified(effect: &Effect, model: &Model) -> Vec<Json> {
    let property = |name: &str, old: Option<String>, new: Option<String>| json!({ "displayName": name, "oldValue": old, "newValue": new });
    let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let word = |is_true: bool| Some(if is_true { "True" } else { "False" }.to_string());
    let state = |old: Option<bool>, new: bool| {
        model.state.map(|state| {
            let old = old.and_then(|old| word(old == state.enabled));
            property(state.name, old, word(new == state.enabled))
        })
    };
    match effect {
        Effect::Create {
            values,
            container,
            enabled,
            ..
        } => {
            let mut all: Vec<Json> = values
                .iter()
                .map(|(name, values)| property(name, None, joined(values)))
                .collect();
            all.extend(
                model
                    .container
                    .zip(container.clone())
                    .map(|(name, place)| property(name, None, Some(place))),
            );
            all.extend(state(None, *enabled));
            all
        }
        Effect::Disable => state(Some(true), false).into_iter().collect(),
        Effect::Password { .. } => Vec::new(),
        Effect::Enable => state(Some(false), true).into_iter().collect(),
        Effect::Set {
            attribute,
            before,
            after,
        } => vec![property(attribute, joined(before), joined(after))],
        Effect::Refer {
            attribute,
            before,
            after,
        } => {
            vec![property(
                attribute,
                before.as_ref().map(|one| one.to_string()),
                after.as_ref().map(|one| one.to_string()),
            )]
        }
        Effect::Rename { before, after } => vec![property(
            model.name.unwrap_or("name"),
            Some(before.clone()),
            Some(after.clone()),
        )],
        Effect::Move { before, after } => {
            vec![property(
                model.container.unwrap_or("container"),
                Some(before.clone()),
                Some(after.clone()),
            )]
        }
        Effect::Restore | Effect::Delete => Vec::new(),
    }
}

pub fn describe(finding: &Finding) -> String {
    match &finding.attribute {
        Some(attribute) => format!("{attribute}: {}", finding.message),
        None => finding.message.clone(),
    }
}

pub fn describe_held(held: &Held) -> String {
    format!(
        "the limit of {} for '{}' in 24 hours is reached: the change is held until a person releases it or HR takes it back",
        held.limit, held.action
    )
}

/// The log's code for what a limit holds; Graph knows only the first.
pub fn held_code(action: &Action) -> &'static str {
    match action {
        Action::Disable | Action::Delete => "TooManyDeletes",
        Action::Enable => "TooManyEnables",
        Action::Create => "TooManyCreates",
        Action::Move => "TooManyMoves",
        Action::Rename => "TooManyRenames",
        Action::Overwrite(_) => "TooManyOverwrites",
        Action::Clear(_) => "TooManyClears",
    }
}

/// Whether an error says nothing about the person, only about the moment: it is kept out of the log.
pub fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Unavailable | Kind::TooMany | Kind::Unauthenticated
    )
}
