//! How customers, wallets, events and transactions are shown: the product's field names.

use crate::events::{EventRecord, Receipt};
use crate::fact::{Change, EventReason, EventStatus, Fact, FactKind};
use crate::migration;
use crate::prelude::*;
use crate::profile::Profile;
use crate::program::Program;
use crate::punch_cards;
use crate::quota::{Counts, Owner, QuotaMove};
use crate::referrals;
use crate::rule::View;
use crate::state::State;
use crate::streaks;
use crate::value::{Decimal, Json, Timestamp, object};
use crate::wallet::{Entry, EntryKind, Lot};
use uuid::{Builder, Uuid};

/// `{ customer, wallet }`.
pub fn customer(program: &Program, state: &State, profile: &Profile, now: Timestamp) -> Json {
    let tier_id = program.tier(state.tier).map(|tier| tier.id.as_str());
    let mut customer = profile.fields().clone();
    if customer.is_null() {
        customer = object().build();
    }
    customer.set("status", state.standing.name());
    customer.set("is_anonymous", state.anonymous);
    customer.set("tier_id", tier_id.map(Json::from).unwrap_or_default());
    customer.set("metrics", state.metrics.to_json(program.settings().time_zone, now, tier_id));
    customer.set("rfm", state.metrics.rfm(now));
    let referrals = referrals::to_json(program, state);
    if !referrals.is_empty() {
        customer.set("referrals", Json::List(referrals));
    }
    customer.set("streaks", Json::List(streaks::to_json(program, state, now)));
    object().with("customer", customer).with("wallet", wallet(program, state, profile.id())).build()
}

/// The computed traits of a customer by their names; `None` when there are no traits.
pub fn traits(view: &View<'_>) -> Option<Json> {
    view.program.traits().next()?;
    let shown = view
        .program
        .traits()
        .fold(object(), |shown, computed| shown.with(computed.id.clone(), computed.spec.shown(view)));
    Some(shown.build())
}

/// The wallet: one line a lot that can be spent or is held, as far as they are at hand (W5), and one total a
/// reward over all of them; stamps are shown as punch cards.
pub fn wallet(program: &Program, state: &State, customer: &str) -> Json {
    let lines: Vec<Json> = state
        .wallet
        .lots
        .iter()
        .filter(|lot| punch_cards::campaign_of(lot.reward).is_none())
        .flat_map(|lot| {
            let available =
                (lot.available.is_positive()).then(|| lot_line(program, lot, lot.available, None));
            let held = state.standbys.iter().flat_map(|standby| {
                standby
                    .holds
                    .iter()
                    .filter(|hold| hold.lot == lot.number)
                    .map(|hold| (hold.amount, standby.expires_at))
            });
            let held: Vec<Json> =
                held.map(|(amount, until)| lot_line(program, lot, amount, Some(until))).collect();
            available.into_iter().chain(held)
        })
        .collect();
    let totals: Vec<Json> = state
        .wallet
        .accounts
        .keys()
        .filter(|reward| punch_cards::campaign_of(**reward).is_none())
        .map(|reward| {
            let account = state.wallet.account(*reward);
            object()
                .with("reward_id", reward_id(program, *reward))
                .with("total", state.wallet.available(*reward))
                .with("held", state.wallet.held(*reward))
                .with("debt", account.debt)
                .with_some("expiration_date", state.wallet.soonest_expiry(*reward))
                .with_some("reward", program.reward(*reward).map(|reward| reward.to_json()))
                .build()
        })
        .collect();
    object()
        .with("id", state.id)
        .with("owner_id", state.id)
        .with("customer_id", customer)
        .with("lines", Json::List(lines))
        .with("totals", Json::List(totals))
        .with("punch_cards", punch_cards::to_json(program, state))
        .build()
}

fn lot_line(program: &Program, lot: &Lot, amount: Decimal, reserved_until: Option<Timestamp>) -> Json {
    object()
        .with("amount", amount)
        .with("lot", lot.number)
        .with("reward_id", reward_id(program, lot.reward))
        .with("campaign_id", campaign_id(program, lot.campaign))
        .with("issued_at", lot.issued_at)
        .with("expiration_date", lot.expires_at.map(Json::from).unwrap_or_default())
        .with_some("reservation_expires_at", reserved_until)
        .build()
}

fn reward_id(program: &Program, number: u32) -> Json {
    program.reward(number).map(|reward| Json::from(reward.id.as_str())).unwrap_or_default()
}

fn campaign_id(program: &Program, number: u32) -> Json {
    program.campaign(number).map(|campaign| Json::from(campaign.id.as_str())).unwrap_or_default()
}

fn tier_id(program: &Program, number: u32) -> Json {
    program.tier(number).map(|tier| Json::from(tier.id.as_str())).unwrap_or_default()
}

/// A ledger entry as webhooks and answers list it.
pub fn entry_line(program: &Program, state: &State, entry: &Entry) -> Json {
    let lot = state.wallet.lot(entry.lot);
    let mut line =
        object().with("amount", entry.amount).with("reward_id", reward_id(program, entry.reward)).build();
    let (campaign, expires_at) = match &entry.kind {
        EntryKind::Issued { campaign, expires_at, .. } => (Some(*campaign), *expires_at),
        _ => (lot.map(|lot| lot.campaign), lot.and_then(|lot| lot.expires_at)),
    };
    line.set("campaign_id", campaign.map(|campaign| campaign_id(program, campaign)).unwrap_or_default());
    line.set("expiration_date", expires_at.map(Json::from).unwrap_or_default());
    line
}

/// The consent as it is, and what it blocks now.
pub fn consent(state: &State, profile: &Profile) -> Json {
    let blocked: Vec<Json> = state.permissions.blocked().into_iter().map(Json::from).collect();
    object()
        .with("consent", profile.consent().cloned().unwrap_or_default())
        .with("blocked", Json::List(blocked))
        .build()
}

/// An event with everything that became of it; built from facts alone, so that repeating it gives the same.
pub fn event(program: &Program, record: &EventRecord) -> Json {
    let Some(head) = record.head() else { return Json::Null };
    let accepted_at = record.fact.at;
    let resolved_at = match (head.status, &record.fulfilled_by) {
        (_, Some(fulfilled)) => Some(fulfilled.at),
        (EventStatus::Pending, None) => None,
        _ => Some(accepted_at),
    };
    let closed_at = |status: EventStatus| {
        record.closed_by.as_ref().filter(|_| record.status == status).map(|fact| fact.at)
    };
    let waits = head.reserve_days > 0;
    let expires_at = record.fact.changes.iter().find_map(|change| match change {
        Change::StandbyOpened(standby) => Some(standby.expires_at),
        _ => None,
    });
    let mut data = object()
        .with("id", head.id)
        .with("customer_id", record.customer.as_str())
        .with("brand_id", if head.brand.is_empty() { Json::Null } else { Json::from(head.brand.as_str()) })
        .with("type", head.event_type.as_str())
        .with("status", record.status.name())
        .with("data", record.fact.data().unwrap_or_default())
        .with("fulfilled", !waits || record.fulfilled_by.is_some())
        .with("reserve", u32::from(head.reserve_days))
        .with("tracking_only", head.tracking)
        .with("issued_at", head.issued_at)
        .with("accepted_at", accepted_at)
        .with_some("reservation_expires_at", expires_at)
        .with_some("resolved_at", resolved_at)
        .with_some("cancelled_at", closed_at(EventStatus::Cancelled))
        .with_some("expired_at", closed_at(EventStatus::Expired))
        .with_some("reversed_at", closed_at(EventStatus::Reversed))
        .with("program_version", head.program_version)
        .build();
    // Fulfilling may have been blocked where emitting was not.
    let blocked = record.fulfilled_by.as_ref().and_then(|fact| fact.payload.as_ref()?.get("reason").cloned());
    if let Some(reason) = head.reason.as_ref().map(EventReason::to_json).or(blocked) {
        data.set("reason", reason);
    }
    data.set("rewarding_campaigns", rewarding_campaigns(program, record));
    data.set("result", result(program, record));
    if let Some(explanation) = &record.fact.explanation {
        data.set("explanation", explanation.to_json(program));
    }
    if !record.returns.is_empty() {
        let last = record.closed_by.as_ref().and_then(Fact::returned_part);
        let last = last.map_or(Decimal::ZERO, |part| part.counted);
        data.set("returned_value", record.returned().saturating_add(last));
        data.set("returns", returns(program, record));
    }
    if matches!(record.status, EventStatus::Reversed | EventStatus::Cancelled) {
        data.set("receipt", Receipt::of(record).to_json(program));
    }
    data
}

/// The parts of an event that came back, each with what that came to.
fn returns(program: &Program, record: &EventRecord) -> Json {
    let last = record.closed_by.as_ref().filter(|fact| fact.returned_part().is_some());
    let returns = record.returns.iter().chain(last).enumerate().filter_map(|(index, fact)| {
        let part = fact.returned_part()?;
        // The last part is the reversal.
        let receipt = match index < record.returns.len() {
            true => Receipt::of_return(record, index),
            false => Receipt::of(record),
        };
        let lines = part.lines.iter().map(|line| {
            object().with("line", line.place).with("amount", line.amount).with("value", line.value).build()
        });
        let reason = fact.payload.as_ref().and_then(|payload| payload.text("reason").map(ToOwned::to_owned));
        let returned = object()
            .with("returned_at", fact.at)
            .with_some("reason", reason)
            .with("counted_value", part.counted)
            .with("value", part.value)
            .with("products", Json::List(lines.collect()))
            .with("receipt", receipt.to_json(program));
        Some(returned.build())
    });
    Json::List(returns.collect())
}

/// Why campaigns rewarded an event or did not, in words, and everything that was booked: each point to the rule and the
/// lot it came from.
pub fn explained(program: &Program, record: &EventRecord) -> Json {
    let entries = record.effects().chain(&record.returns).chain(&record.closed_by).flat_map(|fact| {
        fact.entries().map(|entry| {
            let rule = match &entry.kind {
                EntryKind::Issued { campaign, rule, .. } => Some((*campaign, Some(*rule))),
                _ => punch_cards::campaign_of(entry.reward).map(|campaign| (campaign, None)),
            };
            object()
                .with("what", entry_name(&entry.kind))
                .with("amount", entry.amount)
                .with("lot", entry.lot)
                .with("reward_id", reward_id(program, entry.reward))
                .with_some("campaign_id", rule.map(|(campaign, _)| campaign_id(program, campaign)))
                .with_some("rule", rule.and_then(|(_, rule)| rule).map(u32::from))
                .with("at", fact.at)
                .build()
        })
    });
    let entries: Vec<Json> = entries.collect();
    let head = record.head();
    let issued_at = head.map_or(record.fact.at, |head| head.issued_at);
    let explanation = record.fact.explanation.as_ref();
    let campaigns = explanation
        .and_then(|explanation| explanation.in_words(program, issued_at).get("campaigns").cloned());
    let reason = event(program, record).get("reason").cloned();
    object()
        .with("status", record.status.name())
        .with("program_version", head.map_or(0, |head| head.program_version))
        .with_some("reason", reason)
        .with("rewarding_campaigns", rewarding_campaigns(program, record))
        .with("campaigns", campaigns.unwrap_or_else(|| Json::List(Vec::new())))
        .with("not_shown", explanation.map_or(0, |explanation| explanation.not_shown))
        .with("ledger", Json::List(entries))
        .build()
}

/// The campaigns that rewarded the event, with the rules that matched.
fn rewarding_campaigns(program: &Program, record: &EventRecord) -> Json {
    let mut campaigns: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    for fact in record.effects() {
        for change in &fact.changes {
            match change {
                Change::Award(award) => drop(campaigns.entry(award.campaign).or_default().insert(award.rule)),
                Change::Entry(Entry { kind: EntryKind::Issued { campaign, rule, .. }, .. }) => {
                    campaigns.entry(*campaign).or_default().insert(*rule);
                }
                _ => {}
            }
        }
    }
    let list = campaigns.into_iter().map(|(campaign, rules)| {
        let rules: Vec<Json> = rules.into_iter().map(|rule| Json::from(u32::from(rule))).collect();
        let name = program.campaign(campaign).map(|campaign| campaign.spec.name.clone());
        object()
            .with("campaign_id", campaign_id(program, campaign))
            .with("name", name.unwrap_or_default())
            .with("rules", rules)
            .build()
    });
    Json::List(list.collect())
}

/// What the event did: points gained and spent, how things stood afterwards, and the bookings.
fn result(program: &Program, record: &EventRecord) -> Json {
    let mut accumulations = Vec::new();
    let mut redemptions = Vec::new();
    for fact in record.effects() {
        for change in &fact.changes {
            match change {
                Change::Entry(entry) if punch_cards::campaign_of(entry.reward).is_some() => {}
                Change::Entry(entry) => match &entry.kind {
                    EntryKind::Issued { campaign, rule, expires_at, .. } => accumulations.push(
                        object()
                            .with("amount", entry.amount)
                            .with("reward_id", reward_id(program, entry.reward))
                            .with("campaign_id", campaign_id(program, *campaign))
                            .with("rule", u32::from(*rule))
                            .with("issued_at", fact.at)
                            .with("expiration_date", expires_at.map(Json::from).unwrap_or_default())
                            .build(),
                    ),
                    EntryKind::Redeemed | EntryKind::RedeemedFromHold => {
                        redemptions.push(amount_line(program, entry.reward, entry.amount));
                    }
                    _ => {}
                },
                Change::Redeem { reward, amount }
                    if record.fulfilled_by.is_none() && punch_cards::campaign_of(*reward).is_none() =>
                {
                    redemptions.push(amount_line(program, *reward, *amount));
                }
                _ => {}
            }
        }
    }
    let open = matches!(record.status, EventStatus::Resolved | EventStatus::Pending | EventStatus::Failed);
    let closed_by = record.closed_by.as_ref().filter(|_| !open);
    let last = closed_by.or(record.returns.last()).or(record.fulfilled_by.as_ref()).unwrap_or(&record.fact);
    // A fact that only let it expire also carries what else fell due then.
    let reversal = closed_by.filter(|fact| fact.about == record.fact.sequence);
    let summary = last.changes.iter().rev().find_map(|change| match change {
        Change::Summary { tier, totals } => Some((*tier, totals)),
        _ => None,
    });
    let totals: Vec<Json> = summary
        .map(|(_, totals)| {
            let rewards = totals.iter().filter(|(reward, _)| punch_cards::campaign_of(*reward).is_none());
            let lines = rewards.map(|(reward, total)| {
                object().with("reward_id", reward_id(program, *reward)).with("total", *total).build()
            });
            lines.collect()
        })
        .unwrap_or_default();
    let transactions: Vec<Json> = record
        .effects()
        .chain(&record.returns)
        .chain(reversal)
        .flat_map(|fact| transactions(program, fact, Some(record)))
        .collect();
    object()
        .with(
            "customer",
            object().with("tier_id", summary.map(|(tier, _)| tier_id(program, tier)).unwrap_or_default()),
        )
        .with("wallet", object().with("totals", Json::List(totals)))
        .with("accumulations", Json::List(accumulations))
        .with("redemptions", Json::List(redemptions))
        .with("punch_cards", stamped(program, record))
        .with("gift_card", gift_cards(program, record))
        .with("transactions", Json::List(transactions))
        .build()
}

/// The gift cards that the event gave or redeemed.
fn gift_cards(program: &Program, record: &EventRecord) -> Json {
    let cards = record.gift_cards().map(|card| {
        object()
            .with("reward_id", reward_id(program, card.reward))
            .with("lot", card.lot)
            .with_some("code", record.codes.get(&card.number()).cloned())
            .build()
    });
    Json::List(cards.collect())
}

/// The stamps that the event gave, or gives once it is fulfilled, and the cards it filled.
fn stamped(program: &Program, record: &EventRecord) -> Json {
    let mut cards: BTreeMap<u32, (Decimal, Decimal)> = BTreeMap::new();
    let last = record.fulfilled_by.as_ref().unwrap_or(&record.fact);
    let gives = matches!(record.status, EventStatus::Pending | EventStatus::Resolved | EventStatus::Reversed);
    for entry in last.quotas().filter(|_| gives).filter(|entry| entry.kind != QuotaMove::Released) {
        let Owner::Campaign(campaign) = entry.quota.owner else { continue };
        let sums = match entry.quota {
            quota if quota == punch_cards::counted(campaign, Counts::Stamps) => (entry.amount, Decimal::ZERO),
            quota if quota == punch_cards::counted(campaign, Counts::Cards) => (Decimal::ZERO, entry.amount),
            _ => continue,
        };
        let (stamps, filled) = cards.entry(campaign).or_default();
        (*stamps, *filled) = (stamps.saturating_add(sums.0), filled.saturating_add(sums.1));
    }
    let lines = cards.into_iter().map(|(campaign, (stamps, filled))| {
        let line = object().with("campaign_id", campaign_id(program, campaign));
        line.with("stamps", stamps).with("cards_filled", filled).build()
    });
    Json::List(lines.collect())
}

fn amount_line(program: &Program, reward: u32, amount: Decimal) -> Json {
    object().with("amount", amount).with("reward_id", reward_id(program, reward)).build()
}

/// What a transaction tells beside the product's fields: what the ledger calls it, its lot, and what gave it.
fn attributes(program: &Program, fact: &Fact, entry: &Entry, record: Option<&EventRecord>) -> Json {
    let given = match &entry.kind {
        EntryKind::Issued { campaign, rule, .. } if *campaign != 0 => Some((*campaign, *rule)),
        _ => None,
    };
    let campaign = match (given, punch_cards::campaign_of(entry.reward)) {
        (Some((campaign, _)), _) | (None, Some(campaign)) => program.campaign(campaign),
        (None, None) => None,
    };
    let version = record.and_then(EventRecord::head).map(|head| head.program_version);
    object()
        .with("line", entry_name_in(fact.kind, &entry.kind))
        .with("lot", entry.lot)
        .with_some("campaign_name", campaign.map(|campaign| campaign.spec.name.clone()))
        .with_some("rule", given.map(|(_, rule)| u32::from(rule)))
        .with_some("program_version", version.filter(|_| given.is_some()))
        .with_some(
            "order_lines",
            given.and_then(|(campaign, rule)| order_lines(program, record, campaign, rule)),
        )
        .build()
}

/// The product lines of an event that a rule of a campaign asked for; nothing when it looked at none.
fn order_lines(program: &Program, record: Option<&EventRecord>, campaign: u32, rule: u16) -> Option<Json> {
    let record = record?;
    let (payload, head) = (record.fact.payload.as_ref()?, record.head()?);
    let rule = program.campaign(campaign)?.spec.rules.get(usize::from(rule))?;
    let (state, profile) = (State::default(), Profile::default());
    let view = View::new(head.issued_at, program, &state, &profile, Some(payload));
    let lines: Vec<Json> = rule.conditions.lines(&view).into_iter().map(Json::from).collect();
    (!lines.is_empty()).then_some(Json::List(lines))
}

/// The types of transactions.
pub const TRANSACTION_TYPES: [&str; 6] =
    ["ACCUMULATION", "REDEMPTION", "EXPIRATION", "MIGRATION", "TRANSFER", "REVERSAL"];

/// The type under which a ledger entry is listed as a transaction; inner bookings are not.
const fn transaction_type(of: FactKind, kind: &EntryKind) -> Option<&'static str> {
    let kind = match (of, own_type(kind)) {
        (_, None) => return None,
        (FactKind::Migrated, _) => "MIGRATION",
        (FactKind::Transferred, _) => "TRANSFER",
        (_, Some(kind)) => kind,
    };
    Some(kind)
}

const fn own_type(kind: &EntryKind) -> Option<&'static str> {
    match kind {
        EntryKind::Issued { .. } => Some("ACCUMULATION"),
        EntryKind::Redeemed | EntryKind::RedeemedFromHold => Some("REDEMPTION"),
        EntryKind::Expired | EntryKind::Forfeited => Some("EXPIRATION"),
        EntryKind::Voided
        | EntryKind::Reversed
        | EntryKind::ReversedInPart { .. }
        | EntryKind::Returned
        | EntryKind::OwedReturned
        | EntryKind::DebtRaised => Some("REVERSAL"),
        EntryKind::Held
        | EntryKind::Released
        | EntryKind::Applied
        | EntryKind::Unapplied
        | EntryKind::OwedReleased
        | EntryKind::DebtLowered
        | EntryKind::DebtForgiven
        | EntryKind::ForgivenLowered
        | EntryKind::Extended { .. } => None,
    }
}

/// What a ledger entry of a kind of fact is called.
pub const fn entry_name_in(of: FactKind, kind: &EntryKind) -> &'static str {
    match (of, kind) {
        (FactKind::Transferred, EntryKind::Issued { .. }) => "transferred_in",
        (FactKind::Transferred, EntryKind::Redeemed) => "transferred_out",
        (_, kind) => entry_name(kind),
    }
}

/// What a ledger entry is called in the product's words and in ours.
pub const fn entry_name(kind: &EntryKind) -> &'static str {
    match kind {
        EntryKind::Issued { .. } => "issued",
        EntryKind::Held => "held",
        EntryKind::Released => "released",
        EntryKind::Redeemed => "redeemed",
        EntryKind::RedeemedFromHold => "redeemed_from_hold",
        EntryKind::Returned => "returned",
        EntryKind::Expired => "expired",
        EntryKind::Forfeited => "forfeited",
        EntryKind::Voided => "voided",
        EntryKind::Applied => "applied_to_debt",
        EntryKind::Unapplied => "unapplied",
        EntryKind::Reversed => "reversed",
        EntryKind::ReversedInPart { .. } => "reversed_in_part",
        EntryKind::OwedReleased => "owed_released",
        EntryKind::OwedReturned => "owed_returned",
        EntryKind::DebtRaised => "debt_raised",
        EntryKind::DebtLowered => "debt_lowered",
        EntryKind::DebtForgiven => "debt_forgiven",
        EntryKind::ForgivenLowered => "forgiven_lowered",
        EntryKind::Extended { .. } => "extended",
    }
}

/// The transactions of a fact. `record` names the event they belong to and the merchant's customer.
pub fn transactions(program: &Program, fact: &Fact, record: Option<&EventRecord>) -> Vec<Json> {
    let head = record.and_then(EventRecord::head).or(fact.event.as_ref());
    let order = |name: &str| {
        let payload = record.map_or(fact.payload.as_ref(), |record| record.fact.payload.as_ref());
        payload
            .and_then(|payload| payload.get("order"))
            .and_then(|order| order.text(name))
            .map(ToOwned::to_owned)
    };
    let details =
        fact.payload.as_deref().filter(|_| matches!(fact.kind, FactKind::Adjusted | FactKind::Transferred));
    // With an idempotency key the answer is kept beside the request.
    let details = details.and_then(|said| said.get("request").unwrap_or(said).text("reason"));
    let mut list = Vec::new();
    for (index, entry) in fact.entries().enumerate() {
        let Some(kind) = transaction_type(fact.kind, &entry.kind) else { continue };
        let campaign = match &entry.kind {
            EntryKind::Issued { campaign, .. } => program.campaign(*campaign),
            _ => punch_cards::campaign_of(entry.reward).and_then(|campaign| program.campaign(campaign)),
        };
        let reward_type = match punch_cards::campaign_of(entry.reward) {
            Some(_) => "STAMPS",
            None => program.reward(entry.reward).map_or("POINTS", |reward| reward.spec.kind.name()),
        };
        let cost = program.reward(entry.reward).and_then(|reward| {
            entry.amount.multiply_divide(
                reward.spec.conversion_factor,
                Decimal::ONE,
                6,
                crate::value::Rounding::HalfEven,
            )
        });
        let attributes = attributes(program, fact, entry, record);
        list.push(
            object()
                .with("id", transaction_id(fact, index))
                .with("type", kind)
                .with("customer_id", record.map(|record| record.customer.clone()).unwrap_or_default())
                .with(
                    "brand_id",
                    head.map(|head| head.brand.clone())
                        .filter(|brand| !brand.is_empty())
                        .map(Json::from)
                        .unwrap_or_default(),
                )
                .with("event_id", head.map(|head| Json::from(head.id)).unwrap_or_default())
                .with("event_type", head.map(|head| Json::from(head.event_type.as_str())).unwrap_or_default())
                .with(
                    "campaign_id",
                    campaign.map(|campaign| Json::from(campaign.id.as_str())).unwrap_or_default(),
                )
                .with_some("funded_by", campaign.and_then(|campaign| campaign.spec.funded_by.clone()))
                .with_some("channel_id", order("channel_id"))
                .with_some("store_id", order("store_id"))
                .with("reward_id", reward_id(program, entry.reward))
                .with("reward_type", reward_type)
                .with("amount", entry.amount)
                .with_some("details", details)
                .with_some("cost", cost)
                .with("created_at", fact.at)
                .with("issued_at", head.map_or(fact.at, |head| head.issued_at))
                .with("attributes", attributes)
                .build(),
        );
    }
    list
}

/// The transactions of the past that a fact brought in, newest first: history, marked `migrated`.
pub fn past_transactions(program: &Program, fact: &Fact, customer: &str) -> Vec<Json> {
    let shown = migration::brought_by(fact).iter().enumerate().map(|(index, item)| {
        let at = migration::issued_at(item).unwrap_or(fact.at);
        let part = |name: &str| item.get(name).cloned().filter(|value| !value.is_null());
        let reward = item.text("reward_id").map(str::to_lowercase);
        let kind = reward.as_deref().and_then(|id| program.reward_by_id(id));
        let line = object().with("line", "past").with("effect", migration::effect(item)).build();
        let shown = object()
            .with("id", transaction_id(fact, index))
            .with_some("type", part("type"))
            .with("customer_id", customer)
            .with("brand_id", part("brand_id").unwrap_or_default())
            .with("event_id", Json::Null)
            .with("event_type", item.path("event.type").cloned().unwrap_or_default())
            .with("campaign_id", Json::Null)
            .with_some("funded_by", part("funded_by"))
            .with_some("channel_id", part("channel_id"))
            .with_some("store_id", part("store_id"))
            .with("reward_id", reward.map(Json::from).unwrap_or_default())
            .with("reward_type", kind.map_or("POINTS", |reward| reward.spec.kind.name()))
            .with_some("amount", part("amount"))
            .with_some("details", part("details"))
            .with_some("cost", part("cost"))
            .with("created_at", fact.at)
            .with("issued_at", at)
            .with_some("resolved_at", part("resolved_at"))
            .with("migrated", true)
            .with("attributes", line)
            .build();
        (at, shown)
    });
    let mut shown: Vec<(Timestamp, Json)> = shown.collect();
    shown.sort_by_key(|(at, _)| core::cmp::Reverse(*at));
    shown.into_iter().map(|(_, shown)| shown).collect()
}

/// The id of a transaction: its instant, its fact and its place in it, so that ids rise with time and a cursor
/// needs no look-up.
pub fn transaction_id(fact: &Fact, index: usize) -> Uuid {
    let milliseconds = u64::try_from(fact.at.milliseconds()).unwrap_or(0);
    let mut random = [0_u8; 10];
    let [_, _, sequence @ ..] = fact.sequence.to_be_bytes();
    let index = u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes();
    // The two top bits of two places belong to version and variant: what goes there is kept out of the way.
    let [s0, s1, s2, s3, s4, s5] = sequence;
    let [i0, i1] = index;
    random.copy_from_slice(&[s0 >> 4, (s0 << 4) | (s1 >> 4), s1 & 0x0f, s2, s3, s4, s5, i0, i1, 0]);
    Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_ids_rise_with_fact_and_place() {
        let fact = |sequence: u64| Fact {
            sequence,
            previous: 0,
            at: Timestamp::EPOCH.plus(1_000),
            kind: FactKind::Due,
            event: None,
            about: 0,
            changes: Vec::new(),
            payload: None,
            explanation: None,
        };
        let places =
            [1_u64, 2, 255, 256, 65_535, 65_536, 1 << 24, (1 << 24) + 1, 1 << 32, 1 << 40, (1 << 44) - 1];
        let ids: Vec<Uuid> = places
            .into_iter()
            .flat_map(|sequence| [0, 1, 300].map(|index| transaction_id(&fact(sequence), index)))
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    }
}
