//! Other people's clients: OpenLDAP's tools, and Python's ldap3, which knows Active Directory's extensions.

use std::path::Path;
use std::process::Command;

use super::*;

#[test]
fn openldap_tools_get_on_with_it() {
    let lab = directory();
    let client = lab.client();
    client
        .add(&format!(
            "dn: CN=Ada\\, Countess,{STAFF}\nobjectClass: user\nsAMAccountName: ada\nemployeeID: 1\nsn:: TcO8bGxlcg==\n"
        ))
        .unwrap();
    let found = client
        .search("(sn=Muller)", &["sn", "objectGUID", "userAccountControl"])
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].value("sn"), found[0].value("userAccountControl")),
        (Some("Müller"), Some("546"))
    );
    let dn = found[0].dn.clone();
    client
        .modify(&format!(
            "dn: {dn}\nchangetype: modify\nadd: title\ntitle: Countess\n-\nreplace: company\ncompany: Analytical\n\n\
             dn: {dn}\nchangetype: modrdn\nnewrdn: CN=Ada\ndeleteoldrdn: 1\nnewsuperior: OU=Leavers,{STAFF}\n"
        ))
        .unwrap();
    let refusal = client.modify(&format!(
        "dn: CN=Ada,OU=Leavers,{STAFF}\nchangetype: modify\nreplace: cn\ncn: x\n"
    ));
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.code, 67);
    assert!(refusal.text.contains("00002016: UpdErr"), "{}", refusal.text);
    client.delete(&format!("CN=Ada,OU=Leavers,{STAFF}")).unwrap();
    assert!(client.search("(employeeID=1)", &["cn"]).unwrap().is_empty());
    assert_eq!(client.delete(&format!("CN=Ada,{STAFF}")).unwrap_err().code, 32);
    assert_eq!(
        lab.client_of(&lab.upn, "wrong")
            .search("(cn=*)", &[])
            .unwrap_err()
            .code,
        49
    );

    // As an administrator who is asked for an index.
    let admin = lab.admin();
    admin
        .modify(&format!(
            "dn: CN=Employee-ID,CN=Schema,CN=Configuration,{BASE}\nchangetype: modify\nreplace: searchFlags\n\
             searchFlags: 1\n\ndn:\nchangetype: modify\nreplace: schemaUpdateNow\nschemaUpdateNow: 1\n"
        ))
        .unwrap();
}

#[test]
fn python_ldap3_gets_on_with_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/venv/bin/python");
    assert!(python.exists(), "no Python for the judges: run tests/install");
    let lab = directory();
    let directory = &lab.directory;
    let judged = Command::new(python)
        .arg(root.join("tests/peers/ldap3_judge.py"))
        .env("LAB_URL", &directory.url)
        .env("LAB_BASE", &directory.base_dn)
        .env("LAB_CA", &directory.ca_file)
        .env("LAB_USER", &directory.user)
        .env("LAB_PASSWORD", &directory.password)
        .env("LAB_ADMIN", &directory.admin_user)
        .env("LAB_ADMIN_PASSWORD", &directory.admin_password)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&judged.stdout).into_owned() + &String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{said}");
}
