//! Simulators, each in a process of its own, so that the kernel says what each needs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

/// Killed when dropped.
pub struct Simulator {
    pub process: Child,
    /// What it said of itself.
    pub said: Json,
}

impl Simulator {
    pub fn start(arguments: &[&str]) -> Simulator {
        let mut process = Command::new(env!("CARGO_BIN_EXE_muster"))
            .arg("lab")
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Simulator {
            process,
            said: serde_json::from_str(&line).unwrap(),
        }
    }

    pub fn text(&self, name: &str) -> &str {
        self.said[name].as_str().unwrap()
    }

    /// Posts to its operator's side.
    pub async fn post(&self, http: &reqwest::Client, path: &str, body: &Json) {
        let url = format!("{}/lab/{path}", self.text("admin"));
        let answer = http.post(url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Asks its operator's side.
    pub async fn get(&self, http: &reqwest::Client, path: &str) -> Json {
        let url = format!("{}/lab/{path}", self.text("admin"));
        http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Seconds that a process has had a processor, by the kernel's clock ticks.
pub fn processor_time(process: u32) -> f64 {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap())
        .collect();
    Duration::from_secs_f64(ticks.iter().sum::<f64>() / TICKS).as_secs_f64()
}
