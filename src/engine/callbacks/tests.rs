//! The whole way of a callback, between a directory and an HR system that do as they are told.

mod company;

use serde_json::json;

use self::company::*;
use super::*;
use crate::connector::{Cursor, OPEN_PROCESS};
use crate::domain::callback::{Member, Who};
use crate::domain::expression::Expression;

fn is(status: &str, code: &str) -> (String, String) {
    (status.into(), code.into())
}

fn call(worker: &str, values: &[(Member, &str)]) -> Call {
    Call {
        who: Who {
            worker: Some(worker.into()),
            principal: None,
        },
        values: values
            .iter()
            .map(|(member, value)| (*member, (*value).to_string()))
            .collect(),
    }
}

fn mail(worker: &str, mail: &str) -> Call {
    call(worker, &[(Member::Email, mail)])
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_a_callback_goes_home_at_once_and_gives_way_to_the_directory() {
    let company = Company::new().await;
    let asked = company.directory.asked.lock().unwrap().len();
    let id = company.call(&[mail("1", "ada@example.com")]).await;
    assert_eq!(company.outcomes(&id).await, [is("success", "")]);
    assert_eq!(company.hr.get("1", "EmailAddress").unwrap(), "ada@example.com");
    let report = company.report(&id).await;
    assert_eq!(
        (&report["id"], &report["items"][0]["workerId"]),
        (&json!(id), &json!("1"))
    );
    assert!(!report.to_string().contains("ada@"), "{report}");
    let holding = Cursor::Holding {
        attribute: "employeeId".into(),
        values: vec!["1".into()],
    };
    assert_eq!(
        company.directory.asked.lock().unwrap()[asked..],
        [holding],
        "one person was asked for"
    );
    let entry = &company.entries("id-1").await[0];
    assert_eq!(entry["provisioningStatusInfo"]["status"], "success");
    assert_eq!(entry["modifiedProperties"][0]["newValue"], "ada@example.com");

    // The directory says nothing new, and then something else.
    company.read_again().await;
    assert_eq!(company.hr.get("1", "EmailAddress").unwrap(), "ada@example.com");
    company.directory.set("id-1", "mail", "ada.byron@example.com");
    company.read_again().await;
    eventually("the directory's word counts again", async || {
        company.hr.get("1", "EmailAddress").unwrap() == "ada.byron@example.com"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_what_hr_holds_is_not_sent_again() {
    let company = Company::new().await;
    let id = company.call(&[mail("1", "ada@example.com")]).await;
    company.outcomes(&id).await;
    let id = company.call(&[mail("1", "ADA@example.com")]).await;
    assert_eq!(company.outcomes(&id).await, [is("success", "RedundantExport")]);
    assert_eq!(company.hr.writes.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_and_several_are_told_apart() {
    let company = Company::new().await;
    company.directory.add("4");
    company.directory.set("other", "employeeId", "2");
    company
        .directory
        .set("other", "userPrincipalName", "other@example.com");
    let both = |worker: &str, principal: &str| Call {
        who: Who {
            worker: Some(worker.into()),
            principal: Some(principal.into()),
        },
        ..mail(worker, "x@example.com")
    };
    let calls = [
        mail("9", "x@example.com"),
        mail("2", "x@example.com"),
        both("2", "Other@example.com"),
        both("1", "p3@example.com"),
        // The directory has not been read since she came.
        mail("4", "x@example.com"),
    ];
    let id = company.call(&calls).await;
    let expected = [
        is("failure", "WorkerNotFound"),
        is("failure", "AmbiguousWorker"),
        // HR's worker 2 goes with the other account.
        is("failure", "DuplicateSourceEntries"),
        is("failure", "WorkerNotFound"),
        // HR has nobody of that number.
        is("failure", "WorkerNotFound"),
    ];
    assert_eq!(company.outcomes(&id).await, expected);
    let entry = &company.entries("9").await[0];
    assert_eq!(
        entry["provisioningStatusInfo"]["errorInformation"]["errorCode"],
        "WorkerNotFound"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_callbacks_about_one_person_are_carried_out_in_order() {
    let company = Company::new().await;
    company.engine.pause_job(&company.app.job).await.unwrap();
    let calls = [
        mail("1", "first@example.com"),
        call("1", &[(Member::Landline, "030 1234")]),
        mail("1", "second@example.com"),
    ];
    let id = company.call(&calls).await;
    assert_eq!(company.report(&id).await["status"], "notStarted");
    company.engine.start_job(&company.app.job).await.unwrap();
    let expected = [is("skipped", "Superseded"), is("success", ""), is("success", "")];
    assert_eq!(company.outcomes(&id).await, expected);
    assert_eq!(company.hr.get("1", "EmailAddress").unwrap(), "second@example.com");
    assert_eq!(company.entries("id-1").await.len(), 3, "one entry for each (B5)");
    assert_eq!(company.hr.writes.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_callbacks_wait_out_the_directorys_silence() {
    let company = Company::new().await;
    *company.directory.silent.lock().unwrap() = Some(Error::unavailable("nobody there"));
    let id = company.call(&[mail("1", "ada@example.com")]).await;
    let asked = || company.directory.asked.lock().unwrap().len();
    let before = asked();
    eventually("it was asked twice", async || asked() >= before + 2).await;
    assert_eq!(words(&company.report(&id).await), [is("accepted", "")]);
    *company.directory.silent.lock().unwrap() = None;
    assert_eq!(company.outcomes(&id).await, [is("success", "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_what_the_directory_refuses_for_one_is_nobody_elses_affair() {
    let company = Company::new().await;
    *company.directory.silent.lock().unwrap() = Some(Error::invalid("no such filter").code("BadFilter"));
    let id = company
        .call(&[mail("1", "ada@example.com"), mail("2", "bob@example.com")])
        .await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("failure", "BadFilter"), is("failure", "BadFilter")]
    );
}

/// Lets the times pass after which somebody is looked up again, until enough is known.
async fn tries(company: &Company, sought: &str, mut enough: impl AsyncFnMut() -> bool) -> usize {
    for tries in 1.. {
        let before = company.directory.asked_for(sought);
        if enough().await {
            return tries;
        }
        assert!(tries < 100, "{sought} is looked up for ever");
        // A wait may begin only after the question was seen.
        eventually("it is looked up again, or over", async || {
            company.pass(SignedDuration::from_mins(1));
            company.directory.asked_for(sought) > before || enough().await
        })
        .await;
    }
    unreachable!()
}

/// Lets time pass until each has an outcome: a wait may begin after the fault was mended.
async fn over_in_time(company: &Company, id: &str) {
    eventually("each has an outcome in time", async || {
        company.pass(SignedDuration::from_mins(1));
        company.report(id).await["status"] == "completed"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_found_for_certain_holds_nobody_up_and_fails_in_the_end() {
    let company = Company::new().await;
    company.directory.doubtful.lock().unwrap().insert("2".into());
    let calls = ["2", "1", "3"].map(|worker| mail(worker, &format!("p{worker}@mail.example.com")));
    let id = company.call_with(&calls, true).await;
    let others = [is("accepted", ""), is("success", ""), is("success", "")];
    eventually("the others went home", async || {
        words(&company.report(&id).await) == others
    })
    .await;
    // Nor those who come later.
    let later = company.call(&[mail("1", "later@example.com")]).await;
    assert_eq!(company.outcomes(&later).await, [is("success", "")]);
    assert_eq!(words(&company.report(&id).await), others);
    let is_over = async || company.report(&id).await["status"] == "completed";
    let tried = tries(&company, "2", is_over).await;
    assert!((5..=20).contains(&tried), "{tried}");
    let outcome = &company.report(&id).await["items"][0];
    assert_eq!(
        (&outcome["status"], &outcome["code"]),
        (&json!("failure"), &json!("LookUpFailed"))
    );
    assert!(
        outcome["message"]
            .as_str()
            .unwrap()
            .contains("the search took too long"),
        "{outcome}"
    );
    assert_eq!(company.entries("2").await.len(), 1, "one entry in the log (B5)");
    assert_eq!(company.notices().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_be_found_after_all_goes_home() {
    let company = Company::new().await;
    company.directory.doubtful.lock().unwrap().insert("2".into());
    let id = company.call(&[mail("2", "bob@example.com")]).await;
    eventually("it was tried alone", async || {
        company.directory.asked_for("2") >= 2
    })
    .await;
    assert_eq!(words(&company.report(&id).await), [is("accepted", "")]);
    company.directory.doubtful.lock().unwrap().clear();
    assert_eq!(company.outcomes(&id).await, [is("success", "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_silence_about_everybody_is_nobodys_failure() {
    let company = Company::new().await;
    *company.directory.silent.lock().unwrap() = Some(Error::unavailable("nobody there"));
    let id = company
        .call(&[mail("1", "ada@example.com"), mail("2", "bob@example.com")])
        .await;
    let directory = &company.directory;
    tries(&company, "1", async || directory.asked_for("1") > 20).await;
    assert_eq!(
        words(&company.report(&id).await),
        [is("accepted", ""), is("accepted", "")]
    );
    *company.directory.silent.lock().unwrap() = None;
    over_in_time(&company, &id).await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("success", ""), is("success", "")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_one_way_of_asking_that_fails_is_one_cause() {
    let company = Company::new().await;
    company
        .directory
        .doubtful
        .lock()
        .unwrap()
        .insert("userPrincipalName".into());
    let named = |principal: &str| Call {
        who: Who {
            worker: None,
            principal: Some(principal.into()),
        },
        ..mail("", "x@example.com")
    };
    let id = company
        .call(&[named("p1@example.com"), mail("2", "bob@example.com")])
        .await;
    let one = [is("accepted", ""), is("success", "")];
    eventually("who is named otherwise goes home", async || {
        words(&company.report(&id).await) == one
    })
    .await;
    let directory = &company.directory;
    tries(&company, "p1@example.com", async || {
        directory.asked_for("p1@example.com") > 20
    })
    .await;
    assert_eq!(words(&company.report(&id).await), one, "nobody's failure");
    company.directory.doubtful.lock().unwrap().clear();
    over_in_time(&company, &id).await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("success", ""), is("success", "")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_who_is_looked_up_late_does_not_undo_what_was_said_since() {
    let company = Company::new().await;
    company
        .directory
        .doubtful
        .lock()
        .unwrap()
        .insert("p1@example.com".into());
    let early = |values: &[(Member, &str)]| Call {
        who: Who {
            worker: None,
            principal: Some("p1@example.com".into()),
        },
        ..call("", values)
    };
    let id = company
        .call(&[
            early(&[(Member::Email, "early@example.com")]),
            early(&[
                (Member::Email, "early@example.com"),
                (Member::Landline, "030 1234"),
            ]),
        ])
        .await;
    eventually("they were tried", async || {
        company.directory.asked_for("p1@example.com") >= 2
    })
    .await;
    let late = company.call(&[mail("1", "late@example.com")]).await;
    assert_eq!(company.outcomes(&late).await, [is("success", "")]);
    company.directory.doubtful.lock().unwrap().clear();
    over_in_time(&company, &id).await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("skipped", "Superseded"), is("success", "")]
    );
    let held = |attribute| company.hr.get("1", attribute).unwrap();
    assert_eq!(held("EmailAddress"), "late@example.com");
    assert!(held("WorkphoneLandlineNumber").contains("1234"));
    assert_eq!(company.entries("id-1").await.len(), 3, "one entry for each (B5)");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_vain_ends_is_told_and_is_forgotten() {
    let company = Company::new().await;
    let refusals = [("1".to_string(), OPEN_PROCESS)];
    *company.hr.refused.lock().unwrap() = refusals.into();
    let pending = company
        .call_with(
            &[mail("1", "ada@example.com"), mail("2", "bob@example.com")],
            true,
        )
        .await;
    eventually("it is pending", async || {
        words(&company.report(&pending).await) == [is("pending", OPEN_PROCESS), is("success", "")]
    })
    .await;
    company.engine.pause_job(&company.app.job).await.unwrap();
    let paused = company.call_with(&[mail("3", "cyd@example.com")], true).await;
    let gone = Batch {
        id: "gone".into(),
        client: "hr".into(),
        key: None,
        digest: String::new(),
        notify: true,
        calls: vec![mail("1", "ada@example.com")],
    };
    let now = company.engine.clock().now();
    let store = company.engine.store();
    let append = move |conn: &mut Conn| callbacks::append(conn, "gone", "directory", &gone, now, 1);
    store.write(append).await.unwrap();
    let of_gone = async || {
        store
            .read(|conn| Report::load(conn, "gone", "gone"))
            .await
            .unwrap()
    };

    let days = |days: i64| company.pass(SignedDuration::from_hours(24 * days));
    days(13);
    overdue::tend_once(&company.engine).await.unwrap();
    assert_eq!(company.notices().await, 0);
    assert_eq!(words(&company.report(&paused).await), [is("accepted", "")]);
    days(2);
    overdue::tend_once(&company.engine).await.unwrap();
    assert_eq!(company.notices().await, 3, "whoever wanted to be told is");
    let ended = [is("failure", "NotFinishedInHr"), is("success", "")];
    assert_eq!(words(&company.report(&pending).await), ended);
    assert_eq!(
        words(&company.report(&paused).await),
        [is("failure", "NotCarriedOut")]
    );
    let report = serde_json::to_value(of_gone().await.unwrap()).unwrap();
    assert_eq!(words(&report), [is("failure", "JobNotFound")]);
    assert_eq!(company.entries("3").await.len(), 1, "one entry in the log (B5)");
    overdue::tend_once(&company.engine).await.unwrap();
    assert_eq!(company.notices().await, 0, "told once");

    // What ended stays ended, whatever becomes of the change.
    company.hr.refused.lock().unwrap().clear();
    company.engine.start_job(&company.app.job).await.unwrap();
    eventually("the change went home all the same", async || {
        company.hr.get("1", "EmailAddress").is_some()
    })
    .await;
    assert_eq!(words(&company.report(&pending).await), ended);

    days(16);
    overdue::tend_once(&company.engine).await.unwrap();
    assert!(of_gone().await.is_none(), "nobody can ask for it");
    assert_eq!(words(&company.report(&pending).await), ended);
    days(15);
    overdue::tend_once(&company.engine).await.unwrap();
    assert!(
        company
            .engine
            .callback(&company.app, &pending)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_what_waits_for_hr_is_pending_and_what_hr_refuses_is_not() {
    let company = Company::new().await;
    let refusals = [
        ("1".to_string(), OPEN_PROCESS),
        ("2".to_string(), "UserNameTaken"),
    ];
    *company.hr.refused.lock().unwrap() = refusals.into();
    let id = company
        .call_with(
            &[mail("1", "ada@example.com"), mail("2", "bob@example.com")],
            true,
        )
        .await;
    eventually("both were refused", async || {
        words(&company.report(&id).await) == [is("pending", OPEN_PROCESS), is("failure", "UserNameTaken")]
    })
    .await;
    assert_eq!(company.report(&id).await["status"], "running");
    assert_eq!(company.notices().await, 0, "not all have an outcome");
    company.hr.refused.lock().unwrap().clear();
    let restart = crate::engine::Restart {
        escrows: true,
        ..Default::default()
    };
    company
        .engine
        .restart_job(&company.app.job, restart, "somebody")
        .await
        .unwrap();
    let expected = [is("success", ""), is("failure", "UserNameTaken")];
    assert_eq!(
        company.outcomes(&id).await,
        expected,
        "a failure stays what it was"
    );
    assert_eq!(
        company.hr.get("2", "EmailAddress").unwrap(),
        "bob@example.com",
        "though it was tried again"
    );
    assert_eq!(company.notices().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_judged_by_what_it_named() {
    let company = Company::new().await;
    let calls = [
        call("1", &[(Member::Mobile, "666 1")]),
        mail("1", "ada@example.com"),
        call("1", &[(Member::Landline, "030 1")]),
        // The mapping gives no name without an address.
        call("2", &[(Member::UserName, "bob@example.com")]),
    ];
    let id = company.call(&calls).await;
    let expected = [
        is("failure", "InvalidAttributeSyntax"),
        is("success", ""),
        is("success", ""),
        is("skipped", "NothingToFlow"),
    ];
    assert_eq!(company.outcomes(&id).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_has_no_use_for_is_objected_to() {
    let company = Company::new().await;
    let mut policy = policy();
    policy
        .schema
        .mappings
        .retain(|mapping| mapping.target != "WorkphoneMobileNumber");
    let expression = "Join(\"-\", [a], [b])";
    for mapping in &mut policy.schema.mappings {
        if mapping.target == "EmailAddress" || mapping.target == "WorkerID" {
            mapping.expression = Some(Expression::parse(expression).unwrap());
        }
    }
    let route = Route::new(&policy, CALLABLE);
    let objections = route.objections(
        3,
        &call(
            "1",
            &[
                (Member::Email, "x"),
                (Member::Landline, "1"),
                (Member::Mobile, "1"),
            ],
        ),
    );
    let told: Vec<_> = objections.iter().map(|one| (one.call, one.member)).collect();
    assert_eq!(
        told,
        [(3, None), (3, Some(Member::Email)), (3, Some(Member::Mobile))]
    );
    for (objection, part) in objections.iter().zip([
        "WorkerID",
        "reads a, b: map it from mail",
        "does not map WorkphoneMobileNumber",
    ]) {
        assert!(objection.message.contains(part), "{objection:?}");
    }
    drop(company);
}
