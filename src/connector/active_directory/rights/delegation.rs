//! The commands that grant rights on a container: `dsacls`, which comes with Windows' administration tools, and
//! `samba-tool`.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::identity::Identity;
use super::names::{Names, RESET_PASSWORD, USER};
use super::needs::Right;
use crate::error::{Error, Result};

/// One line a right ("Dsacls" in Microsoft's command-line reference). What cannot be written without a shell taking a
/// part of it for its own is an error.
pub(super) fn dsacls(container: &str, needed: &BTreeSet<Right>, identity: &Identity) -> Result<Vec<String>> {
    let account = &identity.name;
    for text in [container, account] {
        if let Some(sign) = text
            .chars()
            .find(|sign| "\"%$`".contains(*sign) || sign.is_control())
        {
            let message = format!(
                "{text} holds {sign:?}, which the shells of Windows do not leave alone: grant the rights by hand"
            );
            return Err(Error::invalid(message));
        }
    }
    let line =
        |(onto, grant): (&str, String)| format!("dsacls \"{container}\" /I:{onto} /G \"{account}:{grant}\"");
    // T: this container and those below; S: only what is below.
    let grants = grouped(needed).into_iter().map(|grant| match grant {
        Grant::Property { access, name } => {
            let access = if access == Access::Write { "RPWP" } else { "RP" };
            ("S", format!("{access};{name};user"))
        }
        Grant::Other(Right::List) => ("T", "LC".to_string()),
        Grant::Other(Right::CreateUsers) => ("T", "CC;user".to_string()),
        Grant::Other(Right::ResetPassword) => ("S", "CA;Reset Password;user".to_string()),
        Grant::Other(_) => ("S", "SD;;user".to_string()),
    });
    Ok(grants.map(line).collect())
}

/// One line with all rights, since each takes `samba-tool` a second; in SDDL ([MS-DTYP] 2.5.1).
pub(super) fn samba_tool(
    container: &str,
    needed: &BTreeSet<Right>,
    identity: &Identity,
    names: &Names,
) -> Result<String> {
    let sid = &identity.sid;
    let mut entries = String::new();
    for grant in grouped(needed) {
        let (flags, rights, object, class) = match grant {
            Grant::Property { access, name } => {
                let rights = if access == Access::Write { "RPWP" } else { "RP" };
                let unknown = || Error::invalid(format!("the directory's schema has no attribute {name}"));
                let id = names.ids(name).first().copied().ok_or_else(unknown)?;
                ("CIIO", rights, Some(id), Some(USER))
            }
            Grant::Other(Right::List) => ("CI", "LC", None, None),
            Grant::Other(Right::CreateUsers) => ("CI", "CC", Some(USER), None),
            Grant::Other(Right::ResetPassword) => ("CIIO", "CR", Some(RESET_PASSWORD), Some(USER)),
            Grant::Other(_) => ("CIIO", "SD", None, Some(USER)),
        };
        let id = |id: Option<Uuid>| id.map_or_else(String::new, |id| id.to_string());
        let kind = if object.or(class).is_some() { "OA" } else { "A" };
        entries.push_str(&format!(
            "({kind};{flags};{rights};{};{};{sid})",
            id(object),
            id(class)
        ));
    }
    Ok(format!(
        "samba-tool dsacl set --objectdn={} --trusteedn={} --sddl={}",
        quoted(container),
        quoted(&identity.dn),
        quoted(&entries)
    ))
}

enum Grant<'a> {
    Property { access: Access, name: &'a str },
    Other(&'a Right),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// What is written is read as well.
fn grouped(needed: &BTreeSet<Right>) -> Vec<Grant<'_>> {
    let written = |name: &str| {
        let is_it = |right: &Right| matches!(right, Right::Write(other) if other.eq_ignore_ascii_case(name));
        needed.iter().any(is_it)
    };
    let grants = needed.iter().filter_map(|right| match right {
        Right::Read(name) if written(name) => None,
        Right::Read(name) => Some(Grant::Property {
            access: Access::Read,
            name,
        }),
        Right::Write(name) => Some(Grant::Property {
            access: Access::Write,
            name,
        }),
        other => Some(Grant::Other(other)),
    });
    grants.collect()
}

/// As a shell of Unix takes it for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::access::Token;
    use super::super::descriptor::Sid;
    use super::*;

    fn somebody() -> Identity {
        Identity {
            dn: "CN=Conan O'Brien,DC=x".to_string(),
            sid: Sid::parse("S-1-5-21-1-2-3-1102").unwrap(),
            name: "X\\muster".to_string(),
            token: Token::new(),
            protected_groups: Vec::new(),
            has_admin_count: false,
        }
    }

    #[test]
    fn no_shell_takes_a_part_of_a_name_for_its_own() {
        let needed = BTreeSet::from([Right::CreateUsers, Right::DeleteUsers]);
        let line = samba_tool("OU=It's,DC=x", &needed, &somebody(), &Names::default()).unwrap();
        assert_eq!(
            line,
            r"samba-tool dsacl set --objectdn='OU=It'\''s,DC=x' --trusteedn='CN=Conan O'\''Brien,DC=x' \
              --sddl='(OA;CI;CC;bf967aba-0de6-11d0-a285-00aa003049e2;;S-1-5-21-1-2-3-1102)\
              (OA;CIIO;SD;;bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-1-2-3-1102)'"
                .replace("\\\n              ", "")
        );
        assert_eq!(dsacls("OU=A B,DC=x", &needed, &somebody()).unwrap().len(), 2);
        for wrong in ["OU=\\\"A\\\",DC=x", "OU=$A,DC=x", "OU=%A%,DC=x", "OU=`A,DC=x"] {
            let error = dsacls(wrong, &needed, &somebody()).unwrap_err();
            assert!(error.message.contains("by hand"), "{error}");
        }
    }
}
