//! Carrying out one piece of work inside a unit.

use super::answer::Answer;
use super::cache::Dirty;
use super::due::{catch_up, finish_sweep, recalculate, set_clock, wake_all_due};
use super::repeat::{hash_key, remember, repeated};
use super::request::{Request, Work};
use super::writer::Desk;
use super::{codes, delivery, load, referrals, transfer, tried};
use crate::backend::{
    CustomerKey, CustomerRow, Destination, Holder, Made, OutboxRow, Sweep, Turn, Unit, Write,
};
use crate::error::{StoreError, SubmitError};
use base64::Engine as _;
use masivo_core::events::EventRecord;
use masivo_core::fact::{Change, EventStatus, Fact, FactKind};
use masivo_core::gift_cards::GiftCard;
use masivo_core::outgoing::{DeliveryStatus, Outgoing, Target};
use masivo_core::problem::{Pointer, Report};
use masivo_core::profile::comparable_email;
use masivo_core::program::{Definer, Kind};
use masivo_core::quota::{Quota, Scope};
use masivo_core::referrals::follow_ups;
use masivo_core::report::daily;
use masivo_core::state::Membership;
use masivo_core::value::{Json, Mint, Timestamp};
use masivo_core::{
    Claim, Command, Context, Customer, Decision, Loaded, Outcome, Rejection, Undecided, decide, needs,
    program,
};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a caller gets; failures of the store are kept apart, since they undo the whole group.
pub(super) type Submitted<T> = Result<Result<T, SubmitError>, StoreError>;

/// Events fulfilled by one call after they expired.
const FULFILLED_AT_ONCE_MAX: usize = 500;
/// Expired events tried by one call.
const TRIED_AT_ONCE_MAX: usize = 5_000;
/// Rounds of loading for one command: the event, what it caused, what that needs.
const LOADING_ROUNDS_MAX: usize = 8;

/// Carries out one piece of work.
pub(super) fn carry_out(desk: &mut Desk, unit: &mut impl Unit, request: Request) -> Submitted<Answer> {
    let Request { work, key } = request;
    match work {
        Work::Customer(command) => customer(desk, unit, &command, key.as_deref()),
        Work::Try(command) => tried::carry_out(desk, unit, &command),
        Work::Define { kind, id, body } => definition(desk, unit, kind, id.as_deref(), &body, key.as_deref()),
        Work::SupplyCodes { pool, codes } => codes::supply(desk, unit, &pool, &codes, key.as_deref()),
        Work::RequestReferralCode { customer, campaign, brand } => {
            referrals::request_code(desk, unit, &customer, &campaign, brand.as_deref())
        }
        Work::FulfillExpired { from, to } => fulfill_expired(desk, unit, from, to, key.as_deref()),
        Work::ClaimDeliveries { limit } => Ok(Ok(Answer::Deliveries(delivery::claim(desk, unit, limit)?))),
        Work::ReportDelivery { id, result } => {
            Ok(delivery::report(desk, unit, id, result)?.map(|()| Answer::Done))
        }
        Work::Resend { id } => Ok(delivery::resend(desk, unit, id)?.map(|()| Answer::Done)),
        Work::CreateKey(key) => {
            unit.write(Write::ApiKey(&key))?;
            Ok(Ok(Answer::Done))
        }
        Work::RevokeKey { id } => revoke_key(desk, unit, &id),
        Work::SetClock(now) => set_clock(desk, unit, now),
        Work::ConfirmClock => {
            desk.shared.clock.confirm();
            Ok(Ok(Answer::Done))
        }
        Work::Ping => Ok(Ok(Answer::Instant(desk.now))),
        Work::Recalculate => {
            recalculate(desk, unit)?;
            Ok(Ok(Answer::Done))
        }
        Work::CatchUp => {
            catch_up(desk, unit)?;
            Ok(Ok(Answer::Instant(desk.now)))
        }
    }
}

fn customer(
    desk: &mut Desk,
    unit: &mut impl Unit,
    command: &Command,
    key: Option<&str>,
) -> Submitted<Answer> {
    if let Command::Transfer { customer, transfer } = command {
        return transfer::carry_out(desk, unit, customer, transfer, key);
    }
    // An event's own id serves as its key.
    let own_key = match command {
        Command::Emit(event) => event.key.as_deref().map(|key| format!("event\n{key}")),
        _ => None,
    };
    let key = own_key.as_deref().or(key);
    let hashes = key.and_then(|key| hash_key(desk, Some(key), &command.comparable()));
    if let Some(answer) = repeated(desk, unit, hashes.as_ref())? {
        return Ok(answer);
    }
    let (known, mut decision) = match decided(desk, unit, command, hashes.as_ref().map(|hashes| hashes.key))?
    {
        Ok(decided) => decided,
        Err(error) => return Ok(Err(error)),
    };
    let undoes = decision.facts.iter().any(|fact| fact.kind.undoes());
    if let (Command::Reverse { plan: Some(plan), .. }, true) = (command, undoes)
        && tried::plan(desk, unit, &decision)?.token != *plan
    {
        return Ok(Err(Rejection::PlanOutdated.into()));
    }
    let made = made_by(command, &decision);
    let outcome = decision.outcome.clone();
    let customer_id = decision.customer.profile.id().to_owned();
    let facts = std::mem::take(&mut decision.facts);
    apply(desk, unit, known, decision, &facts, matches!(command, Command::Delete { .. }))?;
    let mut fresh = fresh_event(&made, facts, &customer_id);
    if let Some(record) = &mut fresh {
        load::codes(unit, record)?;
    }
    // What could not be fulfilled wrote nothing and may be tried again.
    if !matches!(&outcome, Outcome::Event { still_expired: Some(_), .. }) {
        remember(desk, unit, hashes, made)?;
    }
    Ok(Ok(match outcome {
        Outcome::Customer(answer)
        | Outcome::Consent(answer)
        | Outcome::Transferred { customer: answer, .. } => Answer::Document(answer),
        Outcome::Listed(changed) => Answer::Listed(changed),
        Outcome::Done => Answer::Done,
        Outcome::Coupon { fact, customer } => {
            let record = fresh.ok_or_else(|| StoreError::damaged(format!("event of fact {fact}")))?;
            Answer::Coupon { record: Box::new(record), customer }
        }
        Outcome::Event { fact, still_expired } => {
            let record = match fresh {
                Some(record) => Some(record),
                None => load::record(unit, fact, &customer_id)?,
            };
            let record =
                record.ok_or_else(|| StoreError::Damaged { what: format!("event of fact {fact}") })?;
            Answer::Event { record: Box::new(record), still_expired }
        }
    }))
}

/// What an idempotency key stands for once a command is carried out.
fn made_by(command: &Command, decision: &Decision) -> Made {
    let first_fact = decision.facts.first().map_or(0, |fact| fact.sequence);
    match &decision.outcome {
        Outcome::Customer(_) | Outcome::Consent(_) => {
            // What fell due comes first; the answer is kept with the command's own fact.
            let own = decision
                .facts
                .iter()
                .find(|fact| fact.payload.as_ref().is_some_and(|payload| payload.get("answer").is_some()));
            Made::Fact(own.map_or(first_fact, |fact| fact.sequence))
        }
        Outcome::Event { fact, .. } => match command {
            Command::Emit(_) | Command::RedeemGiftCard(_) | Command::Refer { .. } => Made::Event(*fact),
            Command::Fulfill { .. } => Made::Fulfilled(*fact),
            _ => match decision.facts.iter().find(|made| made.kind == FactKind::Returned) {
                Some(returned) => Made::Returned { event: *fact, by: returned.sequence },
                None => Made::Reversed(*fact),
            },
        },
        Outcome::Coupon { fact, .. } => Made::Coupon(*fact),
        // Carried out with its other half.
        Outcome::Transferred { .. } => Made::Nothing,
        Outcome::Listed(changed) => Made::Listed(*changed),
        Outcome::Done => Made::Nothing,
    }
}

/// Decides a command, once everything it is decided on is known.
pub(super) fn decided(
    desk: &mut Desk,
    unit: &mut impl Unit,
    command: &Command,
    key: Option<[u8; 16]>,
) -> Submitted<(Option<Known>, Decision)> {
    loop {
        // Holds last at least a day: none of them can run out at the instant at which all were looked at.
        let settled = desk.settled == Some(desk.now);
        let (known, loaded) = match load_for(desk, unit, command)? {
            Ok(loaded) => loaded,
            Err(rejection) => return Ok(Err(rejection.into())),
        };
        let seed = key.map_or_else(|| desk.counters.fact.to_be_bytes().to_vec(), |key| key.to_vec());
        match attempt(desk, loaded, command, &seed, key.is_some(), settled) {
            Ok(decision) => return Ok(Ok((known, decision))),
            Err(Failure::Refused(rejection)) => return Ok(Err(rejection.into())),
            Err(Failure::Unknown(quotas)) => desk.quotas.learn(unit, quotas)?,
            Err(Failure::Overdue) => {
                wake_all_due(desk, unit)?;
                desk.settled = Some(desk.now);
            }
            Err(Failure::Bug(text)) => return Ok(Err(quarantine(desk, unit, &text)?)),
        }
    }
}

/// The event that was just made, with nothing that became of it later.
fn fresh_event(made: &Made, facts: Vec<Fact>, customer: &str) -> Option<EventRecord> {
    let (Made::Event(sequence) | Made::Coupon(sequence)) = made else { return None };
    let fact = facts.into_iter().find(|fact| fact.sequence == *sequence)?;
    let status = fact.event.as_ref()?.status;
    Some(EventRecord::new(customer, fact, status))
}

/// What is kept of a customer while its state is being decided on.
pub(super) struct Known {
    pub(super) key: CustomerKey,
    pub(super) armed: Option<Timestamp>,
    id: String,
}

impl Known {
    /// Splits a row into what is kept and what is decided on.
    pub(super) fn split(row: CustomerRow) -> (Self, Customer) {
        let CustomerRow { key, state, profile, series, armed } = row;
        (Self { key, armed, id: profile.id().to_owned() }, Customer { state, profile, series })
    }
}

/// Loads everything a command is decided on.
fn load_for(
    desk: &mut Desk,
    unit: &impl Unit,
    command: &Command,
) -> Result<Result<(Option<Known>, Loaded), Rejection>, StoreError> {
    let mut loaded = Loaded::default();
    let secret = desk.shared.secret;
    let erased = |id: &str| unit.was_erased(secret.hash("customer id", &[id.as_bytes()]));
    let row = match (command.event(), command.customer()) {
        (Some(event), _) => {
            let Some(sequence) = unit.event(event)? else {
                return Ok(Err(Rejection::EventNotFound { id: event.hyphenated().to_string() }));
            };
            let row = unit
                .fact(sequence)?
                .ok_or_else(|| StoreError::Damaged { what: format!("fact {sequence}") })?;
            let customer = load::customer_by_key(desk, unit, row.customer)?;
            let id = customer.as_ref().map(|row| row.profile.id().to_owned()).unwrap_or_default();
            loaded.event = Some(load::complete(unit, row, &id)?);
            customer
        }
        (None, Some(id)) => {
            let found = load::customer_by_id(desk, unit, id)?;
            if found.is_none() && erased(id)? {
                return Ok(Err(Rejection::CustomerDeleted));
            }
            found
        }
        (None, None) => match card_of(unit, command)? {
            Some((card, holder)) => {
                loaded.gift_card = Some(card);
                load::customer_by_key(desk, unit, holder)?
            }
            None => None,
        },
    };
    let key = row.as_ref().map(|row| row.key);
    if let Command::RedeemCoupon(redemption) = command {
        loaded.coupon = unit.coupon(&redemption.code)?;
    }
    if let Some(email) = command.claimed_email() {
        let owner = unit.claim(secret.hash("email", &[comparable_email(email).as_bytes()]))?;
        loaded.email_taken = owner.is_some() && owner != key;
    }
    if let Some(id) = command.claimed_id() {
        let owner = load::customer_by_id(desk, unit, id)?.map(|row| row.key);
        loaded.id_taken = (owner.is_some() && owner != key)
            || unit.was_erased(secret.hash("customer id", &[id.as_bytes()]))?;
    }
    loaded.referral = referrals::find(desk, unit, command, key)?;
    let Some(row) = row else { return Ok(Ok((None, loaded))) };
    let head = row.state.head;
    let (known, customer) = Known::split(row);
    loaded.customer = Some(customer);
    load_needs(desk, unit, command, &known, head, &mut loaded)?;
    Ok(Ok((Some(known), loaded)))
}

/// The gift card that a command redeems, with its holder.
fn card_of(unit: &impl Unit, command: &Command) -> Result<Option<(GiftCard, CustomerKey)>, StoreError> {
    let Command::RedeemGiftCard(redemption) = command else { return Ok(None) };
    let Some(code) = unit.coupon(&redemption.code)? else { return Ok(None) };
    let Some((reward, place)) = GiftCard::of_number(code.number) else { return Ok(None) };
    let holder = unit.holder(code.number)?;
    Ok(holder.map(|holder| (GiftCard { reward, place, lot: holder.lot }, holder.customer)))
}

pub(super) fn load_needs(
    desk: &Desk,
    unit: &impl Unit,
    command: &Command,
    known: &Known,
    head: u64,
    loaded: &mut Loaded,
) -> Result<(), StoreError> {
    for _ in 0..LOADING_ROUNDS_MAX {
        let wanted = needs(&desk.program, desk.now, loaded, command);
        if wanted == masivo_core::Needs::default() {
            break;
        }
        for later in load::later_lots(unit, known.key, &wanted.later)? {
            loaded.later.retain(|known| known.reward != later.reward);
            loaded.later.push(later);
        }
        for child in wanted.children {
            loaded.children.extend(load::record(unit, child, &known.id)?);
        }
        for number in wanted.lots {
            let lot = unit.lot(known.key, number)?;
            let lot =
                lot.ok_or_else(|| StoreError::Damaged { what: format!("lot {number} of a customer") })?;
            loaded.lots.push(lot);
        }
        if let Some(without) = wanted.history_without {
            loaded.history = Some(load::visits(unit, head, without)?);
        }
        if wanted.migrated {
            loaded.migrated = Some(load::migrated(unit, head)?);
        }
        if wanted.events {
            loaded.events = Some(load::events(unit, head, &known.id)?);
        }
    }
    Ok(())
}

pub(super) enum Failure {
    Refused(Rejection),
    /// These shared quotas must be known first.
    Unknown(BTreeSet<Quota>),
    /// What fell due for other customers must be booked first.
    Overdue,
    Bug(String),
}

/// Decides, and proves the laws of the result. Deciding is pure, so a panic inside leaves nothing behind.
pub(super) fn attempt(
    desk: &Desk,
    loaded: Loaded,
    command: &Command,
    seed: &[u8],
    keyed: bool,
    settled: bool,
) -> Result<Decision, Failure> {
    let mint = Mint::new(desk.shared.secret, desk.now, command.name(), seed);
    let context = Context {
        keyed,
        quotas: desk.quotas.known(),
        settled,
        ..Context::new(desk.now, &desk.program, mint, desk.counters.fact + 1)
    };
    let decided = catch_unwind(AssertUnwindSafe(|| decide(&context, loaded, command)));
    match decided {
        Ok(Ok(decision)) => match decision.customer.state.check() {
            Ok(()) => Ok(decision),
            Err(broken) => {
                Err(Failure::Bug(format!("{}: invariant {} is broken", command.name(), broken.law)))
            }
        },
        Ok(Err(Undecided::Refused(rejection))) => Err(Failure::Refused(rejection)),
        Ok(Err(Undecided::Unknown(quotas))) => Err(Failure::Unknown(quotas)),
        Ok(Err(Undecided::Overdue)) => Err(Failure::Overdue),
        // The text of a panic may show personal values: only the command is named.
        Err(_) => Err(Failure::Bug(format!("{}: the rules panicked", command.name()))),
    }
}

pub(super) fn quarantine(
    desk: &mut Desk,
    unit: &mut impl Unit,
    text: &str,
) -> Result<SubmitError, StoreError> {
    desk.counters.quarantine += 1;
    let sequence = desk.counters.quarantine;
    unit.write(Write::Quarantine { sequence, at: desk.now, text })?;
    Ok(SubmitError::Bug { incident: sequence })
}

/// Writes a decision.
pub(super) fn apply(
    desk: &mut Desk,
    unit: &mut impl Unit,
    known: Option<Known>,
    decision: Decision,
    facts: &[Fact],
    deleted: bool,
) -> Result<(), StoreError> {
    let is_new = known.is_none();
    let key = match &known {
        Some(known) => known.key,
        None => {
            desk.counters.customer += 1;
            desk.counters.customer
        }
    };
    for fact in facts {
        write_fact(desk, unit, key, fact, decision.customer.state.takes_part_in_audiences())?;
    }
    let stands_otherwise = |fact: &Fact| fact.changes.iter().any(|it| matches!(it, Change::Standing(_)));
    if let Some(last) = facts.iter().rfind(|fact| stands_otherwise(fact)) {
        unlist(desk, unit, key, last, decision.customer.state.takes_part_in_audiences())?;
    }
    for lot in &decision.lots {
        unit.write(Write::Lot { customer: key, lot })?;
    }
    for lot in &decision.lots_taken_in {
        unit.write(Write::LotTakenIn { customer: key, lot: *lot })?;
    }
    let mut renamed = false;
    for claim in &decision.claims {
        renamed |= matches!(claim, Claim::Rename(_));
        write_claim(desk, unit, key, claim)?;
    }
    for outgoing in decision.outgoing {
        write_outgoing(desk, unit, key, outgoing)?;
    }
    for sum in decision.sums {
        desk.count(sum);
    }
    let armed = known.as_ref().and_then(|known| known.armed);
    let old_id = known.map(|known| known.id);
    let Customer { state, profile, series } = decision.customer;
    let next = CustomerRow { key, state, profile, series, armed: arm(armed, decision.wake_at, desk.now) };
    if deleted {
        return erase(desk, unit, &next, armed, &old_id.unwrap_or_default());
    }
    if let (true, Some(old)) = (renamed, &old_id) {
        desk.cache.forget(key, old);
    }
    let (profile, id) = (decision.profile_changed || is_new, is_new || renamed);
    let series = decision.series_changed;
    desk.cache.change(next, Dirty { was_armed: armed, profile, id, series });
    Ok(())
}

/// Takes a customer who no longer takes part off the lists that still show who was in before a sweep.
fn unlist(
    desk: &Desk,
    unit: &mut impl Unit,
    customer: CustomerKey,
    fact: &Fact,
    takes_part: bool,
) -> Result<(), StoreError> {
    let Some(sweep) = desk.sweep.filter(|_| !takes_part) else { return Ok(()) };
    for audience in desk.program.audiences().map(|audience| audience.number) {
        if desk.program.is_changed_since(audience, sweep.since) {
            let (at, inside, seen_from) = (fact.at, false, 0);
            unit.write(Write::Member(&Turn {
                audience,
                customer,
                fact: fact.sequence,
                at,
                inside,
                seen_from,
            }))?;
        }
    }
    Ok(())
}

/// The wake-up to set: pushed later lazily, since firing early is harmless.
fn arm(armed: Option<Timestamp>, wanted: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let standing = armed.filter(|armed| *armed > now);
    match (standing, wanted) {
        (Some(standing), Some(wanted)) => Some(standing.min(wanted)),
        (standing, wanted) => wanted.or(standing),
    }
}

fn write_fact(
    desk: &mut Desk,
    unit: &mut impl Unit,
    customer: CustomerKey,
    fact: &Fact,
    takes_part: bool,
) -> Result<(), StoreError> {
    unit.write(Write::Fact { customer, fact })?;
    desk.counters.fact = fact.sequence;
    for sum in daily(fact) {
        desk.count(sum);
    }
    desk.follow_ups.extend(follow_ups(&desk.program, fact));
    for change in &fact.changes {
        match change {
            Change::EventStatus { fact: event, status } => {
                unit.write(Write::EventStatus { event: *event, status: *status, by: fact.sequence })?;
            }
            // The reversal that takes the last part closes the event instead.
            Change::Returned(_) if fact.kind == FactKind::Returned => {
                unit.write(Write::EventReturned { event: fact.about, by: fact.sequence })?;
            }
            Change::Quota(entry) if entry.quota.scope == Scope::Everyone => desk.quotas.book(unit, entry)?,
            Change::GiftCard { card, redeemed } => {
                let (number, lot, since) = (card.number(), card.lot, fact.at);
                let handed_out = Holder { number, customer, lot, since, redeemed_by: 0 };
                let holder = match redeemed {
                    false => handed_out,
                    true => {
                        let known = unit.holder(number)?.unwrap_or(handed_out);
                        Holder { redeemed_by: fact.sequence, ..known }
                    }
                };
                unit.write(Write::Holder(&holder))?;
            }
            // A flip that only moved is part of the working state: the lists of members stay as they are.
            Change::Member(membership) if membership.since == fact.at => {
                let Membership { audience, inside, .. } = *membership;
                // Whoever no longer takes part is listed no longer, whatever rules are being looked at.
                let later = desk
                    .sweep
                    .filter(|sweep| takes_part && desk.program.is_changed_since(audience, sweep.since));
                let seen_from = later.map_or(0, |sweep| sweep.version);
                let turn = Turn { audience, customer, fact: fact.sequence, at: fact.at, inside, seen_from };
                unit.write(Write::Member(&turn))?;
            }
            Change::JourneyStands(instance) => {
                unit.write(Write::Walker { journey: instance.journey, customer, inside: true })?;
            }
            Change::JourneyLeft { journey, .. } => {
                unit.write(Write::Walker { journey: *journey, customer, inside: false })?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn write_claim(desk: &Desk, unit: &mut impl Unit, key: CustomerKey, claim: &Claim) -> Result<(), StoreError> {
    let hash = |email: &str| desk.shared.secret.hash("email", &[email.as_bytes()]);
    match claim {
        Claim::TakeEmail(email) => unit.write(Write::Claim { hash: hash(email), customer: Some(key) }),
        Claim::ReleaseEmail(email) => unit.write(Write::Claim { hash: hash(email), customer: None }),
        // The customer row carries the id.
        Claim::Rename(_) => Ok(()),
    }
}

fn write_outgoing(
    desk: &mut Desk,
    unit: &mut impl Unit,
    customer: CustomerKey,
    outgoing: Outgoing,
) -> Result<(), StoreError> {
    let wall = desk.shared.clock.wall();
    let destination = match outgoing.target {
        Target::Webhook { webhook, event } => Destination::Webhook { webhook, event: event.to_owned() },
        Target::Email { journey, version, step, template, started_by } => {
            Destination::Email { journey, version, step, template, started_by }
        }
        Target::Topic { audience, subscribe } => Destination::Topic { audience, subscribe },
    };
    let status =
        if outgoing.suppressed.is_some() { DeliveryStatus::Suppressed } else { DeliveryStatus::Queued };
    desk.counters.outbox += 1;
    let row = OutboxRow {
        sequence: desk.counters.outbox,
        id: outgoing.id,
        customer,
        destination,
        made_at: outgoing.at,
        status,
        attempts: 0,
        due: outgoing.suppressed.is_none().then_some(wall),
        reason: outgoing.suppressed.map(|reason| reason.name().to_owned()),
        changed_at: wall,
        body: outgoing.body,
    };
    unit.write(Write::Outbox(&row))?;
    if status == DeliveryStatus::Suppressed {
        delivery::count(desk, &row, status, row.reason.as_deref());
    }
    desk.outbox_touched = true;
    Ok(())
}

/// Erases everything personal of a customer (B6).
fn erase(
    desk: &mut Desk,
    unit: &mut impl Unit,
    row: &CustomerRow,
    was_armed: Option<Timestamp>,
    id: &str,
) -> Result<(), StoreError> {
    let mails = delivery::mails_of(unit, row.key)?;
    unit.write(Write::Customer { row, was_armed, profile: true, id: false, series: true })?;
    let id_hash = desk.shared.secret.hash("customer id", &[id.as_bytes()]);
    unit.write(Write::Erase { customer: row.key, head: row.state.head, id_hash, id })?;
    if !mails.is_empty() {
        let wall = desk.shared.clock.wall();
        desk.counters.outbox += 1;
        let seed = row.key.to_be_bytes();
        let id = Mint::new(desk.shared.secret, desk.now, "erase mails", &seed).next_id();
        unit.write(Write::Outbox(&OutboxRow {
            sequence: desk.counters.outbox,
            id,
            customer: 0,
            destination: Destination::EraseMails,
            made_at: desk.now,
            status: DeliveryStatus::Queued,
            attempts: 0,
            due: Some(wall),
            reason: None,
            changed_at: wall,
            body: Json::List(mails),
        }))?;
        desk.outbox_touched = true;
    }
    desk.cache.forget(row.key, id);
    desk.erased = true;
    Ok(())
}

fn definition(
    desk: &mut Desk,
    unit: &mut impl Unit,
    kind: Kind,
    id: Option<&str>,
    body: &Json,
    key: Option<&str>,
) -> Submitted<Answer> {
    let comparable = format!("define\n{}\n{}\n{}", kind.name(), id.unwrap_or_default(), body.sorted());
    let hashes = hash_key(desk, key, &comparable);
    if let Some(answer) = repeated(desk, unit, hashes.as_ref())? {
        return Ok(answer);
    }
    let answer = define(desk, unit, kind, id, body)?;
    if let Ok(Answer::Definition { stored, created, .. }) = &answer {
        let made =
            Made::Definition { kind, number: stored.number, version: stored.version, created: *created };
        remember(desk, unit, hashes, made)?;
    }
    Ok(answer)
}

/// Writes a definition; a change of what audiences say starts a re-evaluation of all customers.
pub(super) fn define(
    desk: &mut Desk,
    unit: &mut impl Unit,
    kind: Kind,
    id: Option<&str>,
    body: &Json,
) -> Submitted<Answer> {
    // What fell due by now is judged by the definitions it fell due under.
    if !matches!(kind, Kind::Brand | Kind::EventType | Kind::Template | Kind::Webhook) {
        wake_all_due(desk, unit)?;
        // A list that begins with the members of an audience, or an audience that becomes one, has those of this instant.
        let freezes = desk.sweep.is_some_and(|sweep| sweep.freezes);
        let becomes_list = kind == Kind::Audience && body.text("type") == Some("STATIC");
        if freezes || becomes_list {
            finish_sweep(desk, unit)?;
        }
    }
    let seed = desk.program.version().to_be_bytes();
    let new_id = Mint::new(desk.shared.secret, desk.now, kind.name(), &seed).next_id();
    let new_secret = webhook_secret(desk, new_id.as_bytes());
    let definer = Definer { program: &desk.program, now: desk.now, new_id, new_secret };
    let defined = match program::define(&definer, kind, id, body) {
        Ok(defined) => defined,
        Err(rejection) => return Ok(Err(rejection.into())),
    };
    let mut report = Report::default();
    let root = Pointer::root();
    let at = root.field("customCodes");
    codes::check_free(unit, defined.stored.number, &defined.codes, &at, &mut report)?;
    codes::check_room(desk, defined.stored.number, defined.codes.len(), &at, &mut report);
    if report.has_problems() {
        return Ok(Err(Rejection::Malformed(report).into()));
    }
    unit.write(Write::Definition(&defined.stored))?;
    let version = defined.program.audiences_version();
    if version != desk.program.audiences_version() && desk.counters.customer > 0 {
        let whole = desk.sweep.is_some_and(|sweep| sweep.whole);
        let freezes = kind == Kind::Audience && defined.stored.body.get("members_of").is_some();
        let since = desk.sweep.map_or(desk.program.audiences_version(), |sweep| sweep.since);
        desk.sweep = Some(Sweep { version, since, after: 0, whole, freezes });
        unit.write(Write::Sweep(desk.sweep))?;
    }
    desk.program = Arc::new(defined.program);
    codes::take_up(desk, unit, &defined.stored, &defined.codes)?;
    Ok(Ok(Answer::Definition {
        stored: Box::new(defined.stored),
        created: defined.created,
        warnings: defined.warnings,
    }))
}

fn webhook_secret(desk: &Desk, id: &[u8]) -> String {
    let halves = [b"first", b"other"].map(|half| desk.shared.secret.hash("webhook secret", &[id, half]));
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(halves.concat()))
}

fn fulfill_expired(
    desk: &mut Desk,
    unit: &mut impl Unit,
    from: Timestamp,
    to: Timestamp,
    key: Option<&str>,
) -> Submitted<Answer> {
    let hashes = hash_key(desk, key, &format!("fulfill_expired\n{from}\n{to}"));
    if let Some(answer) = repeated(desk, unit, hashes.as_ref())? {
        return Ok(answer);
    }
    // What has expired by now must be known as expired.
    catch_up(desk, unit)?;
    let (mut count, mut tried) = (0, BTreeSet::new());
    // Those that stay expired must not stand in the way of later ones.
    while tried.len() < TRIED_AT_ONCE_MAX && count < FULFILLED_AT_ONCE_MAX {
        let expired = unit.expired_events(from, to, tried.len() + FULFILLED_AT_ONCE_MAX)?;
        let fresh: Vec<u64> = expired.into_iter().filter(|sequence| !tried.contains(sequence)).collect();
        if fresh.is_empty() {
            break;
        }
        for sequence in fresh.into_iter().take(FULFILLED_AT_ONCE_MAX - count) {
            tried.insert(sequence);
            let event = unit.fact(sequence)?.and_then(|row| row.fact.event).map(|head| head.id);
            let Some(event) = event else { continue };
            let answer = customer(desk, unit, &Command::Fulfill { event }, None)?;
            referrals::follow_up(desk, unit)?;
            let fulfilled =
                matches!(&answer, Ok(Answer::Event { record, .. }) if record.status == EventStatus::Resolved);
            count += usize::from(fulfilled);
        }
    }
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    remember(desk, unit, hashes, Made::Count(count))?;
    Ok(Ok(Answer::Count(count)))
}

fn revoke_key(desk: &Desk, unit: &mut impl Unit, id: &str) -> Submitted<Answer> {
    let keys = unit.api_keys()?;
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return Ok(Err(Rejection::DefinitionNotFound { kind: "key", id: id.to_owned() }.into()));
    };
    let servers = keys.iter().filter(|key| key.server && key.revoked_at.is_none()).count();
    if key.server && key.revoked_at.is_none() && servers == 1 {
        return Ok(Err(Rejection::LastServerKey.into()));
    }
    let mut revoked = key.clone();
    revoked.revoked_at = revoked.revoked_at.or(Some(desk.shared.clock.wall()));
    unit.write(Write::ApiKey(&revoked))?;
    Ok(Ok(Answer::Done))
}
