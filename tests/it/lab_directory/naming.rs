//! Names, places and ends.

use super::*;
use uuid::Uuid;

#[tokio::test]
async fn links_follow_whoever_is_renamed_moved_and_deleted() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let boss = user(&mut ldap, "boss", &[]).await;
    let ada = user(&mut ldap, "ada", &[("manager", &[&boss])]).await;
    let leavers = format!("OU=Leavers,{STAFF}");
    ldap.modifydn(&boss, "CN=Big Boss", true, Some(&leavers))
        .await
        .unwrap()
        .success()
        .unwrap();
    let boss = format!("CN=Big Boss,{leavers}");
    assert_eq!(
        value(&mut ldap, &ada, "manager").await.as_deref(),
        Some(boss.as_str())
    );
    assert_eq!(
        value(&mut ldap, &boss, "directReports").await.as_deref(),
        Some(ada.as_str())
    );
    assert_eq!(value(&mut ldap, &boss, "cn").await.as_deref(), Some("Big Boss"));
    ldap.delete(&boss).await.unwrap().success().unwrap();
    assert_eq!(value(&mut ldap, &ada, "manager").await, None);
}

#[tokio::test]
async fn unfit_moves_are_refused_as_on_windows() {
    let lab = directory();
    let (mut ldap, mut admin) = (service(&lab).await, admin(&lab).await);
    let dn = user(&mut ldap, "ada", &[]).await;
    user(&mut ldap, "bob", &[]).await;
    let long = format!("CN={}", "x".repeat(65));
    for (rdn, delete_old, place, rc, text) in [
        ("CN=BOB", true, None, 68, "00002071"),
        ("CN=ada", false, None, 53, "00002035"),
        ("OU=ada", true, None, 64, "00002037"),
        (long.as_str(), true, None, 19, "00002082"),
        (
            "CN=ada",
            true,
            Some("OU=Nowhere,DC=example,DC=test"),
            32,
            "0000208D: NameErr",
        ),
        (
            "CN=ada",
            true,
            Some("CN=Configuration,DC=example,DC=test"),
            71,
            "00002126",
        ),
        ("CN=ada", true, Some("DC=other,DC=test"), 10, "0000202B"),
    ] {
        let result = ldap.modifydn(&dn, rdn, delete_old, place).await.unwrap();
        assert_eq!(result.rc, rc, "{rdn} {place:?}: {result:?}");
        refused(result, rc, text);
    }
    let below = admin.modifydn(&dn, "CN=ada", true, Some("CN=bob,OU=Staff,DC=example,DC=test"));
    refused(below.await.unwrap(), 64, "00002037");
    let leavers = format!("OU=Leavers,{STAFF}");
    let inside = admin.modifydn(STAFF, "OU=Staff", true, Some(&leavers));
    refused(inside.await.unwrap(), 53, "00002035");
    // Another case of one's own name is no collision.
    ldap.modifydn(&dn, "CN=ADA", true, None)
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(value(&mut ldap, &dn, "name").await.as_deref(), Some("ADA"));
}

#[tokio::test]
async fn an_object_has_many_names() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let dn = user(&mut ldap, "ada", &[]).await;
    let entry = read(&mut ldap, &dn, &["objectGUID", "objectSid"]).await;
    let guid = Uuid::from_slice_le(&entry.bin_attrs["objectGUID"][0]).unwrap();
    let stored: String = entry.bin_attrs["objectGUID"][0]
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let sid: String = entry.bin_attrs["objectSid"][0]
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    for name in [
        format!("<GUID={guid}>"),
        format!("<GUID={stored}>"),
        format!("<SID={sid}>"),
    ] {
        assert_eq!(read(&mut ldap, &name, &["cn"]).await.dn, dn, "{name}");
    }
    let escaped: String = entry.bin_attrs["objectGUID"][0]
        .iter()
        .map(|it| format!("\\{it:02x}"))
        .collect();
    assert_eq!(
        search(&mut ldap, BASE, &format!("(objectGUID={escaped})"), &["cn"])
            .await
            .len(),
        1
    );
    let users = "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=example,DC=test>";
    assert_eq!(
        read(&mut ldap, users, &["cn"]).await.dn,
        "CN=Users,DC=example,DC=test"
    );

    let name = format!("<GUID={guid}>");
    ldap.modify(&name, vec![replace("title", &["x"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    ldap.modifydn(&name, "CN=eve", true, None)
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(
        read(&mut ldap, &name, &["cn"]).await.dn,
        format!("CN=eve,{STAFF}")
    );
    ldap.delete(&name).await.unwrap().success().unwrap();
    let gone = ldap.delete(&name).await.unwrap();
    refused(gone, 32, "0000208D");
}

#[tokio::test]
async fn the_deleted_can_be_brought_back() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let boss = user(&mut ldap, "boss", &[]).await;
    let ada = user(
        &mut ldap,
        "ada",
        &[("manager", &[&boss]), ("title", &["Countess"])],
    )
    .await;
    let guid = Uuid::from_slice_le(&read(&mut ldap, &ada, &["objectGUID"]).await.bin_attrs["objectGUID"][0])
        .unwrap();
    ldap.delete(&ada).await.unwrap().success().unwrap();
    assert!(search(&mut ldap, BASE, "(title=Countess)", &[]).await.is_empty());

    let shown = ldap
        .with_controls(control(SHOW_DELETED, None))
        .search(
            BASE,
            Scope::Subtree,
            "(&(isDeleted=TRUE)(title=Countess))",
            vec!["*"],
        )
        .await
        .unwrap();
    let gone = SearchEntry::construct(shown.0.into_iter().find(|it| !it.is_ref()).unwrap());
    assert_eq!(gone.dn, format!("CN=ada\\0ADEL:{guid},CN=Deleted Objects,{BASE}"));
    assert_eq!(gone.attrs["lastKnownParent"], [STAFF]);
    assert_eq!(gone.attrs["msDS-LastKnownRDN"], ["ada"]);
    assert!(!gone.attrs.contains_key("manager"), "links rest");

    let restore = || {
        vec![
            change(Mod::Delete, "isDeleted", &[]),
            replace("distinguishedName", &[&ada]),
        ]
    };
    let name = format!("<GUID={guid}>");
    refused(ldap.modify(&name, restore()).await.unwrap(), 32, "0000208D");
    let mut service = service(&lab).await;
    let denied = service
        .with_controls(control(SHOW_DELETED, None))
        .modify(&name, restore())
        .await;
    refused(denied.unwrap(), 50, "00000005");
    let other = user(&mut ldap, "other", &[]).await;
    ldap.modify(&other, vec![replace("sAMAccountName", &["ada"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    let taken = ldap
        .with_controls(control(SHOW_DELETED, None))
        .modify(&name, restore())
        .await;
    refused(taken.unwrap(), 68, "00000524");
    ldap.delete(&other).await.unwrap().success().unwrap();
    let back = ldap
        .with_controls(control(SHOW_DELETED, None))
        .modify(&name, restore())
        .await;
    back.unwrap().success().unwrap();
    let entry = read(&mut ldap, &ada, &["*"]).await;
    assert_eq!(entry.attrs["manager"], [boss]);
    assert_eq!(entry.attrs["title"], ["Countess"]);
    assert!(!entry.attrs.contains_key("isDeleted"));
}

#[tokio::test]
async fn trees_are_felled_on_demand() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let unit = format!("OU=Engines,{STAFF}");
    add(&mut ldap, &unit, &[("objectClass", &["organizationalUnit"])])
        .await
        .success()
        .unwrap();
    let child = format!("CN=ada,{unit}");
    add(&mut ldap, &child, &[("objectClass", &["user"])])
        .await
        .success()
        .unwrap();
    refused(
        ldap.delete(&unit).await.unwrap(),
        66,
        "00002015: UpdErr: DSID-0305038D, problem 6003 (CANT_ON_NON_LEAF)",
    );
    let felled = ldap.with_controls(control(TREE_DELETE, None)).delete(&unit).await;
    felled.unwrap().success().unwrap();
    assert!(search(&mut ldap, BASE, "(cn=ada)", &[]).await.is_empty());
    let critical = ldap.delete("CN=Guest,CN=Users,DC=example,DC=test").await.unwrap();
    refused(critical, 53, "00002077");
}

#[tokio::test]
async fn no_name_is_long_enough_to_hold_anybody_up() {
    let lab = directory();
    let mut stranger = connect(&lab, &lab.directory.url, false).await.unwrap();
    // Taking the rest apart again for each of its parts would take minutes, and everybody would wait.
    let endless = format!("{}DC=x", "CN=a,".repeat(400_000));
    let result = stranger.simple_bind(&endless, "Pa55-word").await.unwrap();
    refused(result, 49, "80090308");

    let mut ldap = admin(&lab).await;
    let deep = |parts: usize| format!("{}{BASE}", "OU=a,".repeat(parts));
    let base = async |ldap: &mut Ldap, dn: &str| {
        let found = ldap.search(dn, Scope::Base, "(cn=*)", vec!["cn"]).await;
        found.unwrap().1
    };
    refused(base(&mut ldap, &deep(98)).await, 32, "0000208D");
    refused(base(&mut ldap, &deep(99)).await, 34, "00002032: NameErr");
    refused(base(&mut ldap, &endless).await, 34, "00002032");
    let given: Attributes = &[("objectClass", &["user"])];
    for name in [
        "CN=a+SN=b",
        "CN=\"a\"",
        "CN=a;b",
        "CN=#0401",
        "CN=a<b",
        "CN=a\\0Ab",
        "CN=a\\00b",
    ] {
        let dn = format!("{name},{STAFF}");
        refused(add(&mut ldap, &dn, given).await, 34, "00002032");
    }
    let known = "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,";
    assert_eq!(base(&mut ldap, &format!("{known}{BASE}>")).await.rc, 0);
    assert_eq!(base(&mut ldap, &format!("{known}DC=nope>")).await.rc, 10);
    refused(base(&mut ldap, &format!("{known}{STAFF}>")).await, 32, "0000208D");
}

#[tokio::test]
async fn the_deleted_are_recycled_and_at_last_gone() {
    const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let ada = user(&mut ldap, "ada", &[("title", &["Countess"])]).await;
    let bob = user(&mut ldap, "bob", &[("manager", &[&ada])]).await;
    let guid = read(&mut ldap, &ada, &["objectGUID"]).await.bin_attrs["objectGUID"][0].clone();
    let name = format!("<GUID={}>", Uuid::from_slice_le(&guid).unwrap());
    ldap.delete(&ada).await.unwrap().success().unwrap();
    let shown = async |ldap: &mut Ldap, control_: &str| {
        let asked = ldap.with_controls(control(control_, None));
        let found = asked
            .search(&name, Scope::Base, "(cn=*)", vec!["*"])
            .await
            .unwrap();
        let entry = found.0.into_iter().next().map(SearchEntry::construct);
        (found.1.rc, entry)
    };
    let restore = || {
        vec![
            change(Mod::Delete, "isDeleted", &[]),
            replace("distinguishedName", &[&ada]),
        ]
    };
    let days = |days: i64| {
        let now = lab.directory.controls.now();
        lab.directory
            .controls
            .set_now(now + jiff::SignedDuration::from_hours(days * 24));
    };
    days(179);
    let whole = shown(&mut ldap, SHOW_DELETED).await.1.unwrap();
    assert_eq!(whole.attrs["title"], ["Countess"]);
    days(2);
    assert_eq!(shown(&mut ldap, SHOW_DELETED).await.0, 32);
    let left = shown(&mut ldap, SHOW_RECYCLED).await.1.unwrap();
    assert_eq!(
        (&left.attrs["isRecycled"][..], &left.attrs["isDeleted"][..]),
        (&["TRUE".to_string()][..], &["TRUE".to_string()][..])
    );
    assert_eq!(left.bin_attrs["objectGUID"][0], guid);
    assert!(
        !left.attrs.contains_key("title") && !left.attrs.contains_key("pwdLastSet"),
        "{left:?}"
    );
    assert_eq!(value(&mut ldap, &bob, "manager").await, None);
    let back = ldap
        .with_controls(control(SHOW_RECYCLED, None))
        .modify(&name, restore());
    refused(back.await.unwrap(), 53, "00002035");
    days(180);
    assert_eq!(shown(&mut ldap, SHOW_RECYCLED).await.0, 32);
    // The name is free again, and so is the place.
    user(&mut ldap, "ada", &[]).await;
}
