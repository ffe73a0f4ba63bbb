//! B18, B19: what is said once comes true on its day, without another word.

use serde_json::{Value as Json, json};

use super::{World, is_enabled, schema};
use crate::gateway::{JOB, person, with};

/// From the start of the hire date to the end of the last day.
const STATE: &str = r#"IIF(DateDiff("s", Now(), CDate([urn:contoso:employee:StatusHireDate])) > 0, "True",
    IIF(IsNullOrEmpty([urn:contoso:employee:StatusTerminationLastDayOfWork]), "False",
    IIF(DateDiff("s", Now(), DateAdd("d", 1, CDate([urn:contoso:employee:StatusTerminationLastDayOfWork]))) > 0, "False", "True")))"#;

fn dated(id: &str, name: &str, hire: &str, last_day: Option<&str>) -> Json {
    let mut dates = json!({ "StatusHireDate": hire });
    if let Some(last_day) = last_day {
        dates["StatusTerminationLastDayOfWork"] = json!(last_day);
    }
    with(person(id, name), json!({ "urn:contoso:employee": dates }))
}

/// Who may sign in at each moment: one letter a person, in the order of the upload; a dot for who may not.
#[rustfmt::skip]
const MOMENTS: &[(&str, &str)] = &[
    ("2026-02-02T09:00:00Z", ". . C D"),
    ("2026-02-03T23:59:00Z", ". . C D"),
    // The last day of C is over.
    ("2026-02-04T00:00:05Z", ". . . D"),
    ("2026-02-04T23:59:00Z", ". . . D"),
    // The first day of A begins.
    ("2026-02-05T00:00:05Z", "A . . D"),
    ("2026-02-06T23:59:00Z", "A . . D"),
    // And B's; after a whole day in which nobody looked.
    ("2026-02-08T12:00:00Z", "A B . D"),
    ("2026-02-09T23:59:00Z", "A B . D"),
    // The last day of A is over.
    ("2026-02-10T00:00:05Z", ". B . D"),
    ("2026-02-12T09:00:00Z", ". B . D"),
];

#[tokio::test(flavor = "multi_thread")]
async fn one_upload_enables_and_disables_on_the_right_days() {
    let read = [
        "urn:contoso:employee:StatusHireDate",
        "urn:contoso:employee:StatusTerminationLastDayOfWork",
    ];
    let schema = schema("API2AD", &[("accountDisabled", STATE, "Always")], &read);
    let world = World::of_uploads(MOMENTS[0].0, Some(schema), "").await;
    let people = [
        dated("A", "Ada Comes", "2026-02-05", Some("2026-02-09")),
        dated("B", "Ben Stays", "2026-02-07", None),
        dated("C", "Cas Leaves", "2020-01-01", Some("2026-02-03")),
        dated("D", "Dov Remains", "2020-01-01", None),
    ];
    world.says(&people).await;
    for (at, expected) in MOMENTS {
        world.time.set(at);
        world.work().await;
        let enabled = |(worker, entry)| if is_enabled(entry) { worker } else { "." };
        let everybody = world.everybody();
        let found: Vec<&str> = everybody
            .iter()
            .map(|(id, entry)| enabled((id.as_str(), entry)))
            .collect();
        assert_eq!(found.join(" "), *expected, "{at}");
    }
    // Each turn is logged once, and of whom nothing turned, nothing.
    for (worker, expected) in [
        (
            "A",
            &["create: → True", "update: True → False", "disable: False → True"][..],
        ),
        ("B", &["create: → True", "update: True → False"]),
        ("C", &["create: → False", "disable: False → True"]),
        ("D", &["create: → False"]),
    ] {
        let filter = format!("jobid eq '{JOB}' and sourceIdentity/id eq '{worker}'");
        let mut entries = world.gateway.caller.logs(&filter).await;
        entries.reverse();
        let told: Vec<String> = entries.iter().map(told).collect();
        assert_eq!(told, expected, "{worker}");
    }
}

/// What became of the account's state.
fn told(entry: &Json) -> String {
    assert_eq!(entry["provisioningStatusInfo"]["status"], "success", "{entry}");
    let modified = entry["modifiedProperties"].as_array().unwrap();
    let state = modified
        .iter()
        .find(|one| one["displayName"] == "accountDisabled")
        .unwrap();
    let text = |name: &str| {
        state[name]
            .as_str()
            .map(|text| format!("{text} "))
            .unwrap_or_default()
    };
    let (action, old, new) = (&entry["provisioningAction"], text("oldValue"), text("newValue"));
    format!("{}: {old}→ {}", action.as_str().unwrap(), new.trim_end())
}
