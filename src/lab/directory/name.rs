//! Names of objects as requests give them (RFC 4514; [MS-ADTS] 3.1.1.3.1.2.4).

use uuid::Uuid;

use super::dn;
use super::refusal::{Answer, ERROR_DS_INVALID_DN_SYNTAX, Refusal};
use super::schema::{self, Att};
use super::value::{self, Value};

/// One part of a DN.
#[derive(Clone, Debug, PartialEq)]
pub struct Rdn {
    pub att: Att,
    pub value: String,
}

impl Rdn {
    /// What siblings must not share.
    pub fn key(&self) -> (Att, String) {
        (self.att, value::fold(&self.value))
    }

    /// `CN=Ada\, Countess`.
    pub fn text(&self) -> String {
        format!("{}={}", self.att.name.to_uppercase(), dn::escape(&self.value))
    }
}

/// A DN taken apart, the object's own name first.
pub type Name = Vec<Rdn>;

/// Whatever stands for an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    Name(Name),
    Guid(Uuid),
    Sid(Value),
    /// One of a container's well-known children ([MS-ADTS] 6.1.1.4).
    WellKnown(Uuid, Name),
}

/// A DN, `<GUID=…>` in both its forms, `<SID=…>`, or `<WKGUID=…,DN>`. What follows the first bracket, as in an
/// extended DN, adds nothing.
pub fn reference(text: &str) -> Answer<Reference> {
    let Some(rest) = text.trim().strip_prefix('<') else {
        return name(text).map(Reference::Name);
    };
    let (inside, _) = rest.split_once('>').ok_or_else(malformed)?;
    let (kind, what) = inside.split_once('=').ok_or_else(malformed)?;
    let found = match kind.to_ascii_uppercase().as_str() {
        "GUID" => guid(what).map(Reference::Guid),
        "SID" => value::sid_bytes(what).or_else(|| bytes(what)).map(Reference::Sid),
        "WKGUID" => {
            let (known, container) = what.split_once(',').ok_or_else(malformed)?;
            let container = name(container)?;
            Uuid::parse_str(known)
                .ok()
                .map(|known| Reference::WellKnown(known, container))
        }
        _ => None,
    };
    found.ok_or_else(malformed)
}

/// Dashed text, or the sixteen bytes in the order in which they are stored.
fn guid(text: &str) -> Option<Uuid> {
    match text.contains('-') {
        true => Uuid::parse_str(text).ok(),
        false => Uuid::from_slice_le(&bytes(text)?).ok(),
    }
}

fn bytes(hex: &str) -> Option<Value> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// A DN; the empty one is the root DSE's.
pub fn name(text: &str) -> Answer<Name> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Name::new());
    }
    let parts = dn::parts(text).ok_or_else(malformed)?;
    let part = |(kind, value)| {
        let att = schema::find(kind).ok_or_else(malformed)?;
        Ok(Rdn { att, value })
    };
    parts.into_iter().map(part).collect()
}

/// One part by itself, as renaming takes it.
pub fn rdn(text: &str) -> Answer<Rdn> {
    match &name(text)?[..] {
        [one] => Ok(one.clone()),
        _ => Err(malformed()),
    }
}

/// What is no name.
pub fn malformed() -> Refusal {
    Refusal::new(34, ERROR_DS_INVALID_DN_SYNTAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_many_names() {
        let id = Uuid::from_u128(0xaabbccdd_eeff_1122_3344_556677889900);
        for text in [
            "<GUID=aabbccdd-eeff-1122-3344-556677889900>",
            "<guid=ddccbbaaffee22113344556677889900>;CN=x",
        ] {
            assert_eq!(reference(text).unwrap(), Reference::Guid(id));
        }
        assert!(matches!(
            reference("<SID=S-1-5-21-1-2-3-4>").unwrap(),
            Reference::Sid(_)
        ));
        assert!(matches!(
            reference("<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=x>").unwrap(),
            Reference::WellKnown(..)
        ));
        for text in [
            "<GUID=1>",
            "<GUID=zz>",
            "<X=1>",
            "<",
            "CN",
            "CN=",
            "CN=a,,DC=x",
            "NoSuch=a",
        ] {
            assert_eq!(reference(text).unwrap_err().result, 34, "{text}");
        }
    }

    #[test]
    fn parts_keep_what_they_are_called() {
        let name = name("cn=Ada\\, Countess , ou=Staff,DC=x").unwrap();
        assert_eq!(name.len(), 3);
        assert_eq!(name[0].text(), "CN=Ada\\, Countess");
        assert!(rdn("CN=a,DC=x").is_err());
    }
}
