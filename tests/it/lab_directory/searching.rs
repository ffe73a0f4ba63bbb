//! Who is found, and how much of him is shown.

use super::*;

async fn people(ldap: &mut Ldap) {
    let boss = user(
        ldap,
        "boss",
        &[
            ("sn", &["Babbage"]),
            ("givenName", &["Charles"]),
            ("employeeID", &["1"]),
        ],
    )
    .await;
    user(
        ldap,
        "ada",
        &[
            ("sn", &["Müller"]),
            ("givenName", &["Ada"]),
            ("manager", &[&boss]),
            ("employeeID", &["007"]),
            ("countryCode", &["276"]),
            ("title", &["Countess of Lovelace"]),
        ],
    )
    .await;
    user(
        ldap,
        "eve",
        &[
            ("sn", &["Straße"]),
            ("countryCode", &["380"]),
            ("userAccountControl", &["544"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn filters_compare_as_their_attributes_do() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    people(&mut ldap).await;
    let everybody = &["ada", "boss", "eve"][..];
    let ada = &["ada"][..];
    for (filter, found) in [
        ("(sn=muller)", ada),
        ("(sn=STRASSE)", &["eve"]),
        ("(sn=m*l*r)", ada),
        ("(sn=*x*)", &[]),
        ("(employeeID=007)", ada),
        ("(employeeID=7)", &[]),
        ("(countryCode=0276)", ada),
        ("(countryCode>=276)", &["ada", "eve"]),
        ("(countryCode<=275)", &["boss"]),
        ("(title=count*LOVE*)", ada),
        ("(title=*lace)", ada),
        ("(objectClass=person)", everybody),
        ("(&(objectCategory=person)(objectClass=user))", everybody),
        (
            "(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=example,DC=test)",
            everybody,
        ),
        ("(objectCategory=group)", &[]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", &["ada", "boss"]),
        ("(userAccountControl:1.2.840.113556.1.4.804:=34)", everybody),
        ("(!(userAccountControl:1.2.840.113556.1.4.803:=2))", &["eve"]),
        ("(manager=CN=boss,OU=Staff,DC=example,DC=test)", ada),
        ("(manager=cn=BOSS, ou=staff,dc=example,dc=test)", ada),
        ("(directReports=CN=ada,OU=Staff,DC=example,DC=test)", &["boss"]),
        ("(manager=*)", ada),
        ("(!(manager=*))", &["boss", "eve"]),
        ("(manager=nonsense)", &[]),
        ("(noSuchAttribute=x)", &[]),
        ("(!(noSuchAttribute=x))", &[]),
        ("(|(noSuchAttribute=x)(cn=ada))", ada),
        ("(distinguishedName=CN=ada,OU=Staff,DC=example,DC=test)", ada),
        ("(whenCreated>=20200101000000.0Z)", everybody),
        ("(uSNChanged>=1)", everybody),
        ("(unicodePwd=*)", &[]),
        ("(anr=mull)", ada),
        ("(anr=ada mul)", ada),
        ("(anr=char)", &["boss"]),
    ] {
        let filter = format!("(&(objectClass=user){filter})");
        let mut names: Vec<String> = search(&mut ldap, STAFF, &filter, &["cn"])
            .await
            .iter()
            .map(|it| it.attrs["cn"][0].clone())
            .collect();
        names.sort();
        assert_eq!(names, found, "{filter}");
    }
}

#[tokio::test]
async fn scopes_and_naming_contexts() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    people(&mut ldap).await;
    let units = "(objectClass=organizationalUnit)";
    for (base, scope, count) in [
        (STAFF, Scope::Base, 1),
        (STAFF, Scope::OneLevel, 2),
        (STAFF, Scope::Subtree, 3),
        (BASE, Scope::OneLevel, 2),
    ] {
        let (found, _) = ldap
            .search(base, scope, units, vec!["1.1"])
            .await
            .unwrap()
            .success()
            .unwrap();
        let entries: Vec<_> = found
            .into_iter()
            .filter(|it| !it.is_ref())
            .map(SearchEntry::construct)
            .collect();
        assert_eq!(entries.len(), count, "{base} {scope:?}");
        assert!(entries.iter().all(|it| it.attrs.is_empty()));
    }
    let bin = "(cn=Recycle Bin Feature)";
    let (found, result) = ldap
        .search(BASE, Scope::Subtree, bin, vec!["cn"])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert!(found.is_empty(), "Configuration is searched by itself");
    assert_eq!(
        result.refs,
        ["ldap://example.test/CN=Configuration,DC=example,DC=test"]
    );
    let scoped = ldap.with_controls(control("1.2.840.113556.1.4.1339", None));
    let (_, result) = scoped
        .search(BASE, Scope::Subtree, bin, vec!["cn"])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert!(result.refs.is_empty(), "{result:?}");

    let partitions = "CN=Partitions,CN=Configuration,DC=example,DC=test";
    let feature = value(&mut ldap, partitions, "msDS-EnabledFeature").await.unwrap();
    assert!(feature.starts_with("CN=Recycle Bin Feature,CN=Optional Features"));
    let schema = "CN=Schema,CN=Configuration,DC=example,DC=test";
    let found = search(
        &mut ldap,
        schema,
        "(lDAPDisplayName=employeeid)",
        &["searchFlags", "rangeUpper", "isSingleValued", "attributeSyntax"],
    )
    .await;
    let [entry] = &found[..] else { panic!("{found:?}") };
    assert_eq!(entry.dn, format!("CN=Employee-ID,{schema}"));
    for (name, expected) in [
        ("searchFlags", "0"),
        ("rangeUpper", "16"),
        ("isSingleValued", "TRUE"),
        ("attributeSyntax", "2.5.5.12"),
    ] {
        assert_eq!(entry.attrs[name], [expected]);
    }
    let missing = ldap
        .search("OU=Nowhere,DC=example,DC=test", Scope::Base, "(cn=*)", vec!["cn"])
        .await
        .unwrap();
    assert_eq!(missing.1.matched, BASE);
    refused(missing.1, 32, "0000208D");
    let elsewhere = ldap
        .search("DC=other,DC=test", Scope::Base, "(cn=*)", vec!["cn"])
        .await
        .unwrap();
    assert_eq!(elsewhere.1.refs, ["ldap://other.test/DC=other,DC=test"]);
    assert_eq!(elsewhere.1.rc, 10);
}

#[tokio::test]
async fn a_thousand_at_a_time() {
    let lab = directory_with(muster::lab::directory::Options {
        workers: 4000,
        ..Default::default()
    });
    let mut ldap = service(&lab).await;
    let found = ldap
        .search(STAFF, Scope::Subtree, "(objectClass=user)", vec!["cn"])
        .await
        .unwrap();
    assert_eq!((found.0.len(), found.1.rc), (1000, 4));
    let options = ldap3::SearchOptions::new().sizelimit(5);
    let found = ldap
        .with_search_options(options)
        .search(STAFF, Scope::Subtree, "(objectClass=user)", vec!["cn"])
        .await
        .unwrap();
    assert_eq!((found.0.len(), found.1.rc), (5, 4));

    let adapters: Vec<Box<dyn ldap3::adapters::Adapter<_, _>>> = vec![
        Box::new(ldap3::adapters::EntriesOnly::new()),
        Box::new(ldap3::adapters::PagedResults::new(5000)),
    ];
    let mut stream = ldap
        .streaming_search_with(
            adapters,
            STAFF,
            Scope::Subtree,
            "(objectClass=user)",
            vec!["sAMAccountName", "manager"],
        )
        .await
        .unwrap();
    let mut names = HashSet::new();
    let mut managed = 0;
    while let Some(entry) = stream.next().await.unwrap() {
        let entry = SearchEntry::construct(entry);
        managed += usize::from(entry.attrs.contains_key("manager"));
        assert!(names.insert(entry.attrs["sAMAccountName"][0].clone()));
    }
    stream.finish().await.success().unwrap();
    assert!(
        names.len() > 2000 && managed * 10 > names.len() * 6,
        "{} {managed}",
        names.len()
    );
}

#[tokio::test]
async fn long_attributes_come_in_parts() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let group = format!("CN=many,{STAFF}");
    add(&mut ldap, &group, &[("objectClass", &["group"])])
        .await
        .success()
        .unwrap();
    let mut members = Vec::new();
    for number in 0..3200 {
        members.push(user(&mut ldap, &format!("m{number}"), &[]).await);
    }
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    ldap.modify(&group, vec![replace("member", &members)])
        .await
        .unwrap()
        .success()
        .unwrap();
    let mut seen = HashSet::new();
    for (asked, answered, count) in [
        ("member", "member;range=0-1499", 1500),
        ("member;range=1500-*", "member;range=1500-2999", 1500),
        ("member;range=3000-*", "member;range=3000-*", 200),
    ] {
        let entry = read(&mut ldap, &group, &[asked]).await;
        assert_eq!(entry.attrs[answered].len(), count, "{asked}");
        seen.extend(entry.attrs[answered].clone());
    }
    assert_eq!(seen.len(), 3200);
    let entry = read(&mut ldap, &group, &["member;range=10-19"]).await;
    assert_eq!(entry.attrs["member;range=10-19"].len(), 10);

    let beyond = || vec!["member;range=3200-*"];
    let found = ldap
        .search(&group, Scope::Base, "(cn=*)", beyond())
        .await
        .unwrap();
    refused(found.1, 1, "00000057");
    let lenient = ldap.with_controls(control("1.2.840.113556.1.4.1948", None));
    let (found, _) = lenient
        .search(&group, Scope::Base, "(cn=*)", beyond())
        .await
        .unwrap()
        .success()
        .unwrap();
    let entry = SearchEntry::construct(found.into_iter().next().unwrap());
    assert!(entry.attrs.is_empty(), "{entry:?}");
}

#[tokio::test]
async fn chains_are_followed() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let ada = user(&mut ldap, "ada", &[]).await;
    let (inner, outer) = (format!("CN=inner,{STAFF}"), format!("CN=outer,{STAFF}"));
    add(
        &mut ldap,
        &inner,
        &[("objectClass", &["group"]), ("member", &[&ada])],
    )
    .await
    .success()
    .unwrap();
    add(
        &mut ldap,
        &outer,
        &[("objectClass", &["group"]), ("member", &[&inner])],
    )
    .await
    .success()
    .unwrap();
    // Groups in a circle end somewhere.
    ldap.modify(&inner, vec![change(Mod::Add, "member", &[&outer])])
        .await
        .unwrap()
        .success()
        .unwrap();
    let rule = "1.2.840.113556.1.4.1941";
    let members = search(
        &mut ldap,
        BASE,
        &format!("(&(objectClass=user)(memberOf:{rule}:={outer}))"),
        &["cn"],
    )
    .await;
    assert_eq!(members.len(), 1);
    let groups = search(&mut ldap, BASE, &format!("(member:{rule}:={ada})"), &["cn"]).await;
    assert_eq!(groups.len(), 2);
}

#[tokio::test]
async fn controls_are_known_or_refused() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let dn = user(&mut ldap, "ada", &[]).await;
    let unknown = ldap
        .with_controls(control("1.2.3.4", None))
        .search(BASE, Scope::Base, "(cn=*)", vec!["cn"])
        .await;
    refused(
        unknown.unwrap().1,
        12,
        "00000057: LdapErr: DSID-0C090D8A, comment: Error processing control",
    );
    let extended = ldap
        .with_controls(control("1.2.840.113556.1.4.529", Some(&[0x30, 3, 2, 1, 1])))
        .search(&dn, Scope::Base, "(cn=*)", vec!["objectGUID"])
        .await
        .unwrap();
    let entry = SearchEntry::construct(extended.0.into_iter().next().unwrap());
    let guid = uuid::Uuid::from_slice_le(&entry.bin_attrs["objectGUID"][0]).unwrap();
    assert!(
        entry.dn.starts_with(&format!("<GUID={guid}>;<SID=S-1-5-21-")) && entry.dn.ends_with(&dn),
        "{}",
        entry.dn
    );
}

/// DirSync with the flags for everybody's own rights and for links one by one.
async fn changes(ldap: &mut Ldap, cookie: &[u8]) -> (Vec<SearchEntry>, Vec<u8>) {
    let length = u8::try_from(cookie.len()).unwrap();
    let head = [
        0x30,
        13 + length,
        2,
        4,
        0x80,
        0,
        0,
        1,
        2,
        3,
        0x10,
        0,
        0,
        4,
        length,
    ];
    let value = [&head[..], cookie].concat();
    let asked = ldap.with_controls(control("1.2.840.113556.1.4.841", Some(&value)));
    let found = asked
        .search(BASE, Scope::Subtree, "(objectClass=*)", vec!["*"])
        .await
        .unwrap();
    let (entries, result) = found.success().unwrap();
    let answered = result
        .ctrls
        .iter()
        .find(|it| it.1.ctype == "1.2.840.113556.1.4.841")
        .unwrap();
    let value = answered.1.val.as_ref().unwrap();
    let entries = entries.into_iter().map(SearchEntry::construct).collect();
    (entries, value[value.len() - 12..].to_vec())
}

#[tokio::test]
async fn dirsync_tells_links_one_by_one() {
    let lab = directory();
    let mut ldap = admin(&lab).await;
    let (ada, bob) = (
        user(&mut ldap, "ada", &[]).await,
        user(&mut ldap, "bob", &[]).await,
    );
    let group = format!("CN=Engines,{STAFF}");
    add(
        &mut ldap,
        &group,
        &[("objectClass", &["group"]), ("member", &[&ada])],
    )
    .await
    .success()
    .unwrap();
    let (all, cookie) = changes(&mut ldap, &[]).await;
    assert!(all.len() > 20);
    let (none, cookie) = changes(&mut ldap, &cookie).await;
    assert!(none.is_empty());
    let swap = vec![
        change(Mod::Delete, "member", &[&ada]),
        change(Mod::Add, "member", &[&bob]),
    ];
    ldap.modify(&group, swap).await.unwrap().success().unwrap();
    ldap.modifydn(&ada, "CN=Ada King", true, None)
        .await
        .unwrap()
        .success()
        .unwrap();
    let (both, _) = changes(&mut ldap, &cookie).await;
    let [engines, king] = &both[..] else {
        panic!("{both:?}")
    };
    assert_eq!(
        engines.attrs["member;range=0-0"],
        [format!("CN=Ada King,{STAFF}")]
    );
    assert_eq!(engines.attrs["member;range=1-1"], [bob]);
    assert_eq!(king.attrs["name"], ["Ada King"]);
    assert!(king.bin_attrs.contains_key("parentGUID") && !king.attrs.contains_key("sAMAccountName"));
    let unit = ldap.with_controls(control(
        "1.2.840.113556.1.4.841",
        Some(&[0x30, 8, 2, 1, 0, 2, 1, 0, 4, 0]),
    ));
    let refusal = unit
        .search(STAFF, Scope::Subtree, "(cn=*)", vec!["cn"])
        .await
        .unwrap()
        .1;
    refused(refusal, 53, "00002035");
}

/// One page of two, with the cookie for the next.
async fn page(ldap: &mut Ldap, filter: &str, cookie: &[u8], most: i32) -> (usize, u32, Vec<u8>) {
    use ldap3::controls::{PagedResults, RawControl};
    let asked = PagedResults {
        size: 2,
        cookie: cookie.to_vec(),
    };
    let found = ldap
        .with_controls(vec![RawControl::from(asked)])
        .with_search_options(ldap3::SearchOptions::new().sizelimit(most))
        .search(STAFF, Scope::Subtree, filter, vec!["cn"])
        .await
        .unwrap();
    let answered = found
        .1
        .ctrls
        .iter()
        .find(|it| it.1.ctype == "1.2.840.113556.1.4.319");
    let cookie = answered.map(|it| it.1.parse::<PagedResults>().cookie);
    (found.0.len(), found.1.rc, cookie.unwrap_or_default())
}

#[tokio::test]
async fn pages_are_of_one_question_and_end_where_the_client_wants() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    for name in ["a", "b", "c", "d", "e"] {
        user(&mut ldap, name, &[]).await;
    }
    let users = "(objectClass=user)";
    let (count, result, cookie) = page(&mut ldap, users, b"", 0).await;
    assert_eq!((count, result), (2, 0));
    let (_, other, _) = page(&mut ldap, "(objectClass=person)", &cookie, 0).await;
    assert_eq!(other, 53, "another question");
    let (count, result, cookie) = page(&mut ldap, users, &cookie, 0).await;
    assert_eq!((count, result), (2, 0));
    let (count, result, cookie) = page(&mut ldap, users, &cookie, 0).await;
    assert_eq!((count, result, cookie.len()), (1, 0, 0));

    let (count, result, cookie) = page(&mut ldap, users, b"", 3).await;
    assert_eq!((count, result), (2, 0));
    let (count, result, cookie) = page(&mut ldap, users, &cookie, 3).await;
    assert_eq!((count, result, cookie.len()), (1, 4, 0), "three in all");
    let (count, result, _) = page(&mut ldap, users, b"", 1).await;
    assert_eq!((count, result), (1, 4));
}

#[tokio::test]
async fn whoever_is_sorted_by_names_is_sorted() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let (zoe, amy) = (
        user(&mut ldap, "zoe", &[]).await,
        user(&mut ldap, "amy", &[]).await,
    );
    user(&mut ldap, "first", &[("manager", &[&zoe])]).await;
    user(&mut ldap, "second", &[("manager", &[&amy])]).await;
    let by_manager = [&[0x30, 11, 0x30, 9, 4, 7][..], b"manager"].concat();
    let found = ldap
        .with_controls(control("1.2.840.113556.1.4.473", Some(&by_manager)))
        .search(STAFF, Scope::Subtree, "(manager=*)", vec!["cn"])
        .await
        .unwrap();
    let names: Vec<String> = found
        .0
        .into_iter()
        .map(|it| SearchEntry::construct(it).dn)
        .collect();
    assert_eq!(names, [format!("CN=second,{STAFF}"), format!("CN=first,{STAFF}")]);
}

#[tokio::test]
async fn filters_nest_so_deep_and_are_refused_in_words_beyond() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    user(&mut ldap, "ada", &[]).await;
    for operator in ["&", "|", "!"] {
        let nested = |depth: usize| {
            let open = format!("({operator}").repeat(depth);
            format!("{open}(cn=ada){}", ")".repeat(depth))
        };
        let found = search(&mut ldap, STAFF, &nested(48), &["cn"]).await;
        assert_eq!(found.len(), 1, "{operator}");
        ldap.search(STAFF, Scope::Subtree, &nested(49), vec!["cn"])
            .await
            .unwrap()
            .success()
            .unwrap();
        for depth in [50, 55] {
            let deeper = ldap
                .search(STAFF, Scope::Subtree, &nested(depth), vec!["cn"])
                .await;
            refused(deeper.unwrap().1, 11, "0000202D: LdapErr");
        }
    }
}
