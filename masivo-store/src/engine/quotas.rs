//! Shared quotas at the writer: what is known of them, and what the group at hand changed.

use crate::backend::{Read, Unit, Write};
use crate::error::StoreError;
use masivo_core::quota::{Quota, QuotaEntry, QuotaSums, Quotas};
use std::collections::BTreeSet;

/// Quotas kept in memory between groups.
const KEPT_MAX: usize = 20_000;

/// What the writer knows of shared quotas.
#[derive(Debug, Default)]
pub(super) struct SharedQuotas {
    known: Quotas,
    changed: BTreeSet<Quota>,
}

impl SharedQuotas {
    /// Everything that is known, with what the group at hand changed.
    pub(super) const fn known(&self) -> &Quotas {
        &self.known
    }

    /// Makes quotas known.
    pub(super) fn learn(&mut self, unit: &impl Read, quotas: BTreeSet<Quota>) -> Result<(), StoreError> {
        for quota in quotas {
            self.sums(unit, quota)?;
        }
        Ok(())
    }

    fn sums(&mut self, unit: &impl Read, quota: Quota) -> Result<&mut QuotaSums, StoreError> {
        use std::collections::btree_map::Entry;
        Ok(match self.known.entry(quota) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(unit.quota(&quota)?.unwrap_or_default()),
        })
    }

    /// Applies a booking.
    pub(super) fn book(&mut self, unit: &impl Read, entry: &QuotaEntry) -> Result<(), StoreError> {
        self.sums(unit, entry.quota)?.apply(entry);
        self.changed.insert(entry.quota);
        Ok(())
    }

    /// Writes what the group changed, each quota once.
    pub(super) fn write(&mut self, unit: &mut impl Unit) -> Result<(), StoreError> {
        for quota in std::mem::take(&mut self.changed) {
            let sums = self.known.get(&quota).copied().unwrap_or_default();
            unit.write(Write::Quota { quota: &quota, sums })?;
        }
        if self.known.len() > KEPT_MAX {
            self.known.clear();
        }
        Ok(())
    }

    /// Forgets everything: the group was not written.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.changed.clear();
    }
}
