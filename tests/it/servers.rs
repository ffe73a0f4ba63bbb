//! The servers the other tests stand on do what those tests rely on.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::support::{ldap, openldap, postgres, samba};

#[test]
fn a_controller_takes_users_and_gives_them_back() {
    let controller = samba::controller();
    controller.add(
        "dn: CN=Jürg Müller,CN=Users,DC=example,DC=test\n\
         objectClass: user\nsAMAccountName: jmueller\nemployeeID: 1001\n",
    );
    controller.modify(
        "dn: CN=Jürg Müller,CN=Users,DC=example,DC=test\n\
         changetype: modify\nreplace: otherTelephone\notherTelephone: 1\notherTelephone: 2\n",
    );

    let found = controller.search(
        "(employeeID=1001)",
        &["sAMAccountName", "otherTelephone", "objectGUID"],
    );
    let [user] = &found[..] else {
        panic!("one user: {found:?}")
    };
    assert_eq!(user.dn, "CN=Jürg Müller,CN=Users,DC=example,DC=test");
    assert_eq!(user.value("sAMAccountName"), Some("jmueller"));
    assert_eq!(
        user.values["otherTelephone"]
            .iter()
            .collect::<BTreeSet<_>>()
            .len(),
        2
    );
    assert_eq!(user.value("objectGUID").unwrap().len(), 24, "16 bytes in base64");

    controller.delete(&user.dn);
    assert_eq!(controller.search("(employeeID=1001)", &[]), []);
}

#[test]
fn controllers_are_copies_of_one_domain_that_do_not_meet() {
    let (one, other) = (samba::controller(), samba::controller());
    assert_ne!(one.address, other.address);
    let sid = |controller: &samba::Controller| {
        controller.search("(sAMAccountName=Administrator)", &["objectSid"])[0]
            .value("objectSid")
            .map(str::to_owned)
    };
    assert_eq!(sid(&one), sid(&other), "made once for this machine");

    one.add("dn: OU=Staff,DC=example,DC=test\nobjectClass: organizationalUnit\n");
    assert_eq!(one.search("(ou=Staff)", &["ou"]).len(), 1);
    assert_eq!(other.search("(ou=Staff)", &["ou"]).len(), 0);

    let dir = one.dir.clone();
    assert!(dir.join("log").exists());
    drop(one);
    assert!(!dir.exists());
    assert_eq!(other.search("(ou=Staff)", &["ou"]).len(), 0, "the other lives on");
}

#[test]
fn a_controller_comes_back_with_its_data() {
    let controller = samba::controller();
    controller.add("dn: OU=Staff,DC=example,DC=test\nobjectClass: organizationalUnit\n");
    controller.kill();
    TcpStream::connect((controller.address, 636)).expect_err("killed");
    controller.start_again();
    assert_eq!(controller.search("(ou=Staff)", &["ou"]).len(), 1);

    controller.stop();
    TcpStream::connect((controller.address, 636)).expect_err("stopped");
    controller.start_again();
    assert_eq!(controller.search("(ou=Staff)", &["ou"]).len(), 1);
}

#[test]
fn a_frozen_controller_accepts_connections_and_says_nothing() {
    let controller = samba::controller();
    controller.freeze();
    TcpStream::connect((controller.address, 636)).expect("the kernel still accepts");
    let (answered, answer) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| answered.send(controller.search("(sAMAccountName=Administrator)", &["cn"])));
        answer
            .recv_timeout(Duration::from_millis(500))
            .expect_err("an answer from a frozen server");
        controller.thaw();
        assert_eq!(answer.recv().unwrap().len(), 1);
    });
}

#[test]
fn a_service_account_is_refused_outside_its_units() {
    let controller = samba::controller();
    let (upn, password) = controller.service_account(&[
        "OU=Active,OU=Staff,DC=example,DC=test",
        "OU=Gone,DC=example,DC=test",
    ]);
    let service = controller.client(&upn, &password);
    let user = |unit: &str| {
        format!("dn: CN=Ada,{unit},DC=example,DC=test\nobjectClass: user\nsAMAccountName: ada\n")
    };

    service.add(&user("OU=Active,OU=Staff")).expect("its own unit");
    service
        .modify(
            "dn: CN=Ada,OU=Active,OU=Staff,DC=example,DC=test\n\
             changetype: modrdn\nnewrdn: CN=Ada\ndeleteoldrdn: 1\nnewsuperior: OU=Gone,DC=example,DC=test\n",
        )
        .expect("a move to its other unit");
    service
        .modify(
            // "Passw0rd!1" with its quotes, in UTF-16.
            "dn: CN=Ada,OU=Gone,DC=example,DC=test\nchangetype: modify\nreplace: unicodePwd\n\
             unicodePwd:: IgBQAGEAcwBzAHcAMAByAGQAIQAxACIA\n",
        )
        .expect("a password");
    service
        .delete("CN=Ada,OU=Gone,DC=example,DC=test")
        .expect("a delete");

    let insufficient_access_rights = 50;
    for elsewhere in ["CN=Users", "OU=Staff"] {
        assert_eq!(
            service.add(&user(elsewhere)).unwrap_err().code,
            insufficient_access_rights
        );
    }
    let wrong = controller
        .client(&upn, "wrong")
        .search("(cn=Ada)", &[])
        .unwrap_err();
    assert_eq!(wrong.code, 49);
    assert!(wrong.text.contains("data 52e"), "{}", wrong.text);
    let plain = ldap::Client {
        url: controller.ldap_url.clone(),
        ..service
    };
    assert_eq!(
        plain.search("(cn=Ada)", &[]).unwrap_err().code,
        8,
        "no password without TLS"
    );
}

#[test]
fn an_attribute_can_be_indexed() {
    let controller = samba::controller();
    let schema = ldap::Client {
        base_dn: format!("CN=Schema,CN=Configuration,{}", controller.base_dn),
        url: controller.ldaps_url.clone(),
        user: controller.admin_upn.clone(),
        password: controller.admin_password.clone(),
        ca_file: controller.ca_file.clone(),
    };
    let indexed = || {
        let found = schema
            .search("(lDAPDisplayName=employeeID)", &["searchFlags"])
            .unwrap();
        found[0].value("searchFlags").unwrap().parse::<u32>().unwrap() & 1
    };
    assert_eq!(indexed(), 0, "Active Directory does not");
    controller.index("employeeID");
    assert_eq!(indexed(), 1);
}

#[test]
fn two_controllers_replicate_and_outlive_a_crash_of_one() {
    let pair = match samba::pair() {
        Ok(pair) => pair,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    pair.first
        .add("dn: OU=Staff,DC=example,DC=test\nobjectClass: organizationalUnit\n");
    pair.converge();
    assert_eq!(pair.second.search("(ou=Staff)", &["ou"]).len(), 1);

    pair.first.kill();
    pair.second
        .add("dn: OU=Gone,DC=example,DC=test\nobjectClass: organizationalUnit\n");
    pair.first.start_again();
    pair.converge();
    assert_eq!(pair.first.search("(ou=Gone)", &["ou"]).len(), 1);
}

#[test]
fn openldap_takes_the_same_users() {
    let directory = openldap::directory();
    let client = directory.client();
    let dn = format!("CN=Ada,OU=Staff,{}", directory.base_dn);
    client
        .add(&format!(
            "dn: {dn}\nobjectClass: user\nsn: Lovelace\nsAMAccountName: ada\nuserPrincipalName: ada@example.test\n\
             userAccountControl: 512\nemployeeID: 1001\ndepartment: Research\ncompany: Example\n"
        ))
        .unwrap();
    let plain = ldap::Client {
        url: directory.ldap_url.clone(),
        ..client.clone()
    };
    let found = plain
        .search(
            "(&(employeeID=1001)(userPrincipalName=ADA@example.test))",
            &["department"],
        )
        .unwrap();
    assert_eq!(found[0].value("department"), Some("Research"));

    client
        .modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: division\ndivision: Engines\n"
        ))
        .unwrap();
    client.delete(&dn).unwrap();
    assert_eq!(client.delete(&dn).unwrap_err().code, 32, "it is gone");
}

#[test]
fn every_database_is_new() {
    let (one, other) = (postgres::database(), postgres::database());
    let sql = |url: &str, statement: &str| {
        let psql = Command::new("psql")
            .args(["-X", "-q", "-c", statement, url])
            .output()
            .unwrap();
        psql.status.success()
    };
    assert_ne!(one, other);
    assert!(sql(&one, "CREATE TABLE worker (id INTEGER)"));
    assert!(sql(&one, "SELECT id FROM worker"));
    assert!(!sql(&other, "SELECT id FROM worker"));
}

#[test]
fn a_server_does_not_outlive_the_process_that_wanted_it() {
    // `sleep` stands for a test process that is killed: it holds the pipe the keeper listens to.
    let mut holder = Command::new("sleep")
        .arg("600")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let dir = tempfile::tempdir().unwrap().keep();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/openldap");
    let address = "127.63.0.1";
    let mut keeper = Command::new(script)
        .args([dir.to_str().unwrap(), address])
        .env("CARGO_TARGET_TMPDIR", env!("CARGO_TARGET_TMPDIR"))
        .stdin(holder.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(keeper.stdout.as_mut().unwrap(), &mut ready).unwrap();
    TcpStream::connect((address, 3389)).expect("up");

    holder.kill().unwrap();
    holder.wait().unwrap();
    keeper.wait().unwrap();
    TcpStream::connect((address, 3389)).expect_err("gone with its keeper");
    assert!(!dir.exists());
}
