//! The server itself: many clients, broken ones, faults on demand, and the command that starts it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use muster::lab::faults::{Action, Fault};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn two_domains_in_one_process() {
    let one = directory();
    let other = directory_with(muster::lab::directory::Options {
        base_dn: "DC=other,DC=test".to_string(),
        seed: 2,
        ..Default::default()
    });
    let (mut first, mut second) = (service(&one).await, service(&other).await);
    user(&mut first, "ada", &[]).await;
    assert_eq!(
        read(&mut second, "", &["defaultNamingContext"]).await.attrs["defaultNamingContext"],
        ["DC=other,DC=test"]
    );
    assert!(
        search(&mut second, "DC=other,DC=test", "(cn=ada)", &[])
            .await
            .is_empty()
    );
    let said = format!("{:?}", one.directory);
    assert!(
        !said.contains(&one.directory.password) && !said.contains(&one.directory.admin_password),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_write_at_once() {
    let lab = directory();
    let clients = (0..8).map(|client| {
        let lab = &lab;
        async move {
            let ldap = service(lab).await;
            // Twenty requests in flight on each connection.
            let adds = (0..20).map(|number| {
                let mut ldap = ldap.clone();
                async move { user(&mut ldap, &format!("c{client}-{number}"), &[]).await }
            });
            join_all(adds).await.len()
        }
    });
    assert_eq!(join_all(clients).await.iter().sum::<usize>(), 160);
    let mut ldap = service(&lab).await;
    assert_eq!(
        search(&mut ldap, STAFF, "(objectClass=user)", &["cn"])
            .await
            .len(),
        160
    );
    let numbers = search(&mut ldap, STAFF, "(objectClass=user)", &["uSNChanged"]).await;
    let numbers: HashSet<_> = numbers
        .iter()
        .map(|it| it.attrs["uSNChanged"][0].clone())
        .collect();
    assert_eq!(numbers.len(), 160, "each change has a number of its own");
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_nothing_else() {
    let lab = directory();
    let address = lab.directory.ldap_url.strip_prefix("ldap://").unwrap();
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut samples: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        vec![0x30, 0x80],
        vec![0x30, 5, 2, 1, 1, 0x63, 0],
        vec![0x16, 3, 1, 0, 0],
        [&[0x30, 0x82, 0x10, 0x00][..], &[0xa2; 4096]].concat(),
    ];
    samples.extend((0..200).map(|length| {
        std::iter::once(0x30)
            .chain((0..length).map(|_| noise()))
            .collect()
    }));
    for sample in samples {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&sample).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        // Whether by an answer or a reset, it ends.
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await.unwrap();
    }
    service(&lab).await;
}

#[tokio::test]
async fn faults_strike_as_told() {
    let lab = directory();
    let mut ldap = service(&lab).await;
    let fault = |on: &str, action| Fault {
        on: on.to_string(),
        about: Some("CN=ada".to_string()),
        skip: 0,
        times: Some(1),
        action,
    };
    let answer = |code| Action::Answer {
        code,
        retry_after: None,
        message: None,
    };
    let script = &lab.directory.controls.faults;
    let given: Attributes = &[("objectClass", &["user"])];
    let dn = format!("CN=ada,{STAFF}");
    script.replace(vec![fault("add", answer(51))]);
    refused(
        add(&mut ldap, &dn, given).await,
        51,
        "0000200E: SvcErr: DSID-031A12D2, problem 5001 (BUSY), data 0",
    );
    script.replace(vec![fault(
        "add",
        Action::AnswerAfter {
            code: 52,
            retry_after: None,
            message: None,
        },
    )]);
    refused(add(&mut ldap, &dn, given).await, 52, "0000200F: SvcErr");
    refused(add(&mut ldap, &dn, given).await, 68, "00002071");

    let guid =
        uuid::Uuid::from_slice_le(&read(&mut ldap, &dn, &["objectGUID"]).await.bin_attrs["objectGUID"][0])
            .unwrap();
    script.replace(vec![fault("modify", Action::Slow { milliseconds: 150 })]);
    let started = Instant::now();
    ldap.modify(&format!("<GUID={guid}>"), vec![replace("title", &["x"])])
        .await
        .unwrap()
        .success()
        .unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(150),
        "the DN behind a GUID is a subject too"
    );

    for (action, is_done) in [(Action::Cut, false), (Action::CutAfter, true)] {
        script.replace(vec![fault("modifydn", action)]);
        let mut cut = service(&lab).await;
        let target = format!("CN=ada {is_done}");
        assert!(cut.modifydn(&dn, &target, true, None).await.is_err());
        assert_eq!(
            search(&mut ldap, BASE, &format!("({})", target.replace("CN", "cn")), &[])
                .await
                .len(),
            usize::from(is_done)
        );
    }
    script.replace(vec![Fault {
        about: None,
        ..fault("connect", Action::Cut)
    }]);
    assert!(connect(&lab, &lab.directory.url, false).await.is_err());
    service(&lab).await;
    script.replace(vec![Fault {
        about: None,
        ..fault("bind", answer(49))
    }]);
    let mut ldap = connect(&lab, &lab.directory.url, false).await.unwrap();
    assert_eq!(
        ldap.simple_bind(&lab.upn, &lab.directory.password)
            .await
            .unwrap()
            .rc,
        49
    );
    assert_eq!(
        lab.answers("add").await,
        json!({ "51": 1, "52": 1, "68": 1 }),
        "what was said, whatever was done"
    );

    let html = muster::lab::directory::Options {
        faults: vec![fault("add", Action::Html)],
        ..Default::default()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = muster::lab::directory::start(html, listener, Default::default()).await;
    assert!(refused.unwrap_err().message.contains("HTML"));
}

#[tokio::test]
async fn the_command_tells_how_to_get_in_and_ends_when_told() {
    let mut muster = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["lab", "directory", "--workers", "30", "--seed", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(muster.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let told: Json = serde_json::from_str(&line).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_string();
    let client = crate::support::ldap::Client {
        url: text("url"),
        user: text("user"),
        password: text("password"),
        ca_file: text("ca_file").into(),
        base_dn: text("base_dn"),
    };
    let found = client
        .search("(&(objectClass=user)(employeeID=*))", &["employeeID", "manager"])
        .unwrap();
    assert!(found.len() > 10, "{found:?}");

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let admin = text("admin");
    let state: Json = http
        .get(format!("{admin}/lab/state"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let dns: Vec<&str> = state["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["dn"].as_str().unwrap())
        .collect();
    assert!(dns.contains(&STAFF) && !state.to_string().contains("unicodePwd"));
    let time = json!({ "now": "2030-01-01T00:00:00Z" });
    http.post(format!("{admin}/lab/clock"))
        .json(&time)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    client
        .add(&format!("dn: CN=later,{STAFF}\nobjectClass: user\n"))
        .unwrap();
    let made = client.search("(cn=later)", &["whenCreated"]).unwrap();
    assert!(made[0].value("whenCreated").unwrap().starts_with("20300101"));

    Command::new("kill")
        .arg(muster.id().to_string())
        .status()
        .unwrap();
    assert!(muster.wait().unwrap().success());
    assert!(
        !std::path::Path::new(&text("ca_file")).exists(),
        "its own folder goes with it"
    );
}

#[tokio::test]
async fn a_script_that_no_directory_could_play_is_refused() {
    let lab = directory();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let script = async |fault: Json| {
        let asked = http.post(format!("{}/lab/faults", lab.directory.admin));
        let answer = asked.json(&json!({ "faults": [fault] })).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, _) = script(json!({ "on": "add", "do": { "answer": { "code": 51 } } })).await;
    assert_eq!(status, 200);
    for (wrong, told) in [
        (
            json!({ "on": "POST /users", "do": "cut" }),
            "there are: *, bind, search, add",
        ),
        (
            json!({ "on": "add", "do": "html" }),
            "answer, answer-after, cut, cut-after, slow",
        ),
        (
            json!({ "on": "add", "do": { "answer": { "code": 503 } } }),
            "results of LDAP",
        ),
        (json!({ "on": "add", "do": { "answer": { "cod": 51 } } }), "cod"),
        (json!({ "on": "add", "do": "cut", "time": 1 }), "time"),
    ] {
        let (status, text) = script(wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(text.contains(told), "{wrong}: {text}");
    }
    assert_eq!(
        lab.directory.controls.faults.faults().len(),
        1,
        "the one before is in force"
    );
}
