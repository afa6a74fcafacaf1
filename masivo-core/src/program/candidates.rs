//! Which campaigns an event may concern, found by what it carries: a thousand that cannot match are not asked (P5).
//!
//! A branch of a rule holds only when each of its conditions does, so one of them serves as its key: the one that
//! fewest campaigns share.

use super::{CampaignSpec, Definition};
use crate::prelude::*;
use crate::rule::{Key, Rule, Subject, View};
use crate::value::Decimal;

/// The campaigns of one trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// All, oldest first.
    all: Vec<u32>,
    /// Those without a key: they are always asked.
    always: Vec<u32>,
    keyed: Vec<Keyed>,
}

/// The campaigns whose key is about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keyed {
    subject: Subject,
    texts: BTreeMap<String, Vec<u32>>,
    /// The value must be at least so much; smallest first.
    from: Vec<(Decimal, u32)>,
    /// The value must be at most so much; largest first.
    to: Vec<(Decimal, u32)>,
}

impl Candidates {
    /// The candidates of campaigns in the order they were made.
    pub(super) fn of<'a>(campaigns: impl Iterator<Item = &'a Definition<CampaignSpec>>) -> Self {
        let mut candidates = Self::default();
        let mut branches: Vec<(u32, Vec<Key<'a>>)> = Vec::new();
        for campaign in campaigns {
            candidates.all.push(campaign.number);
            let rules = campaign.spec.asked().iter().map(|rule| &rule.conditions);
            match rules.map(Rule::keys).collect::<Option<Vec<_>>>() {
                // A referral that asks nothing is completed by any event.
                Some(keys) if keys.is_empty() => candidates.always.push(campaign.number),
                Some(keys) => branches.extend(keys.into_iter().flatten().map(|keys| (campaign.number, keys))),
                None => candidates.always.push(campaign.number),
            }
        }
        let mut shared: BTreeMap<(String, &str), usize> = BTreeMap::new();
        for key in branches.iter().flat_map(|(_, keys)| keys) {
            key.texts().for_each(|text| *shared.entry((key.subject().name(), text)).or_default() += 1);
        }
        // Of bounds nothing is known but that some values lie on either side.
        let half = candidates.all.len() / 2;
        let cost = |key: &Key<'_>| match key {
            Key::Text(subject, texts) => {
                texts.iter().filter_map(|text| shared.get(&(subject.name(), *text))).sum()
            }
            Key::From(..) | Key::To(..) => half.max(1),
        };
        for (number, keys) in &branches {
            if let Some(key) = keys.iter().min_by_key(|key| cost(key)) {
                candidates.add(*number, key);
            }
        }
        for keyed in &mut candidates.keyed {
            keyed.from.sort_unstable();
            keyed.to.sort_unstable_by(|one, other| other.cmp(one));
        }
        candidates
    }

    fn add(&mut self, number: u32, key: &Key<'_>) {
        let subject = key.subject();
        let at = self.keyed.iter().position(|keyed| keyed.subject == *subject).unwrap_or_else(|| {
            let (texts, from, to) = (BTreeMap::new(), Vec::new(), Vec::new());
            self.keyed.push(Keyed { subject: subject.clone(), texts, from, to });
            self.keyed.len() - 1
        });
        let Some(keyed) = self.keyed.get_mut(at) else { return };
        match key {
            Key::Text(_, texts) => {
                for text in texts {
                    keyed.texts.entry((*text).to_owned()).or_default().push(number);
                }
            }
            Key::From(_, bound) => keyed.from.push((*bound, number)),
            Key::To(_, bound) => keyed.to.push((*bound, number)),
        }
    }

    /// All campaigns of the trigger, oldest first.
    pub(crate) fn all(&self) -> &[u32] {
        &self.all
    }

    /// The campaigns after a number that may reward what is seen, oldest first (P5).
    pub(crate) fn asked(&self, view: &View<'_>, after: u32) -> Vec<u32> {
        let mut asked = self.always.clone();
        for keyed in &self.keyed {
            let (mut least, mut most) = (None::<Decimal>, None::<Decimal>);
            keyed.subject.each(view, &mut |text, number| {
                if let Some(found) = text.and_then(|text| keyed.texts.get(text)) {
                    asked.extend(found);
                }
                if let Some(number) = number {
                    least = Some(least.map_or(number, |least| least.min(number)));
                    most = most.max(Some(number));
                }
            });
            if let (Some(least), Some(most)) = (least, most) {
                asked.extend(
                    keyed.from.iter().take_while(|(bound, _)| *bound <= most).map(|(_, number)| number),
                );
                asked.extend(
                    keyed.to.iter().take_while(|(bound, _)| *bound >= least).map(|(_, number)| number),
                );
            }
        }
        asked.retain(|number| *number > after);
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}
