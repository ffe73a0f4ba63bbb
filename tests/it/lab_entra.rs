//! The simulated Entra ID does what Microsoft documents of the real one, as seen by a plain HTTP client; and
//! Microsoft's own client gets along with it.

mod batches;
mod faults;
mod lists;
mod people;
mod service;

use muster::lab::entra::{self, Entra, Options, Settings, Throttling};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value as Json, json};
use std::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A tenant of its own for a test, and a client with a token.
pub struct Tenant {
    pub entra: Entra,
    pub http: Client,
    pub token: String,
    _stop: DropGuard,
}

impl Tenant {
    pub async fn start(workers: usize) -> Tenant {
        let settings = Settings {
            throttle: Throttling::Off,
            ..Settings::default()
        };
        let stop = CancellationToken::new();
        let options = Options {
            workers,
            settings,
            ..Options::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let entra = entra::start(options, listener, stop.clone()).unwrap();
        let mut tenant = Tenant {
            http: Client::builder().no_proxy().build().unwrap(),
            token: String::new(),
            entra,
            _stop: stop.drop_guard(),
        };
        tenant.token = tenant.fresh_token().await;
        tenant
    }

    pub async fn fresh_token(&self) -> String {
        let (status, answer) = self.ask_token(&[]).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_string()
    }

    /// Asks for a token with these members of the form changed.
    pub async fn ask_token(&self, changes: &[(&str, &str)]) -> (u16, Json) {
        let id = self.entra.client_id.to_string();
        let mut form = vec![
            ("client_id", id.as_str()),
            ("client_secret", &self.entra.client_secret),
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        for (name, value) in changes {
            form.retain(|(given, _)| given != name);
            form.push((name, value));
        }
        let request = self.http.post(&self.entra.token_url).form(&form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A request with the token, to a path behind the version.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = match path.starts_with("http") {
            true => path.to_string(),
            false => format!("{}/v1.0{path}", self.entra.url),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> (u16, Json) {
        send(self.request("GET", path)).await
    }

    /// An advanced query.
    pub async fn get_eventual(&self, path: &str) -> (u16, Json) {
        send(self.request("GET", path).header("ConsistencyLevel", "eventual")).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        send(self.request(method, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Json) {
        send(self.request("DELETE", path)).await
    }

    /// Makes a user of this name with these values besides the required ones; answers with its id.
    pub async fn add(&self, name: &str, values: Json) -> String {
        let (status, answer) = self.send("POST", "/users", person(name, values)).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_string()
    }

    pub async fn admin(&self, path: &str, body: Json) -> (u16, Json) {
        send(self.http.post(format!("{}{path}", self.entra.admin)).json(&body)).await
    }

    /// Names of the users on all pages, in their order.
    pub async fn names(&self, path: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut next = Some(path.to_string());
        while let Some(path) = next {
            let (status, page) = self.get_eventual(&path).await;
            assert_eq!(status, 200, "{path}: {page}");
            let name = |user: &Json| user["displayName"].as_str().unwrap().to_string();
            names.extend(page["value"].as_array().unwrap().iter().map(name));
            next = page["@odata.nextLink"].as_str().map(String::from);
        }
        names
    }
}

pub async fn send(request: RequestBuilder) -> (u16, Json) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

/// A body that makes a user.
pub fn person(name: &str, values: Json) -> Json {
    let mut body = json!({
        "accountEnabled": true,
        "displayName": name,
        "mailNickname": name,
        "userPrincipalName": format!("{name}@example.test"),
        "passwordProfile": {"password": "Xx-123456", "forceChangePasswordNextSignIn": true},
    });
    for (name, value) in values.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Code and message of an error.
pub fn error(answer: &Json) -> (&str, &str) {
    let text = |name: &str| answer["error"][name].as_str().unwrap_or_default();
    (text("code"), text("message"))
}
