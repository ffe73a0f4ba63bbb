//! Another LDAP server as a source: it tells nothing of changes, so everybody is read each time.

use muster::connector::{Cursor, End, Severity};

use crate::support::openldap;
use crate::support::source::{self, Heard, nowhere};

#[tokio::test]
async fn everybody_is_read_each_time() {
    let server = openldap::directory();
    let person = |name: &str, more: &str| {
        server
            .client()
            .add(&format!(
                "dn: CN={name},OU=Staff,DC=example,DC=test\nobjectClass: user\ncn: {name}\nsn: {name}\nsAMAccountName: {name}\n{more}"
            ))
            .unwrap();
    };
    person(
        "Ada",
        "employeeID: 1\nuserAccountControl: 512\nmail: ada@example.test\n",
    );
    person(
        "Bob",
        "employeeID: 2\nuserAccountControl: 514\nmanager: CN=Ada,OU=Staff,DC=example,DC=test\n",
    );
    person("Cyd", "employeeID: 3\n");
    let table = format!(
        "kind = \"active-directory\"\nurls = [\"{}\"]\nbase_dn = \"DC=example,DC=test\"\nbind_dn = \"{}\"\npassword = \"{}\"\nca_file = \"{}\"\npage_size = 2\n",
        server.ldaps_url,
        server.admin_dn,
        server.admin_password,
        server.ca_file.display()
    );
    let source = source::source(&table, &["employeeID", "accountDisabled", "mail", "manager"]);
    let mut heard = Heard::default();
    let watermark = heard.full(&*source).await;
    assert_eq!(watermark.place, None);
    assert_eq!(heard.workers.len(), 3);
    let ada = heard.called("employeeID", "1").anchor.clone();
    let bob = heard.called("employeeID", "2").anchor.clone();
    let cyd = heard.called("employeeID", "3").anchor.clone();
    assert_eq!(heard.text(&ada, "mail"), "ada@example.test");
    assert_eq!(heard.text(&bob, "manager"), ada);
    assert_eq!(heard.workers[&bob].active, Some(false));
    assert_eq!(heard.workers[&cyd].active, None, "nothing is said of it");
    assert_eq!(heard.text(&cyd, "accountDisabled"), "-");

    heard.read(&*source, Cursor::Since(watermark)).await.unwrap();
    assert_eq!(heard.end, Some(End::Expired));
    let strange = "number:1 2026-01-01T00:00:00Z 00 CN=NTDS Settings";
    heard.read(&*source, nowhere(Some(strange))).await.unwrap();
    assert_eq!(heard.end, Some(End::Expired), "it was another server");

    server
        .client()
        .delete("CN=Bob,OU=Staff,DC=example,DC=test")
        .unwrap();
    let mut heard = Heard::default();
    heard
        .read(&*source, Cursor::Workers(vec![ada.clone(), bob]))
        .await
        .unwrap();
    assert_eq!(heard.workers.keys().collect::<Vec<_>>(), [&ada]);

    let problems = source.check().await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].severity, Severity::Warning);
    assert!(problems[0].message.contains("each time"));
}
