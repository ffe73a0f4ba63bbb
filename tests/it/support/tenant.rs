//! A simulated tenant of Entra ID, in this process. What it holds is asked of the simulator itself.

use std::net::TcpListener;

use muster::lab::entra::{self, Alteration, Options, Settings, Throttling};
use muster::lab::faults::Fault;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

/// A tenant, stopped when dropped.
pub struct Tenant {
    pub lab: entra::Entra,
    stop: CancellationToken,
}

impl Tenant {
    pub fn new(settings: Settings) -> Tenant {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stop = CancellationToken::new();
        let options = Options {
            settings,
            ..Options::default()
        };
        let lab = entra::start(options, listener, stop.clone()).unwrap();
        Tenant { lab, stop }
    }

    pub fn unthrottled() -> Tenant {
        Tenant::new(Settings {
            throttle: Throttling::Off,
            ..Settings::default()
        })
    }

    /// The table of the config.
    pub fn target(&self) -> String {
        format!(
            r#"
            kind = "entra"
            url = "{}"
            token_url = "{}"
            client_id = "{}"
            client_secret = "{}"
            domain = "{}"
            timeout = "5s"
            "#,
            self.lab.url, self.lab.token_url, self.lab.client_id, self.lab.client_secret, self.lab.domain
        )
    }

    /// Everybody who has this employee number.
    pub fn holders(&self, employee: &str) -> Vec<Json> {
        let state = self.lab.state();
        let users = state["users"].as_array().unwrap().iter();
        users
            .filter(|user| user["employeeId"] == employee)
            .cloned()
            .collect()
    }

    /// The one user of this worker.
    pub fn user(&self, employee: &str) -> Json {
        let mut found = self.holders(employee);
        assert_eq!(found.len(), 1, "{employee} has one user: {found:?}");
        found.remove(0)
    }

    pub fn faults(&self, script: Json) {
        let faults: Vec<Fault> = serde_json::from_value(script).unwrap();
        self.lab.controls.script(faults).unwrap();
    }

    pub fn alter(&self, alteration: Json) {
        let alteration: Alteration = serde_json::from_value(alteration).unwrap();
        self.lab.alter(alteration).unwrap();
    }

    /// `POST /lab/…` of the simulator.
    pub async fn control(&self, what: &str, body: Json) {
        let http = reqwest::Client::builder().build().unwrap();
        let request = http.post(format!("{}/lab/{what}", self.lab.admin)).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    async fn call(&self, method: &str, path: &str, body: Option<Json>) {
        let lab = &self.lab;
        let http = reqwest::Client::builder().build().unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &lab.client_id.to_string()),
            ("client_secret", &lab.client_secret),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let token: Json = http
            .post(&lab.token_url)
            .form(&form)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let request = http.request(method.parse().unwrap(), format!("{}/v1.0{path}", lab.url));
        let request = request.bearer_auth(token["access_token"].as_str().unwrap());
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{method} {path}: {}",
            answer.status()
        );
    }

    pub async fn delete(&self, id: &str) {
        self.call("DELETE", &format!("/users/{id}"), None).await;
    }

    pub async fn set_manager(&self, id: &str, manager: &str) {
        let reference = json!({ "@odata.id": format!("{}/v1.0/users/{manager}", self.lab.url) });
        self.call("PUT", &format!("/users/{id}/manager/$ref"), Some(reference))
            .await;
    }

    pub async fn restore(&self, id: &str) {
        self.call("POST", &format!("/directory/deletedItems/{id}/restore"), None)
            .await;
    }

    /// Nothing is left of a deleted user, if the simulator has not purged it already.
    pub async fn purge(&self, id: &str) {
        if self.lab.state()["deleted"]
            .as_array()
            .unwrap()
            .iter()
            .any(|user| user["id"] == id)
        {
            self.call("DELETE", &format!("/directory/deletedItems/{id}"), None)
                .await;
        }
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
