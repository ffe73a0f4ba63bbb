//! Numbers, and values in another form: text, Base64, hexadecimal, SIDs.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Function, Kind, Origin, Parameter, example, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated};
use crate::domain::value::Value;

const SOURCE: Parameter = parameter("source", Kind::Text);

pub const BIT_AND: Function = function(
    "BitAnd",
    &[
        parameter("left", Kind::Integer),
        parameter("right", Kind::Integer),
    ],
    "The bits that two numbers have in common.",
    &[
        example(r#"BitAnd(&HF, &HF7)"#, &[], &["7"]),
        example(
            r#"IIF(BitAnd([userAccountControl], 2) = "0", "enabled", "disabled")"#,
            &[("userAccountControl", &["514"])],
            &["disabled"],
        ),
    ],
    |arguments| {
        Ok(Cow::Owned(Value::Integer(
            arguments.integer(0)? & arguments.integer(1)?,
        )))
    },
);

pub const CSTR: Function = function(
    "CStr",
    &[parameter("value", Kind::Any)],
    "The value as text: True, 42, 6/15/2009 8:45:30 AM.",
    &[
        example(
            r#"CStr([dn])"#,
            &[("dn", &["cn=Joe,dc=contoso"])],
            &["cn=Joe,dc=contoso"],
        ),
        example(
            r#"CStr(CDate("2009-06-15T01:45:30-07:00"))"#,
            &[],
            &["6/15/2009 8:45:30 AM"],
        ),
    ],
    |arguments| arguments.map_texts(0, |_| Ok(None)),
);

pub const CONVERT_TO_BASE64: Function = function(
    "ConvertToBase64",
    &[SOURCE],
    "Base64 of the text in UTF-16, low byte first.",
    &[example(
        r#"ConvertToBase64("Hello world!")"#,
        &[],
        &["SABlAGwAbABvACAAdwBvAHIAbABkACEA"],
    )],
    |arguments| {
        arguments.map_texts(0, |text| {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            Ok(Some(BASE64.encode(bytes)))
        })
    },
);

const ENCODINGS: &[&str] = &["Unicode", "UTF8", "ASCII"];

pub const CONVERT_FROM_BASE64: Function = function(
    "ConvertFromBase64",
    &[SOURCE, parameter("encoding", Kind::Choice(ENCODINGS)).optional()],
    "The text that Base64 stands for, in Unicode (UTF-16, low byte first; the default), UTF8 or ASCII.",
    &[
        example(
            r#"ConvertFromBase64("SABlAGwAbABvACAAdwBvAHIAbABkACEA")"#,
            &[],
            &["Hello world!"],
        ),
        example(
            r#"ConvertFromBase64("SGVsbG8gd29ybGQh", UTF8)"#,
            &[],
            &["Hello world!"],
        ),
    ],
    from_base64,
)
.known_to(Origin::CloudSync);

fn from_base64<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let encoding = arguments
        .filled(1)?
        .unwrap_or(Cow::Borrowed("Unicode"))
        .to_ascii_lowercase();
    arguments.map_texts(0, |text| {
        let bytes = BASE64
            .decode(text.trim())
            .map_err(|error| arguments.fail(error.to_string()))?;
        let text = match encoding.as_str() {
            "unicode" => {
                let units: Vec<u16> = bytes
                    .chunks(2)
                    .map(|pair| {
                        pair.iter()
                            .rev()
                            .fold(0, |unit, byte| unit << 8 | u16::from(*byte))
                    })
                    .collect();
                String::from_utf16_lossy(&units)
            }
            "ascii" => bytes
                .iter()
                .map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' })
                .collect(),
            "utf8" => String::from_utf8_lossy(&bytes).into_owned(),
            _ => return Err(arguments.fail(format!("`encoding` is one of {}", ENCODINGS.join(", ")))),
        };
        Ok(Some(text))
    })
}

pub const CONVERT_TO_UTF8_HEX: Function = function(
    "ConvertToUTF8Hex",
    &[SOURCE],
    "The text's UTF-8 bytes in hexadecimal digits.",
    &[example(
        r#"ConvertToUTF8Hex("Hello world!")"#,
        &[],
        &["48656C6C6F20776F726C6421"],
    )],
    |arguments| {
        arguments.map_texts(0, |text| {
            let mut digits = String::with_capacity(2 * text.len());
            for byte in text.bytes() {
                // A String takes everything.
                let _ = write!(digits, "{byte:02X}");
            }
            Ok(Some(digits))
        })
    },
);

pub const STRING_FROM_SID: Function = function(
    "StringFromSID",
    &[parameter("objectSID", Kind::Text)],
    "A security identifier in Base64 as S-1-5-…; one in that form stays as it is.",
    &[example(
        r#"StringFromSID([objectSid])"#,
        &[("objectSid", &["AQUAAAAAAAUVAAAAFWHcLHgsQkxZQ6kyUgQAAA=="])],
        &["S-1-5-21-752640277-1279405176-849953625-1106"],
    )],
    |arguments| {
        arguments.map_texts(0, |text| {
            if text.starts_with("S-1-") {
                return Ok(None);
            }
            let sid = BASE64.decode(text.trim()).ok().and_then(|bytes| sid_text(&bytes));
            sid.map(Some)
                .ok_or_else(|| arguments.fail("the value is no security identifier"))
        })
    },
)
.known_to(Origin::CloudSync);

/// Revision, count of sub-authorities, six bytes of authority (high byte first), then the sub-authorities,
/// four bytes each (low byte first).
fn sid_text(bytes: &[u8]) -> Option<String> {
    let ([revision, count, authority @ ..], rest) = bytes.split_first_chunk::<8>()?;
    let authority = authority
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let (parts, []) = rest.as_chunks::<4>() else {
        return None;
    };
    if parts.len() != usize::from(*count) {
        return None;
    }
    let parts: String = parts
        .iter()
        .map(|part| format!("-{}", u32::from_le_bytes(*part)))
        .collect();
    Some(format!("S-{revision}-{authority}{parts}"))
}
