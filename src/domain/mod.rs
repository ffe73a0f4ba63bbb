//! The pure core: no clock, no network, no database, nothing of ours from outside this room.
//!
//! Follow one worker: a [`worker::Worker`] is folded from statements, a [`scope`] admits it, [`matching`] finds
//! its account, each [`mapping`] says what an attribute should hold, a [`plan`] holds that against what the
//! account has, and the [`guard`] judges what comes out.

pub mod account;
pub mod allowance;
pub mod callback;
pub mod decision;
pub mod dn;
pub mod employment;
pub mod explain;
pub mod expression;
pub mod finding;
pub mod guard;
pub mod handover;
pub mod hold;
pub mod keeping;
pub mod link;
pub mod mapping;
pub mod matching;
pub mod ownership;
pub mod person;
pub mod plan;
pub mod policy;
pub mod provenance;
pub mod quarantine;
pub mod review;
pub mod schema;
pub mod scope;
pub mod turned;
pub mod value;
pub mod worker;
