//! Notices to a webhook, received and verified by the library that Standard Webhooks gives receivers in Python.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use muster::connector::webhook::{Config, Delivery, File, Webhook};
use serde_json::{Value as Json, json};

pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A receiver in a process of its own; killed when dropped. It answers what it is told to, in turn, and then 204.
pub struct Receiver {
    child: Child,
    pub url: String,
    told: BufReader<std::process::ChildStdout>,
}

impl Receiver {
    pub fn start(answers: &[u16]) -> Receiver {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/peers/venv/bin/python");
        assert!(python.exists(), "no Python for the judges: run tests/install");
        let answers: Vec<String> = answers.iter().map(u16::to_string).collect();
        let mut child = Command::new(python)
            .arg(root.join("tests/peers/webhook_receiver.py"))
            .env("SECRET", SECRET)
            .env("ANSWERS", answers.join(" "))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        told.read_line(&mut url).unwrap();
        Receiver {
            child,
            url: url.trim().to_string(),
            told,
        }
    }

    /// The next attempt that came: what was in it, and what the library says of it.
    pub fn next(&mut self) -> Json {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the receiver ended"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn webhook(url: &str, secret: &str) -> Webhook {
    let text = format!("webhook = \"{url}\"\nsecret = \"{secret}\"");
    let file: File = toml::from_str(&text).unwrap();
    let config: Config = file.resolve(Path::new(".")).unwrap();
    Webhook::new(&config).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the receiver's clock is the system's")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_can_tell_who_sent_a_notice_and_that_nobody_changed_it() {
    let mut receiver = Receiver::start(&[]);
    let url = receiver.url.clone();
    let body =
        json!({"type": "writeback.completed", "timestamp": now().to_string(), "data": {"name": "Zoë"}})
            .to_string();
    let ours = webhook(&url, SECRET);
    assert!(matches!(
        ours.deliver("msg_1", &body, now()).await,
        Delivery::Done
    ));
    let told = receiver.next();
    assert_eq!(told["verified"]["data"]["name"], "Zoë", "{told}");
    assert_eq!(told["id"], "msg_1");
    assert_eq!(
        told["changed"], "No matching signature found",
        "the library refuses one byte more"
    );

    let another = webhook(&url, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    another.deliver("msg_2", &body, now()).await;
    assert_eq!(receiver.next()["refused"], "No matching signature found");
    let old = now() - jiff::SignedDuration::from_mins(6);
    ours.deliver("msg_3", &body, old).await;
    assert_eq!(receiver.next()["refused"], "Message timestamp too old");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_mean_what_the_specification_says() {
    let mut receiver = Receiver::start(&[200, 201, 302, 400, 410, 500]);
    let ours = webhook(&receiver.url, SECRET);
    let mut endings = Vec::new();
    for attempt in 0..6 {
        let ending = ours.deliver(&format!("msg_{attempt}"), "{}", now()).await;
        endings.push(match ending {
            Delivery::Done => "done",
            Delivery::Gone => "gone",
            Delivery::Failed(error) => {
                assert!(!error.to_string().contains("/hook"), "{error}");
                "failed"
            }
        });
        receiver.next();
    }
    assert_eq!(endings, ["done", "done", "failed", "failed", "gone", "failed"]);
    let nobody = webhook("http://127.0.0.1:9/hook", SECRET);
    assert!(matches!(
        nobody.deliver("msg_9", "{}", now()).await,
        Delivery::Failed(_)
    ));
}
