//! Messages on the wire: where one ends, and how answers are written (RFC 4511).

use rasn::de::Needed;
use rasn::error::DecodeErrorKind;
use rasn::prelude::*;
use rasn_ldap::{
    AddResponse, BindResponse, CompareResponse, Control, DelResponse, ExtendedResponse, LdapMessage,
    LdapResult, LdapString, ModifyDnResponse, ModifyResponse, ProtocolOp, ResultCode, SearchResultDone,
};

use super::refusal::{Answer, Refusal};

/// The longest message (MaxReceiveBuffer, [MS-ADTS] 3.1.1.3.4.6).
const LONGEST_MESSAGE: usize = 10_485_760;

pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// The first byte of every message.
pub const SEQUENCE: u8 = 0x30;
/// A length that BER has and LDAP forbids (RFC 4511 §5.1).
const INDEFINITE: u8 = 0x80;

/// What stands at the beginning of a buffer.
pub enum Frame {
    /// A message, and how long it is.
    Message(Box<LdapMessage>, usize),
    /// The beginning of one.
    Part,
    /// Nothing that LDAP knows, or more than it may hold.
    Garbage,
}

pub fn frame(buffer: &[u8]) -> Frame {
    // The whole is measured before anything in it is read.
    let length = match rasn::ber::decode_with_remainder::<Any>(buffer) {
        Ok((_, rest)) => buffer.len() - rest.len(),
        Err(error) => {
            return match *error.kind {
                DecodeErrorKind::Incomplete { needed } if begins_well(buffer, needed) => Frame::Part,
                _ => Frame::Garbage,
            };
        }
    };
    match rasn::ber::decode(&buffer[..length]) {
        Ok(message) => Frame::Message(Box::new(message), length),
        Err(_) => Frame::Garbage,
    }
}

fn begins_well(buffer: &[u8], needed: Needed) -> bool {
    let missing = match needed {
        Needed::Size(size) => size.get(),
        Needed::Unknown => 1,
    };
    let is_sequence = buffer.first().is_none_or(|it| *it == SEQUENCE);
    let is_definite = buffer.get(1).is_none_or(|it| *it != INDEFINITE);
    is_sequence && is_definite && buffer.len().saturating_add(missing) <= LONGEST_MESSAGE
}

/// The kind of an operation: what a script of faults calls it, and how its answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bind,
    Search,
    Add,
    Modify,
    ModifyDn,
    Delete,
    Compare,
    Extended,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Bind,
        Kind::Search,
        Kind::Add,
        Kind::Modify,
        Kind::ModifyDn,
        Kind::Delete,
        Kind::Compare,
        Kind::Extended,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Bind => "bind",
            Kind::Search => "search",
            Kind::Add => "add",
            Kind::Modify => "modify",
            Kind::ModifyDn => "modifydn",
            Kind::Delete => "delete",
            Kind::Compare => "compare",
            Kind::Extended => "extended",
        }
    }

    /// What the operation answers at its end.
    pub fn response(self, outcome: &Answer) -> ProtocolOp {
        let result = result(outcome);
        match self {
            Kind::Search => ProtocolOp::SearchResDone(SearchResultDone(result)),
            Kind::Add => ProtocolOp::AddResponse(AddResponse(result)),
            Kind::Modify => ProtocolOp::ModifyResponse(ModifyResponse(result)),
            Kind::ModifyDn => ProtocolOp::ModDnResponse(ModifyDnResponse(result)),
            Kind::Delete => ProtocolOp::DelResponse(DelResponse(result)),
            Kind::Compare => ProtocolOp::CompareResponse(CompareResponse(result)),
            Kind::Extended => ProtocolOp::ExtendedResp(extended(result, None, None)),
            Kind::Bind => ProtocolOp::BindResponse(BindResponse::new(
                result.result_code,
                result.matched_dn,
                result.diagnostic_message,
                None,
                None,
            )),
        }
    }
}

fn result(outcome: &Answer) -> LdapResult {
    match outcome {
        Ok(()) => LdapResult::new(ResultCode::Success, "".into(), "".into()),
        Err(refusal) => {
            let matched = refusal.matched.as_str().into();
            let mut result = LdapResult::new(code(refusal.result), matched, refusal.text.as_str().into());
            result.referral = refusal.referral.as_deref().map(|url| vec![url.into()]);
            result
        }
    }
}

/// The answer to an extended operation that went well.
pub fn extended_answer(name: &str, value: Option<Vec<u8>>) -> ProtocolOp {
    ProtocolOp::ExtendedResp(extended(result(&Ok(())), Some(name), value))
}

fn extended(result: LdapResult, name: Option<&str>, value: Option<Vec<u8>>) -> ExtendedResponse {
    ExtendedResponse {
        result_code: result.result_code,
        matched_dn: result.matched_dn,
        diagnostic_message: result.diagnostic_message,
        referral: result.referral,
        response_name: name.map(octets),
        response_value: value.map(OctetString::from),
    }
}

/// What is said before the server hangs up (RFC 4511 §4.4.1).
pub fn notice_of_disconnection() -> LdapMessage {
    let refusal = Refusal::comment(
        2,
        super::refusal::ERROR_INVALID_PARAMETER,
        "Error decoding ldap message",
    );
    let response = extended(result(&Err(refusal)), Some(NOTICE_OF_DISCONNECTION), None);
    LdapMessage::new(0, ProtocolOp::ExtendedResp(response))
}

/// One object of a search's answer (RFC 4511 §4.5.2). Values are a SET OF on the wire, and yet in an order: clients take
/// the last of `objectClass` for the lowest, and rasn-ldap's own type does not keep it.
#[derive(AsnType, Debug, Encode)]
#[rasn(tag(application, 4))]
pub struct Entry {
    pub name: LdapString,
    pub attributes: Vec<Values>,
}

#[derive(AsnType, Debug, Encode)]
pub struct Values {
    pub name: LdapString,
    pub values: InOrder,
}

#[derive(AsnType, Debug, Encode)]
#[rasn(delegate, tag(universal, 17))]
pub struct InOrder(pub Vec<OctetString>);

#[derive(AsnType, Encode)]
struct EntryMessage<'a> {
    id: u32,
    entry: &'a Entry,
}

impl Values {
    pub fn new(name: &str, values: Vec<Vec<u8>>) -> Values {
        Values {
            name: name.into(),
            values: InOrder(values.into_iter().map(OctetString::from).collect()),
        }
    }
}

impl Entry {
    pub fn write(&self, id: u32, said: &mut Vec<u8>) {
        write(said, &EntryMessage { id, entry: self });
    }

    /// About as many bytes as it takes on the wire.
    pub fn size(&self) -> usize {
        let values = self.attributes.iter().flat_map(|it| &it.values.0);
        values.map(|value| value.len() + 2).sum::<usize>() + self.name.len()
    }
}

/// Appends a message.
pub fn write(said: &mut Vec<u8>, message: &impl Encode) {
    // What was made here can be written.
    if let Ok(bytes) = rasn::ber::encode(message) {
        said.extend_from_slice(&bytes);
    }
}

pub fn octets(text: &str) -> OctetString {
    OctetString::from(text.as_bytes().to_vec())
}

pub fn texts(list: &[LdapString]) -> impl Iterator<Item = &str> {
    list.iter().map(|it| it.as_str())
}

pub fn control(oid: &str, value: Option<Vec<u8>>) -> Control {
    Control::new(octets(oid), false, value.map(OctetString::from))
}

/// Whether LDAP has a result of this number.
pub fn is_result(number: u32) -> bool {
    result_code(number).is_some()
}

/// `other` for numbers that LDAP has not.
fn code(number: u32) -> ResultCode {
    result_code(number).unwrap_or(ResultCode::Other)
}

/// Every result that LDAP has a number for (RFC 4511, appendix A).
fn result_code(number: u32) -> Option<ResultCode> {
    use rasn::types::Enumerated;
    let number = isize::try_from(number).ok()?;
    ResultCode::from_discriminant(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rasn_ldap::{Filter, SearchRequest, SearchRequestDerefAliases, SearchRequestScope};

    fn search(filter: Filter) -> Vec<u8> {
        let request = SearchRequest::new(
            "".into(),
            SearchRequestScope::BaseObject,
            SearchRequestDerefAliases::NeverDerefAliases,
            0,
            0,
            false,
            filter,
            Vec::new(),
        );
        rasn::ber::encode(&LdapMessage::new(1, ProtocolOp::SearchRequest(request))).unwrap()
    }

    #[test]
    fn a_message_is_whole_or_awaited_or_nonsense() {
        let bytes = search(Filter::Present("objectClass".into()));
        for cut in 0..bytes.len() {
            assert!(matches!(frame(&bytes[..cut]), Frame::Part), "{cut}");
        }
        let two = [&bytes[..], &bytes[..5]].concat();
        assert!(matches!(frame(&two), Frame::Message(_, length) if length == bytes.len()));
        let unbind = [0x30, 5, 2, 1, 3, 0x42, 0];
        assert!(
            matches!(frame(&unbind), Frame::Message(message, 7) if matches!(message.protocol_op, ProtocolOp::UnbindRequest(_)))
        );
        for garbage in [
            &b"GET / HTTP/1.1\r\n"[..],
            &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
            &[0x30, 0x80, 0x02],
            &[0x30, 0x02, 0x04, 0x00],
            &[0x30, 0x05, 0x02, 0x01, 0x01, 0x63, 0x10],
        ] {
            assert!(matches!(frame(garbage), Frame::Garbage), "{garbage:?}");
        }
    }

    #[test]
    fn deep_filters_cannot_exhaust_the_stack() {
        let mut deep = Filter::Present("cn".into());
        for _ in 0..2000 {
            deep = !deep;
        }
        let worker = std::thread::Builder::new().stack_size(2 << 20);
        let bytes = std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn(move || search(deep))
            .unwrap()
            .join()
            .unwrap();
        let framed = worker.spawn(move || matches!(frame(&bytes), Frame::Garbage));
        assert!(framed.unwrap().join().unwrap());
    }
}
