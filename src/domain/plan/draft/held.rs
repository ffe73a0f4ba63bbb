//! What of a change in the making is not done because people hold it (B12).

use super::Draft;
use crate::domain::finding::{Finding, Weight};
use crate::domain::hold::{Hold, ON_HOLD};
use crate::domain::link::Situation;
use crate::domain::mapping::Mapping;
use crate::domain::plan::Effect;
use crate::domain::plan::proposal::{CONTAINER, ENABLED, NAME};

impl Draft<'_> {
    /// B12: what people decided outranks HR.
    pub(super) fn hold_back(&mut self, situation: &Situation) {
        let facts = self.facts;
        for hold in &facts.holds {
            hold.ends().into_iter().for_each(|at| self.revisit_by(at));
            let (mut kept, mut left): (Vec<Effect>, Vec<Effect>) = std::mem::take(&mut self.effects)
                .into_iter()
                .partition(|effect| hold.keeps(effect));
            for omitted in self.leave_out(hold, &mut left, &mut kept) {
                self.finding(Finding::new(Weight::Warning, ON_HOLD, hold.says()).on(omitted));
            }
            self.findings
                .extend(kept.iter().map(|effect| hold.finding(effect)));
            self.effects = left;
            // Who was to be deleted leaves all the same (B13).
            if let Some(account) = situation.account()
                && kept.contains(&Effect::Delete)
                && !hold.keeps(&Effect::Disable)
            {
                self.disable(account);
            }
            // Another password goes with an enabling.
            if kept.contains(&Effect::Enable) {
                self.effects
                    .retain(|effect| !matches!(effect, Effect::Password { .. }));
            }
        }
        self.keep_apart(situation);
    }

    /// A new account is made without what is held of it, or, where it needs that, not at all. Answers what is left out.
    fn leave_out(&self, hold: &Hold, left: &mut Vec<Effect>, kept: &mut Vec<Effect>) -> Vec<String> {
        let Some(held) = &hold.attributes else {
            return Vec::new();
        };
        let model = &self.policy.model;
        let is_held = |name: &str| held.contains(name) || (model.name == Some(name) && held.contains(NAME));
        let is_needed = |mapping: &Mapping| is_held(&mapping.target) && self.is_required(mapping);
        let stays = held.contains(CONTAINER) || self.policy.schema.mappings.iter().any(is_needed);
        let Some(Effect::Create { values, enabled, .. }) = left.iter_mut().find(|effect| effect.is_create())
        else {
            return Vec::new();
        };
        if stays {
            kept.append(left);
            return Vec::new();
        }
        let omitted = values.keys().filter(|name| is_held(name)).cloned();
        let mut omitted: Vec<String> = omitted.collect();
        values.retain(|name, _| !is_held(name));
        if *enabled && held.contains(ENABLED) {
            *enabled = false;
            omitted.push(ENABLED.to_string());
        }
        omitted
    }

    /// An account that is held belongs to nobody who had it not before, unless it is disabled for that person.
    fn keep_apart(&mut self, situation: &Situation) {
        let whole = self.facts.holds.iter().find(|hold| hold.is_whole());
        if let (Situation::Unlinked { .. }, Some(hold), []) = (situation, whole, self.effects.as_slice()) {
            self.findings.retain(|finding| finding.code != ON_HOLD);
            self.finding(Finding::new(Weight::Skip, ON_HOLD, hold.says()));
        }
    }
}
