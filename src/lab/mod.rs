//! The invented company to practise on: what cannot be had for a test or a demonstration, simulated on loopback.
//!
//! A simulator keeps the rules of the system it stands for and can be told to fail ([`faults`]). It shares no
//! parsing with the connectors, or it could not catch their mistakes; it is judged by other people's clients.

pub mod company;
pub mod controls;
pub mod directory;
pub mod entra;
pub mod faults;
mod server;
pub mod workday;
