//! What callbacks may name, and where it goes (B30).

use crate::connector::Callable;
use crate::domain::callback::Member;

/// The attributes are those that Microsoft's writeback has, under the names that directories give what they are mapped from.
#[rustfmt::skip]
pub const CALLABLE: &[Callable] = &[
    Callable { member: Member::Email,    target: "EmailAddress",            family: "EmailAddress",      sources: &["mail"] },
    Callable { member: Member::UserName, target: "UserID",                  family: "UserID",            sources: &["userPrincipalName"] },
    Callable { member: Member::Landline, target: "WorkphoneLandlineNumber", family: "WorkphoneLandline", sources: &["telephoneNumber", "businessPhones"] },
    Callable { member: Member::Mobile,   target: "WorkphoneMobileNumber",   family: "WorkphoneMobile",   sources: &["mobile", "mobilePhone"] },
];
