//! The one function that decides: what a command does to a customer.
//!
//! - D1: deciding is pure: the same context, customer and command give the same decision.
//! - D2: before a command is decided everything that fell due is applied, each thing at its own instant and in
//!   order, so that a late timer or an outage makes no difference.
//! - D3: a refusal changes nothing.

use crate::adjustment::{self, Adjustment};
use crate::audiences;
use crate::birthdays;
use crate::command::Command;
use crate::coupons::{self, Coupon, Redemption};
use crate::customers;
use crate::draft::{Claim, Context, Customer, Draft, FactId};
use crate::events::{self, EventRecord};
use crate::fact::{Change, EventReason, Fact, FactKind};
use crate::gift_cards::{self, GiftCard};
use crate::journeys;
use crate::limits::DUE_STEPS_MAX;
use crate::migration;
use crate::notices;
use crate::outgoing::Outgoing;
use crate::prelude::*;
use crate::profile::Profile;
use crate::program::Program;
use crate::punch_cards;
use crate::quota::Quota;
use crate::referrals::{self, FoundCode};
use crate::rejection::Rejection;
use crate::report::DailySum;
use crate::series;
use crate::state::{Standing, State};
use crate::tiers;
use crate::topics;
use crate::transfer::{self, Moved};
use crate::value::{Decimal, Json, Timestamp, object};
use crate::view;
use crate::wallet::{EntryKind, LaterLots, LaterNeed, Lot};

/// Everything a command is decided on.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The customer, when there is one.
    pub customer: Option<Customer>,
    /// Whether the e-mail address the command claims belongs to another customer.
    pub email_taken: bool,
    /// Whether the id the command claims belongs to another customer.
    pub id_taken: bool,
    /// The coupon of the code that the command redeems.
    pub coupon: Option<Coupon>,
    /// The gift card of the code that the command redeems.
    pub gift_card: Option<GiftCard>,
    /// The referral code that the command brings.
    pub referral: Option<FoundCode>,
    /// The event the command is about.
    pub event: Option<EventRecord>,
    /// The events it caused, at any depth.
    pub children: Vec<EventRecord>,
    /// Closed lots that the command may change.
    pub lots: Vec<Lot>,
    /// Later lots that the command may use.
    pub later: Vec<LaterLots>,
    /// All other visits of the customer, newest first, where the metrics asked for them.
    pub history: Option<Vec<Timestamp>>,
    /// Everything that was brought in from elsewhere for the customer, where the command asked for it.
    pub migrated: Option<Vec<Fact>>,
    /// All events of the customer, where other series of them are wanted than there are.
    pub events: Option<Vec<EventRecord>>,
}

/// What else must be loaded before a command can be decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Facts of events caused by the event.
    pub children: Vec<u64>,
    /// Numbers of closed lots.
    pub lots: Vec<u32>,
    /// Later lots; what was loaded before for a reward is replaced.
    pub later: Vec<LaterNeed>,
    /// Whether all visits of the customer are needed, and the event that is not to be counted.
    pub history_without: Option<u64>,
    /// Whether everything is needed that was brought in from elsewhere for the customer.
    pub migrated: bool,
    /// Whether all events of the customer are needed: other series of them are wanted than there are.
    pub events: bool,
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The command is refused.
    #[error(transparent)]
    Refused(#[from] Rejection),
    /// These shared quotas must be known first ([`Context::quotas`]); then it is to be decided again.
    #[error("{} shared quotas must be known first", .0.len())]
    Unknown(BTreeSet<Quota>),
    /// What fell due for other customers must be booked first ([`Context::settled`]): a hold that has run out may stand
    /// in the way.
    #[error("what fell due for other customers must be booked first")]
    Overdue,
}

/// What a command came to.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What to answer.
    pub outcome: Outcome,
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// What leaves the house.
    pub outgoing: Vec<Outgoing>,
    /// Values only one customer may have.
    pub claims: Vec<Claim>,
    /// What the bookings add to the sums of campaigns per day, beside those of [`crate::report::daily`].
    pub sums: Vec<DailySum>,
    /// Lots that need a row of their own, new or changed: closed ones, and open ones that are later.
    pub lots: Vec<Lot>,
    /// Numbers of later lots that are in the working state now: their rows go.
    pub lots_taken_in: Vec<u32>,
    /// The customer afterwards.
    pub customer: Customer,
    /// Whether the personal part changed.
    pub profile_changed: bool,
    /// Whether the series of past events changed.
    pub series_changed: bool,
    /// When the customer has to be woken up.
    pub wake_at: Option<Timestamp>,
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The customer afterwards, as answers show it.
    Customer(Json),
    /// The consent afterwards, as answers show it.
    Consent(Json),
    /// The event of that fact.
    Event {
        /// The event's fact.
        fact: u64,
        /// Why it is still expired, when fulfilling it was not possible.
        still_expired: Option<EventReason>,
    },
    /// The event of that fact, which redeemed a coupon or says why it did not.
    Coupon {
        /// The event's fact.
        fact: u64,
        /// The customer afterwards, as answers show it.
        customer: Json,
    },
    /// Points were handed over.
    Transferred {
        /// The customer who handed them over, afterwards, as answers show it.
        customer: Json,
        /// What the other one gets.
        lots: Vec<Moved>,
    },
    /// Whether the list changed.
    Listed(bool),
    /// Done; there is nothing to show.
    Done,
}

/// What a command that is decided at `now` needs beyond the customer and the event it names. It is asked again after
/// every loading, until nothing is needed.
pub fn needs(program: &Program, now: Timestamp, loaded: &Loaded, command: &Command) -> Needs {
    let mut needs = Needs { later: later_needs(program, now, loaded, command), ..Needs::default() };
    let whole = matches!(command, Command::Recalculate);
    let behind = |customer: &Customer| {
        customer.state.standing != Standing::Deleted && (whole || customer.series.is_behind(program))
    };
    needs.events = loaded.events.is_none() && loaded.customer.as_ref().is_some_and(behind);
    needs.migrated = matches!(command, Command::MigrateTransactions(_)) && loaded.migrated.is_none();
    if !needs.later.is_empty() {
        return needs;
    }
    if let (Command::RedeemGiftCard(_), Some(card), Some(customer)) =
        (command, &loaded.gift_card, &loaded.customer)
    {
        let later = loaded.later.iter().flat_map(|later| &later.lots);
        let known = customer.state.wallet.lots.iter().chain(&loaded.lots).chain(later);
        needs.lots = Vec::from_iter(known.into_iter().all(|lot| lot.number != card.lot).then_some(card.lot));
        return needs;
    }
    let (Command::Reverse { .. }, Some(record), Some(customer)) = (command, &loaded.event, &loaded.customer)
    else {
        return needs;
    };
    let records = || core::iter::once(record).chain(&loaded.children);
    let known: BTreeSet<u64> = records().map(|record| record.fact.sequence).collect();
    needs.children = records()
        .flat_map(EventRecord::effects)
        .flat_map(Fact::caused)
        .filter(|fact| !known.contains(fact))
        .collect();
    let later = loaded.later.iter().flat_map(|later| &later.lots);
    let loaded_lots: BTreeSet<u32> = loaded.lots.iter().chain(later).map(|lot| lot.number).collect();
    let lots: BTreeSet<u32> = records()
        .flat_map(EventRecord::effects)
        .flat_map(Fact::entries)
        .filter(|entry| {
            matches!(entry.kind, EntryKind::Issued { .. } | EntryKind::Redeemed | EntryKind::RedeemedFromHold)
        })
        .map(|entry| match entry.kind {
            // What is left of a lot may lie in another one since a part of the event came back.
            EntryKind::Issued { .. } => record.current_lot(entry.lot),
            _ => entry.lot,
        })
        .filter(|lot| customer.state.wallet.lot(*lot).is_none() && !loaded_lots.contains(lot))
        .collect();
    needs.lots = lots.into_iter().collect();
    let visit = record.head().and_then(|head| head.visit);
    let zone = program.settings().time_zone;
    let asks = visit.is_some_and(|visit| customer.state.metrics.needs_history(visit.issued_at, zone));
    if asks && loaded.history.is_none() {
        needs.history_without = Some(record.fact.sequence);
    }
    needs
}

/// Which later lots are needed: those that fell due, what is to be spent, and all of them where a reversal or a
/// deletion may touch any.
fn later_needs(program: &Program, now: Timestamp, loaded: &Loaded, command: &Command) -> Vec<LaterNeed> {
    let Some(customer) = &loaded.customer else { return Vec::new() };
    let mut wanted: BTreeMap<u32, Decimal> = BTreeMap::new();
    let mut want = |reward: u32, amount: Decimal| {
        let sum = wanted.entry(reward).or_default();
        *sum = sum.saturating_add(amount);
    };
    match command {
        Command::Emit(event) => {
            // Stamps at hand are bounded: all of them.
            let accounts = customer.state.wallet.accounts.values();
            for account in accounts.filter(|account| account.later_from.is_some()) {
                let campaign =
                    punch_cards::campaign_of(account.reward).and_then(|card| program.campaign(card));
                if campaign.is_some_and(|campaign| campaign.spec.trigger == event.event_type) {
                    want(account.reward, customer.state.wallet.available(account.reward));
                }
            }
            for redeem in &event.redeem {
                if let Some(reward) = program.reward_by_id(&redeem.id) {
                    want(reward.number, redeem.amount);
                }
            }
        }
        Command::Adjust { adjustment: Adjustment::Change { reward, amount, .. }, .. } => {
            if let Some(reward) = program.reward_by_id(reward) {
                want(reward.number, (-*amount).max(Decimal::ZERO));
            }
        }
        // The card may lie in any of them.
        Command::RedeemGiftCard(_) => {
            if let Some(card) = &loaded.gift_card {
                want(card.reward, Decimal::MAX);
            }
        }
        Command::Transfer { transfer, .. } => {
            if let Some(reward) = program.reward_by_id(&transfer.reward) {
                want(reward.number, transfer.amount);
            }
        }
        Command::Fulfill { .. } => {
            let changes = loaded.event.iter().flat_map(|record| &record.fact.changes);
            for change in changes {
                match change {
                    Change::Redeem { reward, amount } => want(*reward, *amount),
                    // Where stamps go depends on those at hand.
                    Change::Award(award) if punch_cards::campaign_of(award.reward).is_some() => {
                        want(award.reward, customer.state.wallet.available(award.reward));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    let voids = matches!(command, Command::Adjust { adjustment: Adjustment::Void { .. }, .. });
    let everything = voids || matches!(command, Command::Reverse { .. } | Command::Delete { .. });
    let wallet = &customer.state.wallet;
    let needs = wallet.later_needs(
        |account| notices::horizon(program, account, now),
        now,
        |reward| {
            if everything { Decimal::MAX } else { wanted.get(&reward).copied().unwrap_or_default() }
        },
    );
    needs.into_iter().filter(|need| !loaded.later.iter().any(|later| need.is_met(later))).collect()
}

/// Decides what a command does.
///
/// # Errors
/// The first [`Rejection`] in the published order, or what must be done before it can be decided; nothing changes then.
pub fn decide(context: &Context<'_>, loaded: Loaded, command: &Command) -> Result<Decision, Undecided> {
    let Loaded {
        customer,
        email_taken,
        id_taken,
        coupon,
        gift_card,
        referral,
        event,
        children,
        lots,
        later,
        history,
        migrated,
        events,
    } = loaded;
    check_customer(command, customer.as_ref(), event.is_some())?;
    let mut draft = Draft::new(context, customer.unwrap_or_default());
    draft.state.wallet.closed.extend(lots);
    draft.take_in(later);
    draft.referral = referral;
    let followed = topics::followed(&draft, draft.now);
    series::bring(&mut draft, events.as_deref());
    if !matches!(command, Command::Register(_) | Command::Migrate(_)) {
        advance(&mut draft);
    }
    if id_taken {
        let id = command.claimed_id().unwrap_or_default().to_owned();
        return Err(Rejection::CustomerExists { id }.into());
    }
    if email_taken {
        return Err(Rejection::EmailTaken.into());
    }
    let outcome = match command {
        Command::RedeemCoupon(redemption) => redeem_coupon(&mut draft, redemption, coupon.as_ref()),
        Command::RedeemGiftCard(redemption) => gift_cards::redeem(&mut draft, redemption, gift_card)
            .map(|fact| Outcome::Event { fact: draft.sequence(fact), still_expired: None }),
        Command::MigrateTransactions(past) => {
            migration::keep_transactions(&mut draft, past, &migrated.unwrap_or_default())
                .map(|()| Outcome::Done)
        }
        _ => carry_out(&mut draft, command, event, &children, history.as_deref()),
    };
    if !draft.unknown_quotas.is_empty() {
        return Err(Undecided::Unknown(draft.unknown_quotas));
    }
    if draft.overdue {
        return Err(Undecided::Overdue);
    }
    let outcome = outcome?;
    notices::settle(&mut draft);
    topics::tell(&mut draft, &followed);
    let gives = matches!(
        command,
        Command::Adjust { .. }
            | Command::Receive { .. }
            | Command::Migrate(_)
            | Command::MigrateEvents(_)
            | Command::Emit(_)
            | Command::Fulfill { .. }
            | Command::Refer { .. }
            | Command::RedeemCoupon(_)
    );
    if gives && draft.state.is_full() {
        return Err(Rejection::OutOfRange.into());
    }
    Ok(finish(draft, context.lots_held, outcome))
}

/// Applies what fell due to a customer as it is read: exact, and without writing anything. `later` are at least the
/// later lots that fell due ([`needs`] for a [`Command::WakeUp`]).
///
/// # Errors
/// The shared quotas that must be known first.
pub fn bring_to(
    context: &Context<'_>,
    customer: Customer,
    later: Vec<LaterLots>,
) -> Result<Customer, BTreeSet<Quota>> {
    let mut draft = Draft::new(context, customer);
    draft.take_in(later);
    advance(&mut draft);
    if !draft.unknown_quotas.is_empty() {
        return Err(draft.unknown_quotas);
    }
    draft.state.wallet.closed.clear();
    Ok(Customer { state: draft.state, profile: draft.profile, series: draft.series })
}

fn check_customer(command: &Command, customer: Option<&Customer>, has_event: bool) -> Result<(), Rejection> {
    if let Some(event) = command.event()
        && !has_event
    {
        return Err(Rejection::EventNotFound { id: event.hyphenated().to_string() });
    }
    let id = || command.customer().unwrap_or_default().to_owned();
    match (command, customer) {
        (Command::Register(_) | Command::Migrate(_), None) => Ok(()),
        (Command::Register(_) | Command::Migrate(_), Some(_)) => Err(Rejection::CustomerExists { id: id() }),
        (Command::RedeemGiftCard(_), None) => Err(Rejection::UnknownGiftCard),
        (_, None) => Err(Rejection::CustomerNotFound { id: id() }),
        (Command::WakeUp | Command::Recalculate, Some(_)) => Ok(()),
        (_, Some(customer)) if customer.state.standing == Standing::Deleted => {
            Err(Rejection::CustomerDeleted)
        }
        (Command::Identify { .. }, Some(customer)) if !customer.state.anonymous => {
            Err(Rejection::NotAnonymous)
        }
        _ => Ok(()),
    }
}

fn carry_out(
    draft: &mut Draft<'_>,
    command: &Command,
    event: Option<EventRecord>,
    children: &[EventRecord],
    history: Option<&[Timestamp]>,
) -> Result<Outcome, Rejection> {
    let fact = match command {
        Command::Register(request) => customers::register(draft, request),
        Command::Adjust { adjustment, .. } => adjustment::adjust(draft, adjustment)?,
        Command::Transfer { transfer, .. } => {
            let (fact, lots) = transfer::send(draft, transfer)?;
            let customer = draft.customer_json();
            remember(draft, fact, &customer);
            return Ok(Outcome::Transferred { customer, lots });
        }
        Command::Receive { received, .. } => transfer::receive(draft, received)?,
        Command::Refer { referral, .. } => {
            let fact = referrals::reward(draft, referral)?;
            return Ok(Outcome::Event { fact: draft.sequence(fact), still_expired: None });
        }
        Command::Migrate(migration) => migration::migrate(draft, migration)?,
        Command::MigrateEvents(past) => {
            migration::migrate_events(draft, &past.events)?;
            return Ok(Outcome::Done);
        }
        Command::Identify { request, .. } => customers::identify(draft, request),
        Command::Patch { request, .. } => customers::patch(draft, request),
        Command::SetTags { tags, .. } => customers::change_tags(draft, Some(tags), &[]),
        Command::RemoveTags { names, .. } => customers::change_tags(draft, None, names),
        Command::AddDevice { device, .. } => customers::change_devices(draft, Some(device)),
        Command::RemoveDevices { .. } => customers::change_devices(draft, None),
        Command::SetConsent { consent, .. } => {
            let fact = customers::set_consent(draft, consent);
            let answer = view::consent(&draft.state, &draft.profile);
            remember(draft, fact, &answer);
            return Ok(Outcome::Consent(answer));
        }
        Command::Emit(new_event) => {
            let fact = events::emit(draft, new_event)?;
            return Ok(Outcome::Event { fact: draft.sequence(fact), still_expired: None });
        }
        Command::Fulfill { .. } | Command::Reverse { .. } => {
            return on_event(draft, command, event, children, history);
        }
        Command::Join { audience, .. } => return listed(draft, audience, true),
        Command::Leave { audience, .. } => return listed(draft, audience, false),
        Command::Delete { .. } => {
            customers::delete(draft);
            return Ok(Outcome::Done);
        }
        Command::Recalculate => {
            audiences::recalculate(draft);
            return Ok(Outcome::Done);
        }
        Command::WakeUp
        | Command::RedeemCoupon(_)
        | Command::RedeemGiftCard(_)
        | Command::MigrateTransactions(_) => return Ok(Outcome::Done),
    };
    let answer = draft.customer_json();
    remember(draft, fact, &answer);
    Ok(Outcome::Customer(answer))
}

/// Keeps the answer with the personal part of the fact, so that it can be repeated word for word.
fn remember(draft: &mut Draft<'_>, fact: FactId, answer: &Json) {
    if draft.keyed {
        draft.edit(fact, |fact| {
            let request = fact.payload.take().map(Arc::unwrap_or_clone).unwrap_or_default();
            let said = object().with("request", request).with("answer", answer.clone()).build();
            fact.payload = Some(Arc::new(said));
        });
    }
}

fn redeem_coupon(
    draft: &mut Draft<'_>,
    redemption: &Redemption,
    coupon: Option<&Coupon>,
) -> Result<Outcome, Rejection> {
    let fact = coupons::redeem(draft, redemption, coupon)?;
    let customer = draft.customer_json();
    if draft.keyed {
        draft.edit(fact, |fact| {
            let mut payload = fact.payload.take().map(Arc::unwrap_or_clone).unwrap_or_default();
            payload.set("answer", customer.clone());
            fact.payload = Some(Arc::new(payload));
        });
    }
    Ok(Outcome::Coupon { fact: draft.sequence(fact), customer })
}

fn on_event(
    draft: &mut Draft<'_>,
    command: &Command,
    event: Option<EventRecord>,
    children: &[EventRecord],
    history: Option<&[Timestamp]>,
) -> Result<Outcome, Rejection> {
    let Some(mut record) = event else {
        return Err(Rejection::EventNotFound { id: String::new() });
    };
    // Whatever fell due may have let it expire a moment ago.
    let expired = record.status == crate::fact::EventStatus::Pending
        && draft.state.standby(record.fact.sequence).is_none();
    if expired {
        record.status = crate::fact::EventStatus::Expired;
    }
    let fact = record.fact.sequence;
    let still_expired = match command {
        Command::Reverse { reason, part: None, .. } => {
            events::reverse(draft, &record, children, history, reason, None)?;
            None
        }
        Command::Reverse { reason, part: Some(part), .. } => {
            events::return_part(draft, &record, children, history, part, reason)?;
            None
        }
        _ => match events::fulfill(draft, &record)? {
            events::Fulfilled::Now | events::Fulfilled::Before => None,
            events::Fulfilled::StillExpired(reason) => Some(reason),
        },
    };
    Ok(Outcome::Event { fact, still_expired })
}

fn listed(draft: &mut Draft<'_>, audience: &str, inside: bool) -> Result<Outcome, Rejection> {
    let number = draft.program.audience_by_id(audience).map(|audience| audience.number);
    let Some(number) = number else {
        return Err(Rejection::DefinitionNotFound { kind: "audience", id: audience.to_owned() });
    };
    let now = draft.now;
    let fact = draft.open(FactKind::Listed, now);
    let changed = audiences::list(draft, fact, number, inside)?;
    Ok(Outcome::Listed(changed))
}

fn finish(mut draft: Draft<'_>, lots_held: usize, outcome: Outcome) -> Decision {
    // Asked while all lots that were loaded are at hand.
    let wake_at = next_due(&draft.state, &draft.profile, draft.program);
    let (lots, lots_taken_in) = draft.settle_lots(lots_held);
    // A fact that turned out to change nothing is not worth a row; the chain must stay whole, so only the
    // last one can be left out.
    if draft
        .facts
        .last()
        .is_some_and(|fact| fact.changes.is_empty() && matches!(fact.kind, FactKind::Listed | FactKind::Due))
        && let Some(fact) = draft.facts.pop()
    {
        draft.state.head = fact.previous;
    }
    Decision {
        outcome,
        facts: draft.facts,
        outgoing: draft.outgoing,
        claims: draft.claims,
        sums: draft.sums,
        lots,
        lots_taken_in,
        customer: Customer { state: draft.state, profile: draft.profile, series: draft.series },
        profile_changed: draft.profile_changed,
        series_changed: draft.series_changed,
        wake_at,
    }
}

/// The earliest instant at which something falls due for a customer.
pub fn next_due(state: &State, profile: &Profile, program: &Program) -> Option<Timestamp> {
    if state.standing == Standing::Deleted {
        return None;
    }
    let standbys = state.standbys.iter().map(|standby| standby.expires_at);
    let flips = state.memberships.iter().filter_map(|membership| membership.flips_at);
    let waits = state.journeys.iter().map(|instance| instance.wakes_at);
    standbys
        .chain(flips)
        .chain(waits)
        .chain(state.wallet.next_expiry())
        .chain(tiers::next_boundary(state, program))
        .chain(birthdays::next(state, profile, program))
        .chain(notices::next(state, program))
        .min()
}

/// Applies everything that fell due, each thing at its own instant and in order (D2).
fn advance(draft: &mut Draft<'_>) {
    let mut reached = Timestamp::MIN;
    for _ in 0..DUE_STEPS_MAX {
        let due = next_due(&draft.state, &draft.profile, draft.program).filter(|due| *due <= draft.now);
        // What rules say since they were written holds from then on, before anything that fell due later.
        let changed_at = draft.program.audiences_changed_at().max(reached);
        if changed_at <= draft.now && is_behind(draft) && due.is_none_or(|due| due > changed_at) {
            reached = changed_at;
            let fact = draft.open(FactKind::Due, changed_at);
            audiences::catch_up(draft, fact, changed_at);
            continue;
        }
        let Some(due) = due else { break };
        // What came about while something fell due may have been due before: it happens now.
        reached = reached.max(due);
        apply_due(draft, reached);
    }
    if birthdays::is_unseen(draft) && draft.state.standing == Standing::Active {
        let fact = draft.open(FactKind::Due, draft.now);
        birthdays::told(draft, fact, None);
    }
}

/// Whether the customer was not looked at since what audiences say changed.
fn is_behind(draft: &Draft<'_>) -> bool {
    draft.state.standing == Standing::Active
        && draft.state.audiences_seen != draft.program.audiences_version()
}

/// Everything that falls due at one instant, in the published order: holds, lots, tier, birthday, notices, audiences,
/// journeys.
fn apply_due(draft: &mut Draft<'_>, at: Timestamp) {
    let fact = draft.open(FactKind::Due, at);
    let standbys: Vec<_> =
        draft.state.standbys.iter().filter(|standby| standby.expires_at <= at).cloned().collect();
    for standby in standbys {
        events::expire_standby(draft, fact, at, &standby);
    }
    if draft.state.wallet.next_expiry().is_some_and(|expiry| expiry <= at) {
        // That a card expired is not told as points.
        let expired = draft.post(fact, at, |posting| posting.expire_due());
        if expired.into_iter().any(|account| punch_cards::campaign_of(account).is_none()) {
            draft.tell("CUSTOMER_EXPIRATION", at, |draft| {
                object()
                    .with("customer_id", draft.profile.id())
                    .with("wallet", view::wallet(draft.program, &draft.state, draft.profile.id()))
                    .build()
            });
        }
    }
    if tiers::next_boundary(&draft.state, draft.program).is_some_and(|boundary| boundary <= at) {
        tiers::judge_boundary(draft, fact, at);
    }
    let birthday = birthdays::next(&draft.state, &draft.profile, draft.program);
    if birthday.is_some_and(|birthday| birthday <= at) {
        birthdays::begin(draft, fact, at);
    }
    notices::announce(draft, fact, at);
    audiences::evaluate_due(draft, fact, at);
    journeys::walk_due(draft, fact, at);
    events::emit_caused(draft);
    draft.summarise(fact);
}
