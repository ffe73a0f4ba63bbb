//! The image and its composition: what can be checked without an engine.

use std::path::Path;
use std::process::Command;

use muster::config::Config;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_configs_of_the_composition_are_configs() {
    // As the composition sets them; nobody else in this process reads these names.
    let text = |file: &str| {
        let text = std::fs::read_to_string(repository().join("examples/container").join(file)).unwrap();
        let plain = |text: String, name: &str, value: &str| {
            text.replace(&format!("{{ env = \"{name}\" }}"), &format!("\"{value}\""))
        };
        let text = plain(text, "HR_SECRET", "secret");
        let text = plain(text, "LAB_PASSWORD", "secret");
        let text = plain(text, "AD_PASSWORD", "secret");
        let text = plain(text, "MUSTER_KEY", "key");
        plain(text, "DATABASE_URL", "postgres://muster:secret@postgres/muster")
    };
    for (file, apps) in [("muster.toml", 2), ("scale.toml", 1)] {
        let config = Config::parse(&text(file), Path::new("/etc/muster")).unwrap();
        assert_eq!(config.apps.len(), apps, "{file}");
        for (name, system) in config.systems.iter().filter(|(_, system)| system.is_target()) {
            // Nothing that comes up later keeps the gateway from starting.
            assert!(system.target(&[], None).is_ok(), "{file}: {name}");
        }
        assert!(config.server.tls.is_some(), "{file}: it is reached from outside");
    }
}

#[test]
fn the_image_copies_what_is_there_and_runs_as_nobody() {
    let text = std::fs::read_to_string(repository().join("Dockerfile")).unwrap();
    let copied = text
        .lines()
        .filter(|line| line.starts_with("COPY ") && !line.contains("--from"));
    for source in copied.flat_map(|line| line.split(' ').skip(1).take_while(|word| !word.starts_with('.'))) {
        assert!(repository().join(source).exists(), "{source}");
    }
    assert!(text.contains("\nUSER 10001"));
}

/// Read by the client, where there is one; it needs no engine for that.
#[test]
fn the_composition_is_sound() {
    let ways = [vec!["docker", "compose"], vec!["docker-compose"]];
    let client = ways.into_iter().find(|way| {
        let asked = Command::new(way[0]).args(&way[1..]).arg("version").output();
        asked.is_ok_and(|output| output.status.success())
    });
    let Some(client) = client else {
        println!("no compose client is installed: nothing to read it with");
        return;
    };
    for profile in ["lab", "scale"] {
        let output = Command::new(client[0])
            .args(&client[1..])
            .args(["--profile", profile, "config", "--services"])
            .env("HR_SECRET", "x")
            .current_dir(repository())
            .output()
            .unwrap();
        let services = String::from_utf8(output.stdout).unwrap();
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && services.contains("gateway"),
            "{profile}: {problem}"
        );
    }
}
