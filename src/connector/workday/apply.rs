//! Writing home: a hundred people are read back together, and each is then written on the condition that everything is as
//! the plan saw it, with exactly one outcome.

use futures::stream::{self, BoxStream, StreamExt};

use super::find;
use super::read_back;
use super::target::Shared;
use super::writing::Writing;
use crate::connector::{MayStart, Outcome, overtaken};
use crate::domain::plan::{Change, ChangeId};

/// People who are read back together.
const GROUP: usize = 100;

pub(super) fn apply(
    shared: &Shared,
    changes: Vec<Change>,
    may_start: MayStart,
) -> BoxStream<'_, (ChangeId, Outcome)> {
    let groups: Vec<Vec<Change>> = changes.chunks(GROUP).map(<[Change]>::to_vec).collect();
    let width = shared.reader.settings.writes_in_flight;
    let ready = {
        let may_start = may_start.clone();
        stream::iter(groups).then(move |group| read(shared, group, may_start.clone()))
    };
    ready
        .flat_map(stream::iter)
        .map(move |writing| {
            let may_start = may_start.clone();
            async move { writing.carry_out(shared, &may_start).await }
        })
        .buffer_unordered(width)
        .boxed()
}

/// Reads everybody as they are now. What happens between this and the write cannot be seen, since Workday has no
/// conditional writes (B27).
async fn read(shared: &Shared, group: Vec<Change>, may_start: MayStart) -> Vec<Writing> {
    let mut group: Vec<Writing> = group.into_iter().map(Writing::new).collect();
    if !may_start() {
        group.iter_mut().for_each(|writing| writing.refuse(overtaken()));
        return group;
    }
    let wids: Vec<String> = group.iter().filter_map(Writing::wid).collect();
    let workers = match find::by_wid(shared, wids).await {
        Ok(workers) => workers,
        Err(error) => {
            group
                .iter_mut()
                .for_each(|writing| writing.refuse(error.shared()));
            return group;
        }
    };
    for writing in &mut group {
        if let Some(wid) = writing.wid() {
            writing.meet(workers.get(&wid.to_ascii_lowercase()));
        }
    }
    let people: Vec<_> = group
        .iter()
        .filter(|writing| writing.is_about_contacts())
        .filter_map(|writing| {
            let wid = writing.wid()?;
            let worker = workers.get(&wid.to_ascii_lowercase())?;
            Some((wid, worker))
        })
        .collect();
    let mut contacts = read_back::contacts(shared, &people).await;
    for writing in &mut group {
        let own = writing.wid().and_then(|wid| contacts.remove(&wid));
        writing.compare(own, &shared.reader.settings);
    }
    group
}
