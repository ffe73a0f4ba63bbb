//! What goes wrong on the way, and what becomes of a read then.

use super::*;
use std::time::{Duration, Instant};

/// Pages of ten; the third call of those that find everybody goes wrong so often.
async fn with(workers: usize, times: Option<u64>, action: Json) -> (Tenant, muster::error::Result<Heard>) {
    let tenant = Tenant::new(workers);
    let fault =
        json!({"on": "Get_Workers", "about": "Hire Employee", "skip": 2, "times": times, "do": action});
    tenant.faults(json!([fault]));
    let source = tenant.source("page_size = 10\npages_in_flight = 3\ntimeout = \"500ms\"");
    let heard = read(&*source, Cursor::Full).await;
    (tenant, heard)
}

#[tokio::test]
async fn what_fails_once_is_asked_for_again() {
    for action in [
        json!({"spoil": "truncated"}),
        json!({"spoil": "cut-in-the-middle"}),
        json!("html"),
        json!("cut"),
        json!("cut-after"),
        json!({"answer": {"code": 503}}),
        json!({"answer": {"code": 503, "retry-after": 1}}),
        json!({"answer": {"code": 429, "retry-after": 1}}),
        json!({"answer": {"code": 502}}),
        json!({"answer": {"code": 500}}),
        json!({"slow": {"milliseconds": 900}}),
    ] {
        let (tenant, heard) = with(60, Some(1), action.clone()).await;
        let heard = heard.unwrap_or_else(|error| panic!("{action}: {error}"));
        heard.complete();
        assert_eq!(heard.workers.len(), tenant.wids().await.len(), "{action}");
    }
}

#[tokio::test]
async fn what_goes_on_failing_ends_the_read_without_a_watermark() {
    for (action, kind, says) in [
        (
            json!({"spoil": "truncated"}),
            Kind::Unavailable,
            "ends in the middle",
        ),
        (json!("html"), Kind::Unavailable, "HTML"),
        (
            json!({"answer": {"code": 503}}),
            Kind::Unavailable,
            "answered 503",
        ),
        (
            json!({"answer": {"code": 500, "message": "The task submitted is not authorized."}}),
            Kind::Forbidden,
            "not authorized",
        ),
        (
            json!({"answer": {"code": 500, "message": "Validation error occurred. Something"}}),
            Kind::Invalid,
            "Something",
        ),
        (json!({"answer": {"code": 404}}), Kind::Invalid, "404"),
        (json!({"answer": {"code": 403}}), Kind::Forbidden, "403"),
    ] {
        let (tenant, heard) = with(60, None, action.clone()).await;
        let error = heard.err().unwrap_or_else(|| panic!("{action} passed"));
        assert_eq!(error.kind, kind, "{action}: {error}");
        assert!(error.message.contains(says), "{action}: {error}");
        if kind != Kind::Unavailable {
            let refused = tenant.answers();
            let refused: u64 = refused
                .iter()
                .filter(|(code, _)| *code != "200")
                .map(|(_, times)| times)
                .sum();
            assert!(refused <= 3, "{refused} calls that could not help");
        }
    }
}

#[tokio::test]
async fn a_failure_names_what_workday_calls_it() {
    let (_tenant, heard) = with(
        60,
        None,
        json!({"answer": {"code": 500, "message": "Validation error occurred. No"}}),
    )
    .await;
    let error = heard.err().unwrap();
    assert!(error.message.contains("x-wd-gid"), "{error}");
}

#[tokio::test]
async fn pages_that_do_not_fit_together_prove_nothing() {
    for (spoil, says) in [
        ("repeats-worker", "repeats 1 workers"),
        ("loses-worker", "workers, and has"),
        ("repeats-page", "repeats 10 workers"),
        ("more-pages", "the number of workers changed between pages"),
        ("fewer-pages", "the number of workers changed between pages"),
    ] {
        let (tenant, heard) = with(60, Some(1), json!({"spoil": spoil})).await;
        let heard = heard.unwrap();
        assert!(heard.doubts().contains(says), "{spoil}: {}", heard.doubts());
        let all = tenant.wids().await.len();
        let missing = match spoil {
            "loses-worker" => 1,
            "repeats-page" => 10,
            _ => 0,
        };
        assert_eq!(heard.workers.len(), all - missing, "{spoil}");
    }
}

#[tokio::test]
async fn a_first_page_that_counts_too_few_is_not_believed() {
    let tenant = Tenant::new(60);
    tenant.faults(
        json!([{"on": "Get_Workers", "about": "Hire Employee", "times": 1, "do": {"spoil": "fewer-pages"}}]),
    );
    let heard = read(&*tenant.source("page_size = 10"), Cursor::Full)
        .await
        .unwrap();
    assert!(heard.doubts().contains("changed between pages"));
    assert_eq!(
        heard.workers.len(),
        tenant.wids().await.len(),
        "all pages were read nevertheless"
    );
}

#[tokio::test]
async fn a_worker_without_an_id_is_a_finding_and_no_stop() {
    let (tenant, heard) = with(60, Some(1), json!({"spoil": "worker-without-id"})).await;
    let heard = heard.unwrap();
    heard.complete();
    assert_eq!(heard.workers.len(), tenant.wids().await.len() - 1);
    assert_eq!(heard.nameless.len(), 1);
    let finding = &heard.nameless[0];
    assert_eq!(finding.code, "MissingAnchor");
    assert!(
        finding.message.contains("worker 1 on page"),
        "{}",
        finding.message
    );
}

#[tokio::test]
async fn wrong_credentials_are_tried_once() {
    let tenant = Tenant::new(60);
    let source = tenant.source("page_size = 10");
    tenant.lab.configure(&json!({"passwordExpired": true})).unwrap();
    for _ in 0..3 {
        let error = read(&*source, Cursor::Full).await.err().unwrap();
        assert_eq!(error.kind, Kind::Unauthenticated, "{error}");
    }
    assert_eq!(tenant.answers()["500"], 1);
    tenant.lab.configure(&json!({"passwordExpired": false})).unwrap();
    assert!(
        read(&*source, Cursor::Full).await.is_err(),
        "nobody said that they are right now"
    );
    source.forgive().await;
    read(&*source, Cursor::Full).await.unwrap().complete();
}

#[tokio::test]
async fn a_password_that_expires_in_the_middle_ends_the_read() {
    let tenant = Tenant::new(60);
    let source = tenant.source("page_size = 10\npages_in_flight = 1");
    tenant.lab.configure(&json!({"passwordExpiresAfter": 5})).unwrap();
    let error = read(&*source, Cursor::Full).await.err().unwrap();
    assert_eq!(error.kind, Kind::Unauthenticated);
    assert_eq!(tenant.answers()["500"], 1);
    assert!(!error.to_string().contains(&tenant.lab.password));
}

#[tokio::test]
async fn large_pages_that_are_too_slow_are_asked_for_in_parts() {
    let tenant = Tenant::new(60);
    let whole = json!({"on": "Get_Workers", "about": "<wd:Count>20</wd:Count>", "do": {"slow": {"milliseconds": 2000}}});
    tenant.faults(json!([whole]));
    let source = tenant.source("page_size = 20\npages_in_flight = 2\ntimeout = \"300ms\"");
    let heard = read(&*source, Cursor::Full).await.unwrap();
    heard.complete();
    assert_eq!(heard.workers.len(), tenant.wids().await.len());
    assert!(
        tenant
            .requests()
            .await
            .iter()
            .any(|request| request.contains("<wd:Count>10</wd:Count>"))
    );
}

#[tokio::test]
async fn a_limit_of_calls_is_kept() {
    let tenant = Tenant::new(100);
    tenant
        .lab
        .configure(&json!({"rateLimit": 8, "rateRefill": 20}))
        .unwrap();
    let before = Instant::now();
    let heard = read(
        &*tenant.source("page_size = 5\npages_in_flight = 8"),
        Cursor::Full,
    )
    .await
    .unwrap();
    heard.complete();
    assert_eq!(heard.workers.len(), tenant.wids().await.len());
    assert!(before.elapsed() < Duration::from_secs(60));
}
