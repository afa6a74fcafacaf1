//! Customers held in memory: the hot ones, at most so many.

use crate::backend::{CustomerKey, CustomerRow};
use masivo_core::value::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// Two generations: what was not used while one generation filled up leaves.
#[derive(Debug)]
pub(super) struct Cache {
    young: HashMap<CustomerKey, CustomerRow>,
    old: HashMap<CustomerKey, CustomerRow>,
    ids: HashMap<String, CustomerKey>,
    /// Customers changed by the group at hand: they must not leave before they are written.
    dirty: BTreeMap<CustomerKey, Dirty>,
    most: usize,
}

/// What of a customer has to be written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dirty {
    pub(super) was_armed: Option<Timestamp>,
    pub(super) profile: bool,
    pub(super) id: bool,
    pub(super) series: bool,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            ids: HashMap::new(),
            dirty: BTreeMap::new(),
            most: most.max(2),
        }
    }

    pub(super) fn key(&self, id: &str) -> Option<CustomerKey> {
        self.ids.get(id).copied()
    }

    pub(super) fn get(&mut self, key: CustomerKey) -> Option<&CustomerRow> {
        if let Some(row) = self.old.remove(&key) {
            self.young.insert(key, row);
        }
        self.young.get(&key)
    }

    pub(super) fn put(&mut self, row: CustomerRow) {
        self.old.remove(&row.key);
        self.ids.insert(row.profile.id().to_owned(), row.key);
        self.young.insert(row.key, row);
    }

    /// Puts a changed customer; what was set before the group is kept.
    pub(super) fn change(&mut self, row: CustomerRow, changed: Dirty) {
        let was_armed = changed.was_armed;
        let dirty = self.dirty.entry(row.key).or_insert(Dirty { was_armed, ..Dirty::default() });
        dirty.profile |= changed.profile;
        dirty.id |= changed.id;
        dirty.series |= changed.series;
        self.put(row);
    }

    pub(super) fn forget(&mut self, key: CustomerKey, id: &str) {
        self.young.remove(&key);
        self.old.remove(&key);
        self.ids.remove(id);
        self.dirty.remove(&key);
    }

    /// The changed customers, in the order of their numbers.
    pub(super) fn dirty(&self) -> impl Iterator<Item = (&CustomerRow, &Dirty)> {
        self.dirty.iter().filter_map(|(key, dirty)| Some((self.young.get(key)?, dirty)))
    }

    /// What changed so far is written in the unit at hand, which goes on.
    pub(super) fn flushed(&mut self) {
        self.dirty.clear();
    }

    /// The group is durable: nothing is dirty any more, and what is too much leaves.
    pub(super) fn written(&mut self) {
        self.dirty.clear();
        if self.young.len() > self.most / 2 {
            self.old = std::mem::take(&mut self.young);
            let kept = &self.old;
            self.ids.retain(|_, key| kept.contains_key(key));
        }
    }

    /// The group was not written: everything is read again.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.ids.clear();
        self.dirty.clear();
    }
}
