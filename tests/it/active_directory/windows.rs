//! What Windows does and Samba does not, played by a stub that answers as it is told: password filters,
//! attributes in parts, accents that compare equal, answers that break off or are no LDAP at all.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use ldap3::asn1::{StructureTag, parse_tag};
use muster::connector::{Lookup, Outcome, Session};
use muster::domain::account::Anchor;
use muster::domain::plan::{Effect, Recipe};
use muster::error::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::{Directory, Person, always, by, change, done, one, outcome, refused, set};

/// A request as far as the stories care: what it is (RFC 4511 application tag), whom it names, and all text
/// and bytes in it, in order.
#[derive(Clone, Debug)]
struct Request {
    kind: u64,
    name: String,
    parts: Vec<Vec<u8>>,
}

const BIND: u64 = 0;
const SEARCH: u64 = 3;
const MODIFY: u64 = 6;
const ADD: u64 = 8;

impl Request {
    fn says(&self, text: &str) -> bool {
        self.parts.iter().any(|part| part == text.as_bytes())
    }

    /// The value that follows an attribute's name.
    fn value(&self, attribute: &str) -> Option<&Vec<u8>> {
        let at = self.parts.iter().position(|part| part == attribute.as_bytes())?;
        self.parts.get(at + 1)
    }
}

enum Reply {
    Entry(String, Vec<(String, Vec<Vec<u8>>)>),
    Result(u32, &'static str),
    /// An answer under the request's number, as it is.
    Operation(Vec<u8>),
    /// Bytes as they are.
    Raw(Vec<u8>),
    HangUp,
}

fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Reply {
    let held = |(name, values): &(&str, &[&[u8]])| {
        (
            name.to_string(),
            values.iter().map(|value| value.to_vec()).collect(),
        )
    };
    Reply::Entry(dn.to_string(), attributes.iter().map(held).collect())
}

fn success() -> Vec<Reply> {
    vec![Reply::Result(0, "")]
}

/// What the stub says of itself and of the account that binds, unless a story says otherwise.
fn by_default(request: &Request) -> Vec<Reply> {
    match request.kind {
        SEARCH if request.name.is_empty() => {
            let capability: &[&[u8]] = &[b"1.2.840.113556.1.4.800"];
            vec![
                entry("", &[("supportedCapabilities", capability)]),
                Reply::Result(0, ""),
            ]
        }
        _ => success(),
    }
}

type Script = dyn Fn(&Request, usize) -> Option<Vec<Reply>> + Send + Sync;

/// A stub, and what it was asked.
struct Windows {
    directory: Directory,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Windows {
    /// `script` answers a request, given how many of its kind came before; `None` for the usual answer.
    async fn start(
        script: impl Fn(&Request, usize) -> Option<Vec<Reply>> + Send + Sync + 'static,
    ) -> Windows {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = Directory {
            urls: vec![format!("ldap://{}", listener.local_addr().unwrap())],
            base_dn: "DC=example,DC=test".to_string(),
            bind_dn: "CN=muster,DC=example,DC=test".to_string(),
            password: "secret".to_string(),
            ca_file: None,
            containers: [
                "OU=Staff,DC=example,DC=test".into(),
                "OU=Leavers,DC=example,DC=test".into(),
            ],
        };
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, heard): (Arc<Script>, _) = (Arc::new(script), asked.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(converse(client, script.clone(), heard.clone()));
            }
        });
        Windows { directory, asked }
    }

    async fn session(&self) -> Box<dyn Session> {
        self.directory.session().await
    }

    fn asked(&self, kind: u64) -> Vec<Request> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|request| request.kind == kind)
            .cloned()
            .collect()
    }
}

async fn converse(mut client: TcpStream, script: Arc<Script>, heard: Arc<Mutex<Vec<Request>>>) {
    let mut buffer = Vec::new();
    loop {
        while let Ok((rest, message)) = parse_tag(&buffer) {
            let used = buffer.len() - rest.len();
            buffer.drain(..used);
            let (id, request) = understood(message);
            let before = {
                let mut heard = heard.lock().unwrap();
                let before = heard.iter().filter(|it| it.kind == request.kind).count();
                heard.push(request.clone());
                before
            };
            for reply in script(&request, before).unwrap_or_else(|| by_default(&request)) {
                let hang_up = matches!(reply, Reply::HangUp);
                let bytes = spoken(&id, request.kind, reply);
                if client.write_all(&bytes).await.is_err() || hang_up {
                    return;
                }
            }
        }
        let mut more = [0; 4096];
        match client.read(&mut more).await {
            Ok(0) | Err(_) => return,
            Ok(count) => buffer.extend_from_slice(&more[..count]),
        }
    }
}

fn understood(message: StructureTag) -> (Vec<u8>, Request) {
    let mut parts = message.expect_constructed().unwrap().into_iter();
    let id = parts.next().unwrap().expect_primitive().unwrap();
    let operation = parts.next().unwrap();
    let kind = operation.id;
    let mut flat = Vec::new();
    flatten(operation, &mut flat);
    let name = flat.get(usize::from(kind == BIND)).cloned().unwrap_or_default();
    (
        id,
        Request {
            kind,
            name: String::from_utf8(name).unwrap(),
            parts: flat,
        },
    )
}

fn flatten(tag: StructureTag, into: &mut Vec<Vec<u8>>) {
    match tag.payload {
        ldap3::asn1::PL::P(bytes) => into.push(bytes),
        ldap3::asn1::PL::C(tags) => tags.into_iter().for_each(|tag| flatten(tag, into)),
    }
}

/// BER (X.690), as much of it as LDAP's answers need.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, content].concat()
}

fn spoken(id: &[u8], request: u64, reply: Reply) -> Vec<u8> {
    let (tag, content) = match reply {
        Reply::Entry(dn, attributes) => {
            let attribute = |(name, values): (String, Vec<Vec<u8>>)| {
                let values: Vec<u8> = values.iter().flat_map(|value| tlv(0x04, value)).collect();
                tlv(0x30, &[tlv(0x04, name.as_bytes()), tlv(0x31, &values)].concat())
            };
            let attributes: Vec<u8> = attributes.into_iter().flat_map(attribute).collect();
            (4, [tlv(0x04, dn.as_bytes()), tlv(0x30, &attributes)].concat())
        }
        Reply::Result(code, text) => {
            let code = [u8::try_from(code).unwrap()];
            let tag = u8::try_from(request).unwrap() + if request == SEARCH { 2 } else { 1 };
            (
                tag,
                [tlv(0x0a, &code), tlv(0x04, b""), tlv(0x04, text.as_bytes())].concat(),
            )
        }
        Reply::Operation(bytes) => return tlv(0x30, &[tlv(0x02, id), bytes].concat()),
        Reply::Raw(bytes) => return bytes,
        Reply::HangUp => return Vec::new(),
    };
    tlv(0x30, &[tlv(0x02, id), tlv(0x60 | tag, &content)].concat())
}

// ---- Stories ---------------------------------------------------------------------------------------------

const WEAK: &str = "0000052D: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0\n\0";
const GUID: Uuid = Uuid::from_u128(0xaabbccdd_eeff_1122_3344_556677889900);

fn ada(attributes: &[(&str, &[&[u8]])]) -> Vec<Reply> {
    let guid = GUID.to_bytes_le();
    let anchor: &[&[u8]] = &[&guid];
    let all = [&[("objectGUID", anchor)][..], attributes].concat();
    let dn = format!("<GUID={GUID}>;<SID=S-1-5-21-1>;CN=Ada,OU=Staff,DC=example,DC=test");
    vec![entry(&dn, &all), Reply::Result(0, "")]
}

fn anchor() -> Anchor {
    Anchor(GUID.to_string())
}

/// Answers a read of Ada by her anchor.
fn reading_ada(request: &Request, attributes: &[(&str, &[&[u8]])]) -> Option<Vec<Reply>> {
    (request.kind == SEARCH && request.says("objectGUID") && !request.name.is_empty())
        .then(|| ada(attributes))
}

#[tokio::test]
async fn a_password_the_filter_dislikes_is_followed_by_one_other() {
    for (refusals, made) in [(1, true), (9, false)] {
        let stub = Windows::start(move |request, before| match request.kind {
            ADD if before < refusals => Some(vec![Reply::Result(53, WEAK)]),
            SEARCH if request.name.starts_with("CN=Ada") => Some(ada(&[])),
            _ => None,
        })
        .await;
        let person = Person::new().with("cn", "Ada");
        let outcome = outcome(&*stub.session().await, stub.directory.new_account(&person, true)).await;
        let adds = stub.asked(ADD);
        assert_eq!(adds.len(), 2);
        assert_ne!(adds[0].value("unicodePwd"), adds[1].value("unicodePwd"));
        match made {
            true => assert_eq!(done(outcome).account, anchor()),
            false => assert_eq!(
                refused(outcome, Kind::Invalid).target.as_deref(),
                Some("unicodePwd")
            ),
        }
    }
}

#[tokio::test]
async fn an_account_without_a_password_gets_one_before_it_is_enabled() {
    let stub = Windows::start(|request, before| match request.kind {
        MODIFY if before == 0 => Some(vec![Reply::Result(53, WEAK)]),
        _ => reading_ada(request, &[("userAccountControl", &[b"66050"])]),
    })
    .await;
    let session = stub.session().await;
    let receipt = done(outcome(&*session, change(Some(&anchor()), vec![Effect::Enable])).await);
    assert_eq!(receipt.done, [Effect::Enable]);
    let writes = stub.asked(MODIFY);
    let said: Vec<bool> = writes.iter().map(|write| write.says("unicodePwd")).collect();
    assert_eq!(said, [false, true, false]);
    assert!(writes.iter().all(|write| write.name == format!("<GUID={GUID}>")));
    // Bit 2 goes, the others stay.
    assert!(writes[2].says("66050") && writes[2].says("66048"));
}

#[tokio::test]
async fn who_was_let_in_by_hand_meanwhile_keeps_the_password() {
    let stub =
        Windows::start(|request, _| reading_ada(request, &[("userAccountControl", &[b"66048"])])).await;
    let session = stub.session().await;
    let password = Effect::Password {
        password: Recipe::default(),
    };
    let back = change(Some(&anchor()), vec![Effect::Enable, password]);
    refused(outcome(&*session, back).await, Kind::Stale);
    assert!(stub.asked(MODIFY).is_empty());
}

#[tokio::test]
async fn an_attribute_in_parts_is_read_whole() {
    let stub = Windows::start(|request, _| {
        if request.says("mobile;range=2-*") {
            return Some(ada(&[("mobile;range=2-*", &[b"3"])]));
        }
        reading_ada(request, &[("mobile;range=0-1", &[b"1", b"2"])])
    })
    .await;
    let account = one(&*stub.session().await, Lookup::Anchor(anchor()))
        .await
        .unwrap();
    assert_eq!(account.values["mobile"], ["1", "2", "3"]);
    assert_eq!(account.address, "CN=Ada,OU=Staff,DC=example,DC=test");
}

#[tokio::test]
async fn the_directory_is_the_judge_of_what_is_equal() {
    let stub = Windows::start(|request, _| match request.kind {
        SEARCH if request.says("muller") => Some(ada(&[("sn", &["Müller".as_bytes()])])),
        SEARCH if request.says("strasse") => Some(ada(&[("sn", &["Straße".as_bytes()])])),
        _ => None,
    })
    .await;
    let session = stub.session().await;
    let before = stub.asked(SEARCH).len();
    let found = session
        .find(&[by("sn", "muller"), by("sn", "nobody")])
        .await
        .unwrap();
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
    assert_eq!(stub.asked(SEARCH).len() - before, 1);
    // Equal by rules unknown here: the two are asked for one by one.
    let found = session
        .find(&[by("sn", "nobody"), by("sn", "strasse")])
        .await
        .unwrap();
    assert_eq!((found[0].len(), found[1].len()), (0, 1));
    assert_eq!(stub.asked(SEARCH).len() - before, 4);
}

#[tokio::test]
async fn whatever_breaks_off_leaves_doubt_and_no_panic() {
    let no_utf8 = [tlv(0x0a, &[0]), tlv(0x04, b""), tlv(0x04, &[0xff, 0xfe])].concat();
    type Breaks = fn(Vec<u8>) -> Reply;
    let broken: [(&str, Breaks, Vec<u8>); 5] = [
        ("hang up", |_| Reply::HangUp, Vec::new()),
        (
            "no LDAP",
            Reply::Raw,
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        ),
        ("no message", Reply::Raw, tlv(0x30, &[])),
        (
            "no number",
            Reply::Raw,
            tlv(0x30, &[tlv(0x04, b"x"), tlv(0x67, b"")].concat()),
        ),
        ("no text", Reply::Operation, tlv(0x67, &no_utf8)),
    ];
    for (what, reply, bytes) in broken {
        let stub = Windows::start(move |request, _| match request.kind {
            MODIFY => Some(vec![reply(bytes.clone()), Reply::HangUp]),
            _ => reading_ada(request, &[("department", &[b"a"])]),
        })
        .await;
        let session = stub.session().await;
        let changes = (0..3).map(|_| change(Some(&anchor()), vec![set("department", &["a"], &["b"])]));
        let outcomes: Vec<_> = session.apply(changes.collect(), always()).collect().await;
        assert_eq!(outcomes.len(), 3, "{what}");
        for (_, outcome) in outcomes {
            let Outcome::Unknown(None, error) = outcome else {
                panic!("{what}: {outcome:?}")
            };
            assert_eq!(error.kind, Kind::Unavailable, "{what}");
        }
        assert!(session.find(&[Lookup::Anchor(anchor())]).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn what_was_done_before_the_doubt_is_on_the_receipt() {
    let stub = Windows::start(|request, before| match request.kind {
        MODIFY if before == 1 => Some(vec![Reply::HangUp]),
        _ => reading_ada(
            request,
            &[("userAccountControl", &[b"512"]), ("department", &[b"a"])],
        ),
    })
    .await;
    let effects = vec![Effect::Disable, set("department", &["a"], &["b"])];
    match outcome(&*stub.session().await, change(Some(&anchor()), effects)).await {
        Outcome::Unknown(Some(receipt), _) => assert_eq!(receipt.done, [Effect::Disable]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_busy_controller_is_no_ones_fault() {
    let stub = Windows::start(|request, _| match request.kind {
        MODIFY => Some(vec![Reply::Result(
            51,
            "0000200E: SvcErr: DSID-0, problem 5001 (BUSY), data 0",
        )]),
        _ => reading_ada(request, &[("department", &[b"a"])]),
    })
    .await;
    let effects = vec![set("department", &["a"], &["b"])];
    refused(
        outcome(&*stub.session().await, change(Some(&anchor()), effects)).await,
        Kind::Unavailable,
    );
}

#[tokio::test]
async fn an_entry_that_hides_its_anchor_is_an_error_and_not_nobody() {
    let stub = Windows::start(|request, _| {
        let hidden = || vec![entry("CN=Ada,DC=x", &[("sn", &[b"King"])]), Reply::Result(0, "")];
        (request.kind == SEARCH && request.says("King")).then(hidden)
    })
    .await;
    let error = stub.session().await.find(&[by("sn", "King")]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Forbidden);
}
