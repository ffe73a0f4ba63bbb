//! Servers for one test each: Active Directory (Samba, and the lab as Windows), OpenLDAP, PostgreSQL.
//!
//! A server listens on an address of its own, so any number run at once, and is gone when its value is
//! dropped or its process ends, however that ends. The work is done by the scripts of `tests/servers`,
//! which people can run too.

mod keeper;
pub mod lab;
pub mod ldap;
pub mod openldap;
pub mod postgres;
pub mod samba;
pub mod source;
pub mod tenant;
pub mod workday;
