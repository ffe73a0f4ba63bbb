//! Callbacks where the way home begins in Active Directory: Samba.

use muster::engine::Clock;
use serde_json::json;

use super::{CALLER, JSON, completed, path, post, words};
use crate::directory::target;
use crate::gateway::Setup;
use crate::support::samba::{self, Controller};
use crate::support::workday;

const STAFF: &str = "OU=Staff,DC=example,DC=test";

fn add(controller: &Controller, name: &str, more: &str) {
    controller.add(&format!(
        "dn: CN={name},{STAFF}\nobjectClass: user\nsAMAccountName: {name}\nuserPrincipalName: {name}@example.test\nuserAccountControl: 544\n{more}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_callbacks_name_people_of_active_directory() {
    let controller = tokio::task::block_in_place(samba::controller);
    let (user, password) = controller.service_account(&[STAFF]);
    let tenant = workday::Tenant::new(0);
    for id in ["1", "2", "3", "4"] {
        tenant.hire(json!({"id": id, "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z", "userName": format!("u{id}")}));
    }
    add(&controller, "Ada", "employeeID: 1\nc: DE\n");
    add(&controller, "Bob", "employeeID: 2\nmail: bob@old.example.test\n");
    add(&controller, "Cyd", "employeeID: 3\n");
    // Two with one number.
    add(&controller, "Dan", "employeeID: 4\n");
    add(&controller, "Dana", "employeeID: 4\n");
    let gateway = Setup::with_cloud(&tenant.table(""))
        .pulls(
            &target(&controller, &user, &password),
            "ADWorkdayWriteback",
            Clock::system(),
        )
        .app("start = true\nuser_names = { overwrite = true }")
        .clients(CALLER)
        .start()
        .await;
    let send = async |body| {
        let answer = post(&gateway.caller, "caller", &path(), &[JSON], &body).await;
        assert_eq!(answer.status(), 202);
        let location = answer.headers()["location"].to_str().unwrap().to_string();
        completed(&gateway.caller, &location).await
    };
    let report = send(json!([
        {"employeeId": "1", "email": "ada@mail.example.com", "phones": [{"type": "landline", "value": "+49 30 901820"}]},
        {"workerId": "2", "email": "bob@new.example.com"},
        {"userPrincipalName": "CYD@example.test", "userName": "cyd@mail.example.com",
         "phones": [{"type": "mobile", "value": "+1 425 555 0178"}]},
        {"employeeId": "4", "email": "dan@mail.example.com"},
        {"employeeId": "4*", "email": "nobody@mail.example.com"},
        {"userPrincipalName": "nobody@example.test", "email": "nobody@mail.example.com"},
        {"workerId": "1", "userPrincipalName": "bob@example.test", "email": "nobody@mail.example.com"},
    ]))
    .await;
    let nobody = ("failure", "WorkerNotFound");
    let expected = [
        ("success", ""),
        ("success", ""),
        ("success", ""),
        ("failure", "AmbiguousWorker"),
        nobody,
        nobody,
        nobody,
    ];
    assert_eq!(words(&report), expected, "{report}");
    let home = |worker: &str, part: &str| tenant.state(worker)["effective"][part].to_string();
    assert!(home("1", "emails").contains("ada@mail.example.com"));
    assert!(home("1", "phones").contains("901820"), "{}", home("1", "phones"));
    assert!(home("2", "emails").contains("bob@new.example.com"));
    assert!(
        home("3", "phones").contains("4255550178"),
        "{}",
        home("3", "phones")
    );
    assert!(tenant.state("3").to_string().contains("cyd@mail.example.com"));
    assert!(!tenant.state("4").to_string().contains("dan@mail.example.com"));
    let bob = controller.search("(employeeID=2)", &["mail"]).remove(0);
    assert_eq!(
        bob.value("mail"),
        Some("bob@old.example.test"),
        "nothing is written to the directory"
    );

    // Whoever came after the directory was read, with characters that a search takes amiss.
    tenant.hire(json!({"id": "6)(*", "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z"}));
    add(&controller, "Fay", "employeeID: 6)(*\n");
    let report = send(json!({"employeeId": "6)(*", "email": "fay@mail.example.com"})).await;
    assert_eq!(words(&report), [("success", "")], "{report}");
    assert!(home("6)(*", "emails").contains("fay@mail.example.com"));
}
