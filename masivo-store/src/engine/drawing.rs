//! Drawing the cuts of scores from the customers there are: a few customers with each group, so that nobody waits for it.

use super::process::{define, quarantine};
use super::writer::Desk;
use crate::backend::{CustomerKey, CustomerRow, Unit};
use crate::error::StoreError;
use masivo_core::program::{Definition, Kind, TraitSpec};
use masivo_core::rule::View;
use masivo_core::value::{Decimal, HOUR, Timestamp};
use std::collections::BTreeMap;

/// Values held at once; of more customers an even part is looked at.
const VALUES_MAX: usize = 1 << 20;

/// How long what could not be drawn waits: nobody had a value, or what it came to was refused.
const TRIED_AGAIN_AFTER: i64 = HOUR;

/// Drawing the cuts of scores. It is not kept: after a restart it begins again.
#[derive(Debug, Default)]
pub(super) struct Drawings {
    under_way: Option<Drawing>,
    /// Until when traits wait that could not be drawn, by number and version.
    waiting: BTreeMap<(u32, u32), Timestamp>,
}

impl Drawings {
    /// A group failed: what was looked at in it may not be so.
    pub(super) fn begin_again(&mut self) {
        self.under_way = None;
    }

    fn due(&self, computed: &Definition<TraitSpec>) -> Option<Timestamp> {
        let waits = self.waiting.get(&(computed.number, computed.version)).copied();
        Some(computed.spec.drawing?.due()?.max(waits.unwrap_or(Timestamp::MIN)))
    }
}

/// How far drawing the cuts of a score is.
#[derive(Debug)]
struct Drawing {
    /// The number of the trait.
    number: u32,
    /// The version of what customers are looked at by.
    version: u32,
    after: CustomerKey,
    values: Vec<(CustomerKey, Decimal)>,
    /// One of two to the power of so many customers is looked at.
    thinned: u32,
}

impl Drawing {
    const fn new(number: u32, version: u32) -> Self {
        Self { number, version, after: 0, values: Vec::new(), thinned: 0 }
    }

    fn take(&mut self, key: CustomerKey, value: Decimal) {
        if !is_kept(key, self.thinned) {
            return;
        }
        if self.values.len() == VALUES_MAX {
            self.thinned += 1;
            let thinned = self.thinned;
            self.values.retain(|(key, _)| is_kept(*key, thinned));
        }
        self.values.push((key, value));
    }
}

/// Whether a customer is among those that are looked at (Fibonacci hashing, so that no pattern in the numbers counts).
const fn is_kept(key: CustomerKey, thinned: u32) -> bool {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15).leading_zeros() >= thinned
}

/// Whether some cuts are being drawn, or are to be drawn now.
pub(super) fn is_under_way(desk: &Desk) -> bool {
    next(desk).is_some_and(|due| due <= desk.now)
}

/// When cuts are to be drawn next.
pub(super) fn next(desk: &Desk) -> Option<Timestamp> {
    desk.program.traits().filter_map(|computed| desk.drawings.due(computed)).min()
}

/// Goes on with drawing what is due. Customers whose past events are still to be looked up come first: nothing is drawn
/// while everybody is looked at again.
pub(super) fn draw(desk: &mut Desk, unit: &mut impl Unit, most: usize) -> Result<(), StoreError> {
    let (program, now) = (std::sync::Arc::clone(&desk.program), desk.now);
    let is_due = |computed: &&Definition<TraitSpec>| {
        desk.sweep.is_none() && desk.drawings.due(computed).is_some_and(|due| due <= now)
    };
    let Some(computed) = program.traits().find(is_due) else { return Ok(()) };
    let place = (computed.number, program.audiences_version());
    let known = desk.drawings.under_way.take().filter(|known| (known.number, known.version) == place);
    let mut drawing = known.unwrap_or_else(|| Drawing::new(place.0, place.1));
    let page = unit.customers(drawing.after, most)?;
    let last = page.last().map(|row| row.key);
    for row in page {
        // What the group at hand changed is not written yet.
        let row = desk.cache.get(row.key).cloned().unwrap_or(row);
        let CustomerRow { key, state, profile, series, .. } = &row;
        if state.takes_part_in_audiences() {
            let view = View::new(now, &program, state, profile, None).with_series(series);
            if let Some(value) = computed.spec.number(&view) {
                drawing.take(*key, value);
            }
        }
    }
    if let Some(last) = last {
        desk.drawings.under_way = Some(Drawing { after: last, ..drawing });
        return Ok(());
    }
    let values: Vec<Decimal> = drawing.values.into_iter().map(|(_, value)| value).collect();
    let mut drawn = !values.is_empty();
    if let Some(how) = computed.spec.drawing.filter(|_| drawn) {
        let body = computed.drawn(&how.cuts(values), now);
        if let Err(refused) = define(desk, unit, Kind::Trait, Some(&computed.id), &body)? {
            drop(quarantine(desk, unit, &format!("cuts of the trait {}: {refused}", computed.id))?);
            drawn = false;
        }
    }
    if !drawn {
        let place = (computed.number, computed.version);
        desk.drawings.waiting.insert(place, now.plus(TRIED_AGAIN_AFTER));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_customers_than_are_held_an_even_part_is_looked_at() {
        let mut drawing = Drawing::new(1, 1);
        let count = 3 * u64::try_from(VALUES_MAX).unwrap();
        for key in 1..=count {
            drawing.take(key, Decimal::from_count(key));
        }
        let kept = u64::try_from(drawing.values.len()).unwrap();
        assert!(drawing.values.len() <= VALUES_MAX && kept > count / 8, "{kept}");
        let how = masivo_core::program::Drawing { groups: 4, every: None, drawn_at: None };
        let values = drawing.values.into_iter().map(|(_, value)| value).collect();
        for (cut, quarter) in how.cuts(values).into_iter().zip(1..) {
            let off = (cut.micros() / 1_000_000).abs_diff(i64::try_from(count).unwrap() * quarter / 4);
            assert!(off < count / 1_000, "{cut}");
        }
    }
}
