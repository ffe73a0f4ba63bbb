//! Versions of the service, and what of an answer's shape depends on them.

/// `v40.0` is (40, 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16);

/// Where the address names none.
pub const DEFAULT: Version = Version(21, 1);
/// Anything between these is served; there are two releases a year.
const OFFERED: std::ops::RangeInclusive<Version> = Version(10, 0)..=Version(47, 9);

impl Version {
    pub fn parse(text: &str) -> Option<Version> {
        let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
        let version = Version(major.parse().ok()?, minor.parse().ok()?);
        OFFERED.contains(&version).then_some(version)
    }

    /// Old ones have the primary position right under the data of employment.
    pub fn wraps_jobs(self) -> bool {
        self.0 >= 26
    }

    /// Labels on references: always at first, later on request.
    pub fn labels_references(self) -> bool {
        self.0 < 28
    }

    pub fn describes_workers(self) -> bool {
        self.0 >= 28
    }

    /// Universal IDs, rescinded hires, references to phones and addresses, and much more came with it.
    pub fn is_30(self) -> bool {
        self.0 >= 30
    }

    /// Phones have their area code in an attribute and five ways of being written; whether somebody may come back is a
    /// reference.
    pub fn is_31(self) -> bool {
        self.0 >= 31
    }

    pub fn reports_invalid_references(self) -> bool {
        self >= Version(31, 2)
    }

    /// The first one is not known; it was after 31.2, and by 33.
    pub fn has_traditional_phones(self) -> bool {
        self.0 >= 33
    }

    /// Countries to dial have an ID of their own.
    pub fn has_phone_codes(self) -> bool {
        self.is_31()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        assert_eq!(Version::parse("v40.0"), Some(Version(40, 0)));
        assert!(Version::parse("v31.2") > Version::parse("v31.0"));
        for wrong in ["40.0", "v40", "v99.0", "v9.9", "vx.y", ""] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
        assert_eq!(DEFAULT.to_string(), "v21.1");
    }
}
