//! Codes of coupon campaigns: supplied ones, and the generation of the others in the background, a few in each group.

use super::answer::Answer;
use super::process::Submitted;
use super::repeat::{hash_key, remember, repeated};
use super::writer::Desk;
use crate::backend::{Coupon, CouponRun, Made, Unit, Write};
use crate::error::StoreError;
use masivo_core::Rejection;
use masivo_core::coupons::{generated_code, read_codes};
use masivo_core::limits::COUPON_CODES_MAX;
use masivo_core::problem::{Pointer, Report};
use masivo_core::program::StoredDefinition;

/// Where the places of supplied codes begin: generated ones are below.
const SUPPLIED: u32 = 1 << 31;

/// Adds supplied codes to a campaign, all or none; those that it has already stay as they are.
pub(super) fn supply(
    desk: &mut Desk,
    unit: &mut impl Unit,
    campaign: &str,
    codes: &[String],
    key: Option<&str>,
) -> Submitted<Answer> {
    let hashes = hash_key(desk, key, &format!("supply codes\n{campaign}\n{}", codes.join("\n")));
    if let Some(answer) = repeated(desk, unit, hashes.as_ref())? {
        return Ok(answer);
    }
    let found = desk.program.campaign_by_id(campaign);
    let Some(number) = found.filter(|found| found.spec.coupons.is_some()).map(|found| found.number) else {
        return Ok(Err(Rejection::DefinitionNotFound { kind: "campaign", id: campaign.to_owned() }.into()));
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

/// Names the codes that belong to another campaign.
pub(super) fn check_free(
    unit: &impl Unit,
    campaign: u32,
    codes: &[(String, String)],
    at: &Pointer<'_>,
    report: &mut Report,
) -> Result<(), StoreError> {
    for (index, (code, shown)) in codes.iter().enumerate() {
        let other = unit.coupon(code)?.filter(|known| Coupon::campaign_of(known.number) != campaign);
        if other.is_some() {
            let message = format!("`{}` is a code of another campaign", shown.escape_debug());
            report.problem(&at.index(index), "code_taken", message, "choose another code");
        }
    }
    Ok(())
}

/// A campaign has at most a million codes.
pub(super) fn check_room(desk: &Desk, campaign: u32, more: usize, at: &Pointer<'_>, report: &mut Report) {
    let run = desk.coupon_runs.get(&campaign).copied().unwrap_or_default();
    let there = i64::from(run.wanted.max(run.made)) + i64::from(run.supplied);
    if more > 0 && there.saturating_add(i64::try_from(more).unwrap_or(i64::MAX)) > COUPON_CODES_MAX {
        let message = format!("the campaign has {there} codes, and {more} more would be too many");
        report.problem(at, "too_many", message, "a campaign has at most a million codes: make another one");
    }
}

/// Adds codes that were checked.
fn add(
    desk: &mut Desk,
    unit: &mut impl Unit,
    campaign: u32,
    codes: &[(String, String)],
) -> Result<(), StoreError> {
    let mut run = desk.coupon_runs.get(&campaign).copied().unwrap_or_default();
    for (code, shown) in codes {
        if unit.coupon(code)?.is_none() {
            let number = Coupon::number_of(campaign, SUPPLIED.saturating_add(run.supplied));
            unit.write(Write::Coupon { coupon: &Coupon { number, code: shown.clone() }, code })?;
            run.supplied += 1;
        }
    }
    keep(desk, unit, campaign, run)
}

fn keep(desk: &mut Desk, unit: &mut impl Unit, campaign: u32, run: CouponRun) -> Result<(), StoreError> {
    desk.coupon_runs.insert(campaign, run);
    unit.write(Write::CouponRun { campaign, run })
}

/// Takes up the codes of a coupon campaign that was written: those that came with it, and how many are to be generated.
/// What is there is never taken away.
pub(super) fn take_up(
    desk: &mut Desk,
    unit: &mut impl Unit,
    stored: &StoredDefinition,
    codes: &[(String, String)],
) -> Result<(), StoreError> {
    let campaign = stored.number;
    let coupons = desk.program.campaign(campaign).and_then(|campaign| campaign.spec.coupons.as_ref());
    let Some(quantity) = coupons.map(|coupons| coupons.quantity) else { return Ok(()) };
    add(desk, unit, campaign, codes)?;
    let mut run = desk.coupon_runs.get(&campaign).copied().unwrap_or_default();
    run.wanted = quantity.max(run.made);
    keep(desk, unit, campaign, run)
}

/// Generates some of the codes that are wanted; gives whether more are.
pub(super) fn generate(desk: &mut Desk, unit: &mut impl Unit, most: usize) -> Result<bool, StoreError> {
    let unfinished = desk.coupon_runs.iter().find(|(_, run)| run.made < run.wanted);
    let Some((campaign, mut run)) = unfinished.map(|(campaign, run)| (*campaign, *run)) else {
        return Ok(false);
    };
    let Some(definition) = desk.program.campaign(campaign) else { return Ok(false) };
    let length = definition.spec.coupons.as_ref().map_or(10, |coupons| coupons.length);
    for _ in 0..most {
        if run.made >= run.wanted {
            break;
        }
        let number = Coupon::number_of(campaign, run.made);
        // A code that came out as another one is made again.
        for attempt in 0.. {
            let code = generated_code(&desk.shared.secret, &definition.id, run.made, attempt, length);
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
    keep(desk, unit, campaign, run)?;
    Ok(desk.coupon_runs.values().any(|run| run.made < run.wanted))
}
