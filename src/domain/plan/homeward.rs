//! What goes home into HR's records and what does not (B30).

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::draft::Draft;
use crate::domain::account::Account;
use crate::domain::finding::{Finding, Weight};
use crate::domain::link::{LOOK_AGAIN, UNAPPROVED};
use crate::domain::mapping::Mapping;
use crate::domain::policy::UserNames;

impl Draft<'_> {
    /// Whether this goes into HR's record; a finding says why not. Everything goes into what is no HR record.
    pub(super) fn may_go_home(&mut self, account: &Account, mapping: &Mapping, held: &[String]) -> bool {
        !self.comes_back(mapping) && self.may_name(account, mapping, held)
    }

    /// Whether the source has its value from the attribute that would be written.
    fn comes_back(&mut self, mapping: &Mapping) -> bool {
        let comes_back = self.facts.returned.contains(&mapping.target);
        if comes_back {
            let message = "the directory has this value from the same attribute of HR: it is not sent back";
            let finding = Finding::new(Weight::Skip, "FromSameAttribute", message);
            self.finding(finding.on(mapping.target.clone()));
        }
        comes_back
    }

    /// A name to sign in with is not written before its person's first day, nor over a name that was HR's own before this job
    /// began.
    fn may_name(&mut self, account: &Account, mapping: &Mapping, held: &[String]) -> bool {
        let record = self
            .policy
            .model
            .record
            .filter(|record| record.user_name == mapping.target);
        let Some(record) = record else { return true };
        let UserNames {
            kept_before,
            before_hire,
        } = self.policy.settings.user_names;
        let first_day: Option<Date> = account.first(record.first_day).and_then(|day| day.parse().ok());
        let note = |code: &'static str, message: String| {
            Finding::new(Weight::Skip, code, message).on(mapping.target.clone())
        };
        let begins = first_day
            .and_then(|day| day.to_zoned(TimeZone::UTC).ok())
            .map(|begin| begin.timestamp())
            .filter(|begins| *begins > self.moment.now);
        if !before_hire && (begins.is_some() || account.enabled == Some(false)) {
            begins
                .or(self.moment.next_hour())
                .into_iter()
                .for_each(|at| self.revisit_by(at));
            self.finding(note(
                "NotBeforeHire",
                "the first day has not begun: the user name is written then".into(),
            ));
            return false;
        }
        let keeps = kept_before.is_some_and(|since| first_day.is_none_or(|day| day < since));
        if keeps && !held.is_empty() {
            self.finding(note(
                "UserNameKept",
                "HR had given this person a user name before this job began: set user_names = { overwrite = true } to have it replaced".into(),
            ));
            return false;
        }
        true
    }

    /// Whether HR has this already and somebody there is to approve it: it is not sent a second time.
    pub(super) fn awaits_approval(&mut self, mapping: &Mapping, after: &[String]) -> bool {
        let waiting = self.facts.link.as_ref().and_then(|link| link.waiting.as_ref());
        let waiting = waiting.filter(|waiting| waiting.holds(&mapping.target, after, self.moment.now));
        let Some(waiting) = waiting else { return false };
        let message = format!(
            "HR has it since {}, and somebody has to approve the event {} there",
            waiting.since, waiting.event
        );
        self.finding(Finding::new(Weight::Warning, UNAPPROVED, message).on(mapping.target.clone()));
        self.moment
            .now
            .checked_add(LOOK_AGAIN)
            .into_iter()
            .for_each(|at| self.revisit_by(at));
        true
    }
}
