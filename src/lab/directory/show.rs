//! What of an object is shown to whom asks for it: chosen attributes, made-up ones, long ones in parts.

use super::domain::{Context, Domain};
use super::filter::held;
use super::refusal::{Answer, ERROR_INVALID_PARAMETER, Refusal};
use super::schema::{self, Att, CLASSES, KNOWN, Kind, Syntax};
use super::tree::Id;
use super::value::{self, Value};
use super::wire::{Entry, Values};

/// Values of one attribute in one answer (MaxValRange, [MS-ADTS] 3.1.1.3.4.6).
const LONGEST_RANGE: usize = 1500;

/// What `+` stands for (RFC 3673), as far as this directory has them.
const OPERATIONAL: &[&str] = &[
    "createTimeStamp",
    "modifyTimeStamp",
    "structuralObjectClass",
    "subSchemaSubEntry",
];

/// DNs with their GUIDs and SIDs in front (control 529).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnForm {
    Plain,
    Hex,
    Dashed,
}

/// The attributes that a search asks for.
pub struct Selection {
    /// Everything that is not made up.
    all: bool,
    named: Vec<Named>,
    pub types_only: bool,
    pub form: DnForm,
    /// A range behind the last value is no error (control 1948).
    pub any_range: bool,
}

struct Named {
    att: Att,
    range: Option<(usize, Option<usize>)>,
}

impl Selection {
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, types_only: bool, form: DnForm) -> Selection {
        let names: Vec<&str> = names.into_iter().collect();
        let mut selection = Selection {
            all: names.is_empty() || names.contains(&"*"),
            named: Vec::new(),
            types_only,
            form,
            any_range: false,
        };
        for name in names {
            match name {
                "+" => selection
                    .named
                    .extend(OPERATIONAL.iter().filter_map(|name| named(name))),
                // Unknown ones, `1.1` among them, have no values.
                _ => selection.named.extend(named(name)),
            }
        }
        selection
    }

    /// Whether it asks for this attribute; what says that an object is gone is always said.
    pub fn wants(&self, att: Att) -> bool {
        self.all || att == KNOWN.deleted || self.named.iter().any(|it| it.att == att)
    }
}

/// `member;range=1500-*`.
fn named(description: &str) -> Option<Named> {
    let mut options = description.split(';');
    let att = schema::find(options.next()?)?;
    let range = options.find_map(|option| {
        let (from, to) = option.strip_prefix("range=")?.split_once('-')?;
        let to = if to == "*" { None } else { Some(to.parse().ok()?) };
        Some((from.parse().ok()?, to))
    });
    Some(Named { att, range })
}

impl Domain {
    pub fn show(&self, id: Id, selection: &Selection, context: &Context) -> Answer<Entry> {
        let mut shown = Vec::new();
        if selection.all {
            for att in schema::attributes().filter(|att| !att.constructed) {
                if !selection.named.iter().any(|it| it.att == att) {
                    shown.extend(self.show_attribute(id, att, None, selection, context)?);
                }
            }
        }
        for Named { att, range } in &selection.named {
            shown.extend(self.show_attribute(id, *att, *range, selection, context)?);
        }
        Ok(Entry {
            name: self.dn_text(id, selection.form).into(),
            attributes: shown,
        })
    }

    fn show_attribute(
        &self,
        id: Id,
        att: Att,
        range: Option<(usize, Option<usize>)>,
        selection: &Selection,
        context: &Context,
    ) -> Answer<Option<Values>> {
        let values = self.values(id, att, selection.form, context);
        if values.is_empty() {
            return Ok(None);
        }
        let (name, values) = match range {
            None if values.len() <= LONGEST_RANGE => (att.name.to_string(), values),
            _ => match part(att, values, range.unwrap_or((0, None))) {
                Some(part) => part,
                None if selection.any_range => return Ok(None),
                None => return Err(Refusal::new(1, ERROR_INVALID_PARAMETER)),
            },
        };
        let values = if selection.types_only { Vec::new() } else { values };
        Ok(Some(Values::new(&name, values)))
    }

    /// The values as they are read.
    pub fn values(&self, id: Id, att: Att, form: DnForm, context: &Context) -> Vec<Value> {
        if att.secret {
            return Vec::new();
        }
        if att.constructed {
            return self.made_up(id, att, context);
        }
        if att == KNOWN.distinguished_name {
            return vec![self.dn_text(id, form).into_bytes()];
        }
        match att.syntax {
            Syntax::Dn => {
                let links = self.tree.links(id, att);
                links.map(|link| self.dn_text(link, form).into_bytes()).collect()
            }
            _ => held(self.tree.entry(id), att).into_owned(),
        }
    }

    /// `<GUID=…>;<SID=…>;CN=…` ([MS-ADTS] 3.1.1.3.4.1.5).
    pub fn dn_text(&self, id: Id, form: DnForm) -> String {
        let dn = self.tree.dn(id);
        let entry = self.tree.entry(id);
        let hex = |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<String>();
        let sid = entry.first(KNOWN.sid);
        let (guid, sid) = match form {
            DnForm::Plain => return dn,
            DnForm::Hex => (hex(&entry.guid.to_bytes_le()), sid.map(hex)),
            DnForm::Dashed => (entry.guid.to_string(), sid.and_then(value::sid_text)),
        };
        let sid = sid.map_or(String::new(), |sid| format!("<SID={sid}>;"));
        format!("<GUID={guid}>;{sid}{dn}")
    }

    /// Attributes that exist while they are asked for ([MS-ADTS] 3.1.1.4.5).
    fn made_up(&self, id: Id, att: Att, context: &Context) -> Vec<Value> {
        let entry = self.tree.entry(id);
        let is_account = entry.is_a("user");
        let one = |text: String| vec![text.into_bytes()];
        let names = |names: Vec<&str>| names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        match att.name {
            "canonicalName" => one(self.canonical_name(id)),
            "parentGUID" => {
                let parent = entry.parent.map(|parent| self.tree.entry(parent));
                parent
                    .map(|it| it.guid.to_bytes_le().to_vec())
                    .into_iter()
                    .collect()
            }
            "msDS-parentdistname" => entry
                .parent
                .map(|parent| self.tree.dn(parent).into_bytes())
                .into_iter()
                .collect(),
            "createTimeStamp" => one(value::generalized(entry.created.1)),
            "modifyTimeStamp" => one(value::generalized(entry.changed.1)),
            "structuralObjectClass" => names(entry.chain().iter().map(|it| it.name).collect()),
            "subSchemaSubEntry" => one(format!("CN=Aggregate,{}", self.tree.dn(self.schema))),
            "msDS-PrincipalName" => match entry.text(KNOWN.account_name) {
                Some(name) => one(format!("{}\\{name}", self.netbios_name)),
                None => Vec::new(),
            },
            "msDS-User-Account-Control-Computed" if is_account => {
                one(self.computed_control(id, context.now).to_string())
            }
            "msDS-UserPasswordExpiryTimeComputed" if is_account => {
                one(self.password_expiry(id).unwrap_or(value::NEVER).to_string())
            }
            "allowedAttributes" => names(self.allowed_attributes(id)),
            "allowedAttributesEffective" if self.may_write(context.caller, id) => {
                names(self.allowed_attributes(id))
            }
            "allowedChildClasses" => names(self.allowed_children(id).map(|it| it.name).collect()),
            "allowedChildClassesEffective" => {
                let mine = |it: &&schema::Class| self.may_create(context.caller, id, it);
                names(self.allowed_children(id).filter(mine).map(|it| it.name).collect())
            }
            _ => Vec::new(),
        }
    }

    fn allowed_attributes(&self, id: Id) -> Vec<&'static str> {
        let chain = self.tree.entry(id).chain();
        let may = |att: &Att| att.is_held_by(&chain) && !att.system;
        schema::attributes().filter(may).map(|att| att.name).collect()
    }

    fn allowed_children(&self, id: Id) -> impl Iterator<Item = &'static schema::Class> {
        let entry = self.tree.entry(id);
        CLASSES.iter().filter(move |class| {
            class.kind == Kind::Structural && class.parents.iter().any(|parent| entry.is_a(parent))
        })
    }

    /// `example.test/Staff/Ada`.
    fn canonical_name(&self, id: Id) -> String {
        let mut parts = Vec::new();
        let mut at = self.tree.entry(id);
        while let Some(parent) = at.parent {
            parts.push(at.rdn.value.replace('/', "\\/"));
            at = self.tree.entry(parent);
        }
        parts.reverse();
        format!("{}/{}", self.dns_name, parts.join("/"))
    }
}

fn part(att: Att, values: Vec<Value>, (from, to): (usize, Option<usize>)) -> Option<(String, Vec<Value>)> {
    let count = values.len();
    let last = to
        .unwrap_or(usize::MAX)
        .min(from.saturating_add(LONGEST_RANGE - 1));
    let part: Vec<Value> = values
        .into_iter()
        .skip(from)
        .take(last.checked_sub(from)?.saturating_add(1))
        .collect();
    let end = match last >= count - 1 {
        true => "*".to_string(),
        false => last.to_string(),
    };
    (!part.is_empty()).then(|| (format!("{};range={from}-{end}", att.name), part))
}
