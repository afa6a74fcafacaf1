//! The stored form of quotas: as columns where they are shared, as bytes within states and bookings.

use super::{Input, Output};
use crate::error::StoreError;
use masivo_core::quota::{
    Counts, Owner, Period, PeriodUnit, Quota, QuotaEntry, QuotaMove, QuotaSums, Scope, UsedUp,
};
use masivo_core::value::Decimal;

const COUNTS: [Counts; 9] = [
    Counts::Times,
    Counts::Worth,
    Counts::Units,
    Counts::Redemptions,
    Counts::Stamps,
    Counts::Cards,
    Counts::Periods,
    Counts::Streaks,
    Counts::Codes,
];

/// The columns that name a shared quota: owner, number, counts, unit, period. Their order is the order of quotas.
pub fn quota_columns(quota: &Quota) -> [i64; 5] {
    let (owner, number) = match quota.owner {
        Owner::Campaign(number) => (0, i64::from(number)),
        Owner::Reward(number) => (1, i64::from(number)),
        Owner::Coupon(number) => (2, number.cast_signed()),
    };
    let (unit, period) = quota.period.map_or((0, 0), |period| {
        (place(&PeriodUnit::ALL, &period.unit).saturating_add(1), i64::from(period.number))
    });
    [owner, number, place(&COUNTS, &quota.counts), unit, period]
}

/// The shared quota of stored columns.
///
/// # Errors
/// [`StoreError::Damaged`] when they are not a quota.
pub fn quota_of(columns: [i64; 5]) -> Result<Quota, StoreError> {
    let [owner, number, counts, unit, period] = columns;
    let bad = || StoreError::damaged("a quota");
    let small = || u32::try_from(number).map_err(|_| bad());
    let owner = match owner {
        0 => Owner::Campaign(small()?),
        1 => Owner::Reward(small()?),
        2 => Owner::Coupon(number.cast_unsigned()),
        _ => return Err(bad()),
    };
    let period = match unit {
        0 => None,
        unit => Some(Period {
            unit: pick(&PeriodUnit::ALL, unit - 1).ok_or_else(bad)?,
            number: i32::try_from(period).map_err(|_| bad())?,
        }),
    };
    Ok(Quota { owner, scope: Scope::Everyone, counts: pick(&COUNTS, counts).ok_or_else(bad)?, period })
}

fn place<T: PartialEq>(all: &[T], item: &T) -> i64 {
    all.iter().position(|known| known == item).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn pick<T: Copy>(all: &[T], at: i64) -> Option<T> {
    usize::try_from(at).ok().and_then(|at| all.get(at).copied())
}

fn write_quota(out: &mut Output, quota: &Quota) {
    out.flag(quota.scope == Scope::Customer);
    quota_columns(quota).into_iter().for_each(|column| out.signed(column));
}

fn read_quota(input: &mut Input<'_>) -> Result<Quota, StoreError> {
    let scope = if input.flag()? { Scope::Customer } else { Scope::Everyone };
    let mut columns = [0; 5];
    for column in &mut columns {
        *column = input.signed()?;
    }
    Ok(Quota { scope, ..quota_of(columns)? })
}

pub(super) fn write_entry(out: &mut Output, entry: &QuotaEntry) {
    write_quota(out, &entry.quota);
    let kind = place(&QuotaMove::ALL, &entry.kind);
    out.byte(u8::try_from(kind).unwrap_or(u8::MAX));
    out.decimal(entry.amount);
}

pub(super) fn read_entry(input: &mut Input<'_>) -> Result<QuotaEntry, StoreError> {
    let quota = read_quota(input)?;
    let kind = pick(&QuotaMove::ALL, i64::from(input.byte()?)).ok_or_else(|| input.bad())?;
    Ok(QuotaEntry { quota, kind, amount: input.decimal()? })
}

pub(super) fn write_amounts(out: &mut Output, quotas: &[(Quota, Decimal)]) {
    out.length(quotas.len());
    for (quota, amount) in quotas {
        write_quota(out, quota);
        out.decimal(*amount);
    }
}

pub(super) fn read_amounts(input: &mut Input<'_>) -> Result<Vec<(Quota, Decimal)>, StoreError> {
    input.list(|input| Ok((read_quota(input)?, input.decimal()?)))
}

pub(super) fn write_sums(out: &mut Output, quotas: &masivo_core::quota::OwnQuotas) {
    out.length(quotas.iter().len());
    for (quota, sums) in quotas.iter() {
        write_quota(out, quota);
        out.decimal(sums.used);
        out.decimal(sums.held);
    }
}

pub(super) fn read_sums(input: &mut Input<'_>) -> Result<Vec<(Quota, QuotaSums)>, StoreError> {
    input.list(|input| Ok((read_quota(input)?, QuotaSums { used: input.decimal()?, held: input.decimal()? })))
}

pub(super) fn write_used_up(out: &mut Output, used_up: &UsedUp) {
    write_quota(out, &used_up.quota);
    out.decimal(used_up.wanted);
    out.decimal(used_up.left);
}

pub(super) fn read_used_up(input: &mut Input<'_>) -> Result<UsedUp, StoreError> {
    Ok(UsedUp { quota: read_quota(input)?, wanted: input.decimal()?, left: input.decimal()? })
}
