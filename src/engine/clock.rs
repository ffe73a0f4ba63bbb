//! The one place that reads the time. Everybody else is told.

use std::sync::Arc;

use jiff::Timestamp;

#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's time, to the microsecond that the database keeps.
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    pub fn system() -> Clock {
        Clock(Arc::new(|| {
            crate::store::instant(crate::store::micros(Timestamp::now()))
        }))
    }

    /// A clock that somebody else sets.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}
