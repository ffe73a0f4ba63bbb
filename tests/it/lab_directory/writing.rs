//! What may be written, and what comes of it.

use super::*;

#[tokio::test]
async fn a_new_account_has_what_windows_gives_it() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let dn = user(&mut ldap, "ada", &[("sn", &["King"])]).await;
    let entry = read(&mut ldap, &dn, &["*"]).await;
    for (name, expected) in [
        (
            "objectClass",
            &["top", "person", "organizationalPerson", "user"][..],
        ),
        ("userAccountControl", &["546"]),
        ("pwdLastSet", &["0"]),
        ("accountExpires", &["9223372036854775807"]),
        ("primaryGroupID", &["513"]),
        ("sAMAccountType", &["805306368"]),
        ("instanceType", &["4"]),
        ("cn", &["ada"]),
        ("name", &["ada"]),
        ("distinguishedName", &[dn.as_str()]),
        (
            "objectCategory",
            &["CN=Person,CN=Schema,CN=Configuration,DC=example,DC=test"],
        ),
    ] {
        assert_eq!(entry.attrs[name], expected, "{name}");
    }
    assert_eq!(entry.bin_attrs["objectGUID"][0].len(), 16);
    assert_eq!(entry.bin_attrs["objectSid"][0].len(), 28);
    assert_eq!(entry.attrs["uSNCreated"], entry.attrs["uSNChanged"]);
    assert!(entry.attrs["whenCreated"][0].ends_with(".0Z"));
    assert!(!entry.attrs.contains_key("canonicalName"), "made when asked for");
    assert_eq!(
        value(&mut ldap, &dn, "canonicalName").await.as_deref(),
        Some("example.test/Staff/ada")
    );
    // A name is made up for whoever has none.
    add(
        &mut ldap,
        &format!("CN=nameless,{STAFF}"),
        &[("objectClass", &["user"])],
    )
    .await
    .success()
    .unwrap();
    let name = value(&mut ldap, &format!("CN=nameless,{STAFF}"), "sAMAccountName").await;
    assert!(name.unwrap().starts_with('$'));
}

#[tokio::test]
async fn unfit_adds_are_refused_as_on_windows() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    user(
        &mut ldap,
        "taken",
        &[
            ("userPrincipalName", &["taken@example.test"]),
            ("servicePrincipalName", &["http/a"]),
        ],
    )
    .await;
    user(&mut ldap, "Müller", &[]).await;
    let long = "x".repeat(65);
    let cases: [(&str, Attributes, u32, &str); 21] = [
        (
            "CN=a,OU=Nowhere,OU=Staff,DC=example,DC=test",
            &[],
            32,
            "0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'OU=Staff,DC=example,DC=test'",
        ),
        ("CN=a,DC=other,DC=test", &[], 10, "0000202B: RefErr"),
        ("CN=a", &[], 1, "000020D6: SvcErr"),
        ("nonsense", &[], 34, "00002032: NameErr"),
        (
            "CN=TAKEN,OU=Staff,DC=example,DC=test",
            &[],
            68,
            "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0",
        ),
        ("CN=muller,OU=Staff,DC=example,DC=test", &[], 68, "00002071"),
        ("OU=a,OU=Staff,DC=example,DC=test", &[], 64, "00002037"),
        ("CN=a,CN=taken,OU=Staff,DC=example,DC=test", &[], 64, "00002037"),
        ("CN=a", &[("sAMAccountName", &["TAKEN"])], 68, "00000524: UpdErr"),
        (
            "CN=a",
            &[("userPrincipalName", &["Taken@example.test"])],
            19,
            "000021C8: AtrErr: DSID-031519D3, #1:\n\t0: 000021C8: DSID-031519D3, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)",
        ),
        ("CN=a", &[("servicePrincipalName", &["HTTP/A"])], 19, "000021C7"),
        (
            "CN=a",
            &[("manager", &["CN=nobody,DC=example,DC=test"])],
            19,
            "000020B5",
        ),
        ("CN=a", &[("company", &[&long])], 19, "00002082"),
        ("CN=a", &[("employeeID", &["12345678901234567"])], 19, "00002082"),
        (
            "CN=a",
            &[("sAMAccountName", &["a-name-of-21-letters-"])],
            53,
            "00000523",
        ),
        ("CN=a", &[("sAMAccountName", &["a/b"])], 53, "00000523"),
        (
            "CN=a",
            &[("userAccountControl", &["512"])],
            53,
            "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
        ),
        ("CN=a", &[("noSuchAttribute", &["x"])], 16, "00000057: LdapErr"),
        ("CN=a", &[("member", &[STAFF])], 65, "0000207D"),
        ("CN=a", &[("title", &["a", "b"])], 19, "00002081"),
        ("CN=a", &[("countryCode", &["x"])], 21, "00000057"),
    ];
    for (place, given, rc, text) in cases {
        let dn = if place == "CN=a" && !given.is_empty() {
            format!("CN=a,{STAFF}")
        } else {
            place.to_string()
        };
        let given = [&[("objectClass", &["user"][..])][..], given].concat();
        let result = add(&mut ldap, &dn, &given).await;
        assert_eq!(result.rc, rc, "{dn} {given:?}: {result:?}");
        // What lies outside is refused before anybody asks for rights.
        refused(result, rc, text);
    }
    let name = format!("CN={long},{STAFF}");
    refused(
        add(&mut ldap, &name, &[("objectClass", &["user"])]).await,
        19,
        "00002082",
    );
    refused(
        add(&mut ldap, &format!("CN=b,{STAFF}"), &[("cn", &["b"])]).await,
        65,
        "00002014",
    );
}

#[tokio::test]
async fn unfit_changes_are_refused_as_on_windows() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let dn = user(
        &mut ldap,
        "ada",
        &[("title", &["Countess"]), ("proxyAddresses", &["a", "b"])],
    )
    .await;
    user(&mut ldap, "bob", &[("userPrincipalName", &["bob@example.test"])]).await;
    let long = "x".repeat(65);
    for (changes, rc, text) in [
        (vec![replace("cn", &["b"])], 67, "00002016: UpdErr"),
        (vec![replace("name", &["b"])], 67, "00002016"),
        (vec![replace("objectGUID", &["b"])], 53, "00002077"),
        (vec![replace("memberOf", &[STAFF])], 53, "00002077"),
        (
            vec![replace("whenCreated", &["20200101000000.0Z"])],
            53,
            "00002077",
        ),
        (vec![replace("noSuchAttribute", &["b"])], 16, "00000057"),
        (
            vec![replace("title", &[""])],
            21,
            "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation",
        ),
        (vec![replace("department", &[&long])], 19, "00002082: AtrErr"),
        (vec![replace("groupType", &["2"])], 65, "0000207D"),
        (vec![replace("title", &["a", "b"])], 19, "00002081"),
        (vec![change(Mod::Add, "title", &["b"])], 19, "00002081"),
        (vec![change(Mod::Add, "title", &["COUNTESS"])], 20, "00002083"),
        (vec![change(Mod::Add, "proxyAddresses", &["A"])], 20, "00002083"),
        (
            vec![change(Mod::Delete, "proxyAddresses", &["c"])],
            16,
            "00002085",
        ),
        (vec![change(Mod::Delete, "company", &[])], 16, "00002085"),
        (vec![replace("description", &["a", "b"])], 19, "00002081"),
        (
            vec![replace("manager", &["CN=nobody,OU=Staff,DC=example,DC=test"])],
            19,
            "000020B5",
        ),
        (vec![replace("sAMAccountName", &["bob"])], 68, "00000524"),
        (
            vec![replace("userPrincipalName", &["BOB@example.test"])],
            19,
            "000021C8",
        ),
        (vec![replace("userAccountControl", &["512"])], 53, "0000052D"),
        (vec![replace("userAccountControl", &["4608"])], 53, "00000057"),
        (vec![replace("userAccountControl", &["4098"])], 53, "00000057"),
        (vec![replace("userAccountControl", &["8194"])], 53, "00000057"),
        (vec![replace("pwdLastSet", &["5"])], 53, "00000057"),
        (vec![replace("primaryGroupID", &["512"])], 53, "00000057"),
        (
            vec![replace("company", &["kept?"]), replace("cn", &["x"])],
            67,
            "00002016",
        ),
    ] {
        let said = format!("{changes:?}");
        let result = ldap.modify(&dn, changes).await.unwrap();
        assert_eq!(result.rc, rc, "{said}: {result:?}");
        refused(result, rc, text);
    }
    assert_eq!(value(&mut ldap, &dn, "company").await, None, "all or nothing");
    assert_eq!(value(&mut ldap, &dn, "title").await.as_deref(), Some("Countess"));
}

#[tokio::test]
async fn a_value_is_swapped_only_where_it_is_still_there() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let dn = user(&mut ldap, "ada", &[("department", &["Engines"])]).await;
    let swap = |old: &str, new: &str| {
        vec![
            change(Mod::Delete, "department", &[old]),
            change(Mod::Add, "department", &[new]),
        ]
    };
    ldap.modify(&dn, swap("Engines", "Looms"))
        .await
        .unwrap()
        .success()
        .unwrap();
    refused(
        ldap.modify(&dn, swap("Engines", "Mills")).await.unwrap(),
        16,
        "00002085",
    );
    assert_eq!(
        value(&mut ldap, &dn, "department").await.as_deref(),
        Some("Looms")
    );

    // What changes nothing has no number; what changes the case does.
    let before = value(&mut ldap, &dn, "uSNChanged").await;
    ldap.modify(&dn, vec![replace("department", &["Looms"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(value(&mut ldap, &dn, "uSNChanged").await, before);
    ldap.modify(&dn, vec![replace("department", &["LOOMS"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_ne!(value(&mut ldap, &dn, "uSNChanged").await, before);

    // Whoever does not mind is not told.
    for changes in [
        vec![change(Mod::Add, "department", &["looms"])],
        vec![change(Mod::Delete, "company", &[])],
        vec![change(Mod::Delete, "otherTelephone", &["1"])],
    ] {
        let result = ldap
            .with_controls(control(PERMISSIVE, None))
            .modify(&dn, changes)
            .await;
        result.unwrap().success().unwrap();
    }
}

#[tokio::test]
async fn the_password_policy_is_kept() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let dn = user(&mut ldap, "ada.king", &[]).await;
    for weak in ["Sh0rt!", "lowercaseonly", "xAda.King1x"] {
        let reset = vec![password(Mod::Replace, weak)];
        refused(ldap.modify(&dn, reset).await.unwrap(), 53, "0000052D: SvcErr");
    }
    let raw = vec![replace("unicodePwd", &["Pa55-word"])];
    refused(ldap.modify(&dn, raw).await.unwrap(), 53, "0000001F: SvcErr");
    let reset = vec![
        password(Mod::Replace, "Pa55-word"),
        replace("userAccountControl", &["512"]),
    ];
    ldap.modify(&dn, reset).await.unwrap().success().unwrap();
    assert_ne!(value(&mut ldap, &dn, "pwdLastSet").await.as_deref(), Some("0"));
    assert!(
        read(&mut ldap, &dn, &["*", "unicodePwd"])
            .await
            .bin_attrs
            .keys()
            .all(|it| it != "unicodePwd")
    );

    // The owner's own change names the old one.
    let mut own = signed_in(&lab, "ada.king@example.test", "Pa55-word").await;
    let swap = |old: &str, new: &str| vec![password(Mod::Delete, old), password(Mod::Add, new)];
    refused(
        own.modify(&dn, swap("wrong", "Pa55-word2")).await.unwrap(),
        19,
        "00000056: AtrErr",
    );
    refused(
        own.modify(&dn, swap("Pa55-word", "weak")).await.unwrap(),
        19,
        "0000052D: AtrErr",
    );
    own.modify(&dn, swap("Pa55-word", "Pa55-word2"))
        .await
        .unwrap()
        .success()
        .unwrap();
    refused(
        own.modify(&dn, vec![replace("title", &["King"])]).await.unwrap(),
        50,
        "00002098",
    );
    signed_in(&lab, "ada.king@example.test", "Pa55-word2").await;
    ldap.modify(&dn, vec![replace("pwdLastSet", &["0"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    ldap.modify(&dn, vec![replace("pwdLastSet", &["-1"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert!(value(&mut ldap, &dn, "pwdLastSet").await.unwrap().len() > 17);

    // In one write: made, with a password, enabled.
    let mut given = attributes(&[("objectClass", &["user"]), ("userAccountControl", &["512"])]);
    given.push((b"unicodePwd".to_vec(), HashSet::from([coded("Pa55-word")])));
    ldap.add(&format!("CN=once,{STAFF}"), given)
        .await
        .unwrap()
        .success()
        .unwrap();
}

#[tokio::test]
async fn groups_know_their_members() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let ada = user(&mut ldap, "ada", &[]).await;
    let group = format!("CN=Engines,{STAFF}");
    add(
        &mut ldap,
        &group,
        &[("objectClass", &["group"]), ("member", &[&ada])],
    )
    .await
    .success()
    .unwrap();
    assert_eq!(
        value(&mut ldap, &ada, "memberOf").await.as_deref(),
        Some(group.as_str())
    );
    let again = vec![change(Mod::Add, "member", &[&ada])];
    refused(ldap.modify(&group, again).await.unwrap(), 68, "00000562");
    ldap.modify(&group, vec![change(Mod::Delete, "member", &[&ada])])
        .await
        .unwrap()
        .success()
        .unwrap();
    let again = vec![change(Mod::Delete, "member", &[&ada])];
    refused(ldap.modify(&group, again).await.unwrap(), 53, "00000561");
    assert_eq!(value(&mut ldap, &ada, "memberOf").await, None);

    // Whoever is deleted leaves the group, and is back in it when he is back, whatever happened to it meanwhile.
    let bob = user(&mut ldap, "bob", &[]).await;
    ldap.modify(&group, vec![replace("member", &[&ada, &bob])])
        .await
        .unwrap()
        .success()
        .unwrap();
    let guid = read(&mut ldap, &ada, &["objectGUID"]).await.bin_attrs["objectGUID"][0].clone();
    let guid = uuid::Uuid::from_slice_le(&guid).unwrap();
    ldap.delete(&ada).await.unwrap().success().unwrap();
    assert_eq!(
        value(&mut ldap, &group, "member").await.as_deref(),
        Some(bob.as_str())
    );
    ldap.modify(&group, vec![change(Mod::Delete, "member", &[&bob])])
        .await
        .unwrap()
        .success()
        .unwrap();
    let restore = vec![
        change(Mod::Delete, "isDeleted", &[]),
        replace("distinguishedName", &[&ada]),
    ];
    let back = ldap
        .with_controls(control(SHOW_DELETED, None))
        .modify(&format!("<GUID={guid}>"), restore)
        .await;
    back.unwrap().success().unwrap();
    assert_eq!(
        value(&mut ldap, &group, "member").await.as_deref(),
        Some(ada.as_str())
    );
}

#[tokio::test]
async fn many_values_are_taken_and_too_many_are_refused() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    // Nobody says that a principal name has to have a suffix.
    let dn = user(&mut ldap, "ada", &[("userPrincipalName", &["ada"])]).await;
    let values: Vec<String> = (0..5001)
        .map(|number| format!("smtp:{number}@example.test"))
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let too_many = vec![replace("proxyAddresses", &values)];
    refused(ldap.modify(&dn, too_many).await.unwrap(), 11, "00002024: LdapErr");
    let changes = (0..501).map(|_| replace("title", &["x"])).collect();
    refused(ldap.modify(&dn, changes).await.unwrap(), 11, "00002024");
    let given: Attributes = &[("objectClass", &["user"]), ("proxyAddresses", &values)];
    refused(
        add(&mut ldap, &format!("CN=eve,{STAFF}"), given).await,
        11,
        "00002024",
    );

    let some = &values[..4000];
    ldap.modify(&dn, vec![change(Mod::Add, "proxyAddresses", some)])
        .await
        .unwrap()
        .success()
        .unwrap();
    let again = vec![change(Mod::Add, "proxyAddresses", &values[3999..4001])];
    refused(ldap.modify(&dn, again).await.unwrap(), 20, "00002083");
    let gone = vec![change(Mod::Delete, "proxyAddresses", &values[3999..4001])];
    refused(ldap.modify(&dn, gone).await.unwrap(), 16, "00002085");
    ldap.modify(&dn, vec![change(Mod::Delete, "proxyAddresses", &values[1..4000])])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(
        value(&mut ldap, &dn, "proxyAddresses").await.as_deref(),
        Some(values[0])
    );
}

#[tokio::test]
async fn a_computer_is_no_user() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let dn = format!("CN=box,{STAFF}");
    add(&mut ldap, &dn, &[("objectClass", &["computer"])])
        .await
        .success()
        .unwrap();
    for (control, result) in [("4098", 0), ("8194", 0), ("514", 53)] {
        let changed = ldap.modify(&dn, vec![replace("userAccountControl", &[control])]);
        assert_eq!(changed.await.unwrap().rc, result, "{control}");
    }
}
