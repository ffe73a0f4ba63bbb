//! `/groups/{id}/transitiveMembers`: "List group transitive members". Groups are made at `/lab/groups` alone; of those inside
//! others only the people are shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::desk::Desk;
use super::exchange::{Answer, Call, Refusal};
use super::query::Query;
use super::users::{context, key};

/// Members of each, people and groups.
pub type Groups = BTreeMap<Uuid, BTreeSet<Uuid>>;

/// A group, as whoever runs the simulator makes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub group: Uuid,
    pub members: BTreeSet<Uuid>,
}

pub fn transitive_members(desk: &mut Desk, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(call, desk.settings.page)?;
    let group = key(call).parse::<Uuid>().ok();
    let group = group.filter(|group| desk.directory.groups.contains_key(group));
    let group = group.ok_or_else(|| Refusal::missing(key(call)))?;
    let members = within(&desk.directory.groups, group);
    let shelf = desk.directory.truth();
    let users = members.iter().filter_map(|id| shelf.live().get(id));
    let mut answer = context(call, &format!("directoryObjects{}", query.view.columns()));
    answer.extend(query.page(call, users, |user| query.view.typed(user, shelf)));
    Ok(Answer::ok(Value::Object(answer)))
}

fn within(groups: &Groups, group: Uuid) -> BTreeSet<Uuid> {
    let (mut found, mut open) = (BTreeSet::new(), vec![group]);
    while let Some(next) = open.pop() {
        let members = groups.get(&next).into_iter().flatten();
        open.extend(members.filter(|member| found.insert(**member)));
    }
    found
}
