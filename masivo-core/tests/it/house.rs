//! A tiny house around the rules: it plays the store's part in memory, exactly as the engine does, and checks
//! after every command that the facts tell the whole story.

mod world;

use masivo_core::coupons::{Coupon, comparable_code};
use masivo_core::customers::{read_identification, read_profile_change, read_registration};
use masivo_core::events::{EventRecord, read_event};
use masivo_core::fact::{Change, EventStatus, Fact, FactKind};
use masivo_core::gift_cards::{self, GiftCard};
use masivo_core::limits::LOTS_HELD;
use masivo_core::outgoing::Outgoing;
use masivo_core::profile::comparable_email;
use masivo_core::program::{
    Defined, Definer, Kind, Program, RewardKind, StoredDefinition, define, standard_definitions,
};
use masivo_core::quota::{Owner, Quota, QuotaMove, QuotaSums, Quotas, Scope};
use masivo_core::referrals::{FollowUp, FoundCode, completed, follow_ups, leads_to, stands};
use masivo_core::series::SeriesSet;
use masivo_core::state::State;
use masivo_core::transfer::{Received, Transfer, recipient};
use masivo_core::value::{Decimal, Json, Mint, StoreSecret, Timestamp};
use masivo_core::wallet::{LaterLots, LaterNeed, Lot};
use masivo_core::{
    Claim, Command, Context, Customer, Decision, Loaded, Needs, Outcome, Rejection, Undecided, bring_to,
    decide, needs, next_due,
};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use uuid::Uuid;

/// More facts than any command of a test should make: a loop otherwise.
const FACTS_OF_ONE_COMMAND_MAX: usize = 500;

pub(crate) type Key = u64;

/// A customer as the store keeps one.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) customer: Customer,
    /// The state as the facts alone tell it.
    pub(crate) folded: State,
    /// Lots that are not in the working state.
    pub(crate) lots: BTreeMap<u32, Lot>,
    pub(crate) wake_at: Option<Timestamp>,
}

/// What is known of a fact beside itself.
#[derive(Clone, Debug)]
struct FactRow {
    key: Key,
    fact: Fact,
    status: Option<EventStatus>,
    fulfilled_by: u64,
    closed_by: u64,
}

/// The house.
#[derive(Clone, Debug)]
pub(crate) struct House {
    pub(crate) now: Timestamp,
    // Shared: a house is copied often.
    pub(crate) program: Arc<Program>,
    definitions: Arc<Vec<StoredDefinition>>,
    pub(crate) rows: BTreeMap<Key, Row>,
    ids: BTreeMap<String, Key>,
    erased: BTreeSet<String>,
    emails: BTreeMap<String, Key>,
    facts: BTreeMap<u64, FactRow>,
    events: BTreeMap<Uuid, u64>,
    pub(crate) outgoing: Vec<(Key, Outgoing)>,
    coupons: BTreeMap<String, Coupon>,
    /// Who has a referral code, by its number.
    pub(crate) referrers: BTreeMap<u64, Key>,
    /// The event that completed a referral, its customer, the code, and the event of whoever referred.
    referrals: Vec<(u64, Key, u64, u64)>,
    follow_ups: Vec<FollowUp>,
    /// Gift cards that were handed out, with their holders: the code is the place.
    cards: BTreeMap<String, (Key, GiftCard)>,
    /// What is taken of shared quotas.
    pub(crate) quotas: Quotas,
    /// Whether customers are woken as time passes, or only brought to the present when something is done.
    pub(crate) wakes: bool,
    /// Open lots held in the working state.
    pub(crate) lots_held: usize,
    /// Whether every law is checked after every command; otherwise only what is asked for.
    pub(crate) checked: bool,
}

/// What a command came to.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// The numbers of the facts it made, without what fell due before.
    pub(crate) facts: Vec<u64>,
}

pub(crate) fn instant(text: &str) -> Timestamp {
    Timestamp::parse_date_or_time(text).unwrap_or_else(|| panic!("`{text}` is no instant"))
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|report| panic!("{report}: {text}"))
}

/// The code of a gift card of the house.
fn card_code(card: &GiftCard) -> String {
    format!("CARD{}X{}", card.reward, card.place)
}

fn secret() -> StoreSecret {
    StoreSecret::new([7; 16])
}

impl House {
    /// A fresh house: one brand, nothing else beside what every store has.
    pub(crate) fn open(at: &str) -> Self {
        let now = instant(at);
        let base = Mint::new(secret(), now, "tier", b"base").next_id();
        let definitions = standard_definitions(now, base);
        let mut house = Self {
            now,
            program: Arc::new(Program::load(definitions.clone()).unwrap()),
            definitions: Arc::new(definitions),
            rows: BTreeMap::new(),
            ids: BTreeMap::new(),
            erased: BTreeSet::new(),
            emails: BTreeMap::new(),
            facts: BTreeMap::new(),
            events: BTreeMap::new(),
            outgoing: Vec::new(),
            coupons: BTreeMap::new(),
            referrers: BTreeMap::new(),
            referrals: Vec::new(),
            follow_ups: Vec::new(),
            cards: BTreeMap::new(),
            quotas: Quotas::new(),
            wakes: true,
            lots_held: LOTS_HELD,
            checked: true,
        };
        house.define(Kind::Brand, Some("shop"), &json(r#"{"name": "Shop"}"#)).unwrap();
        house
    }

    /// Moves the clock; customers whose time has come are woken when the house does that.
    pub(crate) fn go(&mut self, to: Timestamp) {
        assert!(to >= self.now, "time only moves forward: {to} after {}", self.now);
        self.now = to;
        if self.wakes {
            self.wake_all();
        }
    }

    /// Wakes every customer whose time has come.
    pub(crate) fn wake_all(&mut self) {
        let now = self.now;
        let due = |row: &Row| row.wake_at.is_some_and(|wake_at| wake_at <= now);
        let keys: Vec<Key> = self.rows.iter().filter(|(_, row)| due(row)).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.wake(key));
        for row in self.rows.values().filter(|_| self.checked) {
            let Customer { state, profile, .. } = &row.customer;
            let due = next_due(state, profile, &self.program);
            assert!(due.is_none_or(|due| due > now), "D3: whoever has something due is woken: {due:?}");
        }
    }

    /// Writes what fell due for a customer; reading must have shown the same.
    pub(crate) fn wake(&mut self, key: Key) {
        let customer = self.rows[&key].customer.clone();
        let mut loaded = Loaded { customer: Some(customer.clone()), ..Loaded::default() };
        self.load_needs(&Command::WakeUp, key, &mut loaded);
        let read = self.checked.then(|| self.read_row(key, "wake_up"));
        let decision = self.decide(&loaded, &Command::WakeUp, true).unwrap();
        self.apply(Some(key), decision, false);
        let Some(read) = read else { return };
        let written = self.take_in(key, self.rows[&key].customer.clone());
        assert_eq!(written, read, "reading shows what writing gives");
    }

    fn context<'a>(&'a self, name: &str, quotas: &'a Quotas) -> Context<'a> {
        let next_fact = self.next_fact();
        let mint = Mint::new(secret(), self.now, name, &next_fact.to_be_bytes());
        let lots_held = self.lots_held;
        Context { lots_held, quotas, ..Context::new(self.now, &self.program, mint, next_fact) }
    }

    fn next_fact(&self) -> u64 {
        self.facts.last_key_value().map_or(1, |(sequence, _)| sequence + 1)
    }

    /// Writes a definition; every customer is looked at again when audiences may say otherwise.
    pub(crate) fn define(
        &mut self,
        kind: Kind,
        id: Option<&str>,
        body: &Json,
    ) -> Result<StoredDefinition, Rejection> {
        let seed = self.program.version().to_be_bytes();
        let new_id = Mint::new(secret(), self.now, kind.name(), &seed).next_id();
        let new_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let definer = Definer { program: &self.program, now: self.now, new_id, new_secret };
        let Defined { stored, program, codes, .. } = define(&definer, kind, id, body)?;
        for (place, (code, shown)) in (0..).zip(codes) {
            let number = Coupon::number_of(stored.number, place);
            self.coupons.insert(code, Coupon { number, code: shown });
        }
        // Codes of gift cards are there at once; their texts are of no interest here.
        if let Some(reward) = program.reward_by_id(&stored.id).filter(|_| kind == Kind::Reward)
            && let RewardKind::GiftCard(cards) = reward.spec.kind
        {
            let sums =
                QuotaSums { used: Decimal::from_count(u64::from(cards.quantity)), held: Decimal::ZERO };
            self.quotas.insert(gift_cards::pool(reward.number), sums);
        }
        let changed = program.audiences_version() != self.program.audiences_version();
        Arc::make_mut(&mut self.definitions).push(stored.clone());
        self.program = Arc::new(program);
        // P1: what was stored reads again, and means the same.
        let again = Program::load(self.definitions.to_vec()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{:?}", self.program), "P1");
        if changed {
            let keys: Vec<Key> = self.rows.keys().copied().collect();
            keys.into_iter().for_each(|key| self.wake(key));
        }
        Ok(stored)
    }

    /// Carries out a command, as the engine does.
    pub(crate) fn submit(&mut self, command: &Command) -> Result<Answer, Rejection> {
        let mut settled = false;
        let (key, decision) = loop {
            let (key, loaded) = self.load(command)?;
            match self.decide(&loaded, command, settled) {
                Ok(decision) => break (key, decision),
                Err(Undecided::Refused(rejection)) => return Err(rejection),
                Err(Undecided::Overdue) => self.wake_all(),
                Err(Undecided::Unknown(_)) => unreachable!("they were made known"),
            }
            assert!(!settled, "what fell due was booked");
            settled = true;
        };
        let before = decision.facts.first().map_or_else(|| self.next_fact(), |fact| fact.sequence);
        let outcome = decision.outcome.clone();
        let facts = decision.facts.iter().filter(|fact| fact.kind != FactKind::Due);
        let facts = facts.map(|fact| fact.sequence).collect();
        assert!(decision.facts.iter().zip(before..).all(|(fact, expected)| fact.sequence == expected));
        self.apply(key, decision, matches!(command, Command::Delete { .. }));
        self.follow_up();
        Ok(Answer { outcome, facts })
    }

    /// Books the other customers' sides of what was decided.
    fn follow_up(&mut self) {
        for follow_up in std::mem::take(&mut self.follow_ups) {
            match follow_up {
                FollowUp::Complete { number, event } => {
                    let row = &self.facts[&event];
                    let wallet = self.rows[&row.key].customer.state.id;
                    let referral = completed(number, &row.fact, wallet);
                    let customer = self.rows[&self.referrers[&number]].customer.profile.id().to_owned();
                    let referee = row.key;
                    let before =
                        self.referrals.iter().filter(|known| (known.1, known.2) == (referee, number));
                    let mut before = before.map(|known| self.record(known.3));
                    if customer.is_empty() || before.any(|record| stands(&record)) {
                        continue;
                    }
                    let made = self.submit(&Command::Refer { customer, referral }).unwrap();
                    if let Outcome::Event { fact, .. } = made.outcome {
                        self.referrals.push((event, referee, number, fact));
                    }
                }
                FollowUp::Undo { event } => {
                    let completed = self.referrals.iter().filter(|known| known.0 == event);
                    let facts: Vec<u64> = completed.map(|known| known.3).collect();
                    for fact in facts {
                        let event = self.fact(fact).event.as_ref().unwrap().id;
                        let (reason, plan, part) = ("undone".to_owned(), None, None);
                        drop(self.submit(&Command::Reverse { event, reason, plan, part }));
                    }
                }
            }
        }
    }

    /// Makes a referral code of a customer.
    pub(crate) fn refer(&mut self, customer: &str, campaign: u32, code: &str) {
        let place = u32::try_from(self.referrers.len()).unwrap();
        let number = Coupon::number_of(campaign, place);
        self.referrers.insert(number, self.key(customer));
        let code = comparable_code(code).unwrap();
        self.coupons.insert(code.clone(), Coupon { number, code });
    }

    fn found_code(&self, command: &Command, key: Option<Key>) -> Option<FoundCode> {
        let code = comparable_code(command.referral_code()?);
        let number = code.and_then(|code| self.coupons.get(&code)).map(|coupon| coupon.number);
        let Some((number, referrer)) =
            number.and_then(|number| Some((number, *self.referrers.get(&number)?)))
        else {
            return Some(FoundCode::Unknown);
        };
        if self.rows[&referrer].customer.profile.id().is_empty() {
            return Some(FoundCode::Unknown);
        }
        let referred_by = |one: Key| -> Result<Vec<Key>, Infallible> {
            let numbers = &self.rows[&one].customer.state.referrals;
            Ok(numbers.iter().map(|number| self.referrers[number]).collect())
        };
        let own = key == Some(referrer);
        let ring = !own && key.is_some_and(|key| leads_to(referrer, key, referred_by).unwrap());
        Some(FoundCode::Of { number, own, ring })
    }

    fn load(&self, command: &Command) -> Result<(Option<Key>, Loaded), Rejection> {
        let mut loaded = Loaded::default();
        let key = match (command.event(), command.customer()) {
            (Some(event), _) => {
                let Some(sequence) = self.events.get(&event) else {
                    return Err(Rejection::EventNotFound { id: event.hyphenated().to_string() });
                };
                loaded.event = Some(self.record(*sequence));
                Some(self.facts[sequence].key)
            }
            (None, Some(id)) if !self.ids.contains_key(id) && self.erased.contains(id) => {
                return Err(Rejection::CustomerDeleted);
            }
            (None, Some(id)) => self.ids.get(id).copied(),
            (None, None) => None,
        };
        loaded.referral = self.found_code(command, key);
        let card = match command {
            Command::RedeemGiftCard(redemption) => self.cards.get(&redemption.code).copied(),
            _ => None,
        };
        loaded.gift_card = card.map(|(_, card)| card);
        let key = key.or(card.map(|(key, _)| key));
        if let Command::RedeemCoupon(redemption) = command {
            loaded.coupon = self.coupons.get(&redemption.code).cloned();
        }
        if let Some(email) = command.claimed_email() {
            let owner = self.emails.get(&comparable_email(email)).copied();
            loaded.email_taken = owner.is_some() && owner != key;
        }
        if let Some(id) = command.claimed_id() {
            let owner = self.ids.get(id).copied();
            loaded.id_taken = (owner.is_some() && owner != key) || self.erased.contains(id);
        }
        if let Some(key) = key {
            loaded.customer = Some(self.rows[&key].customer.clone());
            self.load_needs(command, key, &mut loaded);
        }
        Ok((key, loaded))
    }

    fn load_needs(&self, command: &Command, key: Key, loaded: &mut Loaded) {
        for round in 0.. {
            assert!(round < 8, "loading does not come to an end");
            let wanted = needs(&self.program, self.now, loaded, command);
            if wanted == Needs::default() {
                break;
            }
            loaded.children.extend(wanted.children.into_iter().map(|child| self.record(child)));
            let lots = &self.rows[&key].lots;
            loaded.lots.extend(wanted.lots.into_iter().map(|number| lots[&number].clone()));
            for need in wanted.later {
                loaded.later.retain(|known| known.reward != need.reward);
                loaded.later.push(self.later_lots(key, &need));
            }
            if wanted.migrated {
                let migrated = self.facts_of(key).filter(|fact| fact.kind == FactKind::Migrated);
                loaded.migrated = Some(migrated.cloned().collect());
            }
            if wanted.events {
                loaded.events = Some(self.events_of(key));
            }
            if let Some(without) = wanted.history_without {
                loaded.history = Some(self.visits(key, without));
            }
        }
    }

    /// Later lots that are needed, two at a time.
    fn later_lots(&self, key: Key, need: &LaterNeed) -> LaterLots {
        let page = |from| {
            let all = self.rows[&key].lots.values();
            let mut later: Vec<Lot> = all
                .filter(|lot| lot.reward == need.reward && lot.is_open() && lot.spending_order() >= from)
                .cloned()
                .collect();
            later.sort_by_key(Lot::spending_order);
            later.truncate(2);
            Ok::<_, Infallible>(later)
        };
        need.load(page).unwrap()
    }

    /// A customer with all their lots at hand.
    fn take_in(&self, key: Key, mut customer: Customer) -> Customer {
        for need in customer.state.wallet.all_later(self.now) {
            customer.state.wallet.take_in(self.later_lots(key, &need));
        }
        customer
    }

    /// Every event of a customer with what became of it.
    pub(crate) fn events_of(&self, key: Key) -> Vec<EventRecord> {
        let events = self.facts.iter().filter(|(_, row)| row.key == key && row.fact.event.is_some());
        events.map(|(sequence, _)| self.record(*sequence)).collect()
    }

    fn visits(&self, key: Key, without: u64) -> Vec<Timestamp> {
        let mut visits: Vec<Timestamp> = self
            .facts
            .values()
            .filter(|row| row.key == key && row.fact.sequence != without)
            .filter(|row| row.status == Some(EventStatus::Resolved))
            .filter_map(|row| Some(row.fact.event.as_ref()?.visit?.issued_at))
            .collect();
        visits.sort_by(|one, other| other.cmp(one));
        visits
    }

    fn decide(&self, loaded: &Loaded, command: &Command, settled: bool) -> Result<Decision, Undecided> {
        let mut known = Quotas::new();
        loop {
            let context = Context { settled, ..self.context(command.name(), &known) };
            let decision = decide(&context, loaded.clone(), command);
            if !self.checked {
                match decision {
                    Err(Undecided::Unknown(unknown)) => self.learn(&mut known, unknown),
                    decided => return decided,
                }
                continue;
            }
            let again = decide(&context, loaded.clone(), command);
            match (&decision, &again) {
                (Ok(one), Ok(other)) => {
                    assert_eq!((&one.facts, &one.outgoing), (&other.facts, &other.outgoing), "D1");
                }
                (Err(one), Err(other)) => assert_eq!(one, other, "D1"),
                _ => panic!("D1: {decision:?} and {again:?}"),
            }
            match decision {
                Err(Undecided::Unknown(unknown)) => self.learn(&mut known, unknown),
                decided => return decided,
            }
        }
    }

    /// Makes shared quotas known that were asked for.
    fn learn(&self, known: &mut Quotas, unknown: BTreeSet<Quota>) {
        for quota in unknown {
            let before = known.insert(quota, self.quotas.get(&quota).copied().unwrap_or_default());
            assert_eq!(before, None, "a quota is asked for once");
        }
    }

    /// Books on shared quotas, and proves that no limit is overrun (Q1, Q2).
    fn book(&mut self, fact: &Fact, own: &State) {
        for entry in fact.quotas() {
            let sums = match entry.quota.scope {
                Scope::Customer => own.quotas.sums(&entry.quota),
                Scope::Everyone => {
                    let sums = self.quotas.entry(entry.quota).or_default();
                    let before = *sums;
                    sums.apply(entry);
                    let free = match entry.kind {
                        QuotaMove::Used | QuotaMove::Held => entry.amount,
                        QuotaMove::UsedFromHold => before.held,
                        QuotaMove::Released => before.held,
                        QuotaMove::Returned => before.used,
                    };
                    assert!(entry.amount <= free, "Q2: {entry:?} on {before:?}");
                    *sums
                }
            };
            if matches!(entry.kind, QuotaMove::Used | QuotaMove::Held) {
                let most = match entry.quota.owner {
                    Owner::Reward(reward) if entry.quota == gift_cards::handed_out(reward) => {
                        let pool = self.quotas.get(&gift_cards::pool(reward)).map(|pool| pool.used);
                        entry.quota.most(&self.program).or(pool)
                    }
                    _ => entry.quota.most(&self.program),
                };
                assert!(
                    most.is_none_or(|most| sums.taken() <= most),
                    "Q1: {entry:?} makes {sums:?} of {most:?}"
                );
            }
        }
    }

    fn apply(&mut self, key: Option<Key>, decision: Decision, deleted: bool) {
        let Decision { facts, claims, lots, lots_taken_in, customer, wake_at, outgoing, .. } = decision;
        assert!(facts.len() <= FACTS_OF_ONE_COMMAND_MAX, "{} facts: a loop", facts.len());
        let next_key = self.rows.last_key_value().map_or(1, |(key, _)| key + 1);
        let key = key.unwrap_or(next_key);
        let old = self.rows.remove(&key);
        let mut row = old.clone().unwrap_or_else(|| Row {
            customer: Customer::default(),
            folded: State::default(),
            lots: BTreeMap::new(),
            wake_at: None,
        });
        let zone = self.program.settings().time_zone;
        for fact in facts {
            if self.checked {
                assert_eq!(row.folded.head, fact.previous, "the chain is whole");
                row.folded.head = fact.sequence;
                fact.changes.iter().for_each(|change| row.folded.apply(change, zone));
                row.folded.wallet.check().unwrap_or_else(|broken| panic!("while folding: {broken}"));
            }
            let own = if self.checked { &row.folded } else { &customer.state };
            self.book(&fact, own);
            self.follow_ups.extend(follow_ups(&self.program, &fact));
            self.keep(key, fact);
        }
        row.lots.extend(lots.into_iter().map(|lot| (lot.number, lot)));
        row.lots.retain(|number, _| !lots_taken_in.contains(number));
        row.customer = customer;
        row.wake_at = wake_at;
        row.customer.state.check().unwrap_or_else(|broken| panic!("{broken}"));
        let mut folded = row.folded.clone();
        folded.wallet.closed.clear();
        let plain = |lot: &&Lot| lot.held.is_zero() && lot.applied.is_zero();
        let at_hand = row.customer.state.wallet.lots.iter().filter(plain).count();
        assert!(at_hand <= self.lots_held, "W5: {at_hand} lots at hand");
        let state = row.customer.state.clone();
        self.rows.insert(key, row);
        if self.checked {
            let whole = self.take_in(key, Customer { state, ..Customer::default() }).state;
            whole.wallet.check().unwrap_or_else(|broken| panic!("{broken}"));
            assert_eq!(whole, folded, "S1: folding the facts gives the state");
        }
        if self.checked && !deleted {
            self.check_series(key);
        }
        let row = &self.rows[&key];
        assert!(wake_at.is_none_or(|wake_at| wake_at > self.now), "what fell due was done");
        let before = old.map(|row| row.customer.profile.id().to_owned());
        let (id, own) =
            (row.customer.profile.id().to_owned(), row.customer.profile.email().map(comparable_email));
        if let Some(before) = before.filter(|_| deleted) {
            self.ids.remove(&before);
            self.erased.insert(before);
            for row in self.facts.values_mut().filter(|row| row.key == key) {
                (row.fact.payload, row.fact.explanation) = (None, None);
            }
        } else if !deleted {
            self.ids.retain(|_, owner| *owner != key);
            self.ids.insert(id, key);
        }
        for claim in claims {
            match claim {
                Claim::TakeEmail(email) => drop(self.emails.insert(email, key)),
                Claim::ReleaseEmail(email) => drop(self.emails.remove(&email)),
                Claim::Rename(_) => {}
            }
        }
        // A customer owns the address of the profile and no other one.
        let owned: Vec<&String> =
            self.emails.iter().filter(|(_, owner)| **owner == key).map(|(email, _)| email).collect();
        assert_eq!(owned, own.iter().collect::<Vec<_>>(), "claims follow the profile");
        self.outgoing.extend(outgoing.into_iter().map(|outgoing| (key, outgoing)));
    }

    fn check_series(&self, key: Key) {
        let kept = self.rows[&key].customer.series.clone().trimmed(&self.program, self.now);
        let made = SeriesSet::of(&self.program, &self.events_of(key)).trimmed(&self.program, self.now);
        assert_eq!(kept, made, "N1: series are what the events come to");
    }

    fn keep(&mut self, key: Key, fact: Fact) {
        for change in &fact.changes {
            if let Change::GiftCard { card, redeemed: false } = change {
                assert!(
                    self.cards.insert(card_code(card), (key, *card)).is_none(),
                    "C1: each code is handed out once"
                );
            }
            if let Change::EventStatus { fact: event, status } = change {
                let row = self.facts.get_mut(event).unwrap();
                row.status = Some(*status);
                match status {
                    EventStatus::Resolved => row.fulfilled_by = fact.sequence,
                    _ => row.closed_by = fact.sequence,
                }
            }
        }
        if let Some(head) = &fact.event {
            let known = self.events.insert(head.id, fact.sequence);
            assert_eq!(known, None, "ids are made once");
        }
        let status = fact.event.as_ref().map(|head| head.status);
        let sequence = fact.sequence;
        self.facts.insert(sequence, FactRow { key, fact, status, fulfilled_by: 0, closed_by: 0 });
    }

    /// An event with everything that became of it.
    pub(crate) fn record(&self, sequence: u64) -> EventRecord {
        let row = &self.facts[&sequence];
        let other = |sequence: u64| self.facts.get(&sequence).map(|row| row.fact.clone());
        let returns = self
            .facts
            .values()
            .filter(|row| row.fact.kind == FactKind::Returned && row.fact.about == sequence);
        let returns = returns.map(|row| row.fact.clone()).collect();
        let mut record = EventRecord {
            customer: self.rows[&row.key].customer.profile.id().to_owned(),
            fact: row.fact.clone(),
            status: row.status.unwrap(),
            fulfilled_by: other(row.fulfilled_by),
            closed_by: other(row.closed_by),
            returns,
            codes: BTreeMap::new(),
        };
        record.codes = record.gift_cards().map(|card| (card.number(), card_code(&card))).collect();
        record
    }

    pub(crate) fn fact(&self, sequence: u64) -> &Fact {
        &self.facts[&sequence].fact
    }

    /// Every fact of a customer, oldest first.
    pub(crate) fn facts_of(&self, key: Key) -> impl Iterator<Item = &Fact> {
        self.facts.values().filter(move |row| row.key == key).map(|row| &row.fact)
    }

    pub(crate) fn event_fact(&self, event: Uuid) -> u64 {
        self.events[&event]
    }

    pub(crate) fn key(&self, id: &str) -> Key {
        *self.ids.get(id).unwrap_or_else(|| panic!("there is no customer `{id}`"))
    }

    /// The customer as a reader sees them now.
    pub(crate) fn read(&self, id: &str) -> Customer {
        self.read_row(self.key(id), "read")
    }

    /// A customer brought to the present, with every lot at hand.
    fn read_row(&self, key: Key, name: &str) -> Customer {
        let mut customer = self.rows[&key].customer.clone();
        if customer.series.is_behind(&self.program) {
            customer.series = SeriesSet::of(&self.program, &self.events_of(key));
        }
        let later = customer.state.wallet.all_later(self.now);
        let later: Vec<LaterLots> = later.iter().map(|need| self.later_lots(key, need)).collect();
        let mut known = Quotas::new();
        loop {
            match bring_to(&self.context(name, &known), customer.clone(), later.clone()) {
                Ok(customer) => return customer,
                Err(unknown) => self.learn(&mut known, unknown),
            }
        }
    }

    /// Hands points over, as the engine does: both sides or none.
    pub(crate) fn transfer(&mut self, from: &str, transfer: Transfer) -> Result<[Answer; 2], Rejection> {
        let to = transfer.to.clone();
        let other = self.ids.get(&to).map(|key| &self.rows[key].customer.state);
        let (to_wallet, from_wallet) = (recipient(&to, other)?, self.read(from).state.id);
        let reward = transfer.reward.clone();
        let transfer = Transfer { to_wallet, ..transfer };
        let sent = self.submit(&Command::Transfer { customer: from.to_owned(), transfer })?;
        let Outcome::Transferred { lots, .. } = sent.outcome.clone() else { panic!("{sent:?}") };
        let reward = self.program.reward_by_id(&reward).unwrap().number;
        let received = Received { reward, lots, from_wallet };
        let got = self.submit(&Command::Receive { customer: to, received })?;
        Ok([sent, got])
    }

    pub(crate) fn register(&mut self, body: &Json) -> Result<Answer, Rejection> {
        let (request, _) = read_registration(body).map_err(Rejection::Malformed)?;
        self.submit(&Command::Register(request))
    }

    pub(crate) fn identify(&mut self, customer: &str, body: &Json) -> Result<Answer, Rejection> {
        let (request, _) = read_identification(body).map_err(Rejection::Malformed)?;
        self.submit(&Command::Identify { customer: customer.to_owned(), request })
    }

    pub(crate) fn patch(&mut self, customer: &str, body: &Json) -> Result<Answer, Rejection> {
        let (request, _) = read_profile_change(body).map_err(Rejection::Malformed)?;
        self.submit(&Command::Patch { customer: customer.to_owned(), request })
    }

    pub(crate) fn emit(&mut self, body: &Json, from_client: bool) -> Result<Answer, Rejection> {
        let (event, _) = read_event(body, from_client).map_err(Rejection::Malformed)?;
        self.submit(&Command::Emit(event))
    }
}
