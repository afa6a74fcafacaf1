//! Adjustments: points that a person gives or takes by hand, with a reason and who did it.
//!
//! - H1: what is taken is taken from what can be spent, soonest expiry first, or from one lot that is named; it is never
//!   more than there is, and debt stays as it is.
//! - H2: what is given pays debt first, like anything that becomes available.

use crate::draft::{Draft, FactId};
use crate::fact::FactKind;
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::rejection::Rejection;
use crate::shape::{AMOUNT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, object};
use crate::view;
use crate::wallet::LotOrigin;

/// Points given or taken by hand.
pub const ADJUSTMENT: ObjectShape = ObjectShape {
    name: "WalletAdjustment",
    fields: &[
        required("reward_id", Shape::Uuid, "the reward"),
        required(
            "amount",
            Shape::Number(Decimal::MIN, Decimal::MAX),
            "how much is given; less than 0 is taken",
        ),
        optional("expiration_date", Shape::DateOrInstant, "when what is given expires; never when left out"),
        required("reason", TEXT, "why"),
        optional("actor", TEXT, "who does it"),
    ],
    unknown: Unknown::Refused,
};

/// What is left of a lot is taken, or a part of it.
pub const VOID: ObjectShape = ObjectShape {
    name: "VoidLot",
    fields: &[
        required("lot", Shape::Integer(1, 4_294_967_295), "the lot's number in the customer's wallet"),
        optional("amount", AMOUNT, "how much of it; all that can be spent when left out"),
        required("reason", TEXT, "why"),
        optional("actor", TEXT, "who does it"),
    ],
    unknown: Unknown::Refused,
};

/// An adjustment, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// Points are given, or taken where the amount is below zero.
    Change {
        /// The reward's id.
        reward: String,
        /// How much.
        amount: Decimal,
        /// When what is given expires, as it was written.
        expires_at: Option<String>,
        /// The request as it came.
        request: Json,
    },
    /// A lot is voided.
    Void {
        /// Its number.
        lot: u32,
        /// How much; all that can be spent when left out.
        amount: Option<Decimal>,
        /// The request as it came.
        request: Json,
    },
}

impl Adjustment {
    /// The request as it came: reason and actor.
    pub const fn request(&self) -> &Json {
        match self {
            Self::Change { request, .. } | Self::Void { request, .. } => request,
        }
    }
}

/// Reads points that are given or taken.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_adjustment(json: &Json) -> Result<(Adjustment, Vec<Problem>), Report> {
    let (mut report, root) = (Report::default(), Pointer::root());
    let shape = Shape::Object(&ADJUSTMENT);
    shape.check(json, &root, &mut report);
    let amount = json.number("amount").unwrap_or_default();
    if amount.is_zero() && json.number("amount").is_some() {
        let hint = "more than 0 gives, less takes";
        report.problem(&root.field("amount"), "not_in_range", "the amount is 0", hint);
    }
    if amount.is_negative() && json.get("expiration_date").is_some() {
        let message = "what is taken does not expire";
        report.problem(&root.field("expiration_date"), "contradicts", message, "leave it out");
    }
    report.into_result(Adjustment::Change {
        reward: json.text("reward_id").unwrap_or_default().to_lowercase(),
        amount,
        expires_at: json.text("expiration_date").map(ToOwned::to_owned),
        request: shape.prune(json),
    })
}

/// Reads a lot that is voided.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_void(json: &Json) -> Result<(Adjustment, Vec<Problem>), Report> {
    let (mut report, root) = (Report::default(), Pointer::root());
    let shape = Shape::Object(&VOID);
    shape.check(json, &root, &mut report);
    let amount = json.number("amount");
    if amount.is_some_and(|amount| !amount.is_positive()) {
        report.problem(&root.field("amount"), "not_in_range", "the amount is 0", "take more than 0");
    }
    let lot = json.integer("lot").and_then(|lot| u32::try_from(lot).ok()).unwrap_or(0);
    report.into_result(Adjustment::Void { lot, amount, request: shape.prune(json) })
}

/// Gives or takes points (H1, H2).
pub(crate) fn adjust(draft: &mut Draft<'_>, adjustment: &Adjustment) -> Result<FactId, Rejection> {
    match adjustment {
        Adjustment::Change { reward, amount, expires_at, request } => {
            change(draft, reward, *amount, expires_at.as_deref(), request)
        }
        Adjustment::Void { lot, amount, request } => void(draft, *lot, *amount, request),
    }
}

fn change(
    draft: &mut Draft<'_>,
    reward: &str,
    amount: Decimal,
    expires_at: Option<&str>,
    request: &Json,
) -> Result<FactId, Rejection> {
    let (now, zone) = (draft.now, draft.program.settings().time_zone);
    let found = draft.program.reward_by_id(reward);
    let found = found.ok_or_else(|| Rejection::UnknownReward { id: reward.to_owned() })?;
    let reward = found.number;
    let (mut report, root) = (Report::default(), Pointer::root());
    found.spec.check_places(amount, &root.field("amount"), &mut report);
    if !amount.is_negative() {
        found.spec.check_by_hand(&root.field("reward_id"), &mut report);
    }
    let expires_at = expires_at.and_then(|text| zone.parse_date_or_time(text));
    if let Some(expired) = expires_at.filter(|expires_at| *expires_at <= now) {
        let message = format!("it expired at {expired}");
        report.problem(&root.field("expiration_date"), "expired", message, "give a later date");
    }
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    if amount.is_negative() {
        let available = draft.state.wallet.available(reward);
        if available < -amount {
            return Err(Rejection::InsufficientBalance { wanted: -amount, available });
        }
    }
    let fact = begin(draft, request);
    let origin = LotOrigin { reward, campaign: 0, rule: 0, fact: draft.sequence(fact) };
    draft.post(fact, now, |posting| {
        if amount.is_negative() {
            posting.withdraw(reward, -amount);
        } else {
            posting.issue(origin, amount, expires_at);
        }
    });
    end(draft, fact, request);
    Ok(fact)
}

fn void(
    draft: &mut Draft<'_>,
    number: u32,
    amount: Option<Decimal>,
    request: &Json,
) -> Result<FactId, Rejection> {
    let now = draft.now;
    // What has just expired is closed, whether it was booked before or is only now.
    let open = draft.state.wallet.lot(number).filter(|lot| lot.is_open());
    let lot = open.ok_or(Rejection::LotNotFound { number })?;
    let (reward, available) = (lot.reward, lot.available);
    let wanted = amount.unwrap_or(available);
    let (mut report, root) = (Report::default(), Pointer::root());
    match draft.program.reward(reward) {
        Some(reward) => reward.spec.check_places(wanted, &root.field("amount"), &mut report),
        None if wanted.fits_places(0) => {}
        None => {
            let message = format!("`{wanted}` is no number of stamps");
            report.problem(&root.field("amount"), "too_many_places", message, "take whole ones");
        }
    }
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    if wanted > available || available.is_zero() {
        return Err(Rejection::InsufficientBalance { wanted, available });
    }
    let fact = begin(draft, request);
    draft.post(fact, now, |posting| posting.void(number, wanted));
    end(draft, fact, request);
    Ok(fact)
}

fn begin(draft: &mut Draft<'_>, request: &Json) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Adjusted, now);
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(request.clone())));
    fact
}

fn end(draft: &mut Draft<'_>, fact: FactId, request: &Json) {
    draft.tell("WALLET_ADJUSTED", draft.now, |draft| {
        let part = |name: &str| request.get(name).cloned();
        object()
            .with("customer_id", draft.profile.id())
            .with_some("reason", part("reason"))
            .with_some("actor", part("actor"))
            .with("wallet", view::wallet(draft.program, &draft.state, draft.profile.id()))
            .build()
    });
    draft.summarise(fact);
}
