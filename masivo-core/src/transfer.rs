//! Transfers: points that one customer hands to another, where the reward allows it.
//!
//! - X1: what is handed over is what can be spent, soonest expiry first, and keeps its dates and the campaign that pays for it.
//! - X2: for the sender it is spent: when the purchase that gave it is returned, the sender owes it. Otherwise buying,
//!   handing over and returning would pay; so a reward that forgives debt, or refuses it, is not transferable.
//! - X3: both sides are booked together or not at all; each names the other's wallet and no merchant's id, and what was
//!   said about it stays with the sender, so that erasing one customer leaves nothing of them with the other.

use crate::draft::{Draft, FactId};
use crate::fact::FactKind;
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::rejection::Rejection;
use crate::shape::{AMOUNT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::state::{Standing, State};
use crate::value::{Decimal, Json, Timestamp, object};
use crate::view;
use crate::wallet::{EntryKind, Lot, LotOrigin};
use uuid::Uuid;

/// Points handed to another customer.
pub const TRANSFER: ObjectShape = ObjectShape {
    name: "WalletTransfer",
    fields: &[
        required("to_customer_id", Shape::Id, "the merchant's id of the customer who gets them"),
        required("reward_id", Shape::Uuid, "the reward; its attributes say transferable: true"),
        required("amount", AMOUNT, "how much"),
        required("reason", TEXT, "why"),
        optional("actor", TEXT, "who does it"),
    ],
    unknown: Unknown::Refused,
};

/// A transfer, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The merchant's id of the customer who gets the points.
    pub to: String,
    /// The reward's id.
    pub reward: String,
    /// How much.
    pub amount: Decimal,
    /// The engine's id of the wallet that gets them; known once that customer was looked up.
    pub to_wallet: Uuid,
    /// The request as it came.
    pub request: Json,
}

/// What the other customer gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The reward's number.
    pub reward: u32,
    /// The lots, with the dates they had.
    pub lots: Vec<Moved>,
    /// The wallet they come from.
    pub from_wallet: Uuid,
}

/// A part of a lot that is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How much.
    pub amount: Decimal,
    /// The campaign that gave it; 0 when none did.
    pub campaign: u32,
    /// The rule of the campaign.
    pub rule: u16,
    /// When it was given.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// Reads a transfer from a customer.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_transfer(from: &str, json: &Json) -> Result<(Transfer, Vec<Problem>), Report> {
    let (mut report, root) = (Report::default(), Pointer::root());
    let shape = Shape::Object(&TRANSFER);
    shape.check(json, &root, &mut report);
    let amount = json.number("amount").unwrap_or_default();
    if json.number("amount").is_some() && !amount.is_positive() {
        report.problem(&root.field("amount"), "not_in_range", "the amount is 0", "hand over more than 0");
    }
    let to = json.text("to_customer_id").unwrap_or_default().to_owned();
    if to == from {
        let message = "a customer cannot hand points to themselves";
        report.problem(&root.field("to_customer_id"), "same_customer", message, "name another customer");
    }
    report.into_result(Transfer {
        to,
        reward: json.text("reward_id").unwrap_or_default().to_lowercase(),
        amount,
        to_wallet: Uuid::nil(),
        request: shape.prune(json),
    })
}

/// The wallet of the customer who is to get points; `state` is nothing when there is no such customer.
///
/// # Errors
/// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`], [`Rejection::CustomerInactive`].
pub fn recipient(id: &str, state: Option<&State>) -> Result<Uuid, Rejection> {
    let state = state.ok_or_else(|| Rejection::CustomerNotFound { id: id.to_owned() })?;
    match state.standing {
        Standing::Active => Ok(state.id),
        Standing::Deleted => Err(Rejection::CustomerDeleted),
        Standing::Inactive => Err(Rejection::CustomerInactive),
    }
}

/// Takes what a customer hands over (X1, X2); gives what the other one gets.
pub(crate) fn send(draft: &mut Draft<'_>, transfer: &Transfer) -> Result<(FactId, Vec<Moved>), Rejection> {
    if draft.state.standing != Standing::Active {
        return Err(Rejection::CustomerInactive);
    }
    let found = draft.program.reward_by_id(&transfer.reward);
    let found = found.ok_or_else(|| Rejection::UnknownReward { id: transfer.reward.clone() })?;
    if !found.spec.transferable {
        return Err(Rejection::NotTransferable);
    }
    let (reward, wanted) = (found.number, transfer.amount);
    let mut report = Report::default();
    found.spec.check_places(wanted, &Pointer::root().field("amount"), &mut report);
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    let mut said = transfer.request.clone();
    said.remove("to_customer_id");
    said.set("to_wallet_id", transfer.to_wallet);
    let fact = begin(draft, said);
    let now = draft.now;
    draft
        .post(fact, now, |posting| posting.redeem(reward, wanted))
        .map_err(|short| Rejection::InsufficientBalance { wanted, available: short.available })?;
    let moved: Vec<Moved> = draft
        .entries_of(fact)
        .filter(|entry| entry.kind == EntryKind::Redeemed)
        .filter_map(|entry| {
            let lot = draft.state.wallet.lot(entry.lot)?;
            let Lot { campaign, rule, issued_at, expires_at, .. } = *lot;
            Some(Moved { amount: entry.amount, campaign, rule, issued_at, expires_at })
        })
        .collect();
    end(draft, fact, "out", reward, wanted, &transfer.request);
    Ok((fact, moved))
}

/// Gives a customer what another one hands over; debt is paid from it first.
pub(crate) fn receive(draft: &mut Draft<'_>, received: &Received) -> Result<FactId, Rejection> {
    recipient(draft.profile.id(), Some(&draft.state))?;
    let fact = begin(draft, object().with("from_wallet_id", received.from_wallet).build());
    let (now, reward) = (draft.now, received.reward);
    let fact_number = draft.sequence(fact);
    draft.post(fact, now, |posting| {
        for moved in &received.lots {
            let Moved { campaign, rule, .. } = *moved;
            let origin = LotOrigin { reward, campaign, rule, fact: fact_number };
            posting.issue_dated(origin, moved.amount, moved.issued_at, moved.expires_at);
        }
    });
    let sum = received.lots.iter().fold(Decimal::ZERO, |sum, moved| sum.saturating_add(moved.amount));
    end(draft, fact, "in", reward, sum, &Json::Null);
    Ok(fact)
}

fn begin(draft: &mut Draft<'_>, said: Json) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Transferred, now);
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(said)));
    fact
}

/// Tells what moved, with what was said about it.
fn end(draft: &mut Draft<'_>, fact: FactId, direction: &str, reward: u32, amount: Decimal, said: &Json) {
    draft.tell("WALLET_TRANSFERRED", draft.now, |draft| {
        let part = |name: &str| said.get(name).cloned();
        let reward = draft.program.reward(reward);
        object()
            .with("customer_id", draft.profile.id())
            .with("direction", direction)
            .with_some("reward_id", reward.map(|reward| reward.id.clone()))
            .with("amount", amount)
            .with_some("reason", part("reason"))
            .with_some("actor", part("actor"))
            .with("wallet", view::wallet(draft.program, &draft.state, draft.profile.id()))
            .build()
    });
    draft.summarise(fact);
}
