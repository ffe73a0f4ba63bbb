//! How far a directory was read, as its watermark keeps it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

/// From where on a directory tells what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A cookie of the DirSync control, which every controller of the domain takes.
    Cookie(Vec<u8>),
    Number(Number),
}

/// The last change that was heard of, by one controller's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub highest: u64,
    pub numbering: Numbering,
    /// When everybody was read.
    pub everybody: Timestamp,
}

/// Whose numbers they are. A controller that was restored from a copy begins another life, and uses numbers again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbering {
    /// The DN of the controller's settings (`dsServiceName`).
    pub controller: String,
    /// `invocationId`, in hexadecimal; empty where it may not be read.
    pub life: String,
}

impl Place {
    /// `None` for what [`Display`](fmt::Display) never writes.
    pub(super) fn parse(text: &str) -> Option<Place> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "cookie" => Some(Place::Cookie(BASE64.decode(rest).ok()?)),
            "number" => {
                let mut parts = rest.splitn(4, ' ');
                Some(Place::Number(Number {
                    highest: parts.next()?.parse().ok()?,
                    everybody: parts.next()?.parse().ok()?,
                    numbering: Numbering {
                        life: parts.next()?.to_string(),
                        controller: parts.next()?.to_string(),
                    },
                }))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Cookie(cookie) => write!(f, "cookie:{}", BASE64.encode(cookie)),
            Place::Number(Number {
                highest,
                numbering: Numbering { controller, life },
                everybody,
            }) => write!(f, "number:{highest} {everybody} {life} {controller}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let number = |life: &str| {
            Place::Number(Number {
                highest: 4711,
                numbering: Numbering {
                    controller: "CN=NTDS Settings,CN=DC 1,DC=x".into(),
                    life: life.into(),
                },
                everybody: "2026-01-02T03:04:05Z".parse().unwrap(),
            })
        };
        for place in [
            Place::Cookie(vec![0, 255, 7]),
            Place::Cookie(Vec::new()),
            number("0aff"),
            number(""),
        ] {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for wrong in [
            "",
            "cookie",
            "cookie:%",
            "number:1",
            "number:x 2026-01-02T03:04:05Z 0 CN=x",
            "usn:1",
            "https://graph",
        ] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
