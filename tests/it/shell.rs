//! The binary as people run it beside a gateway: its commands, and the examples of pages.

use std::path::Path;
use std::process::{Command, Output};

use crate::gateway::{APP, Gateway, JOB, Setup};

const BINARY: &str = env!("CARGO_BIN_EXE_muster");

/// Runs a command of the binary with a config.
pub fn muster(setup: &Setup, arguments: &[&str]) -> Output {
    let config = setup.dir.path().join("muster.toml");
    std::fs::write(&config, setup.text("127.0.0.1:0")).unwrap();
    Command::new(BINARY)
        .args(arguments)
        .arg("--config")
        .arg(config)
        .current_dir(setup.dir.path())
        .output()
        .unwrap()
}

/// Runs what a page tells people to type, in the folder of a gateway that runs.
pub async fn type_in(gateway: &Gateway, example: &str) -> Output {
    let binaries = Path::new(BINARY).parent().unwrap().display();
    Command::new("sh")
        .args(["-ec", example])
        .current_dir(gateway.setup.dir.path())
        .env("PATH", format!("{binaries}:{}", std::env::var("PATH").unwrap()))
        .env("MUSTER", &gateway.caller.url)
        .env("TOKEN", gateway.caller.token().await)
        .env("APP", APP)
        .env("JOB", JOB)
        .output()
        .unwrap()
}

/// A page's blocks in one language.
pub fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}
