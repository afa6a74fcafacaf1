//! The draft of a decision: a working copy of the customer that records everything done to it.

use crate::fact::{Change, EventHead, EventStatus, Fact, FactKind};
use crate::limits::LOTS_HELD;
use crate::outgoing::{Outgoing, Target};
use crate::prelude::*;
use crate::profile::Profile;
use crate::program::Program;
use crate::quota::{Quota, QuotaSums, Quotas, Scope, Taken, Taking};
use crate::referrals::{FoundCode, NotReferred};
use crate::report::{DailySum, lot_sums};
use crate::rule::View;
use crate::series::SeriesSet;
use crate::state::State;
use crate::value::{Decimal, Json, Mint, Timestamp};
use crate::view;
use crate::wallet::{Entry, LaterLots, Lot, Posting};

/// What a decision is made in: the instant, the definitions, the source of ids.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The present.
    pub now: Timestamp,
    /// The definitions.
    pub program: &'a Program,
    /// Makes the ids of this command.
    pub mint: Mint,
    /// The number of the next fact.
    pub next_fact: u64,
    /// Whether the answer must be repeatable word for word: the command came with an idempotency key.
    pub keyed: bool,
    /// Open lots held in the working state ([`LOTS_HELD`]); fewer in tests.
    pub lots_held: usize,
    /// What is taken of shared quotas, as far as it is known; deciding says which others it asked for.
    pub quotas: &'a Quotas,
    /// Whether everything that fell due for other customers is booked, so that no hold on a shared quota has run out.
    pub settled: bool,
}

/// What is known of shared quotas where there are none.
static NO_QUOTAS: Quotas = Quotas::new();

impl<'a> Context<'a> {
    /// A context without idempotency key, in which nothing is taken of shared quotas.
    pub const fn new(now: Timestamp, program: &'a Program, mint: Mint, next_fact: u64) -> Self {
        let quotas = &NO_QUOTAS;
        Self { now, program, mint, next_fact, keyed: false, lots_held: LOTS_HELD, quotas, settled: true }
    }
}

/// A customer as it is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Customer {
    /// The working state.
    pub state: State,
    /// The personal part.
    pub profile: Profile,
    /// The past events that rules look at, derived from the facts.
    pub series: SeriesSet,
}

/// A value that only one customer of the account may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The customer takes an e-mail address, in its comparable form.
    TakeEmail(String),
    /// The customer gives an e-mail address up.
    ReleaseEmail(String),
    /// The customer gets another id.
    Rename(String),
}

/// The working copy.
pub(crate) struct Draft<'a> {
    pub(crate) program: &'a Program,
    pub(crate) now: Timestamp,
    pub(crate) keyed: bool,
    /// Nobody is told who enters or leaves an audience, and no journey starts.
    pub(crate) quiet: bool,
    pub(crate) mint: Mint,
    pub(crate) state: State,
    pub(crate) profile: Profile,
    pub(crate) profile_changed: bool,
    pub(crate) series: SeriesSet,
    pub(crate) series_changed: bool,
    pub(crate) facts: Vec<Fact>,
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) claims: Vec<Claim>,
    /// What its bookings add to the sums of campaigns.
    pub(crate) sums: Vec<DailySum>,
    next_fact: u64,
    /// Events of the engine's own that are still to be emitted.
    pub(crate) caused: Vec<Caused>,
    /// How deep the event at hand was caused by others.
    pub(crate) depth: usize,
    /// Later lots as they were loaded.
    taken_in: Vec<Lot>,
    /// Shared quotas as they are after what was decided so far; those the command has not touched are `known_quotas`.
    quotas: Quotas,
    known_quotas: &'a Quotas,
    /// Shared quotas that nothing was known of when they were asked for.
    pub(crate) unknown_quotas: BTreeSet<Quota>,
    pub(crate) settled: bool,
    /// Whether something was not given that a hold which has run out may stand in the way of.
    pub(crate) overdue: bool,
    /// Why the referral code that came with the command refers nobody, and the campaign it is of.
    pub(crate) not_referred: Option<(Option<u32>, NotReferred)>,
    /// The referral code that came with the command.
    pub(crate) referral: Option<FoundCode>,
}

/// An event that another fact caused: it follows once that fact is complete, so that the facts tell the story in
/// their order (S1).
pub(crate) struct Caused {
    pub(crate) cause: FactId,
    pub(crate) event_type: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) data: Json,
}

/// A fact of the draft, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FactId(usize);

impl<'a> Draft<'a> {
    pub(crate) fn new(context: &Context<'a>, customer: Customer) -> Self {
        Self {
            program: context.program,
            now: context.now,
            keyed: context.keyed,
            quiet: false,
            mint: context.mint.clone(),
            state: customer.state,
            profile: customer.profile,
            profile_changed: false,
            series: customer.series,
            series_changed: false,
            facts: Vec::new(),
            outgoing: Vec::new(),
            claims: Vec::new(),
            sums: Vec::new(),
            next_fact: context.next_fact,
            caused: Vec::new(),
            depth: 0,
            taken_in: Vec::new(),
            quotas: Quotas::new(),
            known_quotas: context.quotas,
            unknown_quotas: BTreeSet::new(),
            settled: context.settled,
            overdue: false,
            not_referred: None,
            referral: None,
        }
    }

    /// Starts a fact that happened at an instant.
    pub(crate) fn open(&mut self, kind: FactKind, at: Timestamp) -> FactId {
        let sequence = self.next_fact;
        self.next_fact += 1;
        let previous = self.state.head;
        self.state.head = sequence;
        self.facts.push(Fact {
            sequence,
            previous,
            at,
            kind,
            event: None,
            about: 0,
            changes: Vec::new(),
            payload: None,
            explanation: None,
        });
        FactId(self.facts.len() - 1)
    }

    /// Changes parts of a fact other than its changes.
    pub(crate) fn edit(&mut self, fact: FactId, edit: impl FnOnce(&mut Fact)) {
        if let Some(fact) = self.facts.get_mut(fact.0) {
            edit(fact);
        }
    }

    /// When a fact happened: what it causes happens then too, whenever it is written (D2).
    pub(crate) fn instant(&self, fact: FactId) -> Timestamp {
        self.facts.get(fact.0).map_or(self.now, |fact| fact.at)
    }

    /// The head of a new event as most are: processed at once, for loyalty, without a visit, caused by nothing.
    pub(crate) fn head(&mut self, event_type: &str, brand: &str, issued_at: Timestamp) -> EventHead {
        EventHead {
            id: self.mint.next_id(),
            event_type: event_type.to_owned(),
            brand: brand.to_owned(),
            issued_at,
            status: EventStatus::Resolved,
            tracking: false,
            reserve_days: 0,
            visit: None,
            caused_by: 0,
            reason: None,
            program_version: self.program.version(),
        }
    }

    /// A fact as far as it is told.
    pub(crate) fn fact(&self, fact: FactId) -> Option<&Fact> {
        self.facts.get(fact.0)
    }

    /// Whether a fact takes back what another did.
    pub(crate) fn undoes(&self, fact: FactId) -> bool {
        self.facts.get(fact.0).is_some_and(|fact| fact.kind.undoes())
    }

    /// The ledger entries of a fact so far.
    pub(crate) fn entries_of(&self, fact: FactId) -> impl Iterator<Item = &Entry> {
        self.facts.get(fact.0).into_iter().flat_map(Fact::entries)
    }

    /// The number of a fact.
    pub(crate) fn sequence(&self, fact: FactId) -> u64 {
        self.facts.get(fact.0).map_or(0, |fact| fact.sequence)
    }

    /// Applies a change and books it in a fact.
    pub(crate) fn record(&mut self, fact: FactId, change: Change) {
        self.state.apply(&change, self.program.settings().time_zone);
        if let Change::Quota(entry) = &change
            && entry.quota.scope == Scope::Everyone
        {
            // What is booked must be known too, or the next question would be answered by this booking alone.
            let known = self.shared_quota(&entry.quota);
            if known.is_none() {
                self.unknown_quotas.insert(entry.quota);
            }
            self.quotas.entry(entry.quota).or_insert(known.unwrap_or_default()).apply(entry);
        }
        self.edit(fact, |fact| fact.changes.push(change));
    }

    /// Posts to the wallet and books the entries in a fact.
    pub(crate) fn post<T>(
        &mut self,
        fact: FactId,
        at: Timestamp,
        post: impl FnOnce(&mut Posting<'_>) -> T,
    ) -> T {
        let mut posting = Posting::new(&mut self.state.wallet, at);
        let result = post(&mut posting);
        let entries: Vec<_> = posting.finish().collect();
        if let Some(fact) = self.facts.get_mut(fact.0) {
            for (entry, before) in entries {
                self.sums.extend(lot_sums(fact.at.day(), fact.kind, &entry, before));
                fact.changes.push(Change::Entry(entry));
            }
        }
        result
    }

    /// How a rule sees the customer at an instant.
    pub(crate) fn view<'b>(&'b self, at: Timestamp, event: Option<&'b Json>) -> View<'b> {
        View::new(at, self.program, &self.state, &self.profile, event).with_series(&self.series)
    }

    /// Starts taking from quotas; what it comes to has to be booked.
    pub(crate) fn taking(&self, at: Timestamp) -> Taking<'_> {
        Taking::new(self, at)
    }

    /// Notes what taking came to; gives what was taken, which has to be booked.
    pub(crate) fn note(&mut self, taken: Taken) -> Vec<(Quota, Decimal)> {
        self.unknown_quotas.extend(taken.unknown);
        self.overdue |= taken.overdue;
        taken.quotas
    }

    /// What is taken of a shared quota; `None` when nothing is known of it.
    pub(crate) fn shared_quota(&self, quota: &Quota) -> Option<QuotaSums> {
        self.quotas.get(quota).or_else(|| self.known_quotas.get(quota)).copied()
    }

    /// Whether some webhook wants to hear it.
    pub(crate) fn is_told(&self, event: &str) -> bool {
        self.program.webhooks_for(event).next().is_some()
    }

    /// Tells every webhook that wants to hear it; the data is only made when there is one.
    pub(crate) fn tell(&mut self, event: &'static str, at: Timestamp, data: impl FnOnce(&Self) -> Json) {
        let wanting: Vec<u32> = self.program.webhooks_for(event).map(|webhook| webhook.number).collect();
        if wanting.is_empty() {
            return;
        }
        let mut body =
            crate::value::object().with("event", event).with("type", event).with("timestamp", at).build();
        body.set("data", data(self));
        for webhook in wanting {
            let id = self.mint.next_id();
            let target = Target::Webhook { webhook, event };
            self.outgoing.push(Outgoing { id, at, target, suppressed: None, body: body.clone() });
        }
    }

    /// Books how things stand at the end of a fact, so that its answer can be built again.
    pub(crate) fn summarise(&mut self, fact: FactId) {
        let touched: BTreeSet<u32> = self
            .facts
            .get(fact.0)
            .map(|fact| fact.entries().map(|entry| entry.reward).collect())
            .unwrap_or_default();
        let totals =
            touched.into_iter().map(|reward| (reward, self.state.wallet.available(reward))).collect();
        let change = Change::Summary { tier: self.state.tier, totals };
        self.edit(fact, |fact| fact.changes.push(change));
    }

    /// The customer as answers show it.
    pub(crate) fn customer_json(&self) -> Json {
        let mut shown = view::customer(self.program, &self.state, &self.profile, self.now);
        if let (Some(traits), Some(customer)) =
            (view::traits(&self.view(self.now, None)), shown.get_mut("customer"))
        {
            customer.set("traits", traits);
        }
        shown
    }

    /// Takes later lots in before anything is decided on them.
    pub(crate) fn take_in(&mut self, later: Vec<LaterLots>) {
        for later in later {
            self.taken_in.extend(later.lots.iter().cloned());
            self.state.wallet.take_in(later);
        }
    }

    /// The lots that leave the working state, closed or later, and changed since they were loaded; and the numbers of
    /// later lots that stay in it.
    pub(crate) fn settle_lots(&mut self, held: usize) -> (Vec<Lot>, Vec<u32>) {
        let mut rows = core::mem::take(&mut self.state.wallet.closed);
        let out = self.state.wallet.put_out(held);
        let taken_in = core::mem::take(&mut self.taken_in);
        let known: BTreeMap<u32, &Lot> = taken_in.iter().map(|lot| (lot.number, lot)).collect();
        let left: BTreeSet<u32> = rows.iter().chain(&out).map(|lot| lot.number).collect();
        rows.extend(out.into_iter().filter(|lot| known.get(&lot.number) != Some(&lot)));
        (rows, known.into_keys().filter(|number| !left.contains(number)).collect())
    }
}
