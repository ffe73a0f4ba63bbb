//! A change in the making: every mapping of a policy held against what the account has now.

mod held;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smallvec::smallvec;
use uuid::Uuid;

use super::{Absence, Change, Effect, Facts, Moment, NOT_KEPT, Pending, Planned, Recipe};
use crate::domain::account::{Account, Anchor, Compose, Values};
use crate::domain::dn::{self, Dn};
use crate::domain::finding::{Finding, Weight};
use crate::domain::handover::State;
use crate::domain::link::Situation;
use crate::domain::mapping::{Desired, Flow, Mapping, Role, Texts};
use crate::domain::policy::Policy;
use crate::domain::value::Value;
use crate::domain::worker::Worker;

/// When names are asked for again that nobody could be asked for.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// After which an old password is not to be used again.
const LONG_DISABLED: SignedDuration = SignedDuration::from_hours(30 * 24);

pub struct Draft<'a> {
    pub policy: &'a Policy,
    pub worker: &'a Worker,
    pub(super) facts: &'a Facts,
    pub(super) moment: &'a Moment,
    account: Option<Anchor>,
    /// The account is disabled, and this change enables it.
    returns: bool,
    effects: Vec<Effect>,
    findings: Vec<Finding>,
    pending: Vec<Pending>,
    agreed: Vec<(String, String)>,
    revisit: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    pub fn new(policy: &'a Policy, worker: &'a Worker, facts: &'a Facts, moment: &'a Moment) -> Draft<'a> {
        Draft {
            policy,
            worker,
            facts,
            moment,
            account: None,
            returns: false,
            effects: Vec::new(),
            findings: Vec::new(),
            pending: Vec::new(),
            agreed: Vec::new(),
            revisit: if policy.reads_clock() {
                moment.next_hour()
            } else {
                None
            },
        }
    }

    pub fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub fn skip(&mut self, why: &str) {
        self.finding(Finding::new(Weight::Skip, "EntrySynchronizationSkipped", why));
    }

    /// The state HR wants: enabled, disabled, or not said. Nothing missing disables (B3): as long as none of
    /// the mapping's inputs has a value, it does not flow, whatever the expression makes of nothing.
    pub fn wanted_state(&mut self) -> Option<bool> {
        let mapping = self.policy.mapping(Role::State)?;
        match self.worker.unkept_of(mapping).is_empty() {
            true if !mapping.is_stated(self.worker) => return None,
            // That the person left is why it was not kept (B33).
            false if self.worker.shrunk.is_some() => return Some(false),
            _ => {}
        }
        let Desired::Values(values) = self.desired(mapping)? else {
            return None;
        };
        let value = Value::text(values.first()?.as_ref()).to_bool();
        match value {
            Some(flag) => Some(flag == self.policy.model.state?.enabled),
            None => {
                self.finding(
                    Finding::new(
                        Weight::Failure,
                        "EntrySynchronizationError",
                        format!(
                            "the mapping gives '{}', which is neither True nor False",
                            values.join(", ")
                        ),
                    )
                    .on(mapping.target.clone())
                    .lasting(),
                );
                None
            }
        }
    }

    /// A new account, whole. What it refers to follows as effects of their own, or later where the other account
    /// does not exist yet: nobody's account waits for another's.
    pub fn create(&mut self, wanted: Option<bool>) {
        let mut values = Values::new();
        let mut container = self.policy.settings.container.clone();
        let mut references = Vec::new();
        let mut blocked = false;
        for mapping in &self.policy.schema.mappings {
            if matches!(mapping.role, Role::State | Role::Password) {
                continue;
            }
            let found_before = self.findings.len();
            let is_needed = self.is_required(mapping) || mapping.role == Role::Container;
            let unkept = self.worker.unkept_of(mapping);
            if is_needed && !unkept.is_empty() {
                self.finding(needs(mapping, &unkept));
                blocked = true;
                continue;
            }
            let wanted = match self.desired(mapping) {
                Some(Desired::ObjectIgnored) => return self.ignore_object(),
                Some(Desired::Values(values)) => values,
                Some(Desired::Nothing | Desired::AttributeIgnored) => {
                    mapping.default.iter().map(Cow::from).collect()
                }
                None => Texts::new(),
            };
            match mapping.role {
                Role::State | Role::Password => {}
                Role::Reference => references.extend(self.reference(mapping, None, wanted)),
                Role::Container => container = first(wanted).or(container),
                Role::Plain | Role::Name => {
                    if let Some(wanted) = self.checked(mapping, wanted)
                        && !wanted.is_empty()
                    {
                        values.insert(mapping.target.clone(), wanted);
                    }
                }
            }
            blocked |= self.findings.len() > found_before && is_needed;
        }
        for required in self.policy.model.required {
            if !values.contains_key(*required)
                && !self
                    .findings
                    .iter()
                    .any(|one| one.attribute.as_deref() == Some(required))
            {
                self.finding(
                    Finding::new(Weight::Failure, "MissingValues", "an account cannot be made without this attribute: HR has to state what it is mapped from")
                        .on(*required)
                        .lasting(),
                );
                blocked = true;
            }
        }
        if self.policy.model.container.is_some() {
            blocked |= !self.may_hold(container.as_deref());
        }
        if blocked {
            return;
        }
        let state = self.policy.mapping(Role::State);
        let is_unstated = |state: &&Mapping| wanted.is_none() && self.worker.unkept_of(state).is_empty();
        if let Some(state) = state.filter(is_unstated) {
            self.finding(
                Finding::new(
                    Weight::Warning,
                    "AccountStateNotStated",
                    "HR never said whether this person is active: the account is made disabled until it does",
                )
                .on(state.target.clone()),
            );
        }
        self.effects.push(Effect::Create {
            values,
            container,
            enabled: wanted.unwrap_or(state.is_none()),
            password: self.recipe(),
        });
        self.effects.append(&mut references);
    }

    /// Everything in which the account differs from what HR wants.
    pub fn update(&mut self, account: &Account, wanted: Option<bool>) {
        if wanted == Some(false) {
            self.disable(account);
        }
        if account.deleted && !self.restore(wanted) {
            return;
        }
        self.returns = wanted == Some(true) && account.enabled == Some(false) && self.may_enable();
        let mut renaming = Vec::new();
        for (mapping, desired) in self.everything_desired(account) {
            match desired {
                Some(Desired::Values(values)) => self.compare(account, mapping, values, &mut renaming),
                Some(Desired::Nothing) => self.compare_nothing(account, mapping),
                Some(Desired::ObjectIgnored) => {
                    self.effects.retain(|effect| *effect == Effect::Disable);
                    self.pending.clear();
                    return self.ignore_object();
                }
                Some(Desired::AttributeIgnored) | None => {}
            }
        }
        if wanted == Some(true) && account.enabled == Some(false) {
            self.enable();
        }
        self.hand_over(account);
        self.effects.extend(renaming);
    }

    /// B29: whoever has begun to work, and may sign in, is given a password to begin with; what nobody took is drawn anew, for
    /// nobody.
    fn hand_over(&mut self, account: &Account) {
        let Some(handover) = self.facts.handover else {
            return;
        };
        let has = |effects: &[Effect], wanted: fn(&Effect) -> bool| effects.iter().any(wanted);
        let is_shut =
            account.enabled == Some(false) && !has(&self.effects, |effect| *effect == Effect::Enable);
        let is_out = has(&self.effects, |effect| *effect == Effect::Disable);
        let is_given = has(&self.effects, |effect| matches!(effect, Effect::Password { .. }));
        let begins = self.worker.starts().unwrap_or(self.moment.now);
        match handover.state {
            State::Due if !self.policy.settings.hands_over || is_shut || is_out || is_given => {}
            State::Due if begins > self.moment.now => self.revisit_by(begins),
            State::Due => {
                let password = Recipe {
                    handover: true,
                    ..self.recipe()
                };
                self.effects.push(Effect::Password { password });
            }
            State::Sent => {}
            State::Lost => {
                let password = self.recipe();
                self.effects.push(Effect::Password { password });
                self.not_handed_over();
            }
            State::Reset if self.moment.now.duration_since(handover.since) < LONG_DISABLED => {
                self.not_handed_over();
            }
            State::Reset => {}
        }
    }

    fn not_handed_over(&mut self) {
        self.finding(Finding::new(
            Weight::Warning,
            "PasswordNotHandedOver",
            "the webhook did not take the sealed password within a day, so it was reset to one that nobody knows: correct [notify], and set a password by hand",
        ));
    }

    /// Takes a deleted account back out of the bin, where HR wants it and it is ours to do (B11).
    fn restore(&mut self, wanted: Option<bool>) -> bool {
        let finding = match wanted {
            Some(true) if self.may_enable() => {
                self.effects.push(Effect::Restore);
                return true;
            }
            Some(true) => Finding::new(
                Weight::Failure,
                "DeletedElsewhere",
                "somebody else deleted the account, and HR's word has not changed since: restore it by hand, or delete the link so that another is made",
            ),
            _ => Finding::new(
                Weight::Skip,
                "EntrySynchronizationSkipped",
                "the account is deleted, and HR does not want it back",
            ),
        };
        self.finding(finding);
        false
    }

    /// B15: gone at the source. Disabled now, deleted when the time has passed and nobody took it back.
    pub fn gone(&mut self, account: &Account, gone: Timestamp) {
        let settings = &self.policy.settings;
        let due = gone
            .saturating_add(settings.delete_after)
            .unwrap_or(Timestamp::MAX);
        if account.deleted {
            self.skip("the worker is gone at the source, and the account is deleted");
        } else if self.moment.now < due {
            self.disable(account);
            self.revisit_by(due);
        } else if settings.delete_after.is_positive() || settings.may_delete_at_once || self.facts.recoverable
        {
            self.effects.push(Effect::Delete);
        } else {
            self.disable(account);
            self.finding(Finding::new(
                Weight::Failure,
                "UnrecoverableDelete",
                "deleting at once cannot be undone here: turn on the Recycle Bin, set `delete_after`, or set `allow_unrecoverable`",
            ));
        }
    }

    pub fn disable(&mut self, account: &Account) {
        if account.enabled != Some(true) || account.deleted {
            return;
        }
        if self.policy.schema.flow_types.update {
            return self.effects.push(Effect::Disable);
        }
        // A disable is an update, and a leaver is never passed over in silence (B13).
        let finding = Finding::new(
            Weight::Failure,
            "UpdateNotAllowed",
            "HR wants the account disabled, and this job may not: Update is not among its flowTypes. Disable it by hand, now, and add Update",
        );
        self.finding(match self.policy.model.state {
            Some(state) => finding.on(state.name),
            None => finding,
        });
    }

    pub fn finish(
        mut self,
        situation: Situation,
        scope: Result<(), String>,
        wanted: Option<bool>,
    ) -> Planned {
        self.account = situation.account().map(|account| account.anchor.clone());
        self.hold_back(&situation);
        let left = self.facts.others.leave(&mut self.effects);
        self.findings.extend(left);
        Planned {
            change: Change {
                id: Uuid::new_v5(&self.moment.plan, self.worker.anchor.as_bytes()),
                worker: self.worker.anchor.clone(),
                account: self.account,
                effects: self.effects,
            },
            situation,
            scope,
            findings: self.findings,
            pending: self.pending,
            agreed: self.agreed,
            wanted,
            revisit: self.revisit,
        }
    }

    /// B11: only what we disabled, or what HR turned from inactive to active, is enabled again.
    fn enable(&mut self) {
        if self.may_enable() {
            self.effects.push(Effect::Enable);
            if self.was_long_disabled() {
                let password = self.recipe();
                self.effects.push(Effect::Password { password });
            }
        } else {
            let finding = Finding::new(
                Weight::Warning,
                "DisabledElsewhere",
                "somebody else disabled the account, and HR's word has not changed since: it stays disabled until a person enables it",
            );
            self.finding(match self.policy.model.state {
                Some(state) => finding.on(state.name),
                None => finding,
            });
        }
    }

    /// Whoever returns after a long time does not go on with the old password (B20).
    fn was_long_disabled(&self) -> bool {
        let since = self.facts.link.as_ref().and_then(|link| link.disabled_at);
        since.is_some_and(|since| self.moment.now.duration_since(since) > LONG_DISABLED)
    }

    fn may_enable(&self) -> bool {
        let link = self.facts.link.as_ref();
        let ours = link.is_some_and(|link| link.disabled_by_us);
        let turned = link.is_some_and(|link| link.wanted == Some(false));
        let elsewhere = self.facts.others.turned;
        ours || turned || elsewhere || self.facts.resumed || self.policy.settings.reenable_by_hr
    }

    /// What every mapping wants that flows into an account that exists.
    fn everything_desired(&mut self, account: &Account) -> Vec<(&'a Mapping, Option<Desired<'a>>)> {
        let policy = self.policy;
        let flows = |mapping: &&Mapping| {
            mapping.flow != Flow::ObjectAddOnly && !matches!(mapping.role, Role::State | Role::Password)
        };
        let mappings = policy.schema.mappings.iter().filter(flows);
        let mut desired: Vec<_> = mappings.map(|mapping| (mapping, self.desired(mapping))).collect();
        if let Some(compose) = policy.model.compose {
            self.compose(compose, account, &mut desired);
        }
        desired
    }

    fn compose(
        &mut self,
        compose: Compose,
        account: &Account,
        desired: &mut [(&Mapping, Option<Desired<'_>>)],
    ) {
        let single = |(mapping, desired): &(&Mapping, Option<Desired<'_>>)| match desired {
            Some(Desired::Values(values)) if mapping.role == Role::Plain => {
                Some((mapping.target.clone(), values.first()?.to_string()))
            }
            _ => None,
        };
        let mut wanted: BTreeMap<String, String> = desired.iter().filter_map(single).collect();
        for (attribute, violation) in compose(&mut wanted, &account.values) {
            wanted.remove(&attribute);
            let finding = Finding::new(Weight::Failure, violation.code, violation.message);
            self.finding(finding.on(attribute).lasting());
        }
        for (mapping, desired) in desired {
            if let Some(Desired::Values(_)) = desired
                && mapping.role == Role::Plain
            {
                *desired = wanted
                    .remove(&mapping.target)
                    .map(|value| Desired::Values(smallvec![Cow::Owned(value)]));
            }
        }
    }

    fn compare(
        &mut self,
        account: &Account,
        mapping: &Mapping,
        wanted: Texts<'_>,
        renaming: &mut Vec<Effect>,
    ) {
        let held = account
            .values
            .get(&mapping.target)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if mapping.flow == Flow::AttributeAddOnly && !held.is_empty() {
            return;
        }
        match mapping.role {
            Role::State | Role::Password => {}
            Role::Reference => {
                let before = held.first().map(|anchor| Anchor(anchor.clone()));
                let refer = self.reference(mapping, before, wanted);
                self.effects.extend(refer);
            }
            Role::Container => self.relocate(account, held, wanted, renaming),
            Role::Name => {
                let Some(wanted) = self.checked(mapping, wanted) else {
                    return;
                };
                if let (Some(before), Some(after)) = (held.first(), wanted.into_iter().next())
                    && *before != after
                {
                    renaming.push(Effect::Rename {
                        before: before.clone(),
                        after,
                    });
                }
            }
            Role::Plain => {
                let wanted = mapping.fitting(wanted);
                if mapping.agrees(held, &wanted) {
                    return self.agree(mapping, held);
                }
                if !self.may_go_home(account, mapping, held) {
                    return;
                }
                let Some(mut wanted) = self.checked(mapping, wanted) else {
                    return;
                };
                if mapping.flow == Flow::ValueAddOnly {
                    let kept: Vec<String> =
                        held.iter().filter(|one| !wanted.contains(one)).cloned().collect();
                    wanted = kept.into_iter().chain(wanted).collect();
                }
                if !mapping.agrees(held, &wanted) {
                    self.set(mapping, held, wanted);
                }
            }
        }
    }

    fn agree(&mut self, mapping: &Mapping, held: &[String]) {
        if let (true, Some(value)) = (
            self.policy.settings.remembered.contains(&mapping.target),
            held.first(),
        ) {
            self.agreed.push((mapping.target.clone(), value.clone()));
        }
    }

    /// The source has nothing to say: an empty attribute may take its default, an open gate clears a full one.
    fn compare_nothing(&mut self, account: &Account, mapping: &Mapping) {
        let held = account
            .values
            .get(&mapping.target)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if held.is_empty() {
            let fills = mapping.expression.is_none() && mapping.role == Role::Plain;
            if let (true, Some(default)) = (fills, &mapping.default) {
                self.set(mapping, held, vec![default.clone()]);
            }
        } else if mapping.clears && mapping.flow == Flow::Always {
            self.set(mapping, held, Vec::new());
        }
    }

    fn set(&mut self, mapping: &Mapping, held: &[String], after: Vec<String>) {
        if self.awaits_approval(mapping, &after) {
            return;
        }
        self.effects.push(Effect::Set {
            attribute: mapping.target.clone(),
            before: held.to_vec(),
            after,
        });
    }

    /// Points a reference at the account of the worker it names; pending while that worker has none.
    fn reference(&mut self, mapping: &Mapping, before: Option<Anchor>, wanted: Texts<'_>) -> Option<Effect> {
        let to = first(wanted)?;
        let attribute = mapping.target.clone();
        match self.facts.references.get(&to) {
            Some(anchor) if before.as_ref() == Some(anchor) => None,
            Some(anchor) => Some(Effect::Refer {
                attribute,
                before,
                after: Some(anchor.clone()),
            }),
            None => {
                let why = match self.policy.schema.flow_types.update {
                    true => self.facts.absent.get(&to).copied().unwrap_or_default(),
                    false => Absence::NoUpdate,
                };
                self.pending.push(Pending { attribute, to, why });
                None
            }
        }
    }

    fn relocate(
        &mut self,
        account: &Account,
        held: &[String],
        wanted: Texts<'_>,
        renaming: &mut Vec<Effect>,
    ) {
        let (Some(before), Some(after)) = (held.first(), first(wanted)) else {
            return;
        };
        let is_disabled = account.enabled == Some(false) && !self.returns;
        let stays = self.effects.contains(&Effect::Disable) || is_disabled;
        if dn::same(before, &after) || (stays && !self.policy.settings.move_disabled) {
            return;
        }
        if self.may_hold(Some(&after)) {
            renaming.push(Effect::Move {
                before: before.clone(),
                after,
            });
        }
    }

    /// Whether a container may receive an account (B21); a finding says why not.
    fn may_hold(&mut self, container: Option<&str>) -> bool {
        let Some(name) = self.policy.model.container else {
            return true;
        };
        let problem = match container.map(Dn::parse) {
            None => (
                "MissingValues",
                "no container is known: set the app's `container`, or map parentDistinguishedName"
                    .to_string(),
            ),
            Some(None) => (
                "InvalidContainer",
                "the container is not a distinguished name".to_string(),
            ),
            Some(Some(place)) => {
                let managed = &self.policy.settings.managed;
                if managed.is_empty() || managed.iter().any(|one| place.is_within(one)) {
                    return true;
                }
                ("OutsideManagedContainers", "the container is not among those this app manages: add it to `managed`, or correct the mapping".to_string())
            }
        };
        self.finding(Finding::new(Weight::Failure, problem.0, problem.1).on(name));
        false
    }

    /// The values, if the target would take them; a violation holds this attribute and nothing else.
    fn checked(&mut self, mapping: &Mapping, values: Texts<'_>) -> Option<Vec<String>> {
        let canonical = self.policy.model.canonical;
        let values: Vec<String> = mapping
            .fitting(values)
            .into_iter()
            .map(|value| canonical(&mapping.target, value.into_owned()))
            .collect();
        let violation = values
            .iter()
            .find_map(|value| (self.policy.model.check)(&mapping.target, value).err());
        match violation {
            None => Some(values),
            Some(violation) => {
                self.finding(
                    Finding::new(Weight::Failure, violation.code, violation.message)
                        .on(mapping.target.clone())
                        .lasting(),
                );
                None
            }
        }
    }

    /// The mapping's, else the app's way of drawing a password.
    fn recipe(&self) -> Recipe {
        let mapped = self.policy.mapping(Role::Password);
        let expression = mapped.and_then(|mapping| mapping.expression.as_ref()?.recipe());
        Recipe {
            expression,
            ..self.policy.settings.initial_password.clone()
        }
    }

    fn desired(&mut self, mapping: &'a Mapping) -> Option<Desired<'a>> {
        let unkept = self.worker.unkept_of(mapping);
        if !unkept.is_empty() {
            let finding = not_kept(Weight::Warning, &unkept, "this stays as it is");
            self.finding(finding.on(mapping.target.clone()));
            return None;
        }
        if mapping.chooses() {
            return self.chosen(mapping);
        }
        match self.moment.desired(self.policy, self.worker, mapping) {
            Ok(desired) => Some(desired),
            Err(error) => {
                self.finding(
                    Finding::new(Weight::Failure, "EntrySynchronizationError", error.message)
                        .on(mapping.target.clone())
                        .lasting(),
                );
                None
            }
        }
    }

    /// Nobody can say whether filters let the worker in.
    pub fn undecided(&mut self, unkept: &[&str]) {
        let then = "nobody knows whether a filter lets this person in, and nothing is done but what disables a leaver";
        self.finding(not_kept(Weight::Warning, unkept, then));
    }

    /// No account can be found, and none made that could be found again.
    pub fn without_key(&mut self) {
        let policy = self.policy;
        let unkept = policy.matching().find_map(|mapping| {
            let unkept = self.worker.unkept_of(mapping);
            (!unkept.is_empty()).then(|| needs(mapping, &unkept))
        });
        let unstated = || {
            let why = "no matching attribute has a value, so no account can be found or made";
            Finding::new(Weight::Failure, "ImportSkipped", why).lasting()
        };
        self.finding(unkept.unwrap_or_else(unstated));
    }

    /// The candidate that this worker was given (B22).
    fn chosen(&mut self, mapping: &Mapping) -> Option<Desired<'a>> {
        if let Some(value) = self.facts.names.get(&mapping.target) {
            return Some(Desired::Values(smallvec![Cow::from(value)]));
        }
        if let Some(unclear) = self.facts.unclear.get(&mapping.target) {
            let message = format!(
                "nobody can say whether the candidates of SelectUniqueValue are free: {}",
                unclear.why
            );
            let finding = Finding::new(Weight::Failure, "UniqueValueNotChosen", message);
            self.finding(finding.on(mapping.target.clone()));
            if let (true, Ok(again)) = (unclear.passes, self.moment.now.checked_add(ASK_AGAIN)) {
                self.revisit_by(again);
            }
            return None;
        }
        self.finding(
            Finding::new(
                Weight::Failure,
                "DuplicateTargetEntries",
                "somebody else has every candidate of SelectUniqueValue: add one that always differs",
            )
            .on(mapping.target.clone()),
        );
        None
    }

    /// Without what finds and names an account, nobody makes one.
    fn is_required(&self, mapping: &Mapping) -> bool {
        let target = mapping.target.as_str();
        let model = &self.policy.model;
        mapping.matching.is_some() || model.required.contains(&target) || model.identifying.contains(&target)
    }

    fn ignore_object(&mut self) {
        self.skip("the mapping takes this person out of the change (IgnoreObjectFlow)");
    }

    pub fn revisit_by(&mut self, at: Timestamp) {
        self.revisit = Some(self.revisit.map_or(at, |earlier| earlier.min(at)));
    }
}

/// Nobody makes an account without this.
fn needs(mapping: &Mapping, unkept: &[&str]) -> Finding {
    not_kept(Weight::Failure, unkept, "no account can be found or made").on(mapping.target.clone())
}

/// B33: what HR said before anybody read it, or before the person left, was not kept. It is not taken for nothing (B3).
fn not_kept(weight: Weight, unkept: &[&str], then: &str) -> Finding {
    let names = unkept.join("], [");
    let message = format!("HR said [{names}] when it was not to be kept, so {then}: HR has to send it again");
    Finding::new(weight, NOT_KEPT, message).lasting()
}

fn first(wanted: Texts<'_>) -> Option<String> {
    wanted.into_iter().next().map(Cow::into_owned)
}
