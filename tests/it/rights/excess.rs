//! Rights that nothing needs, and accounts that have power over everything.

use serde_json::json;

use super::domain::{ROME, STAFF, World};
use super::{check, excess, printed, rights};

const USER: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";
const GROUP: &str = "bf967a9c-0de6-11d0-a285-00aa003049e2";
const RESET_PASSWORD: &str = "00299570-246d-11d0-a768-00aa006e0529";
const PERSONAL_INFORMATION: &str = "77b5b886-944a-11d1-aebd-0000f80367c1";
const DESCRIPTION: &str = "bf967950-0de6-11d0-a285-00aa003049e2";
const REPLICATE_CHANGES: &str = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2";
const REPLICATE_SECRETS: &str = "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2";
const DOMAIN: &str = "DC=example,DC=test";

fn group(world: &World, name: &str, member: &str) -> String {
    let dn = format!("CN={name},CN=Users,{DOMAIN}");
    world.controller.add(&format!(
        "dn: {dn}\nobjectClass: group\nsAMAccountName: {name}\nmember: {member}\n"
    ));
    dn
}

fn me() -> String {
    format!("CN=muster,CN=Users,{DOMAIN}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_needs_is_told_where_it_was_granted() {
    let world = World::new();
    world.delegate();
    let group_dn = group(&world, "Help Desk", &me());
    let sid_of_group = {
        // The next account after ours.
        let (domain, last) = world
            .sid()
            .rsplit_once('-')
            .map(|(it, last)| (it.to_string(), last.to_string()))
            .unwrap();
        format!("{domain}-{}", last.parse::<u32>().unwrap() + 1)
    };
    world.grant(ROME, "(A;CI;GA;;;@)");
    world.grant(STAFF, &format!("(OA;CIIO;WP;{DESCRIPTION};{USER};@)"));
    world.grant(STAFF, &format!("(OA;CIIO;WP;{PERSONAL_INFORMATION};{USER};@)"));
    world.grant(STAFF, &format!("(OA;CIIO;WP;;{GROUP};@)"));
    world.grant(STAFF, "(A;CI;CC;;;@)");
    world.grant(DOMAIN, "(A;;WD;;;@)");
    world.grant(DOMAIN, &format!("(OA;;CR;{REPLICATE_CHANGES};;@)"));
    world.grant(DOMAIN, &format!("(OA;;CR;{REPLICATE_SECRETS};;@)"));
    world.grant(
        &format!("CN=AdminSDHolder,CN=System,{DOMAIN}"),
        &format!("(OA;;CR;{RESET_PASSWORD};;@)"),
    );
    world.grant(
        &format!("CN=Administrator,CN=Users,{DOMAIN}"),
        &format!("(OA;;CR;{RESET_PASSWORD};;@)"),
    );
    world.grant(
        &format!("CN=Users,{DOMAIN}"),
        &format!("(OA;CIIO;WP;;{USER};{sid_of_group})"),
    );
    world.grant(STAFF, "(A;CI;WP;;;AU)");
    // Who may read more than is needed may do no harm with it.
    world.grant(&format!("CN=Computers,{DOMAIN}"), "(A;CI;RPLCRC;;;@)");
    assert_eq!(world.controller.search("(cn=Help Desk)", &["cn"])[0].dn, group_dn);

    let (found, well) = rights(&world.setup);
    assert!(well, "nothing is missing: {found}");
    assert_eq!(found["missing"], json!([]));
    let (itself, help_desk) = ("the account itself", "the group Help Desk");
    let outside = "on the container itself, outside the managed containers";
    let of_protected = "of a protected account or group";
    let expected = [
        (
            format!("CN=AdminSDHolder,CN=System,{DOMAIN}"),
            format!("extended right User Force Change Password ({outside})"),
            itself,
        ),
        (
            format!("CN=Administrator,CN=Users,{DOMAIN}"),
            format!("extended right User Force Change Password ({of_protected})"),
            itself,
        ),
        (
            format!("CN=Administrator,CN=Users,{DOMAIN}"),
            format!("write all properties ({of_protected})"),
            help_desk,
        ),
        (
            format!("CN=krbtgt,CN=Users,{DOMAIN}"),
            format!("write all properties ({of_protected})"),
            help_desk,
        ),
        (
            format!("CN=Users,{DOMAIN}"),
            "write all properties (on users, outside the managed containers)".into(),
            help_desk,
        ),
        (DOMAIN.into(), format!("change permissions ({outside})"), itself),
        (
            DOMAIN.into(),
            format!("extended right DS Replication Get Changes All ({outside})"),
            itself,
        ),
        (
            ROME.into(),
            "full control (on the container itself)".into(),
            itself,
        ),
        (
            ROME.into(),
            "full control (on objects of every class)".into(),
            itself,
        ),
        (
            STAFF.into(),
            "create objects of every class (on the container itself and objects of every class below)".into(),
            itself,
        ),
        (
            STAFF.into(),
            "write all properties (on objects of the class group)".into(),
            itself,
        ),
        (STAFF.into(), "write description (on users)".into(), itself),
        (
            STAFF.into(),
            "write all properties (on the container itself and objects of every class below)".into(),
            "everybody who signs in (S-1-5-11)",
        ),
    ];
    let told = excess(&found);
    for (place, right, through) in &expected {
        let one = (place.clone(), right.clone(), (*through).to_string());
        assert!(told.contains(&one), "{one:?} is not among {told:#?}");
    }
    let personal = told
        .iter()
        .find(|one| one.1.contains("property set Personal Information (with "))
        .unwrap();
    assert_eq!(
        (personal.0.as_str(), told.len()),
        (STAFF, expected.len() + 1),
        "{told:#?}"
    );

    let table = printed(&check(&world.setup, &["--rights"]));
    assert!(table.contains("nothing is missing, 14 are too much"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_account_is_refused_unless_it_is_wanted() {
    let world = World::new();
    world.delegate();
    let inner = group(&world, "Inner", &me());
    let outer = group(&world, "Outer", &inner);
    world.controller.modify(&format!(
        "dn: CN=Account Operators,CN=Builtin,{DOMAIN}\nchangetype: modify\nadd: member\nmember: {outer}\n"
    ));
    let (found, well) = rights(&world.setup);
    assert!(!well);
    assert_eq!(found["privileged"], json!(["is a member of Account Operators"]));
    assert_eq!(
        (&found["missing"], &found["privilegedAllowed"]),
        (&json!([]), &json!(false))
    );
    let table = printed(&check(&world.setup, &["--rights"]));
    assert!(
        table.contains("error: the account is a member of Account Operators"),
        "{table}"
    );
    assert!(table.contains("allow_privileged = true"), "{table}");

    let wanted = world.keyed("\nallow_privileged = true\n");
    let (found, well) = rights(&wanted);
    assert!(well, "{found}");
    let table = printed(&check(&wanted, &["--rights"]));
    assert!(
        table.contains("warning: the account is a member of Account Operators"),
        "{table}"
    );

    // Out of the group, and marked still, as accounts are.
    world.controller.modify(&format!(
        "dn: CN=Account Operators,CN=Builtin,{DOMAIN}\nchangetype: modify\ndelete: member\nmember: {outer}\n\n\
         dn: {}\nchangetype: modify\nreplace: adminCount\nadminCount: 1\n",
        me()
    ));
    let (found, well) = rights(&world.setup);
    assert_eq!(
        found["privileged"],
        json!(["has adminCount=1, the mark of administrators"])
    );
    assert!(!well);
}
