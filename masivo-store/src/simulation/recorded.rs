//! What was recorded, as steps that come again.

use super::{Step, What};
use crate::backend::{CustomerKey, FactRow};
use crate::engine::Handle;
use crate::error::SubmitError;
use crate::query::Query;
use masivo_core::Command;
use masivo_core::coupons::COUPON_REDEMPTION;
use masivo_core::customers::read_registration;
use masivo_core::events::{LineName, Part, PartLine, Share, read_event};
use masivo_core::fact::{Change, EventHead, EventReason, FactKind, ReturnedPart};
use masivo_core::gift_cards::GIFT_CARD_REDEMPTION;
use masivo_core::program::{Processing, Program, RESERVED_EVENT_TYPES};
use masivo_core::value::{DAY, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Facts read in one step.
const PAGE: usize = 1_000;

/// The history of a store's last days, moved to the days that follow: what came from outside comes again at the same time of
/// day.
///
/// Customers who registered in that time come again under another id (theirs and `~`), with their consent and without their
/// address, and what they did is done by these. What cannot come again is counted in [`Recorded::left_out`].
#[derive(Debug)]
pub struct Recorded {
    from: Timestamp,
    moved: i64,
    /// The last fact looked at, and the last there is to look at.
    after: u64,
    last: u64,
    /// The first fact of the time that comes again.
    first: u64,
    events: BTreeSet<u64>,
    newcomers: BTreeMap<CustomerKey, String>,
    left_out: BTreeMap<String, u64>,
}

impl Recorded {
    /// The history of the days before the present of a fork, which stands at a midnight.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_last_days(fork: &Handle, days: u32) -> Result<Self, SubmitError> {
        let moved = i64::from(days).saturating_mul(DAY);
        Ok(Self {
            from: fork.now().plus(moved.saturating_neg()),
            moved,
            after: 0,
            last: fork.reader()?.counters()?.fact,
            first: u64::MAX,
            events: BTreeSet::new(),
            newcomers: BTreeMap::new(),
            left_out: BTreeMap::new(),
        })
    }

    /// What cannot come again, and how much of it there was: codes that were redeemed, points given, taken or handed over
    /// by hand, what was brought in from elsewhere, registrations of customers of before, changes of profiles and of the consent of customers who were there, and
    /// what was done about events of before.
    pub const fn left_out(&self) -> &BTreeMap<String, u64> {
        &self.left_out
    }

    /// The next steps, in order; `None` at the end. The fork that they are read from may have played those before.
    ///
    /// # Errors
    /// When the fork cannot be read.
    pub fn next_steps(&mut self, fork: &Handle) -> Result<Option<Vec<Step>>, SubmitError> {
        loop {
            let query = fork.query()?;
            let facts = query.reader.facts(self.after, PAGE)?;
            let facts = facts.into_iter().filter(|row| row.fact.sequence <= self.last);
            let facts: Vec<FactRow> = facts.collect();
            let Some(last) = facts.last() else { return Ok(None) };
            self.after = last.fact.sequence;
            let from = self.from;
            let recent = facts.iter().filter(|row| row.fact.at >= from);
            let steps = recent.filter_map(|row| {
                self.first = self.first.min(row.fact.sequence);
                let what = self.what(row, &query)?;
                Some(Step { at: row.fact.at.plus(self.moved), what })
            });
            let steps: Vec<Step> = steps.collect();
            if !steps.is_empty() {
                return Ok(Some(steps));
            }
        }
    }

    fn what(&mut self, row: &FactRow, query: &Query) -> Option<What> {
        let fact = &row.fact;
        match fact.kind {
            FactKind::Registered => self.registration(row, query),
            FactKind::Event => self.event(row, fact.event.as_ref()?, query.program()),
            FactKind::Fulfilled => self.about(fact.about, "fulfilled events of before").map(What::Fulfill),
            FactKind::Reversed | FactKind::Returned => {
                let event = self.about(fact.about, "reversed events of before")?;
                let is_part = fact.kind == FactKind::Returned;
                let part = fact.changes.iter().find_map(|change| match change {
                    Change::Returned(part) if is_part => Some(part_of(part)),
                    _ => None,
                });
                Some(What::Reverse { event, part })
            }
            FactKind::Consent => match self.newcomers.get(&row.customer) {
                Some(id) => {
                    let consent = fact.sent()?.get("consent")?.clone();
                    Some(other(Command::SetConsent { customer: id.clone(), consent }))
                }
                None => self.leave_out("changes of consent"),
            },
            FactKind::Profile => self.leave_out("changes of profiles"),
            FactKind::Migrated => self.leave_out("migrated"),
            FactKind::Adjusted => self.leave_out("points by hand"),
            FactKind::Transferred => self.leave_out("transfers"),
            FactKind::Deleted => self.leave_out("deletions"),
            FactKind::Listed => self.leave_out("lists of audiences"),
            FactKind::Due => None,
        }
    }

    fn leave_out(&mut self, what: &str) -> Option<What> {
        *self.left_out.entry(what.to_owned()).or_default() += 1;
        None
    }

    /// The event that something is about, when it comes again.
    fn about(&mut self, event: u64, otherwise: &str) -> Option<u64> {
        if self.events.contains(&event) {
            return Some(event);
        }
        // What the engine made of these events it also undoes by itself.
        if event < self.first {
            self.leave_out(otherwise);
        }
        None
    }

    /// Registers a newcomer of that time again, with what is known of them by now.
    fn registration(&mut self, row: &FactRow, query: &Query) -> Option<What> {
        let mut request = row.fact.sent()?.clone();
        let registered = request.text("registration_date").and_then(Timestamp::parse_date_or_time);
        if registered.is_some_and(|registered| registered < self.from) {
            // No newcomer: only brought in late.
            return self.leave_out("customers of before");
        }
        let id = format!("{}~", request.text("id")?);
        let known = query.reader.customer_by_key(row.customer).ok()?;
        for (name, value) in known.iter().flat_map(|known| known.profile.fields().fields()) {
            let is_theirs = ["status", "registration_date", "consent", "referral_code"].contains(&&**name);
            if !is_theirs {
                request.set(name.clone(), value.clone());
            }
        }
        request.set("id", id.as_str());
        request.remove("devices");
        if request.get("email").is_some() {
            request.set("email", format!("{}@simulated.invalid", row.fact.sequence));
        }
        request.set("registration_date", registered.unwrap_or(row.fact.at).plus(self.moved));
        let Ok((request, _)) = read_registration(&request) else { return self.leave_out("registrations") };
        self.newcomers.insert(row.customer, id);
        Some(other(Command::Register(request)))
    }

    fn event(&mut self, row: &FactRow, head: &EventHead, program: &Program) -> Option<What> {
        if head.caused_by != 0 {
            return None;
        }
        let redeems_code = [COUPON_REDEMPTION, GIFT_CARD_REDEMPTION].contains(&head.event_type.as_str());
        if redeems_code {
            return self.leave_out(&head.event_type);
        }
        if head.reason == Some(EventReason::Migrated) {
            return self.leave_out("migrated");
        }
        // What the engine made of what happened it makes again.
        let made = (head.event_type.as_str(), Processing::EngineMade);
        if RESERVED_EVENT_TYPES.contains(&made) {
            return None;
        }
        let Some(payload) = row.fact.payload.as_deref() else { return self.leave_out("erased events") };
        let mut body = payload.clone();
        body.set("issued_at", head.issued_at.plus(self.moved));
        if let Some(id) = self.newcomers.get(&row.customer) {
            body.set("customer_id", id.as_str());
        }
        if head.reserve_days > 0 {
            body.set("fulfilled", false);
            body.set("reserve", u64::from(head.reserve_days));
        }
        // Of a type that earns only what came from a CLIENT key was tracked; the draft may let others earn.
        let earns = program.processing(&head.event_type) == Some(Processing::Loyalty);
        let from_client = earns && head.reason == Some(EventReason::TrackingOnly);
        let Ok((event, _)) = read_event(&body, from_client) else { return self.leave_out(&head.event_type) };
        self.events.insert(row.fact.sequence);
        Some(What::Event { name: row.fact.sequence, event: Box::new(event) })
    }
}

fn other(command: Command) -> What {
    What::Other(Box::new(command))
}

fn part_of(returned: &ReturnedPart) -> Part {
    let lines = returned.lines.iter().flat_map(|line| {
        let name = || LineName::Place(usize::try_from(line.place).unwrap_or(usize::MAX));
        let units =
            line.amount.is_positive().then(|| PartLine { name: name(), share: Share::Amount(line.amount) });
        let value =
            line.value.is_positive().then(|| PartLine { name: name(), share: Share::Value(line.value) });
        units.into_iter().chain(value)
    });
    Part { value: returned.value, lines: lines.collect() }
}
