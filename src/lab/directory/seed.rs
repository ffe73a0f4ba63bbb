//! What is there when the directory starts: what every domain has, and the invented company's office staff.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::account;
use super::domain::{Caller, Context, Domain};
use super::name::{self, Name, Rdn};
use super::schema::{self, Att, Class, KNOWN};
use super::tree::{Id, Life, New, Tree};
use super::value::{self, NEVER, Value};
use crate::error::{Error, Result};
use crate::lab::company::{Company, Person, Post};

/// The unit that is delegated to the service account, unless somebody says otherwise.
pub const STAFF: &str = "Staff";

/// Below it from the start; the cities follow as people come.
const UNITS: &[&str] = &["Contractors", "Leavers"];

pub const SERVICE_ACCOUNT: &str = "svc-muster";

/// An account whose password never expires.
const LASTING: i64 = account::NORMAL | account::PASSWORD_NEVER_EXPIRES;

/// 42 days, as spans are told ([MS-SAMR] 3.1.1.4.2).
const OLDEST_PASSWORD: i64 = -36_288_000_000_000;

/// The attributes of a new object, as text.
type Given<'a> = &'a [(&'a str, &'a str)];

/// Container, class, GUID by which it is well known ([MS-ADTS] 6.1.1.4).
#[rustfmt::skip]
const CONTAINERS: &[(&str, &str, u128)] = &[
    ("Users",                     "container",     0xa9d1ca15_7688_11d1_aded_00c04fd8d5cd),
    ("Computers",                 "container",     0xaa312825_7688_11d1_aded_00c04fd8d5cd),
    ("System",                    "container",     0xab1d30f3_7688_11d1_aded_00c04fd8d5cd),
    ("LostAndFound",              "lostAndFound",  0xab8153b7_7688_11d1_aded_00c04fd8d5cd),
    ("Deleted Objects",           "container",     0x18e2ea80_684f_11d2_b9aa_00c04f79f805),
    ("ForeignSecurityPrincipals", "container",     0x22b70c67_d56e_4efb_91e9_300fca3dc1aa),
    ("Builtin",                   "builtinDomain", 0x0),
];

/// Groups by RID, and whether their members are protected ([MS-ADTS] 3.1.1.6.1.1).
#[rustfmt::skip]
const GROUPS: &[(&str, u32, bool)] = &[
    ("Domain Admins",      512, true),
    ("Domain Users",       513, false),
    ("Domain Guests",      514, false),
    ("Domain Computers",   515, false),
    ("Domain Controllers", 516, true),
    ("Schema Admins",      518, true),
    ("Enterprise Admins",  519, true),
];

/// Accounts by RID, with their state.
#[rustfmt::skip]
const ACCOUNTS: &[(&str, u32, i64, &str)] = &[
    ("Administrator", 500, LASTING, "Built-in account for administering the computer/domain"),
    ("Guest",         501, LASTING | account::NO_PASSWORD_NEEDED | account::DISABLED, "Built-in account for guest access to the computer/domain"),
    ("krbtgt",        502, account::NORMAL | account::DISABLED, "Key Distribution Center Service Account"),
];

/// Below Configuration, down to where the Recycle Bin is said to be on.
const SERVICES: &[&str] = &["Services", "Windows NT", "Directory Service", "Optional Features"];

/// Below Configuration, down to the settings of the one controller, with their classes.
const CONTROLLER: &[(&str, &str)] = &[
    ("Sites", "sitesContainer"),
    ("Default-First-Site-Name", "site"),
    ("Servers", "serversContainer"),
    ("DC1", "server"),
    ("NTDS Settings", "nTDSDSA"),
];

/// What starting needs to know.
pub struct Plan<'a> {
    pub seed: u64,
    pub workers: usize,
    pub base_dn: &'a str,
    pub delegated: &'a [String],
    pub password: &'a str,
    pub admin_password: &'a str,
}

/// A domain as its first administrator would leave it.
pub fn domain(plan: &Plan, now: jiff::Timestamp) -> Result<Domain> {
    let root = root_name(plan.base_dn)?;
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let dns_name = dns_name(&root);
    let netbios_name = root[0].value.to_uppercase().chars().take(15).collect();
    let mut domain = Domain {
        tree: Tree::new(root),
        dns_name,
        netbios_name,
        admins: 0,
        configuration: 0,
        schema: 0,
        deleted_objects: 0,
        service: 0,
        delegated: Vec::new(),
        graves: BTreeSet::new(),
        sid: domain_sid(&mut rng),
        next_rid: 1103,
        rng,
    };
    let context = Context {
        caller: Caller::Nobody,
        now,
        secure: true,
        sees: Life::Living,
        permissive: false,
    };
    Seeding {
        domain: &mut domain,
        context: &context,
    }
    .everything(plan)?;
    Ok(domain)
}

fn root_name(base_dn: &str) -> Result<Name> {
    let name = name::name(base_dn).ok().filter(|name| !name.is_empty());
    let is_domain = |name: &Name| name.iter().all(|part| part.att.name == "dc");
    name.filter(is_domain)
        .ok_or_else(|| Error::invalid(format!("{base_dn}: a domain is called DC=…,DC=…")).at("base_dn"))
}

fn dns_name(root: &Name) -> String {
    let parts: Vec<&str> = root.iter().map(|part| part.value.as_str()).collect();
    parts.join(".")
}

fn domain_sid(rng: &mut ChaCha8Rng) -> Value {
    use rand::RngCore;
    let parts: Vec<String> = (0..3).map(|_| rng.next_u32().to_string()).collect();
    value::sid_bytes(&format!("S-1-5-21-{}", parts.join("-"))).unwrap_or_default()
}

struct Seeding<'a> {
    domain: &'a mut Domain,
    context: &'a Context,
}

impl Seeding<'_> {
    fn everything(&mut self, plan: &Plan) -> Result<()> {
        let root = self.contexts();
        self.describe_schema();
        self.give_categories();
        self.partitions(root);
        self.principals(root, plan);
        self.units(root, plan)?;
        self.people(root, plan);
        self.controller();
        Ok(())
    }

    /// The domain, Configuration and Schema: three naming contexts, one below the other.
    fn contexts(&mut self) -> Id {
        let rdn = self.domain.tree.root_name()[0].clone();
        let sid = self.domain.sid.clone();
        let behind = OLDEST_PASSWORD.to_string();
        let root = self.context_head(None, rdn, "domainDNS");
        for (name, value) in [
            ("minPwdLength", "7"),
            ("pwdProperties", "1"),
            ("maxPwdAge", behind.as_str()),
            ("minPwdAge", "0"),
            ("pwdHistoryLength", "0"),
            ("lockoutThreshold", "0"),
            ("ms-DS-MachineAccountQuota", "10"),
            ("msDS-Behavior-Version", "7"),
        ] {
            self.set(root, name, value.as_bytes().to_vec());
        }
        self.set(root, "objectSid", sid);
        self.domain.configuration = self.context_head(Some(root), cn("Configuration"), "configuration");
        self.domain.schema = self.context_head(Some(self.domain.configuration), cn("Schema"), "dMD");
        root
    }

    fn context_head(&mut self, parent: Option<Id>, rdn: Rdn, class: &str) -> Id {
        let class = class_called(class);
        let guid = self.domain.new_guid();
        let classes = schema::chain(class)
            .iter()
            .map(|it| it.name.as_bytes().to_vec())
            .collect();
        let name = vec![rdn.value.clone().into_bytes()];
        let values = BTreeMap::from([
            (KNOWN.class, classes),
            (rdn.att, name.clone()),
            (KNOWN.name, name),
            (KNOWN.instance_type, vec![b"5".to_vec()]),
        ]);
        self.domain.tree.insert(New {
            guid,
            parent,
            rdn,
            class,
            is_root: true,
            values,
            links: BTreeMap::new(),
            at: self.context.now,
        })
    }

    /// One object for each attribute and each class, as clients read them.
    fn describe_schema(&mut self) {
        let schema = self.domain.schema;
        for class in schema::CLASSES {
            let category = (class.kind as i32).to_string();
            let given = [
                ("lDAPDisplayName", class.name),
                ("governsID", class.oid),
                ("subClassOf", class.parent),
                ("objectClassCategory", category.as_str()),
                ("rDNAttID", class.names),
            ];
            let made = self.make(schema, cn(class.common_name), "classSchema", &given);
            self.set(made, "schemaIDGUID", guid_of(class.oid));
        }
        for att in schema::attributes() {
            let (syntax, om_syntax) = att.syntax.numbers();
            let (om_syntax, flags) = (om_syntax.to_string(), att.search_flags.to_string());
            let (lower, upper) = (
                att.lower.map(|it| it.to_string()),
                att.upper.map(|it| it.to_string()),
            );
            let truth = |it: bool| if it { "TRUE" } else { "FALSE" };
            let mut given = vec![
                ("lDAPDisplayName", att.name),
                ("attributeID", att.oid),
                ("attributeSyntax", syntax),
                ("oMSyntax", om_syntax.as_str()),
                ("isSingleValued", truth(att.single)),
                ("searchFlags", flags.as_str()),
                ("systemOnly", truth(att.system)),
            ];
            given.extend(lower.as_deref().map(|it| ("rangeLower", it)));
            given.extend(upper.as_deref().map(|it| ("rangeUpper", it)));
            let made = self.make(schema, cn(att.common_name), "attributeSchema", &given);
            self.set(made, "schemaIDGUID", guid_of(att.oid));
        }
    }

    /// The first objects were made before their classes were described.
    fn give_categories(&mut self) {
        let without = |it: &&super::tree::Entry| !it.links.contains_key(&KNOWN.category);
        let early: Vec<(Id, &'static Class)> = self
            .domain
            .tree
            .entries()
            .filter(without)
            .map(|entry| (entry.id, entry.class))
            .collect();
        for (id, class) in early {
            let category = self.domain.category(class).into_iter().collect();
            self.link(id, KNOWN.category, category);
        }
    }

    /// What the forest consists of, and that its Recycle Bin is on.
    fn partitions(&mut self, root: Id) {
        let configuration = self.domain.configuration;
        let mut place = configuration;
        for name in SERVICES {
            place = self.make(place, cn(name), "container", &[]);
        }
        let bin = self.make(place, cn("Recycle Bin Feature"), "msDS-OptionalFeature", &[]);
        let feature = Uuid::from_u128(0x766ddcd8_acd0_445e_f3b9_a7f9b6744f2a);
        self.set(bin, "msDS-OptionalFeatureGUID", feature.to_bytes_le().to_vec());
        let partitions = self.make(configuration, cn("Partitions"), "crossRefContainer", &[]);
        if let Some(enabled) = schema::find("msDS-EnabledFeature") {
            self.link(partitions, enabled, BTreeSet::from([bin]));
        }
        let (netbios_name, dns_name) = (self.domain.netbios_name.clone(), self.domain.dns_name.clone());
        let given = [
            ("nETBIOSName", netbios_name.as_str()),
            ("dnsRoot", dns_name.as_str()),
        ];
        let cross_ref = self.make(partitions, cn(&netbios_name), "crossRef", &given);
        if let Some(context) = schema::find("nCName") {
            self.link(cross_ref, context, BTreeSet::from([root]));
        }
    }

    /// The controller, and which life it leads: numbers of changes are of one life ([MS-ADTS] 3.1.1.1.9).
    fn controller(&mut self) {
        let place = self.domain.configuration;
        let settings = CONTROLLER.iter().fold(place, |above, (name, class)| {
            self.make(above, cn(name), class, &[])
        });
        let life = self.domain.new_guid();
        self.set(settings, "invocationId", life.to_bytes_le().to_vec());
    }

    fn principals(&mut self, root: Id, plan: &Plan) {
        let mut places = HashMap::new();
        for (name, class, well_known) in CONTAINERS {
            let id = self.make(root, cn(name), class, &[("showInAdvancedViewOnly", "FALSE")]);
            self.domain.tree.set_well_known(Uuid::from_u128(*well_known), id);
            self.set(id, "isCriticalSystemObject", b"TRUE".to_vec());
            places.insert(*name, id);
        }
        let (users, builtin) = (places["Users"], places["Builtin"]);
        self.domain.deleted_objects = places["Deleted Objects"];
        let mut groups = HashMap::new();
        for (name, rid, is_protected) in GROUPS {
            let sid = self.domain.sid_of(*rid);
            groups.insert(*name, self.group(users, name, sid, *is_protected));
        }
        self.domain.admins = groups["Domain Admins"];
        let sid = value::sid_bytes("S-1-5-32-544").unwrap_or_default();
        let administrators = self.group(builtin, "Administrators", sid, true);
        self.link(
            administrators,
            KNOWN.member,
            BTreeSet::from([groups["Domain Admins"], groups["Enterprise Admins"]]),
        );
        for (name, rid, control, description) in ACCOUNTS {
            let control = control.to_string();
            let given = [
                ("sAMAccountName", *name),
                ("userAccountControl", control.as_str()),
                ("description", *description),
            ];
            let id = self.make(users, cn(name), "user", &given);
            let sid = self.domain.sid_of(*rid);
            self.set(id, "objectSid", sid);
            self.set(id, "isCriticalSystemObject", b"TRUE".to_vec());
            if *name != "Guest" {
                self.set(id, "adminCount", b"1".to_vec());
            }
            if *name == "Administrator" {
                self.password(id, plan.admin_password);
                for group in ["Domain Admins", "Enterprise Admins", "Schema Admins"] {
                    self.link(groups[group], KNOWN.member, BTreeSet::from([id]));
                }
            }
        }
        let principal = format!("{SERVICE_ACCOUNT}@{}", self.domain.dns_name);
        let control = LASTING.to_string();
        let given = [
            ("sAMAccountName", SERVICE_ACCOUNT),
            ("userPrincipalName", principal.as_str()),
            ("userAccountControl", control.as_str()),
            ("description", "Muster's own account"),
        ];
        let service = self.make(users, cn(SERVICE_ACCOUNT), "user", &given);
        self.password(service, plan.password);
        self.domain.service = service;
    }

    fn group(&mut self, parent: Id, name: &str, sid: Value, is_protected: bool) -> Id {
        let id = self.make(parent, cn(name), "group", &[("sAMAccountName", name)]);
        self.set(id, "objectSid", sid);
        self.set(id, "isCriticalSystemObject", b"TRUE".to_vec());
        if is_protected {
            self.set(id, "adminCount", b"1".to_vec());
        }
        id
    }

    /// `OU=Staff`, what is below it, and whatever is delegated besides.
    fn units(&mut self, root: Id, plan: &Plan) -> Result<()> {
        self.unit(root, "Domain Controllers");
        let staff = self.unit(root, STAFF);
        for name in UNITS {
            self.unit(staff, name);
        }
        self.domain.delegated = vec![staff];
        if !plan.delegated.is_empty() {
            let units = plan.delegated.iter().map(|dn| self.unit_at(dn));
            self.domain.delegated = units.collect::<Result<_>>()?;
        }
        Ok(())
    }

    /// The unit with this DN, made where it is missing.
    fn unit_at(&mut self, dn: &str) -> Result<Id> {
        let wrong = || Error::invalid(format!("{dn}: no organizational unit of this domain")).at("delegated");
        let name = name::name(dn).map_err(|_| wrong())?;
        let below = name
            .len()
            .checked_sub(self.domain.tree.root_name().len())
            .ok_or_else(wrong)?;
        let root = name[below..].to_vec();
        let Some(Ok(mut at)) = self.domain.tree.locate(&root) else {
            return Err(wrong());
        };
        for part in name[..below].iter().rev() {
            if part.att.name != "ou" {
                return Err(wrong());
            }
            at = self.unit(at, &part.value);
        }
        Ok(at)
    }

    fn unit(&mut self, parent: Id, name: &str) -> Id {
        let rdn = Rdn {
            att: schema::find("ou").unwrap_or(KNOWN.common_name),
            value: name.to_string(),
        };
        match self.domain.tree.child(parent, &rdn) {
            Some(there) => there,
            None => self.make(parent, rdn, "organizationalUnit", &[]),
        }
    }

    /// Whoever works at an office and has started has an account, in his city's unit.
    fn people(&mut self, root: Id, plan: &Plan) {
        let today = self.context.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let company = Company::new(plan.seed, plan.workers, today);
        let staff = self.unit(root, STAFF);
        let mut accounts: HashMap<&str, Id> = HashMap::new();
        let at_office = |person: &&Person| person.post == Post::Office && person.hire <= today;
        for person in company.people.iter().filter(at_office) {
            let unit = self.unit(staff, person.site.city);
            let account = self.person(unit, person);
            let boss = person.manager.as_deref().and_then(|id| accounts.get(id));
            if let Some(boss) = boss {
                self.link(account, KNOWN.manager, BTreeSet::from([*boss]));
            }
            accounts.insert(&person.id, account);
        }
    }

    fn person(&mut self, unit: Id, person: &Person) -> Id {
        let short: String = person.display.chars().take(64).collect();
        let rdn = match self.domain.tree.child(unit, &cn(&short)) {
            None => cn(short.trim_end()),
            Some(_) => {
                let short: String = person.display.chars().take(50).collect();
                cn(&format!("{} {}", short.trim_end(), person.id))
            }
        };
        let name: String = person.user_name.chars().take(20).collect();
        let name = name.trim_end_matches('.');
        let is_taken = self
            .domain
            .tree
            .others(KNOWN.account_name, name.as_bytes(), None)
            .is_some();
        let name = if is_taken {
            format!("e{}", person.id)
        } else {
            name.to_string()
        };
        let principal = format!("{}@{}", person.user_name, self.domain.dns_name);
        let control = account::NORMAL | if person.active { 0 } else { account::DISABLED };
        let control = control.to_string();
        let expires = person.leave.map_or(NEVER, |leave| {
            let after = leave.saturating_add(jiff::ToSpan::days(1));
            let midnight = after.to_zoned(jiff::tz::TimeZone::UTC);
            midnight.map_or(NEVER, |it| value::filetime(it.timestamp()))
        });
        let expires = expires.to_string();
        let cut = |text: &str, longest: usize| text.chars().take(longest).collect::<String>();
        let (given_name, family_name) = (cut(&person.given, 64), cut(&person.family, 64));
        let mut given = vec![
            ("sAMAccountName", name.as_str()),
            ("userPrincipalName", principal.as_str()),
            ("mail", principal.as_str()),
            ("userAccountControl", control.as_str()),
            ("accountExpires", expires.as_str()),
            ("employeeID", person.id.as_str()),
            ("displayName", person.display.as_str()),
            ("givenName", given_name.as_str()),
            ("sn", family_name.as_str()),
            ("title", person.title.as_str()),
            ("department", person.department),
            ("division", person.division),
            ("l", person.site.city),
            ("st", person.site.region),
            ("c", person.site.country),
            ("postalCode", person.site.postal_code),
            ("streetAddress", person.site.street),
            ("preferredLanguage", person.site.language),
            ("telephoneNumber", person.phone.as_str()),
        ];
        given.extend(person.mobile.as_deref().map(|it| ("mobile", it)));
        let id = self.make(unit, rdn, "user", &given);
        // Nobody is told it; it is there so that the account may be enabled.
        let password = self.domain.new_guid().to_string();
        self.password(id, &password);
        id
    }

    // ---- Objects ---------------------------------------------------------------------------------------------

    fn make(&mut self, parent: Id, rdn: Rdn, class: &str, given: Given) -> Id {
        let named = given.iter().filter_map(|(name, value)| {
            let att = schema::find(name)?;
            Some((att, vec![value.as_bytes().to_vec()]))
        });
        let mut values: BTreeMap<Att, Vec<Value>> = named.collect();
        for (att, number) in super::add::first_numbers(class) {
            values
                .entry(att)
                .or_insert_with(|| vec![number.to_string().into_bytes()]);
        }
        let class = class_called(class);
        self.domain
            .make(parent, rdn, class, values, BTreeMap::new(), None, self.context)
    }

    fn set(&mut self, id: Id, name: &str, value: Value) {
        let usn = self.domain.tree.usn();
        if let Some(att) = schema::find(name) {
            self.domain.tree.set(id, att, vec![value], usn);
        }
    }

    fn link(&mut self, id: Id, att: Att, targets: BTreeSet<Id>) {
        let usn = self.domain.tree.usn();
        self.domain.tree.set_links(id, att, targets, usn);
    }

    fn password(&mut self, id: Id, password: &str) {
        let (usn, salt) = (self.domain.tree.usn(), self.domain.new_guid());
        let hashed = super::password::Hashed::new(password, salt);
        self.domain.tree.set_password(id, hashed, usn);
        let set = value::filetime(self.context.now).to_string();
        self.set(id, "pwdLastSet", set.into_bytes());
    }
}

fn cn(name: &str) -> Rdn {
    Rdn {
        att: KNOWN.common_name,
        value: name.to_string(),
    }
}

/// Of the table; `top` for a name that is not there, which a test of the table rules out.
fn class_called(name: &str) -> &'static Class {
    schema::class(name).unwrap_or(&schema::CLASSES[0])
}

/// A GUID that every forest gives the same thing.
fn guid_of(oid: &str) -> Value {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, oid.as_bytes())
        .to_bytes_le()
        .to_vec()
}
