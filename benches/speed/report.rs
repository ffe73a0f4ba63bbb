//! What is printed: a table for people, or a JSON line a figure.

use std::fs;

use serde_json::json;

/// What ARCHITECTURE.md promises of a figure.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Nothing: the figure puts others into proportion.
    None,
}

pub struct Report {
    json: bool,
    part: String,
}

impl Report {
    pub fn begin(json: bool) -> Report {
        let report = Report {
            json,
            part: String::new(),
        };
        if !json {
            println!("{} × {}", processors(), processor_model());
            println!("{:<68} {:>14} {:>14}", "figure", "target", "result");
        }
        report
    }

    /// The figures that follow belong together; how busy the machine is with other things goes with them.
    pub fn part(&mut self, name: &str) {
        self.part = name.to_string();
        if !self.json {
            println!("-- {name} (load average {})", load_average());
        }
    }

    pub fn figure(&self, figure: &str, unit: &str, target: Target, result: f64) {
        if self.json {
            let line = json!({
                "part": self.part,
                "figure": figure,
                "unit": unit,
                "target": target.bound(),
                "result": result,
                "met": target.is_met_by(result),
                "loadAverage": load_average(),
            });
            println!("{line}");
        } else {
            let verdict = match target.is_met_by(result) {
                Some(false) => "  MISSED",
                _ => "",
            };
            let name = format!("{figure} ({unit})");
            println!(
                "{name:<68} {:>14} {:>14}{verdict}",
                target.words(),
                number(result)
            );
        }
    }
}

impl Target {
    fn bound(self) -> Option<f64> {
        match self {
            Target::AtLeast(bound) | Target::AtMost(bound) => Some(bound),
            Target::None => None,
        }
    }

    fn is_met_by(self, result: f64) -> Option<bool> {
        match self {
            Target::AtLeast(bound) => Some(result >= bound),
            Target::AtMost(bound) => Some(result <= bound),
            Target::None => None,
        }
    }

    fn words(self) -> String {
        match self {
            Target::AtLeast(bound) => format!("≥ {}", number(bound)),
            Target::AtMost(bound) => format!("≤ {}", number(bound)),
            Target::None => String::new(),
        }
    }
}

/// With as many digits as mean something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn processor_model() -> String {
    let described = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = described.lines().find_map(|line| line.strip_prefix("model name"));
    model
        .map_or("processor", |model| model.trim_start_matches([' ', '\t', ':']))
        .to_string()
}

fn load_average() -> String {
    let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split(' ').next().unwrap_or_default().to_string()
}
