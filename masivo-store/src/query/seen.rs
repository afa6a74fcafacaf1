//! Which fields were ever recorded.

use super::Query;
use crate::error::SubmitError;
use masivo_core::value::Json;
use std::collections::BTreeSet;

/// Facts and customers looked at in one step.
const PAGE: usize = 1_000;

impl Query {
    /// Of names of fields, as rules have them (`event.tags.X`, `customer.metadata.X`), those that no event and no profile
    /// ever had. Looks at everything until all were seen.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unseen_fields(&self, names: &BTreeSet<String>) -> Result<BTreeSet<String>, SubmitError> {
        let (mut events, mut customers): (BTreeSet<String>, BTreeSet<String>) =
            names.iter().cloned().partition(|name| !name.starts_with("customer."));
        let mut after = 0;
        while !events.is_empty() {
            let page = self.reader.facts(after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.fact.sequence;
            for payload in page.iter().filter_map(|row| row.fact.payload.as_deref()) {
                events.retain(|name| !is_in_event(payload, name));
            }
        }
        let mut after = 0;
        while !customers.is_empty() {
            let page = self.reader.customers(after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.key;
            for row in &page {
                let is_there = |name: &String| has(row.profile.fields(), name.strip_prefix("customer."));
                customers.retain(|name| !is_there(name));
            }
        }
        events.append(&mut customers);
        Ok(events)
    }
}

fn is_in_event(payload: &Json, name: &str) -> bool {
    if let Some(path) = name.strip_prefix("product.") {
        let lines = payload.path("order.products").map_or(&[][..], Json::items);
        return lines.iter().chain(payload.get("product")).any(|line| has(line, Some(path)));
    }
    has(payload, name.strip_prefix("event."))
}

fn has(json: &Json, path: Option<&str>) -> bool {
    path.is_some_and(|path| json.path(path).is_some_and(|found| !found.is_null()))
}
