//! How much one application may ask of one tenant.
//!
//! From "Microsoft Graph service-specific throttling limits", identity and access: a token bucket for resource
//! units, one for writes. What is refused counts too, up to 1.8 of the limit, so whoever does not wait is kept
//! waiting. Real time counts here, whatever the simulated clock says, since clients wait in real time.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::exchange::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Throttling {
    Off,
    /// As documented for a tenant of this size.
    Published,
    At {
        /// Resource units in 10 seconds.
        units: u32,
        /// Writes in 2½ minutes.
        writes: u32,
    },
}

/// Resource units of tenants with fewer users than this, smallest first; and of all others.
const BY_SIZE: &[(usize, u32)] = &[(50, 3500), (501, 5000)];
const LARGE: u32 = 8000;
const WRITES: u32 = 3000;
const UNITS_PERIOD: Duration = Duration::from_secs(10);
const WRITES_PERIOD: Duration = Duration::from_secs(150);
/// From here on, answers say how much of the limit is used.
const NEAR: f64 = 0.8;
const MOST: f64 = 1.8;

#[derive(Default)]
pub struct Throttle {
    units: Bucket,
    writes: Bucket,
}

/// What leaks out of a bucket at the rate of its limit.
#[derive(Default)]
struct Bucket {
    level: f64,
    at: Option<Instant>,
}

impl Throttle {
    /// Takes what a call costs; answers with the share of the limit in use where that is worth saying.
    pub fn take(
        &mut self,
        throttling: Throttling,
        users: usize,
        units: u32,
        is_write: bool,
        scope: &str,
    ) -> Result<Option<f64>, Refusal> {
        let (most_units, most_writes) = match throttling {
            Throttling::Off => return Ok(None),
            Throttling::Published => {
                let size = BY_SIZE.iter().find(|(below, _)| users < *below);
                (size.map_or(LARGE, |(_, units)| *units), WRITES)
            }
            Throttling::At { units, writes } => (units, writes),
        };
        let now = Instant::now();
        let used = self
            .units
            .take(now, f64::from(units), f64::from(most_units), UNITS_PERIOD);
        let used = used.map_err(|wait| refusal("ReadWrite", "ResourceUnitLimitExceeded", scope, wait))?;
        let written = match is_write {
            true => self
                .writes
                .take(now, 1.0, f64::from(most_writes), WRITES_PERIOD)
                .map_err(|wait| refusal("Write", "WriteLimitExceeded", scope, wait))?,
            false => 0.0,
        };
        Ok(Some(used.max(written)).filter(|share| *share >= NEAR))
    }
}

impl Bucket {
    /// The share of the limit in use, or how long to wait.
    fn take(&mut self, now: Instant, cost: f64, limit: f64, period: Duration) -> Result<f64, Duration> {
        let limit = limit.max(1.0);
        let rate = limit / period.as_secs_f64();
        let passed = self
            .at
            .replace(now)
            .map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        self.level = (self.level - passed * rate).max(0.0);
        let fits = self.level + cost <= limit || self.level == 0.0;
        self.level = (self.level + cost).min(limit * MOST);
        if fits {
            return Ok(self.level / limit);
        }
        // What was refused has to leak out, and then there has to be room for it.
        let over = self.level + cost - limit;
        Err(Duration::from_secs_f64((over / rate).max(1.0)))
    }
}

fn refusal(limit: &str, why: &str, scope: &str, wait: Duration) -> Refusal {
    Refusal::new(429, "TooManyRequests", "Please retry again later.")
        .with("retry-after", wait.as_secs_f64().ceil())
        .with(
            "x-ms-throttle-scope",
            format!("Tenant_Application/{limit}/{scope}"),
        )
        .with("x-ms-throttle-information", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_refuses_and_leaks() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut bucket = Bucket::default();
        let mut take = |seconds, cost| bucket.take(at(seconds), cost, 10.0, Duration::from_secs(10));
        assert_eq!(take(0, 8.0), Ok(0.8));
        assert_eq!(take(0, 2.0), Ok(1.0));
        assert_eq!(take(0, 1.0), Err(Duration::from_secs(2)));
        assert_eq!(take(0, 1.0), Err(Duration::from_secs(3)), "impatience costs");
        assert!(take(2, 1.0).is_err(), "a second refused is a second more");
        assert!(take(5, 1.0).is_ok());
    }
}
