//! What must always hold, looked for in the journal of a directory, in the database, and in what HR said.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use muster::connector::active_directory::MODEL;
use muster::domain::account::Anchor;
use muster::domain::dn::Dn;
use muster::domain::guard::Action;
use muster::domain::plan::Effect;

use super::directory::{ABROAD, By, Deed, Domain, Object, STAFF, What};
use super::eyes::Audit;
use super::history::{Field, Hand, id};
use super::world::{Folded, Order, TIGHT, World};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// For so long what was begun before an order may still be written.
const IN_HAND: SignedDuration = SignedDuration::from_mins(2);

/// Finds everything that is not as it must be.
pub fn check(world: &mut World) {
    let mut found = Vec::new();
    let domain = world.domain();
    let ours: Vec<Ours> = ours(world, &domain);
    found.extend(one_account_each(&ours));
    found.extend(nothing_missing_disables(world, &ours));
    found.extend(what_others_disabled_stays(world, &ours));
    found.extend(in_hrs_order(&domain, &ours));
    found.extend(within_the_fences(&ours));
    found.extend(within_the_limits(world, &domain, &ours));
    found.extend(a_link_is_to_one_account(world, &domain, &ours));
    found.extend(one_outcome_each(world));
    found.extend(no_secrets(world, &domain));
    for who in 0..world.house.workers {
        found.extend(no_leaver_can_sign_in(world, &domain, &id(who)));
        found.extend(no_link_leads_nowhere(world, &domain, &ours, &id(who)));
        found.extend(as_hr_has_it(world, &domain, &id(who)));
    }
    drop(domain);
    world.violations.extend(found);
}

/// A deed of the gateway.
struct Ours<'d> {
    number: usize,
    /// Whose it is.
    job: String,
    deed: &'d Deed,
    effect: &'d Effect,
    state: (By, usize, Timestamp),
    seen_in: Option<&'d str>,
    beside: &'d [Anchor],
}

impl Ours<'_> {
    fn told(&self) -> String {
        let Deed {
            at, worker, account, ..
        } = self.deed;
        format!("{at} {worker} {account}: {:?}", self.effect)
    }
}

fn ours<'d>(world: &World, domain: &'d Domain) -> Vec<Ours<'d>> {
    let senders = world.eyes().senders();
    let deeds = domain.journal.iter().enumerate();
    deeds
        .filter_map(|(number, deed)| match &deed.what {
            What::ByHand(_) => None,
            What::Effect {
                effect,
                state,
                seen_in,
                beside,
            } => Some(Ours {
                number,
                job: sender(&senders, deed).unwrap_or_default().to_string(),
                deed,
                effect,
                state: *state,
                seen_in: seen_in.as_deref(),
                beside,
            }),
        })
        .collect()
}

/// The job that did something; `None` where a person did.
fn sender<'s>(senders: &'s BTreeMap<String, String>, deed: &Deed) -> Option<&'s str> {
    deed.change.map(|change| senders[&change.to_string()].as_str())
}

fn one_account_each(ours: &[Ours]) -> Vec<String> {
    let twice = ours.iter().filter(|one| !one.beside.is_empty());
    twice
        .map(|one| format!("2: a second account beside {:?}: {}", one.beside, one.told()))
        .collect()
}

/// Only HR's word disables, and it was given when the account was as it was.
fn nothing_missing_disables(world: &World, ours: &[Ours]) -> Vec<String> {
    let disables = ours
        .iter()
        .filter(|one| matches!(one.effect, Effect::Disable | Effect::Delete));
    let unsaid = disables.filter(|one| {
        let said = |heard: usize| {
            let folded = world.folded(&one.deed.worker, heard);
            folded.leaves(&world.house)
        };
        // What HR said meanwhile is the next plan's.
        let planned = one.deed.at - IN_HAND;
        let known = world.statements.iter().take_while(|said| said.at < planned);
        !(one.state.1.min(known.count())..=one.deed.heard).any(said)
    });
    unsaid
        .map(|one| format!("5: disabled, and HR never said so: {}", one.told()))
        .collect()
}

/// Whether the job that did something knew it by then.
fn is_recorded(audit: &[Audit], one: &Ours, by: Timestamp) -> bool {
    audit.iter().any(|entry| match entry {
        Audit::Entry { job, worker, at, .. } => {
            *job == one.job && *worker == one.deed.worker && (one.deed.at..=by).contains(at)
        }
        _ => false,
    })
}

fn what_others_disabled_stays(world: &World, ours: &[Ours]) -> Vec<String> {
    let enables = ours.iter().filter(|one| *one.effect == Effect::Enable);
    let elsewhere = enables.filter(|one| one.state.0 == By::Hand);
    let audit = world.eyes().audit();
    let unasked = elsewhere.filter(|one| {
        let before = ours.iter().filter(|before| {
            before.number < one.number
                && before.deed.account == one.deed.account
                && matches!(
                    before.effect,
                    Effect::Enable | Effect::Create { enabled: true, .. }
                )
        });
        let last = before.max_by_key(|before| before.number);
        // Where it was not known yet that we had enabled it, nobody can tell who has disabled it since.
        let is_unknown = last.is_some_and(|last| !is_recorded(&audit, last, one.state.2));
        let since = last.map_or(0, |before| before.deed.heard);
        let mut heard = since..=one.deed.heard;
        let said = heard.any(|heard| world.folded(&one.deed.worker, heard).leaves(&world.house));
        !said && !is_unknown
    });
    unasked
        .map(|one| format!("6: somebody else had disabled it: {}", one.told()))
        .collect()
}

/// Titles are numbered in the order in which HR gives them. What one job had in hand when the person went on to another may come
/// last, until the other one looks again.
fn in_hrs_order(domain: &Domain, ours: &[Ours]) -> Vec<String> {
    let mut latest: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut found = Vec::new();
    // What lands late was sent in order.
    for one in ours
        .iter()
        .filter(|one| !domain.landed_late.contains(&one.number))
    {
        let title = match one.effect {
            Effect::Create { values, .. } => values.get("title").and_then(|values| values.first()),
            Effect::Set { attribute, after, .. } if attribute == "title" => after.first(),
            _ => None,
        };
        let number = title.and_then(|title| title.strip_prefix('T')?.parse::<u32>().ok());
        let Some(number) = number else { continue };
        let before = latest.entry((&one.job, &one.deed.worker)).or_default();
        if number < *before {
            found.push(format!("7: T{before} was later: {}", one.told()));
        }
        *before = number;
    }
    found
}

fn is_managed(container: &str) -> bool {
    let staff = Dn::parse(STAFF).unwrap();
    Dn::parse(container).is_some_and(|place| place.is_within(&staff))
}

fn within_the_fences(ours: &[Ours]) -> Vec<String> {
    let outside = ours.iter().filter(|one| {
        let goes_out = match one.effect {
            Effect::Create { container, .. } => container.as_deref().is_some_and(|it| !is_managed(it)),
            Effect::Move { after, .. } => !is_managed(after),
            _ => false,
        };
        goes_out || one.seen_in.is_some_and(|place| !is_managed(place))
    });
    outside
        .map(|one| format!("8: outside of what is managed: {}", one.told()))
        .collect()
}

/// Over any 24 hours.
fn within_the_limits(world: &World, domain: &Domain, ours: &[Ours]) -> Vec<String> {
    if !world.house.tight || world.clock_went_back {
        return Vec::new();
    }
    let mut found = Vec::new();
    // Each job has limits of its own.
    let mut times: BTreeMap<(&str, String), Vec<&Ours>> = BTreeMap::new();
    let audit = world.eyes().audit();
    let senders = world.eyes().senders();
    // What somebody else laid hands on before it was known to be done cannot be seen any more.
    let is_undone = |one: &Ours| {
        let mut later = domain.journal[one.number..].iter();
        let other =
            later.find(|deed| deed.account == one.deed.account && sender(&senders, deed) != Some(&one.job));
        other.is_some_and(|other| !is_recorded(&audit, one, other.at))
    };
    let jobs = world.house.jobs().iter().map(|(_, job, _)| *job);
    let limited_from = jobs.filter_map(|job| Some((job, creates_are_limited_from(world, domain, job)?)));
    let limited_from: BTreeMap<&str, Timestamp> = limited_from.collect();
    for one in ours.iter().filter(|one| !is_undone(one)) {
        let released = |(at, order): &(Timestamp, Order)| {
            let Order::Released(workers) = order else {
                return false;
            };
            *at <= one.deed.at && workers.contains(&one.deed.worker)
        };
        let (name, limit) = match Action::of(one.effect, &MODEL) {
            Some(Action::Disable | Action::Delete) if !world.orders.iter().any(released) => {
                ("disable".to_string(), "disables")
            }
            Some(Action::Create)
                if limited_from
                    .get(one.job.as_str())
                    .is_some_and(|from| *from < one.deed.at) =>
            {
                ("create".into(), "creates")
            }
            Some(Action::Enable) => ("enable".into(), "enables"),
            Some(Action::Move) => ("move".into(), "moves"),
            Some(Action::Rename) => ("rename".into(), "renames"),
            Some(action @ Action::Overwrite(_)) => (action.to_string(), "overwrites"),
            Some(action @ Action::Clear(_)) => (action.to_string(), "clears"),
            _ => continue,
        };
        let limit = TIGHT.iter().find(|(key, _)| *key == limit).unwrap().1;
        let all = times.entry((&one.job, name.clone())).or_default();
        all.push(one);
        let within = all
            .iter()
            .filter(|before| one.deed.at.duration_since(before.deed.at) < DAY);
        if within.count() > limit {
            found.push(format!("9: more than {limit} × {name} in a day: {}", one.told()));
        }
    }
    found
}

/// A job that has made all its accounts may make as many as are wanted, until one is found and stays linked.
fn creates_are_limited_from(world: &World, domain: &Domain, job: &str) -> Option<Timestamp> {
    let forgot = |(_, order): &(Timestamp, Order)| matches!(order, Order::ForgotLinks { .. });
    if world.orders.iter().any(forgot) {
        return None;
    }
    let links = world.eyes().links();
    let is_found = |worker: &str, account: &str| {
        let object = domain.get(&Anchor(account.to_string()));
        let link = (worker.to_string(), account.to_string(), job.to_string());
        object.is_some_and(|object| object.made_for.is_none()) && links.contains(&link)
    };
    let audit = world.eyes().audit();
    let mut lines = audit.iter().skip_while(|line| match line {
        Audit::Link {
            job: by,
            worker,
            account,
        } => by != job || !is_found(worker, account),
        _ => true,
    });
    let told = lines.find_map(|line| match line {
        Audit::Entry { at, .. } => Some(*at),
        _ => None,
    });
    Some(told? + IN_HAND)
}

/// Whoever had an account has no other one, unless that was deleted by us or somebody had the links forgotten.
fn a_link_is_to_one_account(world: &World, domain: &Domain, ours: &[Ours]) -> Vec<String> {
    // By worker: what each job did last.
    let mut last: BTreeMap<&str, BTreeMap<&str, &Ours>> = BTreeMap::new();
    let mut found = Vec::new();
    let audit = world.eyes().audit();
    for one in ours {
        let befores = last.entry(&one.deed.worker).or_default();
        let others = befores
            .values()
            .filter(|before| before.deed.account != one.deed.account);
        for before in others {
            // The clock may have been put back since.
            let forgotten = world.orders.iter().filter_map(|(at, order)| match order {
                Order::ForgotLinks { deeds, lines } if *deeds <= one.number => Some((*at, *deeds, *lines)),
                _ => None,
            });
            // What was in hand then may still have been written.
            let forgot = |(at, deeds, _): (Timestamp, usize, usize)| {
                before.number < deeds || before.deed.at.duration_since(at) <= IN_HAND
            };
            let since = forgotten
                .clone()
                .map(|(_, _, lines)| lines)
                .max()
                .unwrap_or_default();
            let was_linked = audit[since..].iter().any(|line| {
                matches!(line, Audit::Link { job, worker, account } if *job == before.job && *worker == before.deed.worker && *account == before.deed.account.0)
            });
            // What somebody deleted by hand meanwhile is made once more by a create that comes late.
            let is_late = domain.landed_late.contains(&one.number);
            // Another job has never had the one that somebody deleted, and may make its own.
            let mut meanwhile = domain.journal[..one.number].iter();
            let is_deleted = |deed: &Deed| {
                let by_hand = matches!(deed.what, What::ByHand(Hand::Delete | Hand::Recreate));
                by_hand && deed.account == before.deed.account
            };
            let is_anothers = before.job != one.job && meanwhile.any(is_deleted);
            let was_forgotten = forgotten.clone().any(forgot) || is_anothers;
            if was_linked && !was_forgotten && !is_late && *before.effect != Effect::Delete {
                found.push(format!(
                    "11: the account was {}: {}",
                    before.deed.account,
                    one.told()
                ));
            }
        }
        befores.insert(&one.job, one);
    }
    found
}

fn one_outcome_each(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let open = world.eyes().open_ends();
    if !open.is_empty() {
        found.push(format!("3: left open: {open:?}"));
    }
    let audit = world.eyes().audit();
    let mut ended: Vec<String> = Vec::new();
    let mut garbage = 0;
    for together in audit.split(|one| *one == Audit::Fence) {
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        for one in together {
            match one {
                Audit::End { worker, place } => {
                    ended.push(place.clone());
                    *ends.entry(worker).or_default() += 1;
                }
                Audit::Entry { worker, .. } => *entries.entry(worker).or_default() += 1,
                Audit::Fence | Audit::Link { .. } => {}
            }
        }
        garbage += entries.get("").copied().unwrap_or_default();
        for (worker, ends) in ends {
            let entries = entries.get(worker).copied().unwrap_or_default();
            if entries != ends {
                found.push(format!(
                    "3: {ends} operations of {worker} have {entries} outcomes"
                ));
            }
        }
    }
    // Each job answers for everything that HR says.
    let said = world.house.jobs().iter().flat_map(|_| &world.statements);
    let mut said: Vec<String> = said
        .map(|one| format!("{}.{}", one.sequence, one.position))
        .collect();
    said.sort();
    ended.sort();
    if said != ended {
        found.push(format!("3: acknowledged {said:?}, answered for {ended:?}"));
    }
    let about_nobody = world.garbage * world.house.jobs().len();
    if garbage != about_nobody {
        found.push(format!(
            "3: {garbage} outcomes of {about_nobody} operations about nobody"
        ));
    }
    found
}

fn no_secrets(world: &World, domain: &Domain) -> Vec<String> {
    let all = world.eyes().everything();
    let secrets = || domain.passwords.iter().map(String::as_str).chain(["Said-"]);
    all.iter()
        .filter(|(_, text)| secrets().any(|secret| text.contains(secret)))
        .map(|(table, text)| format!("10: a password in {table}: {text}"))
        .collect()
}

/// What limits of a job hold of one worker.
fn held(world: &World, worker: &str, job: &str) -> BTreeSet<String> {
    let held = world.eyes().held().into_iter();
    let theirs = held.filter(|(of, _, by)| of == worker && by == job);
    theirs.map(|(_, action, _)| action).collect()
}

/// Why a job was refused what it wanted of one worker.
fn refused(world: &World, worker: &str, job: &str) -> Option<String> {
    let mut refused = world.eyes().escrows().into_iter();
    let theirs = refused.find(|(of, _, by)| of == worker && by == job);
    theirs.map(|(_, code, _)| code)
}

/// Neither by an account that a job has for them, nor by one that we made and nobody has.
fn no_leaver_can_sign_in(world: &World, domain: &Domain, worker: &str) -> Vec<String> {
    let folded = world.folded(worker, usize::MAX);
    if !folded.leaves(&world.house) {
        return Vec::new();
    }
    let is_held = |job: &str| held(world, worker, job).contains("disable");
    let links = world.eyes().links();
    let linked = links.into_iter().filter(|(linked, ..)| linked == worker);
    let mut accounts: BTreeMap<Anchor, Vec<String>> = BTreeMap::new();
    for (_, account, job) in linked {
        accounts.entry(Anchor(account)).or_default().push(job);
    }
    let is_open = |account: &&Object| account.enabled && is_reached(account);
    let unheld = accounts
        .iter()
        .filter(|(_, jobs)| !jobs.iter().any(|job| is_held(job)));
    let theirs = unheld.filter_map(|(account, _)| domain.get(account));
    let mut jobs = world.house.jobs().iter();
    let is_told = jobs.any(|(_, job, _)| is_held(job) || refused(world, worker, job).is_some());
    let made = made_by_us(world, domain, worker);
    let nobodys = made.filter(|made| !accounts.contains_key(&made.anchor) && !is_told);
    let open = theirs.chain(nobodys).filter(is_open);
    open.map(|account| format!("4: a leaver can sign in: {worker}, linked to {accounts:?}, by {account:?}"))
        .collect()
}

/// Whose account is gone is linked to the one that the same job made since.
fn no_link_leads_nowhere(world: &World, domain: &Domain, ours: &[Ours], worker: &str) -> Vec<String> {
    // Where there are others with the number, nobody can tell which is meant.
    let is_alone = domain.holding("employeeID", worker).count() == 1;
    let Some(left) = made_by_us(world, domain, worker).next().filter(|_| is_alone) else {
        return Vec::new();
    };
    let mut making = ours
        .iter()
        .filter(|one| one.effect.is_create() && one.deed.account == left.anchor);
    let maker = making.next().map(|one| one.job.as_str());
    let links = world.eyes().links();
    let nowhere = links.iter().filter(|(linked, account, job)| {
        linked == worker && Some(job.as_str()) == maker && domain.get(&Anchor(account.clone())).is_none()
    });
    nowhere
        .map(|(_, _, job)| format!("11: the link of {worker} leads nowhere in {job}, and it made {left:?}"))
        .collect()
}

/// In the end an account is what HR says of its worker, as far as nothing stands against it.
fn as_hr_has_it(world: &World, domain: &Domain, worker: &str) -> Vec<String> {
    let folded = world.folded(worker, usize::MAX);
    let links = world.links();
    // Whoever is in no job's scope is left as they are.
    let Some(job) = folded.job(&world.house) else {
        return Vec::new();
    };
    let (held, refused) = (held(world, worker, job), refused(world, worker, job));
    let Some(link) = links.get(worker) else {
        let is_wanted = !folded.gone
            && folded.text(Field::DisplayName).is_some()
            && folded.container() != ABROAD
            && domain.holding("employeeID", worker).next().is_none()
            && !held.contains("create")
            && refused.is_none();
        let missing = is_wanted.then(|| format!("7: {worker} has no account, and nothing says why"));
        return missing.into_iter().collect();
    };
    let Some(account) = domain.get(&Anchor(link.clone())) else {
        return Vec::new();
    };
    let told = |what: String| format!("{what}: {worker} is {account:?}, and HR says {folded:?}");
    if !is_reached(account) {
        return Vec::new();
    }
    if world.house.deletes && folded.gone {
        return Vec::new();
    }
    let mut found = Vec::new();
    let forgot = world
        .orders
        .iter()
        .any(|(_, order)| matches!(order, Order::ForgotLinks { .. }));
    // Renamed by hand before its making was known, an account of ours cannot be told from anybody else's.
    let made = ["create success", "create warning"];
    let is_known = world.eyes().audit().iter().any(
        |one| matches!(one, Audit::Entry { worker: about, what, .. } if about == worker && made.contains(&what.as_str())),
    );
    let is_ours = account.state.0 == By::Gateway && !forgot && (is_known || account.made_for.is_none());
    if folded.active() == Some(true)
        && !account.enabled
        && is_ours
        && !held.contains("enable")
        && refused.is_none()
    {
        found.push(told("7: we disabled whom HR says to work here".into()));
    }
    found.extend(values(account, &folded, &held, refused.as_deref()).map(told));
    found.extend(place(account, &folded, &held, refused.is_some()).map(told));
    let manager = folded.text(Field::Manager).and_then(|manager| links.get(manager));
    let manager = manager.map(|anchor| Anchor(anchor.clone()));
    let manager = manager.filter(|anchor| domain.get(anchor).is_some());
    if manager.is_some()
        && account.manager != manager
        && !held.contains("overwrite:manager")
        && refused.is_none()
    {
        found.push(told(format!("7: the manager is not {manager:?}")));
    }
    found
}

/// It may be written.
fn is_reached(account: &Object) -> bool {
    !account.protected && is_managed(&account.container)
}

/// What we made for a worker, and nobody else has enabled or disabled since. Who had the links forgotten has to look for it.
fn made_by_us<'d>(
    world: &World,
    domain: &'d Domain,
    worker: &'d str,
) -> impl Iterator<Item = &'d Object> + use<'d> {
    let forgot = |(_, order): &(Timestamp, Order)| matches!(order, Order::ForgotLinks { .. });
    let is_known = !world.orders.iter().any(forgot);
    let held = domain.holding("employeeID", worker);
    held.filter(move |account| {
        let is_ours = account.made_for.as_deref() == Some(worker) && account.state.0 == By::Gateway;
        is_known && is_ours && is_reached(account)
    })
}

fn values<'v>(
    account: &'v Object,
    folded: &'v Folded,
    held: &'v BTreeSet<String>,
    refused: Option<&'v str>,
) -> impl Iterator<Item = String> + 'v {
    let mapped = [
        (Field::Title, "title"),
        (Field::DisplayName, "displayName"),
        (Field::GivenName, "givenName"),
        (Field::FamilyName, "sn"),
    ];
    // What an account refers to goes with its values in one request.
    let is_refused = refused == Some("ReferenceNotFound");
    mapped
        .into_iter()
        .filter(move |_| !is_refused)
        .filter_map(move |(field, attribute)| {
            let said = folded.text(field).filter(|text| text.len() <= 64)?;
            let is_so = account.value(attribute) == Some(said);
            let is_held = held.contains(&format!("overwrite:{attribute}"));
            (!is_so && !is_held).then(|| format!("7: {attribute} is not {said}"))
        })
}

fn place<'v>(
    account: &'v Object,
    folded: &'v Folded,
    held: &'v BTreeSet<String>,
    is_refused: bool,
) -> impl Iterator<Item = String> + 'v {
    let name = folded.text(Field::DisplayName).unwrap_or(&account.name);
    let container = folded.container();
    let named = account.name == name || held.contains("rename") || is_refused;
    let stays = !account.enabled || container == ABROAD || held.contains("move") || is_refused;
    let placed = account.container == container || stays;
    let wrong = [
        (!named).then(|| format!("7: the name is not {name}")),
        (!placed).then(|| format!("7: the place is not {container}")),
    ];
    wrong.into_iter().flatten()
}
