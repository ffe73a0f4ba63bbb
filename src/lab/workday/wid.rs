//! Workday IDs: 32 hexadecimal digits that name one object for ever.

use std::fmt::{self, Write};

/// The same for the same kind and key, so that a company is the same every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wid(pub u128);

impl Wid {
    pub fn of(kind: &str, key: &str) -> Wid {
        let mut hash = Fnv::default();
        hash.add(kind.as_bytes());
        hash.add(b":");
        hash.add(key.as_bytes());
        Wid(hash.spread())
    }

    pub fn numbered(kind: &str, seed: u64, number: u64) -> Wid {
        let mut hash = Fnv::default();
        hash.add(kind.as_bytes());
        hash.add(&seed.to_be_bytes());
        hash.add(&number.to_be_bytes());
        Wid(hash.spread())
    }

    pub fn parse(text: &str) -> Option<Wid> {
        let is_wid = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_wid
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(Wid)
    }
}

impl fmt::Display for Wid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0_u8; 32];
        for (at, digit) in digits.iter_mut().enumerate() {
            let nibble = (self.0 >> (124 - 4 * at)) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        for digit in digits {
            f.write_char(char::from(digit))?;
        }
        Ok(())
    }
}

/// FNV-1a of 128 bits.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
    }

    /// Keys that end alike are to look nothing like each other.
    fn spread(self) -> u128 {
        let mixed = (self.0 ^ (self.0 >> 67)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        mixed ^ (mixed >> 71)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_and_read_back() {
        let wid = Wid::of("Country", "US");
        assert_eq!(wid, Wid::of("Country", "US"));
        assert_ne!(wid, Wid::of("Country", "GB"));
        assert_ne!(Wid::numbered("worker", 1, 2), Wid::numbered("worker", 2, 1));
        let text = Wid(0xab).to_string();
        assert_eq!(text, format!("{:032x}", 0xab));
        assert_eq!(Wid::parse(&wid.to_string()), Some(wid));
        for wrong in [
            "",
            "12",
            "g0000000000000000000000000000000",
            "+0000000000000000000000000000000",
        ] {
            assert_eq!(Wid::parse(wrong), None, "{wrong}");
        }
    }
}
