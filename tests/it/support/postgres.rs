//! PostgreSQL databases.

use std::sync::LazyLock;

use super::keeper::{Address, Keeper};

/// The URL of a new, empty database. The cluster is the test process's own: it is started with the first
/// database, and ends with the process.
pub fn database() -> String {
    static CLUSTER: LazyLock<(Keeper, Address)> = LazyLock::new(|| {
        let address = Address::claim();
        let keeper = Keeper::start("postgres", &[&address.to_string()]);
        (keeper, address)
    });
    CLUSTER.0.ask("database")
}
