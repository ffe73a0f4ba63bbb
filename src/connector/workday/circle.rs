//! Which of the attributes that are read of workers are those that are written home.

use super::attributes::{Generation, documented};

/// What is written, by the beginning of its name, and where an answer to `Get_Workers` has it.
#[rustfmt::skip]
const PLACES: &[(&str, &str)] = &[
    ("EmailAddress", "Email_Address_Data"),
    ("UserID",       "User_ID"),
    ("UserID",       "User_Account_Data"),
    ("Workphone",    "Phone_Data"),
];

/// Home addresses and numbers are others than those at work.
const ELSEWHERE: [&str; 2] = ["'HOME'", "\"HOME\""];

/// Whether what is read of workers, by an XPath or a documented name, is what is written under this name.
pub fn reads_back(written: &str, read: &str) -> bool {
    let mut documented = documented(Generation::V30).into_iter();
    let known = documented.find(|known| known.name == read);
    selects(written, known.as_ref().map_or(read, |known| &known.xpath))
}

/// Whether what is read of workers may be written under any name.
pub fn is_written(read: &str) -> bool {
    PLACES.iter().any(|(name, _)| reads_back(name, read))
}

fn selects(written: &str, xpath: &str) -> bool {
    let places = PLACES.iter().filter(|(name, _)| written.starts_with(name));
    let mut found = places.map(|(_, place)| *place);
    !ELSEWHERE.iter().any(|home| xpath.contains(home))
        && found.any(|place| steps(xpath).any(|step| step == place))
}

/// The names in an expression, without their prefixes.
fn steps(xpath: &str) -> impl Iterator<Item = &str> {
    xpath.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b30_what_is_read_is_known_by_where_it_stands() {
        let read = |written: &str| -> Vec<String> {
            let attributes = documented(Generation::V30).into_iter();
            let same = attributes.filter(|it| selects(written, &it.xpath));
            let mut names: Vec<String> = same.map(|it| it.name).collect();
            names.sort();
            names
        };
        assert_eq!(read("EmailAddress"), ["EmailAddress"]);
        assert_eq!(read("UserID"), ["UserID"]);
        let phones = ["Fax", "Mobile", "PrimaryWorkTelephone", "Telephone"];
        assert_eq!(read("WorkphoneLandlineNumber"), phones);
        assert!(read("WorkerID").is_empty());
        assert!(!selects("EmailAddress", "wd:Email_Address_Data[wd:Usage='HOME']"));
        assert!(is_written("Mobile") && is_written("wd:Worker/wd:User_ID/text()"));
        assert!(!is_written("WorkerID"));
    }
}
