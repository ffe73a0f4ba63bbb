//! From a page of workers to what is to be done about them: the one way on which live cycles, plans that are kept and single
//! people go.

use std::sync::Arc;

use super::accounts::Accounts;
use super::names::{self, Names, Promised};
use super::reconcile::{self, Recent};
use super::subject::Page;
use super::{Context, controller, holding, kindred, review, unanswered};
use crate::connector::Session;
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
    find(cx, accounts, &mut page, moment, recent).await?;
    judge(cx, accounts.session(), page, moment, names).await
}

/// The same for somebody who only looks: nobody is kept waiting, and nothing is written, names that are looked at included.
pub async fn look(
    cx: &Context,
    session: &dyn Session,
    mut page: Page,
    moment: &Moment,
    promised: &Promised,
) -> Result<Page> {
    let accounts = Accounts::Asked(session);
    find_now(cx, &accounts, &mut page, moment, &Recent::default()).await?;
    judge(cx, session, page, moment, Names::Look(promised)).await
}

/// The first half: everybody's account is found. Pages need not wait for each other here.
pub async fn find(
    cx: &Context,
    accounts: &Accounts<'_>,
    page: &mut Page,
    moment: &Moment,
    recent: &Recent,
) -> Result<()> {
    find_now(cx, accounts, page, moment, recent).await?;
    controller::wait_for_replication(cx, accounts.session(), page).await
}

async fn find_now(
    cx: &Context,
    accounts: &Accounts<'_>,
    page: &mut Page,
    moment: &Moment,
    recent: &Recent,
) -> Result<()> {
    kindred::turn_to(&cx.runner.policy, &mut page.subjects, moment);
    reconcile::find(cx, accounts, &mut page.subjects, moment, recent).await?;
    holding::gather(cx, &mut page.subjects, moment).await
}

/// The second: what is to be done follows, page after page, since names and limits are given out in turn.
pub async fn judge(
    cx: &Context,
    session: &dyn Session,
    mut page: Page,
    moment: &Moment,
    names: Names<'_>,
) -> Result<Page> {
    let endpoint = &session.endpoint().0;
    unanswered::resume(&cx.runner.policy, &mut page, endpoint, moment.now);
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
