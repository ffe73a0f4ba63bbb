//! When so much of a job's work is refused that going on as before would only have more refused (B25), and how its pace
//! falls then.
//!
//! Numbers as Entra ID documents them. They are held against two volumes, neither of which depends on how a job's work is
//! cut into cycles, since a job that is uploaded to has many small ones: against everybody whom the job answers for, and
//! against what it did in the last day, so that the many whom nobody touched do not outvote a day on which nothing goes.
//! People count, not attempts. Outages are nobody's failure; whoever refers to somebody without an account is none either,
//! and counts toward the total alone, where others failed as well.

use jiff::SignedDuration;

/// Refused people below whom nothing is judged.
pub const EVALUATED_FROM: u64 = 5_000;

/// How far back the second volume looks.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What became of people's changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// People whose change was refused and waits in escrow.
    pub refused: u64,
    /// References to people who have no account.
    pub references: u64,
    /// People whose account is as HR has it.
    pub served: u64,
}

/// Graph's quarantineReason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Total,
    Base,
    Proportion,
}

struct Threshold {
    reason: Reason,
    name: &'static str,
    /// References count as well.
    references: bool,
    /// It takes more failures than this …
    above: u64,
    /// … and a larger share of all that was to be done, in percent.
    percent: u64,
}

#[rustfmt::skip]
const THRESHOLDS: &[Threshold] = &[
    Threshold { reason: Reason::Total,      name: "EncounteredTotalEscrowThreshold",      references: true,  above: 60_000, percent: 0 },
    Threshold { reason: Reason::Base,       name: "EncounteredBaseEscrowThreshold",       references: false, above: 40_000, percent: 0 },
    Threshold { reason: Reason::Proportion, name: "EncounteredEscrowProportionThreshold", references: false, above: EVALUATED_FROM - 1, percent: 40 },
];

/// From the beginning of a quarantine to the first attempt to go on as before, and from each attempt to the next; the last one
/// repeats. Entra ID documents that it ends at once a day, and not the steps.
#[rustfmt::skip]
const PAUSES: &[SignedDuration] = &[
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(16),
    SignedDuration::from_hours(24),
];

/// However long an attempt was put off, it is due after this: clocks are corrected.
pub const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

impl Reason {
    fn row(self) -> &'static Threshold {
        let row = THRESHOLDS.iter().find(|row| row.reason == self);
        row.unwrap_or(&THRESHOLDS[0])
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }
}

/// Whether any of these volumes is too much, and by which threshold.
pub fn judge(volumes: &[Volume]) -> Option<Reason> {
    let mut judged = volumes.iter().filter(|volume| volume.refused >= EVALUATED_FROM);
    judged.find_map(exceeded)
}

fn exceeded(volume: &Volume) -> Option<Reason> {
    let row = THRESHOLDS.iter().find(|row| {
        let references = if row.references { volume.references } else { 0 };
        let failed = volume.refused.saturating_add(references);
        let all = failed.saturating_add(volume.served);
        failed > row.above && failed.saturating_mul(100) > all.saturating_mul(row.percent)
    });
    row.map(|row| row.reason)
}

/// How long the pace is slow after a quarantine was imposed for the nth time in a row, counted from one.
pub fn pause(imposed: u64) -> SignedDuration {
    let step = usize::try_from(imposed.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES[step.min(PAUSES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(refused: u64, references: u64, served: u64) -> Volume {
        Volume {
            refused,
            references,
            served,
        }
    }

    /// The documented examples, and the borders between them.
    #[test]
    fn volumes_of_failures_are_judged_as_documented() {
        let (total, base, proportion) = (Some(Reason::Total), Some(Reason::Base), Some(Reason::Proportion));
        for (refused, references, served, expected) in [
            (45_000, 0, 0, base),
            (45_000, 0, 1_000_000, base),
            (30_000, 0, 5_000, proportion),
            (20_000, 0, 100_000, None),
            (4_000, 0, 0, None),
            (40_000, 21_000, 0, total),
            (40_000, 21_000, 1_000_000, total),
            (4_999, 0, 0, None),
            (5_000, 0, 0, proportion),
            (5_000, 0, 7_500, None),
            (5_001, 0, 7_501, proportion),
            (40_000, 0, 60_000, None),
            (40_001, 0, 1_000_000, base),
            (40_000, 20_000, 1_000_000, None),
            // Unknown managers alone are outside of it (B5), and none of the share.
            (0, 1_000_000, 0, None),
            (4_999, 1_000_000, 0, None),
            (5_000, 50_000, 7_500, None),
            (0, 0, 0, None),
            (u64::MAX, u64::MAX, u64::MAX, total),
        ] {
            let judged = judge(&[volume(refused, references, served)]);
            assert_eq!(
                judged, expected,
                "{refused} refused, {references} references, {served} served"
            );
        }
    }

    #[test]
    fn one_volume_that_is_too_much_is_enough() {
        let standing = volume(6_000, 0, 94_000);
        assert_eq!(
            judge(&[standing, volume(6_000, 0, 100)]),
            Some(Reason::Proportion)
        );
        assert_eq!(
            judge(&[standing, volume(10, 0, 0)]),
            None,
            "old failures of a large company"
        );
        assert_eq!(Reason::Base.name(), "EncounteredBaseEscrowThreshold");
        assert_eq!(Reason::Total.name(), "EncounteredTotalEscrowThreshold");
        assert_eq!(Reason::Proportion.name(), "EncounteredEscrowProportionThreshold");
    }

    #[test]
    fn the_pace_falls_to_once_a_day() {
        let hours = |imposed| pause(imposed).as_hours();
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7, 1_000].map(hours),
            [1, 2, 4, 8, 16, 24, 24, 24]
        );
        assert_eq!(hours(0), 1);
        assert!(PAUSES.is_sorted() && PAUSES.last() == Some(&LONGEST_PAUSE));
    }
}
