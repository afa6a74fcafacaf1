//! Referrals: codes of customers, and the other customer's side of what was decided. Both sides are booked in one unit
//! (ADR 7).

use super::answer::Answer;
use super::load;
use super::process::{Submitted, apply, decided};
use super::writer::Desk;
use crate::backend::{Coupon, CustomerKey, Holder, Read, Referral, Unit, Write};
use crate::error::{StoreError, SubmitError};
use masivo_core::coupons::{comparable_code, generated_code};
use masivo_core::problem::{Pointer, Report};
use masivo_core::program::{CampaignSpec, Definition, Program};
use masivo_core::quota::{Counts, Owner, Quota, Scope};
use masivo_core::referrals::{FollowUp, FoundCode, completed, leads_to, may_refer, stands};
use masivo_core::value::{Json, Mint, StoreSecret, object};
use masivo_core::{Command, Outcome, Rejection};
use uuid::Uuid;

/// Characters of a referral code, as the product has.
const CODE_LENGTH: usize = 8;
/// Why the reward of whoever referred is reversed.
const UNDONE: &str = "the event that completed the referral was reversed";

/// Gives a customer's code of a campaign; the first time it is made.
pub(super) fn request_code(
    desk: &mut Desk,
    unit: &mut impl Unit,
    customer: &str,
    campaign: &str,
    brand: Option<&str>,
) -> Submitted<Answer> {
    let Some(row) = load::customer_by_id(desk, unit, customer)? else {
        let hash = desk.shared.secret.hash("customer id", &[customer.as_bytes()]);
        let gone = unit.was_erased(hash)?;
        let unknown = || Rejection::CustomerNotFound { id: customer.to_owned() };
        return Ok(Err(if gone { Rejection::CustomerDeleted } else { unknown() }.into()));
    };
    let program = std::sync::Arc::clone(&desk.program);
    let campaign = match may_refer(&program, campaign, &row.state, desk.now) {
        Ok((campaign, _)) => campaign,
        Err(rejection) => return Ok(Err(rejection.into())),
    };
    if let Some(wanted) = campaign.spec.brand.as_deref().filter(|wanted| Some(*wanted) != brand) {
        let (mut report, root) = (Report::default(), Pointer::root());
        let message = format!("the campaign is of brand `{wanted}`");
        report.problem(&root.field("brand_id"), "other_brand", message, "name that brand");
        return Ok(Err(Rejection::Malformed(report).into()));
    }
    let first = Coupon::number_of(campaign.number, 0);
    let held = unit.held_by(row.key, first, 1)?.into_iter().next();
    let held = held.filter(|held| Coupon::campaign_of(held.number) == campaign.number);
    let holder = match held {
        Some(holder) => holder,
        None => make(desk, unit, campaign, row.key)?,
    };
    let shown = shown(&*unit, desk.shared.secret, &program, campaign, &holder, customer)?;
    Ok(Ok(Answer::Document(shown)))
}

fn make(
    desk: &mut Desk,
    unit: &mut impl Unit,
    campaign: &Definition<CampaignSpec>,
    customer: CustomerKey,
) -> Result<Holder, StoreError> {
    let mut run = desk.coupon_runs.get(&campaign.number).copied().unwrap_or_default();
    let number = Coupon::number_of(campaign.number, run.made);
    for attempt in 0.. {
        let code = generated_code(&desk.shared.secret, &campaign.id, run.made, attempt, CODE_LENGTH);
        if unit.coupon(&code)?.is_none() {
            unit.write(Write::Coupon { coupon: &Coupon { number, code: code.clone() }, code: &code })?;
            break;
        }
    }
    run.made += 1;
    run.wanted = run.made;
    desk.coupon_runs.insert(campaign.number, run);
    unit.write(Write::CouponRun { campaign: campaign.number, run })?;
    let holder = Holder { number, customer, lot: 0, since: desk.now, redeemed_by: 0 };
    unit.write(Write::Holder(&holder))?;
    Ok(holder)
}

/// A referral code as it is shown.
fn shown(
    unit: &impl Read,
    secret: StoreSecret,
    program: &Program,
    campaign: &Definition<CampaignSpec>,
    holder: &Holder,
    customer: &str,
) -> Result<Json, StoreError> {
    let code = unit.coupons(holder.number, 1)?.into_iter().next();
    let owner = Owner::Coupon(holder.number);
    let uses = Quota { owner, scope: Scope::Everyone, counts: Counts::Times, period: None };
    let seed = holder.number.to_be_bytes();
    Ok(object()
        .with("id", Mint::new(secret, holder.since, "referral code", &seed).next_id())
        .with("code", code.map(|coupon| coupon.code).unwrap_or_default())
        .with("customer_id", customer)
        .with("campaign_id", campaign.id.as_str())
        .with("uses_count", unit.quota(&uses)?.unwrap_or_default().used)
        .with_some("max_uses", uses.most(program))
        .with("created_at", holder.since)
        .with("metadata", object().build())
        .build())
}

/// The referral code that a command brings for a customer.
pub(super) fn find(
    desk: &mut Desk,
    unit: &impl Unit,
    command: &Command,
    customer: Option<CustomerKey>,
) -> Result<Option<FoundCode>, StoreError> {
    let Some(text) = command.referral_code() else { return Ok(None) };
    let found = match comparable_code(text) {
        Some(code) => unit.coupon(&code)?,
        None => None,
    };
    let holder = match found {
        Some(found) => unit.holder(found.number)?.filter(|holder| holder.lot == 0),
        None => None,
    };
    let Some(holder) = holder else { return Ok(Some(FoundCode::Unknown)) };
    // Nobody refers others who is gone.
    let referrer = load::customer_by_key(desk, unit, holder.customer)?;
    if referrer.is_none_or(|row| row.profile.id().is_empty()) {
        return Ok(Some(FoundCode::Unknown));
    }
    let own = customer == Some(holder.customer);
    let ring = match customer.filter(|_| !own) {
        Some(customer) => leads_to(holder.customer, customer, |one| referred_by(desk, unit, one))?,
        None => false,
    };
    Ok(Some(FoundCode::Of { number: holder.number, own, ring }))
}

/// Who referred a customer, in whichever campaign.
fn referred_by(
    desk: &mut Desk,
    unit: &impl Unit,
    customer: CustomerKey,
) -> Result<Vec<CustomerKey>, StoreError> {
    let numbers = load::customer_by_key(desk, unit, customer)?.map(|row| row.state.referrals);
    let mut referrers = Vec::new();
    for number in numbers.unwrap_or_default() {
        referrers.extend(unit.holder(number)?.map(|holder| holder.customer));
    }
    Ok(referrers)
}

/// Books the other customers' sides of what was decided.
pub(super) fn follow_up(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    while let Some(follow_up) = desk.follow_ups.pop_front() {
        match follow_up {
            FollowUp::Complete { number, event } => complete(desk, unit, number, event)?,
            FollowUp::Undo { event } => undo(desk, unit, event)?,
        }
    }
    Ok(())
}

fn complete(desk: &mut Desk, unit: &mut impl Unit, number: u64, event: u64) -> Result<(), StoreError> {
    let (Some(holder), Some(row)) = (unit.holder(number)?, unit.fact(event)?) else { return Ok(()) };
    let wallet = load::customer_by_key(desk, unit, row.customer)?.map_or(Uuid::nil(), |row| row.state.id);
    let referrer = load::customer_by_key(desk, unit, holder.customer)?;
    let id = referrer.map(|row| row.profile.id().to_owned()).filter(|id| !id.is_empty());
    let Some(customer) = id else { return Ok(()) };
    // What they kept of an earlier purchase of the same customer is not given twice.
    for before in unit.referrals_of_customer(row.customer, number)? {
        if load::record(unit, before.fact, "")?.is_some_and(|record| stands(&record)) {
            return Ok(());
        }
    }
    let referral = completed(number, &row.fact, wallet);
    let made = carry_out(desk, unit, &Command::Refer { customer, referral })?;
    if let Some(fact) = made {
        unit.write(Write::Referral(&Referral { event, number, customer: row.customer, fact }))?;
    }
    Ok(())
}

fn undo(desk: &mut Desk, unit: &mut impl Unit, event: u64) -> Result<(), StoreError> {
    for command in undoing(unit, event)? {
        carry_out(desk, unit, &command)?;
    }
    Ok(())
}

/// What undoes the referrals that an event completed, on the side of those who referred.
pub(super) fn undoing(unit: &impl Read, event: u64) -> Result<Vec<Command>, StoreError> {
    let mut commands = Vec::new();
    for referral in unit.referrals_of_event(event)? {
        let head = unit.fact(referral.fact)?.and_then(|row| row.fact.event);
        commands.extend(head.map(|head| {
            let (event, reason) = (head.id, UNDONE.to_owned());
            Command::Reverse { event, reason, plan: None, part: None }
        }));
    }
    Ok(commands)
}

/// Carries a follow-up out; what is refused (a customer who is gone, points that a policy keeps) stays as it is. Gives the
/// fact of its event.
fn carry_out(desk: &mut Desk, unit: &mut impl Unit, command: &Command) -> Result<Option<u64>, StoreError> {
    let (known, mut decision) = match decided(desk, unit, command, None)? {
        Ok(decided) => decided,
        Err(SubmitError::Rejected(_) | SubmitError::Bug { .. }) => return Ok(None),
        Err(error) => return Err(StoreError::damaged(format!("a referral: {error}"))),
    };
    let made = match &decision.outcome {
        Outcome::Event { fact, .. } => Some(*fact),
        _ => None,
    };
    let facts = std::mem::take(&mut decision.facts);
    apply(desk, unit, known, decision, &facts, false)?;
    Ok(made)
}
