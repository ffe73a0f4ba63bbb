//! Notices to the webhook. They are written in the commit of what they tell of, and delivered from there until the receiver
//! has them or a day has gone by.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use super::cycle::POLL;
use crate::connector::webhook::{Delivery, Webhook};
use crate::error::Result;
use crate::store::{Conn, handovers, notices, to_json};

/// From one attempt to the next; after the last of them, a day after the first attempt, the notice is given up.
const PAUSES: [SignedDuration; 8] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(8),
];

/// An attempt of which nothing was heard for so long died with its replica.
const LOST: SignedDuration = SignedDuration::from_mins(1);

/// Has the webhook told of something, as Standard Webhooks shapes it.
pub fn add(conn: &mut Conn, kind: &str, data: &impl Serialize, now: Timestamp) -> Result<()> {
    post(conn, kind, data, now).map(drop)
}

/// The same; answers the notice's id.
pub fn post(conn: &mut Conn, kind: &str, data: &impl Serialize, now: Timestamp) -> Result<String> {
    let body = to_json(&json!({ "type": kind, "timestamp": now, "data": data }))?;
    let id = format!("msg_{}", Uuid::now_v7().simple());
    notices::add(conn, &id, kind, &body, now)?;
    Ok(id)
}

/// Delivers notices as they come, until told to stop.
pub async fn deliver(engine: Engine, webhook: Webhook, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let delivered = deliver_next(&engine, &webhook).await.unwrap_or_else(|error| {
            tracing::warn!(code = %error.code, %error, "notices cannot be read");
            false
        });
        if !delivered {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

/// Makes one attempt at the notice that has waited longest, if any is due.
async fn deliver_next(engine: &Engine, webhook: &Webhook) -> Result<bool> {
    let (store, now) = (engine.store(), engine.clock().now());
    let later = |wait| now.saturating_add(wait).unwrap_or(now);
    if !store.read(move |conn| notices::are_due(conn, now)).await? {
        return Ok(false);
    }
    let until = later(LOST);
    let Some(notice) = store.write(move |conn| notices::take(conn, now, until)).await? else {
        return Ok(false);
    };
    let (id, kind) = (notice.id.clone(), notice.kind.clone());
    let ending = webhook.deliver(&id, &notice.body, now).await;
    let is_taken = matches!(ending, Delivery::Done);
    let again = match ending {
        Delivery::Done => None,
        Delivery::Gone => {
            tracing::error!(
                id,
                kind,
                "the webhook wants no notice of this kind: correct [notify]"
            );
            None
        }
        Delivery::Failed(error) => {
            let pause = usize::try_from(notice.attempts)
                .ok()
                .and_then(|tries| PAUSES.get(tries));
            match pause {
                Some(_) => {
                    tracing::warn!(id, kind, code = %error.code, %error, "a notice was not delivered and will be sent again")
                }
                None => {
                    tracing::error!(id, kind, code = %error.code, %error, "a notice could not be delivered and is given up")
                }
            }
            // From the end of the attempt, which may have taken a while.
            let now = engine.clock().now();
            pause.map(|pause| now.saturating_add(*pause).unwrap_or(now))
        }
    };
    let now = engine.clock().now();
    store
        .write(move |conn| match again {
            Some(due) => notices::put_off(conn, &notice, due),
            None => {
                match is_taken {
                    true => handovers::delivered(conn, &notice.id)?,
                    false => handovers::lost(conn, &notice.id, now)?,
                }
                notices::end(conn, &notice.id)
            }
        })
        .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Config;
    use crate::engine::Clock;
    use crate::store::{Location, Store};

    /// Answers one request and gives the `webhook-id` in it.
    async fn answer(listener: &TcpListener, status: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !String::from_utf8_lossy(&request).ends_with("}}") {
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&chunk[..read]);
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        let text = String::from_utf8(request).unwrap();
        let id = text.lines().find_map(|line| line.strip_prefix("webhook-id: "));
        id.unwrap().to_string()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_notice_is_sent_again_with_growing_pauses_for_about_a_day() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[notify]\nwebhook = \"http://{}/hook\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
            listener.local_addr().unwrap()
        );
        let config = Config::parse(&text, Path::new(".")).unwrap();
        let url = format!("sqlite:{}", folder.path().join("muster.db").display());
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        let seconds = Arc::new(AtomicI64::new(1_800_000_000));
        let clock = {
            let seconds = Arc::clone(&seconds);
            Clock::from_fn(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap())
        };
        let engine = Engine::prepare(config, store.clone(), clock.clone())
            .await
            .unwrap();
        let webhook = engine.shared.webhook.clone().unwrap();
        let now = clock.now();
        store
            .write(move |conn| add(conn, "test", &json!({"a": 1}), now))
            .await
            .unwrap();
        let mut ids = Vec::new();
        for pause in PAUSES {
            let (id, sent) = tokio::join!(answer(&listener, "503 Busy"), deliver_next(&engine, &webhook));
            assert!(sent.unwrap());
            ids.push(id);
            seconds.fetch_add(pause.as_secs() - 1, Ordering::Relaxed);
            assert!(
                !deliver_next(&engine, &webhook).await.unwrap(),
                "not before {pause}"
            );
            seconds.fetch_add(1, Ordering::Relaxed);
        }
        let (id, sent) = tokio::join!(answer(&listener, "500 Never"), deliver_next(&engine, &webhook));
        assert!(sent.unwrap());
        assert!(ids.iter().all(|one| *one == id), "the same notice: {ids:?}");
        seconds.fetch_add(1_000_000, Ordering::Relaxed);
        assert!(!deliver_next(&engine, &webhook).await.unwrap(), "it was given up");
        let day = PAUSES.iter().map(|pause| pause.as_secs()).sum::<i64>() / 3600;
        assert!((20..=28).contains(&day), "{day} hours");

        for status in ["204 No Content", "410 Gone"] {
            store
                .write(move |conn| add(conn, "test", &json!({"a": 2}), now))
                .await
                .unwrap();
            let (_, sent) = tokio::join!(answer(&listener, status), deliver_next(&engine, &webhook));
            assert!(sent.unwrap());
            seconds.fetch_add(1_000_000, Ordering::Relaxed);
            assert!(
                !deliver_next(&engine, &webhook).await.unwrap(),
                "{status} is an end"
            );
        }
    }
}
