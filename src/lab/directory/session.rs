//! One connection: requests are worked off one after the other, in the order in which they came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rasn_ldap::{ChangeOperation, LdapMessage, ProtocolOp, SearchRequestScope};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::controls::{self, Asked};
use super::domain::{Caller, Context, Domain};
use super::draft::Change;
use super::name;
use super::refusal::{Answer, ERROR_ACCESS_DENIED, ERROR_NOT_AUTHENTICATED, Refusal, WRONG_PASSWORD};
use super::schema;
use super::search::{Found, Listings};
use super::value;
use super::wire::{self, Frame, Kind, write};
use crate::lab::controls::Controls;
use crate::lab::faults::Action;

/// Answers are sent when they are this long, or when nothing more is asked.
const SENT_AT_LEAST: usize = 64 * 1024;

const NOT_SIGNED_IN: &str =
    "In order to perform this operation a successful bind must be completed on the connection.";

/// What all connections share.
pub struct Shared {
    pub domain: RwLock<Domain>,
    pub controls: Arc<Controls>,
    pub tls: TlsAcceptor,
    /// How often each operation was answered, and how: by result, or `none`.
    pub answers: Mutex<BTreeMap<&'static str, BTreeMap<String, u64>>>,
}

impl Shared {
    /// The long deleted are recycled, and at last removed. It is hardly ever time for that, so nobody waits for a
    /// writer that has nothing to do.
    pub fn let_time_pass(&self) {
        let now = self.controls.now();
        let read = self.domain.read().unwrap_or_else(PoisonError::into_inner);
        let is_due = read.is_burial_due(now);
        drop(read);
        if is_due {
            let mut domain = self.domain.write().unwrap_or_else(PoisonError::into_inner);
            domain.clear_graves(now);
        }
    }

    fn count(&self, kind: Kind, answered: Option<u32>) {
        let result = answered.map_or("none".to_string(), |result| result.to_string());
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(kind.name()).or_default().entry(result).or_default() += 1;
    }
}

/// A connection, from the server's side.
pub struct Session {
    shared: Arc<Shared>,
    caller: Caller,
    secure: bool,
    listings: Listings,
}

/// Why a conversation on one layer ended.
enum End {
    HungUp,
    /// The same connection goes on, encrypted.
    StartTls,
}

/// What becomes of the connection after an answer.
enum After {
    GoOn,
    End(End),
}

/// The result that was answered, if any was, and what follows.
type Done = (Option<u32>, After);

/// What nobody hears of.
const CUT: Done = (None, After::End(End::HungUp));

/// Talks until either side hangs up. TLS is recognised by its first byte, so one port speaks both.
pub async fn converse(shared: Arc<Shared>, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?.to_string();
    match shared.controls.faults.strike(super::CONNECT, &peer) {
        None => {}
        Some(Action::Slow { milliseconds }) => wait(milliseconds).await,
        Some(_) => return Ok(()),
    }
    let mut session = Session {
        shared: shared.clone(),
        caller: Caller::Nobody,
        secure: false,
        listings: Listings::default(),
    };
    let mut stream = stream;
    let mut first = [0];
    stream.peek(&mut first).await?;
    let speaks_plainly = first[0] == wire::SEQUENCE;
    if speaks_plainly && matches!(session.talk(&mut stream).await?, End::HungUp) {
        return Ok(());
    }
    let mut encrypted = shared.tls.accept(stream).await?;
    session.secure = true;
    session.talk(&mut encrypted).await?;
    encrypted.shutdown().await
}

impl Session {
    async fn talk(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<End> {
        let (mut heard, mut said) = (Vec::new(), Vec::new());
        let mut start = 0;
        loop {
            match wire::frame(&heard[start..]) {
                Frame::Message(message, length) => {
                    start += length;
                    let after = self.answer(*message, &mut said).await;
                    if said.len() >= SENT_AT_LEAST || matches!(after, After::End(_)) {
                        send(stream, &mut said).await?;
                    }
                    if let After::End(end) = after {
                        return Ok(end);
                    }
                }
                Frame::Part => {
                    heard.drain(..start);
                    start = 0;
                    send(stream, &mut said).await?;
                    heard.reserve(16 * 1024);
                    if stream.read_buf(&mut heard).await? == 0 {
                        return Ok(End::HungUp);
                    }
                }
                Frame::Garbage => {
                    write(&mut said, &wire::notice_of_disconnection());
                    send(stream, &mut said).await?;
                    return Ok(End::HungUp);
                }
            }
        }
    }

    /// Works one request off. What a fault makes of it: it may not be done, the answer may be another, late or lost.
    async fn answer(&mut self, message: LdapMessage, said: &mut Vec<u8>) -> After {
        let Some((kind, subject)) = self.about(&message.protocol_op) else {
            return match message.protocol_op {
                // Everything before was answered already.
                ProtocolOp::AbandonRequest(_) => After::GoOn,
                _ => After::End(End::HungUp),
            };
        };
        if kind == Kind::Bind {
            // Nobody is signed in before that went well (RFC 4513 §4).
            self.caller = Caller::Nobody;
        }
        let id = message.message_id;
        let fault = self.shared.controls.faults.strike(kind.name(), &subject);
        let (answered, after) = match fault {
            None => self.work(message, kind, said),
            Some(Action::Slow { milliseconds }) => {
                let done = self.work(message, kind, said);
                wait(milliseconds).await;
                done
            }
            Some(Action::Answer { code, message, .. }) => self.refuse(id, kind, code, message, said),
            Some(Action::AnswerAfter {
                code, message: text, ..
            }) => {
                self.work(message, kind, &mut Vec::new());
                self.refuse(id, kind, code, text, said)
            }
            Some(Action::CutAfter) => {
                self.work(message, kind, &mut Vec::new());
                CUT
            }
            // A page of HTML is nothing that LDAP could answer.
            Some(Action::Cut | Action::Html | Action::Spoil(_)) => CUT,
        };
        self.shared.count(kind, answered);
        after
    }

    /// Says no for a fault's sake. Whoever is told that he is not signed in is not.
    fn refuse(&mut self, id: u32, kind: Kind, code: u32, text: Option<String>, said: &mut Vec<u8>) -> Done {
        if kind == Kind::Bind && code != 0 {
            self.caller = Caller::Nobody;
        }
        let refusal = match text {
            Some(text) => Refusal::plain(code, &text),
            None if code == 49 => Refusal::bind(WRONG_PASSWORD),
            None => Refusal::new(code, error_of(code)),
        };
        write(said, &LdapMessage::new(id, kind.response(&Err(refusal))));
        (Some(code), After::GoOn)
    }

    /// What is asked, and of whom: the name in the request and, where it is another, the DN it stands for.
    fn about(&self, operation: &ProtocolOp) -> Option<(Kind, String)> {
        let (kind, name) = match operation {
            ProtocolOp::BindRequest(it) => (Kind::Bind, it.name.as_str()),
            ProtocolOp::SearchRequest(it) => (Kind::Search, it.base_object.as_str()),
            ProtocolOp::AddRequest(it) => (Kind::Add, it.entry.as_str()),
            ProtocolOp::ModifyRequest(it) => (Kind::Modify, it.object.as_str()),
            ProtocolOp::ModDnRequest(it) => (Kind::ModifyDn, it.entry.as_str()),
            ProtocolOp::DelRequest(it) => (Kind::Delete, it.0.as_str()),
            ProtocolOp::CompareRequest(it) => (Kind::Compare, it.entry.as_str()),
            ProtocolOp::ExtendedReq(it) => (
                Kind::Extended,
                std::str::from_utf8(&it.request_name).unwrap_or_default(),
            ),
            _ => return None,
        };
        let is_other = name.starts_with('<');
        let domain = self.shared.domain.read().unwrap_or_else(PoisonError::into_inner);
        let dn = is_other.then(|| domain.find(name, &self.context(&Asked::default())).ok());
        Some(match dn.flatten() {
            Some(id) => (kind, format!("{name} {}", domain.tree.dn(id))),
            None => (kind, name.to_string()),
        })
    }

    fn context(&self, asked: &Asked) -> Context {
        Context {
            caller: self.caller,
            now: self.shared.controls.now(),
            secure: self.secure,
            sees: asked.sees,
            permissive: asked.permissive,
        }
    }

    fn work(&mut self, message: LdapMessage, kind: Kind, said: &mut Vec<u8>) -> Done {
        self.shared.let_time_pass();
        let id = message.message_id;
        let asked = match controls::read(message.controls.as_ref()) {
            Ok(asked) => asked,
            Err(refusal) => {
                let result = refusal.result;
                write(said, &LdapMessage::new(id, kind.response(&Err(refusal))));
                return (Some(result), After::GoOn);
            }
        };
        let (result, response, more, after) = match message.protocol_op {
            ProtocolOp::SearchRequest(request) => {
                let found = self.search(&request, &asked);
                for entry in found.entries {
                    entry.write(id, said);
                }
                for url in found.references {
                    let reference = rasn_ldap::SearchResultReference(vec![url.as_str().into()]);
                    write(said, &LdapMessage::new(id, ProtocolOp::SearchResRef(reference)));
                }
                let response = kind.response(&found.outcome);
                (result_of(&found.outcome), response, found.controls, After::GoOn)
            }
            ProtocolOp::ExtendedReq(request) => {
                let (result, response, after) = self.extended(&request.request_name);
                (result, response, Vec::new(), after)
            }
            operation => {
                let outcome = self.write(operation, &asked);
                let response = kind.response(&outcome);
                (result_of(&outcome), response, Vec::new(), After::GoOn)
            }
        };
        let mut answer = LdapMessage::new(id, response);
        answer.controls = (!more.is_empty()).then_some(more);
        write(said, &answer);
        (Some(result), after)
    }

    fn search(&mut self, request: &rasn_ldap::SearchRequest, asked: &Asked) -> Found {
        let context = self.context(asked);
        let domain = self.shared.domain.read().unwrap_or_else(PoisonError::into_inner);
        if request.base_object.is_empty() && request.scope == SearchRequestScope::BaseObject {
            let names: Vec<&str> = wire::texts(&request.attributes).collect();
            return Found {
                entries: vec![domain.root_dse(&names, &context)],
                references: Vec::new(),
                outcome: Ok(()),
                controls: Vec::new(),
            };
        }
        if self.caller == Caller::Nobody {
            return Found::refused(not_signed_in());
        }
        if request.base_object.is_empty() {
            return Found::refused(Refusal::no_object(""));
        }
        domain.search(request, asked, &mut self.listings, &context)
    }

    /// Everything that answers with a result and no more.
    fn write(&mut self, operation: ProtocolOp, asked: &Asked) -> Answer {
        let context = self.context(asked);
        let write = || self.shared.domain.write().unwrap_or_else(PoisonError::into_inner);
        if let ProtocolOp::BindRequest(request) = operation {
            let reference = name::reference(&request.name).ok();
            self.caller = write().bind(&request, reference.as_ref(), &context)?;
            return Ok(());
        }
        if self.caller == Caller::Nobody {
            return Err(not_signed_in());
        }
        let mut domain = write();
        match operation {
            ProtocolOp::AddRequest(request) => {
                let given: Vec<_> = request
                    .attributes
                    .iter()
                    .map(|it| {
                        (
                            it.r#type.as_str(),
                            it.vals.iter().map(|value| &value[..]).collect(),
                        )
                    })
                    .collect();
                domain.add(&request.entry, &given, &context).map(drop)
            }
            ProtocolOp::ModifyRequest(request) if request.object.is_empty() => operational(&domain, &context),
            ProtocolOp::ModifyRequest(request) => {
                let changes: Vec<_> = request
                    .changes
                    .iter()
                    .map(|change| {
                        let asked = &change.modification;
                        let values = asked.vals.iter().map(|value| &value[..]).collect();
                        (change_of(change.operation), asked.r#type.as_str(), values)
                    })
                    .collect();
                domain.modify(&request.object, &changes, &context)
            }
            ProtocolOp::ModDnRequest(request) => domain.rename(
                &request.entry,
                &request.new_rdn,
                request.delete_old_rdn,
                request.new_superior.as_ref().map(|it| it.as_str()),
                &context,
            ),
            ProtocolOp::DelRequest(request) => domain.delete(&request.0, asked.tree, &context),
            ProtocolOp::CompareRequest(request) => compare(&domain, &request, &context),
            _ => Err(Refusal::comment(2, 0x57, "The server has no such operation")),
        }
    }

    fn extended(&mut self, name: &[u8]) -> (u32, ProtocolOp, After) {
        let refused = |refusal: Refusal| {
            let result = refusal.result;
            (result, Kind::Extended.response(&Err(refusal)), After::GoOn)
        };
        match std::str::from_utf8(name).unwrap_or_default() {
            wire::START_TLS if self.secure => {
                refused(Refusal::comment(1, 0x2020, "TLS or SSL is already in effect"))
            }
            wire::START_TLS => {
                self.caller = Caller::Nobody;
                let answer = wire::extended_answer(wire::START_TLS, None);
                (0, answer, After::End(End::StartTls))
            }
            wire::WHO_AM_I => {
                let domain = self.shared.domain.read().unwrap_or_else(PoisonError::into_inner);
                let who = domain.who_am_i(self.caller).into_bytes();
                (0, wire::extended_answer(wire::WHO_AM_I, Some(who)), After::GoOn)
            }
            _ => refused(Refusal::comment(2, 0x57, "Unknown extended request OID")),
        }
    }
}

fn result_of(outcome: &Answer) -> u32 {
    outcome.as_ref().err().map_or(0, |refusal| refusal.result)
}

fn change_of(operation: ChangeOperation) -> Change {
    match operation {
        ChangeOperation::Add => Change::Add,
        ChangeOperation::Delete => Change::Delete,
        ChangeOperation::Replace => Change::Replace,
    }
}

/// Operational attributes of the root DSE, `schemaUpdateNow` among them, are orders ([MS-ADTS] 3.1.1.3.3). All of them
/// are carried out by the time they are given.
fn operational(domain: &Domain, context: &Context) -> Answer {
    match domain.is_admin(context.caller) {
        true => Ok(()),
        false => Err(Refusal::new(50, ERROR_ACCESS_DENIED)),
    }
}

/// compareTrue and compareFalse are results of their own (RFC 4511 §4.10).
fn compare(domain: &Domain, request: &rasn_ldap::CompareRequest, context: &Context) -> Answer {
    let id = domain.find(&request.entry, context)?;
    let att = schema::find(&request.ava.attribute_desc).ok_or_else(|| Refusal::conversion(16))?;
    let wanted = value::key(att.syntax, &request.ava.assertion_value);
    let values = domain.values(id, att, super::show::DnForm::Plain, context);
    let is_held = values.iter().any(|it| value::key(att.syntax, it) == wanted);
    Err(Refusal {
        text: String::new(),
        ..Refusal::plain(if is_held { 6 } else { 5 }, "")
    })
}

fn not_signed_in() -> Refusal {
    Refusal::comment(1, ERROR_NOT_AUTHENTICATED, NOT_SIGNED_IN)
}

/// The Windows error that usually comes with a result, for faults that name none.
fn error_of(result: u32) -> u32 {
    #[rustfmt::skip]
    const USUAL: &[(u32, u32)] = &[
        (1, 0x2020), (3, 0x2022), (10, 0x202B), (11, 0x2024), (16, 0x57), (19, 0x202F), (32, 0x208D), (50, 0x5),
        (51, 0x200E), (52, 0x200F), (53, 0x2035), (66, 0x2015), (68, 0x2071),
    ];
    let row = USUAL.iter().find(|(it, _)| *it == result);
    row.map_or(0x2020, |(_, error)| *error)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), said: &mut Vec<u8>) -> std::io::Result<()> {
    if !said.is_empty() {
        stream.write_all(said).await?;
        stream.flush().await?;
        said.clear();
    }
    Ok(())
}

async fn wait(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
