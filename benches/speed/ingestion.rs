//! How fast HR may speak: operations acknowledged a second, each of them on disk when it is.

use crate::bare::Directory;
use crate::company::{self, UPLOAD};
use crate::disk;
use crate::gateway::Setup;
use crate::report::{Report, Target};
use crate::running::Running;
use crate::support::openldap;

const OPERATIONS: usize = 60_000;
const CONNECTIONS: usize = 16;

pub async fn measure(report: &mut Report) {
    let uploads = company::uploads(0..OPERATIONS);
    let bytes: usize = uploads.iter().map(String::len).sum();
    report.figure(
        "size of an operation",
        "bytes",
        Target::None,
        bytes as f64 / OPERATIONS as f64,
    );
    let directory = openldap::directory();
    let target = Directory::openldap(&directory).config(&directory.ca_file);
    for (job, start, wanted) in [
        ("paused", false, Target::AtLeast(20_000.0)),
        ("running", true, Target::None),
    ] {
        let setup = Setup::with_target(&target).app(&format!("start = {start}"));
        let syncs = disk::syncs_per_second(setup.dir.path());
        report.figure("syncs of the disk just before", "1/s", Target::None, syncs);
        let running = Running::start(&setup).await;
        let took = running.upload(&uploads, CONNECTIONS).await;
        let figure = format!("acknowledged in uploads of {UPLOAD} over {CONNECTIONS} connections, job {job}");
        report.figure(
            &figure,
            "operations/s",
            wanted,
            OPERATIONS as f64 / took.as_secs_f64(),
        );
        report.figure(
            &format!("peak resident after that, job {job}"),
            "MiB",
            Target::None,
            running.peak(),
        );
    }
}
