//! An account that goes from one job to another: what people hold of it, and what every job knows of its state.

use serde_json::{Value as Json, json};

use super::{Beside, account, first_schema, is_enabled, keep, only, path_of, schema, settled, start, told};
use crate::gateway::{APP, Caller, JOB, Setup, eventually, person, with};
use crate::pull::ldap;
use crate::support::lab::directory;

fn of(kind: &'static str) -> String {
    schema(move |object| only(object, "userType", "EQUALS", kind))
}

fn a(kind: &str, id: &str, name: &str, title: &str) -> Json {
    with(person(id, name), json!({ "userType": kind, "title": title }))
}

async fn send(caller: &Caller, method: &str, what: &str, body: Option<Json>) -> Json {
    let path = format!("{}/{what}", path_of(APP, JOB));
    let (status, answer) = caller.send(method, &path, body).await;
    assert!(status.is_success(), "{method} {what}: {answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_a_hold_goes_along_to_another_job() {
    let lab = tokio::task::block_in_place(directory);
    let setup = first_schema(Setup::with_target(&ldap(&lab)), &of("Employee"));
    let beside = [Beside::new(1, "contractors").schema(&setup, &of("Contractor"))];
    let gateway = start(setup, &beside).await;
    let caller = &gateway.caller;
    let say = async |people: &[Json]| {
        caller.upload(people).await;
        settled(caller, &beside).await;
    };
    let everybody = |kind: &str, title: &str| {
        [
            a(kind, "1", "Ada Byron", title),
            a(kind, "2", "Grace Hopper", title),
            a(kind, "3", "Edith Clarke", title),
        ]
    };
    say(&everybody("Employee", "Clerk")).await;
    let grace = account(&lab, "2").dn.clone();
    let mut holds = Vec::new();
    for whose in [json!({ "worker": "1" }), json!({ "account": grace })] {
        let wanted = with(whose, json!({ "reason": "a claim is open" }));
        holds.push(send(caller, "POST", "holds", Some(wanted)).await);
    }

    say(&everybody("Contractor", "Adviser")).await;
    let title = |id: &str| account(&lab, id).value("title").map(String::from);
    eventually("whom nobody holds is taken over", async || {
        title("3").as_deref() == Some("Adviser")
    })
    .await;
    for id in ["1", "2"] {
        assert_eq!(title(id).as_deref(), Some("Clerk"), "{id}");
        let (_, status, code, reason) = told(caller, "contractors", id).await.remove(0);
        assert_eq!(
            (status.as_str(), code.as_str()),
            ("skipped", "OnHold"),
            "{reason}"
        );
        assert!(reason.contains(&format!("in the job {JOB}")), "{reason}");
    }
    // Who leaves is out all the same (B13), and stays out.
    say(&[json!({ "externalId": "1", "active": false })]).await;
    assert!(!is_enabled(&account(&lab, "1")));
    say(&[json!({ "externalId": "1", "active": true })]).await;
    assert!(!is_enabled(&account(&lab, "1")));

    for hold in &holds {
        let path = format!("holds/{}", hold["id"].as_str().unwrap());
        send(caller, "DELETE", &path, None).await;
    }
    eventually("what HR says is done at once, by the other job", async || {
        ["1", "2"]
            .iter()
            .all(|id| title(id).as_deref() == Some("Adviser"))
            && is_enabled(&account(&lab, "1"))
    })
    .await;
    assert!(send(caller, "GET", "holds", None).await["value"] == json!([]));
    // Nor does a hold that one job was given keep the owner from disabling (B13).
    let hold = json!({ "worker": "3", "reason": "a claim is open" });
    send(caller, "POST", "holds", Some(hold)).await;
    say(&[json!({ "externalId": "3", "active": false })]).await;
    assert!(!is_enabled(&account(&lab, "3")));
}

/// The owner disables a leaver whom another app, which reads the account and does no more, looked at before.
#[tokio::test(flavor = "multi_thread")]
async fn b16_b33_what_the_owner_disables_is_open_for_nobody() {
    let lab = tokio::task::block_in_place(directory);
    let setup = Setup::with_target(&ldap(&lab));
    let managers = schema(|object| {
        object["flowTypes"] = json!("Update");
        keep(object, &["employeeID", "manager"]);
    });
    let beside = [Beside::new(1, "beside").schema(&setup, &managers)];
    let gateway = start(setup, &beside).await;
    let caller = &gateway.caller;
    let enabled = async |app: &str, job: &str| {
        let path = format!("{}/report", path_of(app, job));
        caller.send("GET", &path, None).await.1["enabledAccounts"].clone()
    };
    let (app, other) = (beside[0].app(), "beside");
    caller.upload(&[person("1", "Ada Byron")]).await;
    settled(caller, &beside).await;
    eventually("both know the account", async || {
        enabled(APP, JOB).await == 1 && enabled(&app, other).await == 1
    })
    .await;
    // The owner comes second.
    send(caller, "POST", "pause", None).await;
    caller
        .upload(&[json!({ "externalId": "1", "active": false })])
        .await;
    let path = path_of(&app, other);
    eventually("the other has looked", async || {
        let (_, job) = caller.send("GET", &path, None).await;
        job["status"]["progress"][0]["totalUnits"] == 0
    })
    .await;
    assert_eq!(enabled(&app, other).await, 1);
    send(caller, "POST", "start", None).await;
    settled(caller, &beside).await;
    assert!(!is_enabled(&account(&lab, "1")));
    assert_eq!(enabled(APP, JOB).await, 0);
    assert_eq!(enabled(&app, other).await, 0, "nobody has to look again for that");
    // And back.
    caller
        .upload(&[json!({ "externalId": "1", "active": true })])
        .await;
    settled(caller, &beside).await;
    eventually("it is open for both", async || {
        enabled(APP, JOB).await == 1 && enabled(&app, other).await == 1
    })
    .await;
}
