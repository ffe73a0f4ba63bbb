//! The keeper of a server: one of the scripts in `tests/servers`, alive as long as the value that holds it.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

pub struct Keeper {
    /// Where the server's files are. The keeper removes it at the end.
    pub dir: PathBuf,
    name: &'static str,
    script: Child,
    // The keeper ends its server when this pipe closes: when the value is dropped, or when the process that
    // has it is gone for whatever reason.
    pipes: Option<Mutex<Pipes>>,
}

type Pipes = (ChildStdin, BufReader<ChildStdout>);

impl Keeper {
    /// A server that answers.
    pub fn start(name: &'static str, arguments: &[&str]) -> Keeper {
        let keeper = Keeper::launch(name, arguments);
        keeper.ready().unwrap_or_else(|reason| panic!("{reason}"));
        keeper
    }

    /// Runs `tests/servers/NAME DIR ARGUMENTS…` with a new directory, and does not wait for it.
    pub fn launch(name: &'static str, arguments: &[&str]) -> Keeper {
        let dir = tempfile::Builder::new()
            .prefix("muster-")
            .tempdir()
            .unwrap()
            .keep();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/servers")
            .join(name);
        let mut script = Command::new(path)
            .arg(&dir)
            .args(arguments)
            .env("CARGO_TARGET_TMPDIR", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (
            script.stdin.take().unwrap(),
            BufReader::new(script.stdout.take().unwrap()),
        );
        Keeper {
            dir,
            name,
            script,
            pipes: Some(Mutex::new(pipes)),
        }
    }

    /// Waits until the server answers. `Err` is why this machine cannot have it.
    pub fn ready(&self) -> Result<(), String> {
        match self.answer(&mut self.pipes()) {
            ready if ready == "ready" => Ok(()),
            reason => Err(reason),
        }
    }

    /// Gives a command, one line, and returns the answer once it has been carried out.
    pub fn ask(&self, command: &str) -> String {
        let mut pipes = self.pipes();
        writeln!(pipes.0, "{command}").unwrap();
        self.answer(&mut pipes)
    }

    fn answer(&self, pipes: &mut Pipes) -> String {
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        assert!(
            line.ends_with('\n'),
            "tests/servers/{} failed, and says why on standard error (programs missing? run tests/install)",
            self.name
        );
        line.trim_end().to_owned()
    }

    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        self.pipes.as_ref().unwrap().lock().unwrap()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pipes = None;
        // So that nothing of the server is left when the test is over.
        let _ = self.script.wait();
    }
}

/// An address of a server's own, in 127.64.0.0/10: all of 127.0.0.0/8 is there on Linux without setup.
pub struct Address {
    pub ip: Ipv4Addr,
    // Whoever has this port has the address; the kernel sees to it that nobody else gets it, and that it is
    // free again when the process is gone.
    _claim: TcpListener,
}

impl Address {
    pub fn claim() -> Address {
        static CLAIMS: AtomicU32 = AtomicU32::new(0);
        loop {
            let claim = CLAIMS.fetch_add(1, Ordering::Relaxed);
            // 22 bits, far apart for processes whose numbers are close.
            let host = std::process::id()
                .wrapping_mul(0x9E37_79B1)
                .rotate_left(22)
                .wrapping_add(claim)
                & 0x003F_FFFF;
            let ip = Ipv4Addr::from_bits(Ipv4Addr::new(127, 64, 0, 0).to_bits() | host);
            if let Ok(listener) = TcpListener::bind((ip, 64022)) {
                return Address { ip, _claim: listener };
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip.fmt(f)
    }
}
