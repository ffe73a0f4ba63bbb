//! The image and its composition: what can be checked without an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use muster::config::Config;
use serde_yaml_ng::Value as Yaml;

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

/// What starts together: the services without a profile, and those of one.
const PROFILES: [(&str, &[&str]); 3] = [
    ("", &["certificate", "gateway", "loopback"]),
    (
        "lab",
        &["certificate", "gateway", "lab-directory", "lab-entra", "loopback"],
    ),
    (
        "scale",
        &["certificate", "gateway", "loopback", "postgres", "replica"],
    ),
];

fn composition() -> Yaml {
    let text = std::fs::read_to_string(repository().join("docker-compose.yml")).unwrap();
    let mut composition: Yaml = serde_yaml_ng::from_str(&text).unwrap();
    composition.apply_merge().unwrap();
    composition
}

/// The services, by name.
fn services(composition: &Yaml) -> BTreeMap<&str, &Yaml> {
    let services = composition["services"].as_mapping().unwrap();
    services
        .iter()
        .map(|(name, service)| (name.as_str().unwrap(), service))
        .collect()
}

/// The items of a list, or the names in a mapping.
fn names(yaml: &Yaml) -> BTreeSet<String> {
    let items = yaml.as_sequence().into_iter().flatten();
    let keys = yaml.as_mapping().into_iter().flat_map(|mapping| mapping.keys());
    items
        .chain(keys)
        .map(|name| name.as_str().unwrap().to_string())
        .collect()
}

#[test]
fn the_profiles_start_what_belongs_together() {
    let composition = composition();
    for (profile, expected) in PROFILES {
        let started: Vec<&str> = services(&composition)
            .into_iter()
            .filter(|(_, service)| match names(&service["profiles"]) {
                none if none.is_empty() => true,
                profiles => profiles.contains(profile),
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(started, expected, "{profile}");
    }
}

#[test]
fn the_composition_names_only_what_is_there() {
    let composition = composition();
    let (services, volumes) = (services(&composition), names(&composition["volumes"]));
    for (name, service) in &services {
        for other in names(&service["depends_on"]) {
            assert!(services.contains_key(other.as_str()), "{name} waits for {other}");
        }
        if let Some(network) = service["network_mode"].as_str()
            && let Some(other) = network.strip_prefix("service:")
        {
            assert!(
                services.contains_key(other),
                "{name} shares the network of {other}"
            );
        }
        for volume in names(&service["volumes"]) {
            let source = volume.split(':').next().unwrap();
            let there = match source.starts_with('.') {
                true => repository().join(source).is_file(),
                false => volumes.contains(source),
            };
            assert!(there, "{name} mounts {source}");
        }
    }
}

#[test]
fn the_composition_sets_what_the_configs_read() {
    let composition = composition();
    let mut read = 0;
    for (name, service) in services(&composition) {
        let mounted = names(&service["volumes"]);
        let config = mounted
            .iter()
            .find(|volume| volume.contains("/etc/muster/muster.toml"));
        let Some(config) = config.and_then(|volume| volume.split(':').next()) else {
            continue;
        };
        let text = std::fs::read_to_string(repository().join(config)).unwrap();
        let wanted: BTreeSet<String> = text
            .split("env = \"")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('"')?.0.to_string()))
            .collect();
        assert!(!wanted.is_empty(), "{config}");
        assert_eq!(names(&service["environment"]), wanted, "{name}");
        read += 1;
    }
    assert_eq!(read, 2);
}

/// Read by the client too, where there is one; it needs no engine for that.
#[test]
fn the_composition_is_one_to_its_client() {
    let ways = [vec!["docker", "compose"], vec!["docker-compose"]];
    let client = ways.into_iter().find(|way| {
        let asked = Command::new(way[0]).args(&way[1..]).arg("version").output();
        asked.is_ok_and(|output| output.status.success())
    });
    let Some(client) = client else {
        println!("no compose client is installed: nothing to read it with");
        return;
    };
    for (profile, expected) in PROFILES {
        let output = Command::new(client[0])
            .args(&client[1..])
            .args(["config", "--services"])
            .env("HR_SECRET", "x")
            .env("COMPOSE_PROFILES", profile)
            .current_dir(repository())
            .output()
            .unwrap();
        let services = String::from_utf8(output.stdout).unwrap();
        let services: BTreeSet<&str> = services.lines().collect();
        let problem = String::from_utf8_lossy(&output.stderr);
        // The first version names them all, whatever the profile.
        let named = expected.iter().all(|service| services.contains(service));
        assert!(output.status.success() && named, "{profile}: {problem}");
    }
}
