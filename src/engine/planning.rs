//! From a page of workers to what is to be done about them: the one way on which live cycles, plans that are kept and single
//! people go.

use std::sync::Arc;

use super::accounts::Accounts;
use super::names::{self, Names};
use super::reconcile::{self, Page, Recent};
use super::{Context, controller, holding, kindred, review};
use crate::domain::plan::Moment;
use crate::error::Result;

/// Finds everybody's account, gives names to those who have none, and plans and judges them all.
pub async fn plan(
    cx: &Context,
    accounts: &Accounts<'_>,
    mut page: Page,
    moment: &Moment,
    recent: &Recent,
    names: Names<'_>,
) -> Result<Page> {
    let session = accounts.session();
    kindred::turn_to(&cx.runner.policy, &mut page.subjects, moment);
    reconcile::find(cx, accounts, &mut page.subjects, moment, recent).await?;
    holding::gather(cx, &mut page.subjects, moment).await?;
    controller::wait_for_replication(cx, session, &mut page).await?;
    let endpoint = &session.endpoint().0;
    reconcile::resume(&cx.runner.policy, &mut page, endpoint, moment.now);
    names::choose(cx, session, &mut page.subjects, moment, names).await?;
    let (runner, at) = (Arc::clone(&cx.runner), *moment);
    let plan = move || {
        reconcile::plan_page(&runner, &mut page, &at);
        page
    };
    let mut page = cx.store.blocking().run("planning", plan).await?;
    review::doubles(cx, session, &mut page, moment).await?;
    Ok(page)
}
