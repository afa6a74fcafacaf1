//! Codes of coupon campaigns and gift cards: supplied ones, and the generation of the others in the background, a few in
//! each group.

use super::answer::Answer;
use super::process::Submitted;
use super::repeat::{hash_key, remember, repeated};
use super::request::CodePool;
use super::writer::Desk;
use crate::backend::{Coupon, CouponRun, Made, Unit, Write};
use crate::error::StoreError;
use masivo_core::Rejection;
use masivo_core::coupons::{generated_code, read_codes};
use masivo_core::gift_cards;
use masivo_core::limits::COUPON_CODES_MAX;
use masivo_core::problem::{Pointer, Report};
use masivo_core::program::{Kind, Program, RewardKind, StoredDefinition};
use masivo_core::quota::{QuotaEntry, QuotaMove};
use masivo_core::value::Decimal;

/// Where the places of supplied coupons begin: generated ones are below. Gift cards are handed out in the order of their
/// places, so those have no gap.
const SUPPLIED: u32 = 1 << 31;

/// Adds supplied codes to a pool, all or none; those that it has already stay as they are.
pub(super) fn supply(
    desk: &mut Desk,
    unit: &mut impl Unit,
    pool: &CodePool,
    codes: &[String],
    key: Option<&str>,
) -> Submitted<Answer> {
    let (kind, id) = pool.definition();
    let kind = if kind == "campaign" { String::new() } else { format!(" of {kind}") };
    let hashes = hash_key(desk, key, &format!("supply codes{kind}\n{id}\n{}", codes.join("\n")));
    if let Some(answer) = repeated(desk, unit, hashes.as_ref())? {
        return Ok(answer);
    }
    let number = match pool.find(&desk.program) {
        Ok(number) => number,
        Err(rejection) => return Ok(Err(rejection.into())),
    };
    let (mut report, root) = (Report::default(), Pointer::root());
    let at = root.field("codes");
    let texts: Vec<&str> = codes.iter().map(String::as_str).collect();
    let read = read_codes(&texts, &at, &mut report);
    check_free(unit, number, &read, &at, &mut report)?;
    check_room(desk, number, read.len(), &at, &mut report);
    if report.has_problems() {
        return Ok(Err(Rejection::Malformed(report).into()));
    }
    add(desk, unit, number, &read)?;
    let count = u64::try_from(read.len()).unwrap_or(u64::MAX);
    remember(desk, unit, hashes, Made::Count(count))?;
    Ok(Ok(Answer::Count(count)))
}

/// Names the codes that belong to another pool.
pub(super) fn check_free(
    unit: &impl Unit,
    pool: u32,
    codes: &[(String, String)],
    at: &Pointer<'_>,
    report: &mut Report,
) -> Result<(), StoreError> {
    for (index, (code, shown)) in codes.iter().enumerate() {
        let other = unit.coupon(code)?.filter(|known| Coupon::campaign_of(known.number) != pool);
        if other.is_some() {
            let message = format!("`{}` is a code of another campaign or gift card", shown.escape_debug());
            report.problem(&at.index(index), "code_taken", message, "choose another code");
        }
    }
    Ok(())
}

/// A pool has at most a million codes.
pub(super) fn check_room(desk: &Desk, pool: u32, more: usize, at: &Pointer<'_>, report: &mut Report) {
    let run = desk.coupon_runs.get(&pool).copied().unwrap_or_default();
    let there = i64::from(run.wanted.max(run.made)) + i64::from(run.supplied);
    if more > 0 && there.saturating_add(i64::try_from(more).unwrap_or(i64::MAX)) > COUPON_CODES_MAX {
        let message = format!("there are {there} codes, and {more} more would be too many");
        report.problem(at, "too_many", message, "at most a million codes: make another campaign or reward");
    }
}

/// Adds codes that were checked.
fn add(
    desk: &mut Desk,
    unit: &mut impl Unit,
    pool: u32,
    codes: &[(String, String)],
) -> Result<(), StoreError> {
    let mut run = desk.coupon_runs.get(&pool).copied().unwrap_or_default();
    for (code, shown) in codes {
        if unit.coupon(code)?.is_none() {
            let place = match gift_cards::reward_of(pool) {
                None => SUPPLIED.saturating_add(run.supplied),
                Some(_) => run.made.saturating_add(run.supplied),
            };
            let number = Coupon::number_of(pool, place);
            unit.write(Write::Coupon { coupon: &Coupon { number, code: shown.clone() }, code })?;
            run.supplied += 1;
        }
    }
    keep(desk, unit, pool, run)
}

/// Keeps how far the codes of a pool are; those of gift cards are the stock that there is.
fn keep(desk: &mut Desk, unit: &mut impl Unit, pool: u32, run: CouponRun) -> Result<(), StoreError> {
    let before = desk.coupon_runs.insert(pool, run).unwrap_or_default();
    if let Some(reward) = gift_cards::reward_of(pool) {
        let count = |run: &CouponRun| run.made.saturating_add(run.supplied);
        let more = count(&run).saturating_sub(count(&before));
        let amount = Decimal::from_count(u64::from(more));
        desk.quotas
            .book(unit, &QuotaEntry { quota: gift_cards::pool(reward), kind: QuotaMove::Used, amount })?;
    }
    unit.write(Write::CouponRun { campaign: pool, run })
}

/// The codes that a definition wants generated: of which pool, how many, and how long each is.
pub(crate) fn wanted(program: &Program, pool: u32) -> Option<(String, u32, usize)> {
    match gift_cards::reward_of(pool) {
        None => {
            let campaign = program.campaign(pool)?;
            let coupons = campaign.spec.coupons.as_ref()?;
            Some((campaign.id.clone(), coupons.quantity, coupons.length))
        }
        Some(reward) => {
            let reward = program.reward(reward)?;
            let RewardKind::GiftCard(cards) = reward.spec.kind else { return None };
            Some((reward.id.clone(), cards.quantity, cards.length))
        }
    }
}

/// Takes up the codes of a coupon campaign or gift card that was written: those that came with it, and how many are to be
/// generated. What is there is never taken away.
pub(super) fn take_up(
    desk: &mut Desk,
    unit: &mut impl Unit,
    stored: &StoredDefinition,
    codes: &[(String, String)],
) -> Result<(), StoreError> {
    let pool = match stored.kind {
        Kind::Campaign => stored.number,
        Kind::Reward => gift_cards::pool_of(stored.number),
        _ => return Ok(()),
    };
    let Some((_, quantity, _)) = wanted(&desk.program, pool) else { return Ok(()) };
    add(desk, unit, pool, codes)?;
    let mut run = desk.coupon_runs.get(&pool).copied().unwrap_or_default();
    run.wanted = quantity.max(run.made);
    keep(desk, unit, pool, run)
}

/// Generates some of the codes that are wanted; gives whether more are.
pub(super) fn generate(desk: &mut Desk, unit: &mut impl Unit, most: usize) -> Result<bool, StoreError> {
    let unfinished = desk.coupon_runs.iter().find(|(_, run)| run.made < run.wanted);
    let Some((pool, mut run)) = unfinished.map(|(pool, run)| (*pool, *run)) else {
        return Ok(false);
    };
    let Some((id, _, length)) = wanted(&desk.program, pool) else { return Ok(false) };
    for _ in 0..most {
        if run.made >= run.wanted {
            break;
        }
        let place = match gift_cards::reward_of(pool) {
            None => run.made,
            Some(_) => run.made.saturating_add(run.supplied),
        };
        let number = Coupon::number_of(pool, place);
        // A code that came out as another one is made again.
        for attempt in 0.. {
            let code = generated_code(&desk.shared.secret, &id, place, attempt, length);
            let known = unit.coupon(&code)?;
            if known.as_ref().is_some_and(|known| known.number == number) {
                break;
            }
            if known.is_none() {
                unit.write(Write::Coupon { coupon: &Coupon { number, code: code.clone() }, code: &code })?;
                break;
            }
        }
        run.made += 1;
    }
    keep(desk, unit, pool, run)?;
    Ok(desk.coupon_runs.values().any(|run| run.made < run.wanted))
}
