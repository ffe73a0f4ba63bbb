//! B9, B13: what a review that is over, or to which an answer was given, still holds, and what it does not.

use super::*;

const ADA: &str = "CN=Ada Novak,OU=Staff,DC=example,DC=test";

fn left(id: &str, name: &str) -> Json {
    with(person(id, name), json!({"active": false}))
}

impl House {
    async fn says(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.gateway.caller.settled().await;
    }

    async fn withheld(&self) -> Json {
        self.review().await["report"]["withheld"].clone()
    }

    /// The review is over; Ada's account is another than the one that was released, and Cas seems to have one.
    async fn read() -> House {
        let house = House::lived_in().await;
        house.by_hand(ADA, "replace: title\ntitle: Queen");
        house.release(json!({"all": true})).await;
        house.until_title("2", "Usher").await;
        eventually("Ada waits again", async || house.withheld().await == 2).await;
        house
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b13_a_review_that_is_over_keeps_no_leaver_enabled() {
    let house = House::read().await;
    house.says(&[left("1", "Ada Novak")]).await;
    eventually("Ada is disabled", async || !is_enabled(&house.of("1"))).await;
    assert_eq!(
        house.gateway.caller.outcome("1").await,
        outcome("disable", "success", "")
    );
    assert_eq!(
        house.of("1").value("title"),
        Some("Queen"),
        "nobody has read that"
    );
    assert_eq!(house.withheld().await, 2, "what is left of it waits");

    // She comes back: the gateway's own disable is taken back once a person has read the rest.
    house.says(&[titled("1", "Ada Novak", "Judge")]).await;
    assert!(!is_enabled(&house.of("1")));
    house.release(json!({"workers": ["1"]})).await;
    house.until_title("1", "Judge").await;
    eventually("Ada may sign in", async || is_enabled(&house.of("1"))).await;
    assert_eq!(house.withheld().await, 1, "Cas alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_who_seemed_to_have_an_account_goes_on_once_it_is_his() {
    let house = House::read().await;
    let cas = "CN=Cas Orlov,OU=Staff,DC=example,DC=test";
    house.by_hand(cas, "replace: employeeID\nemployeeID: 3");
    house.says(&[titled("3", "Cas Orlov", "Cook")]).await;
    house.until_title("3", "Cook").await;
    eventually("Ada alone waits", async || house.withheld().await == 1).await;
    // What somebody mended by hand is not read again, and the rest is done.
    house.by_hand(ADA, "replace: title\ntitle: Judge");
    house.release(json!({"workers": ["1"]})).await;
    eventually("nobody waits", async || house.withheld().await == 0).await;
    eventually("the rest is done", async || {
        house.of("1").value("displayName") == Some("Ada Novak")
    })
    .await;
}

/// Somebody of Cas's names, not in his place.
fn namesake() -> String {
    "dn: CN=C. Orlov,OU=Staff,DC=example,DC=test\nobjectClass: user\nsAMAccountName: co\n\
     userAccountControl: 544\ngivenName: Cas\nsn: Orlov\n"
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_who_is_named_gets_an_account_of_his_own() {
    let twin = |name: &str, login: &str| account(name, login, ENABLED, "employeeID: 7\ntitle: Clerk\n");
    let house = House::with(
        &[
            namesake(),
            twin("Gus Hahn", "ghahn"),
            twin("Admin Hahn", "adm-ghahn"),
        ],
        "first_cycle = \"review\"",
    )
    .await;
    house
        .says(&[
            titled("3", "Cas Orlov", "Baker"),
            titled("7", "Gus Hahn", "Judge"),
        ])
        .await;
    assert_eq!(
        house.review().await["report"]["possibleExistingAccounts"]["count"],
        1
    );
    house.release(json!({"workers": ["3"]})).await;
    house.until_title("3", "Baker").await;
    assert_eq!(house.of("3").dn, "CN=Cas Orlov,OU=Staff,DC=example,DC=test");

    // To release whose account nobody knows is no word about the one that turns out to be his.
    house.release(json!({"workers": ["7"]})).await;
    house.says(&[titled("7", "Gus Hahn", "Judge")]).await;
    house.by_hand("CN=Admin Hahn,OU=Staff,DC=example,DC=test", "delete: employeeID");
    house.says(&[titled("7", "Gus Hahn", "Judge")]).await;
    eventually("Gus waits for what is to be done to his account", async || {
        house.review().await["report"]["attributes"]["title"]["overwritten"]["count"] == 1
    })
    .await;
    assert_eq!(house.of("7").value("title"), Some("Clerk"));
    house.release(json!({"workers": ["7"]})).await;
    house.until_title("7", "Judge").await;
}
