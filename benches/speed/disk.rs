//! What the disk under the database takes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const A_WHILE: Duration = Duration::from_secs(1);

/// Syncs a second, of a page of a database each.
pub fn syncs_per_second(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("syncs")).unwrap();
    let began = Instant::now();
    let mut syncs = 0.0;
    while began.elapsed() < A_WHILE {
        file.write_all(&[0; 4096]).unwrap();
        file.sync_data().unwrap();
        syncs += 1.0;
    }
    syncs / began.elapsed().as_secs_f64()
}
