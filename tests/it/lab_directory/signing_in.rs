//! Who gets in, how, and why not.

use super::*;

#[tokio::test]
async fn everybody_has_several_names() {
    let lab = directory();
    let password = &lab.directory.password;
    for name in [
        &lab.directory.user,
        &lab.upn,
        "EXAMPLE\\svc-muster",
        "example.test\\SVC-MUSTER",
        "svc-muster@EXAMPLE.TEST",
    ] {
        let mut ldap = signed_in(&lab, name, password).await;
        let (exop, _) = ldap
            .extended(ldap3::exop::WhoAmI)
            .await
            .unwrap()
            .success()
            .unwrap();
        let who: ldap3::exop::WhoAmIResp = exop.parse();
        assert_eq!(who.authzid, "u:EXAMPLE\\svc-muster", "{name}");
        ldap.unbind().await.unwrap();
    }
}

#[tokio::test]
async fn refusals_say_why_in_windows_words() {
    let lab = directory();
    let mut admin = admin(&lab).await;
    let day = "133536384000000000";
    for (name, given) in [
        ("disabled", &[("userAccountControl", &["514"][..])][..]),
        ("expired", &[("accountExpires", &[day][..])]),
        ("fresh", &[("pwdLastSet", &["0"][..])]),
        ("fine", &[]),
    ] {
        let dn = user(&mut admin, name, &[]).await;
        let enabled = vec![
            password(Mod::Replace, "Pa55-word"),
            replace("userAccountControl", &["512"]),
        ];
        admin.modify(&dn, enabled).await.unwrap().success().unwrap();
        let changes: Vec<_> = given.iter().map(|(name, values)| replace(name, values)).collect();
        if !changes.is_empty() {
            admin.modify(&dn, changes).await.unwrap().success().unwrap();
        }
    }
    for (name, with, data) in [
        ("nobody", "Pa55-word", "525"),
        ("fine", "wrong", "52e"),
        ("disabled", "Pa55-word", "533"),
        ("disabled", "wrong", "52e"),
        ("expired", "Pa55-word", "701"),
        ("fresh", "Pa55-word", "773"),
    ] {
        let mut ldap = connect(&lab, &lab.directory.url, false).await.unwrap();
        let user = format!("EXAMPLE\\{name}");
        let result = ldap.simple_bind(&user, with).await.unwrap();
        assert!(
            result.text.contains(&format!("data {data}, v")),
            "{name}: {result:?}"
        );
        refused(
            result,
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error",
        );
    }
    signed_in(&lab, "fine@example.test", "Pa55-word").await;
    // Six weeks and a day later the password has expired; the service account's never does.
    let later = lab.directory.controls.now() + jiff::SignedDuration::from_hours(43 * 24);
    lab.directory.controls.set_now(later);
    let mut ldap = connect(&lab, &lab.directory.url, false).await.unwrap();
    let result = ldap.simple_bind("fine@example.test", "Pa55-word").await.unwrap();
    assert!(result.text.contains("data 532"), "{result:?}");
    service(&lab).await;
    let dn = format!("CN=fine,{STAFF}");
    assert_eq!(
        value(&mut admin, &dn, "msDS-User-Account-Control-Computed")
            .await
            .as_deref(),
        Some("8388608")
    );
}

#[tokio::test]
async fn nothing_is_told_to_strangers_but_who_answers() {
    let lab = directory();
    let mut stranger = connect(&lab, &lab.directory.url, false).await.unwrap();
    let root = read(&mut stranger, "", &[]).await;
    assert_eq!(root.attrs["defaultNamingContext"], [BASE]);
    assert_eq!(root.attrs["domainFunctionality"], ["7"]);
    assert!(root.attrs["supportedCapabilities"].contains(&"1.2.840.113556.1.4.800".to_string()));
    assert!(root.attrs["supportedControl"].contains(&"1.2.840.113556.1.4.841".to_string()));

    let not_signed_in = "000004DC: LdapErr: DSID-0C090D8A, comment: In order to perform this operation";
    let found = stranger
        .search(BASE, Scope::Subtree, "(cn=*)", vec!["cn"])
        .await
        .unwrap();
    refused(found.1, 1, not_signed_in);
    refused(
        stranger
            .delete("CN=Guest,CN=Users,DC=example,DC=test")
            .await
            .unwrap(),
        1,
        not_signed_in,
    );
    // A name without a password is nobody's.
    stranger
        .simple_bind(&lab.upn, "")
        .await
        .unwrap()
        .success()
        .unwrap();
    let found = stranger
        .search(BASE, Scope::Subtree, "(cn=*)", vec!["cn"])
        .await
        .unwrap();
    refused(found.1, 1, not_signed_in);
}

#[tokio::test]
async fn passwords_need_encryption() {
    let lab = directory();
    let mut plain = connect(&lab, &lab.directory.ldap_url, false).await.unwrap();
    let result = plain
        .simple_bind(&lab.upn, &lab.directory.password)
        .await
        .unwrap();
    refused(result, 8, "00002028: LdapErr");

    let mut started = connect(&lab, &lab.directory.ldap_url, true).await.unwrap();
    started
        .simple_bind(&lab.upn, &lab.directory.password)
        .await
        .unwrap()
        .success()
        .unwrap();
    let dn = user(&mut started, "tls", &[]).await;
    let reset = vec![password(Mod::Replace, "Pa55-word")];
    started.modify(&dn, reset).await.unwrap().success().unwrap();
    let start = ldap3::exop::Exop {
        name: Some("1.3.6.1.4.1.1466.20037".to_string()),
        val: None,
    };
    let again = started.extended(start).await.unwrap().1;
    refused(again, 1, "00002020");
}

#[tokio::test]
async fn rights_end_where_they_were_delegated() {
    let lab = directory();
    let (mut service, mut admin) = (service(&lab).await, admin(&lab).await);
    let dn = user(&mut service, "mine", &[]).await;
    let denied = "00000005: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0";
    let not_mine = "00002098: SecErr";
    let elsewhere = "CN=x,CN=Users,DC=example,DC=test";
    refused(
        add(&mut service, elsewhere, &[("objectClass", &["user"])]).await,
        50,
        denied,
    );
    let group = format!("CN=g,{STAFF}");
    refused(
        add(&mut service, &group, &[("objectClass", &["group"])]).await,
        50,
        denied,
    );
    let away = service.modifydn(&dn, "CN=mine", true, Some("CN=Users,DC=example,DC=test"));
    refused(away.await.unwrap(), 50, denied);
    let title = || vec![replace("title", &["x"])];
    let guest = "CN=Guest,CN=Users,DC=example,DC=test";
    refused(service.modify(guest, title()).await.unwrap(), 50, not_mine);
    refused(service.delete(guest).await.unwrap(), 50, denied);
    let trusted = vec![replace("userAccountControl", &["524802"])];
    refused(service.modify(&dn, trusted).await.unwrap(), 50, denied);

    // An account that AdminSDHolder protects is out of reach, also below.
    admin
        .modify(&dn, vec![replace("adminCount", &["1"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    refused(service.modify(&dn, title()).await.unwrap(), 50, not_mine);
    admin.modify(&dn, title()).await.unwrap().success().unwrap();

    for (place, mine) in [(STAFF, Some("user")), (BASE, None)] {
        let entry = read(&mut service, place, &["allowedChildClassesEffective"]).await;
        let classes = entry.attrs.get("allowedChildClassesEffective");
        assert_eq!(
            classes.and_then(|it| it.first()).map(String::as_str),
            mine,
            "{place}"
        );
    }
}

#[tokio::test]
async fn whoever_fails_to_sign_in_is_nobody() {
    use muster::lab::faults::{Action, Fault};
    let lab = directory();
    let mut ldap = service(&lab).await;
    let (code, retry_after, message) = (49, None, None);
    let refusal = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v";
    let said_so = Action::Answer {
        code,
        retry_after,
        message: message.clone(),
    };
    let said_after = Action::AnswerAfter {
        code,
        retry_after,
        message,
    };
    for action in [Some(said_so), Some(said_after), None] {
        ldap.simple_bind(&lab.upn, &lab.directory.password)
            .await
            .unwrap()
            .success()
            .unwrap();
        value(&mut ldap, STAFF, "ou").await.unwrap();
        let password = match action {
            Some(_) => lab.directory.password.as_str(),
            None => "wrong",
        };
        let faults = action.into_iter().map(|action| Fault {
            on: "bind".to_string(),
            about: None,
            skip: 0,
            times: Some(1),
            action,
        });
        lab.directory.controls.script(faults.collect()).unwrap();
        refused(ldap.simple_bind(&lab.upn, password).await.unwrap(), 49, refusal);
        let found = ldap
            .search(STAFF, Scope::Base, "(ou=*)", vec!["ou"])
            .await
            .unwrap();
        refused(found.1, 1, "000004DC: LdapErr");
    }
}
