//! Directories as sources of workers: the connectors against simulated and real servers.

mod active_directory;
mod entra;
mod openldap;
