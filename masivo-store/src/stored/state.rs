//! The stored form of the working state.

use super::quota::{read_amounts, read_sums, write_amounts, write_sums};
use super::{Input, Output};
use crate::error::StoreError;
use masivo_core::consent::Permissions;
use masivo_core::metrics::{Bucket, Metrics, Visit};
use masivo_core::quota::OwnQuotas;
use masivo_core::state::{Instance, Membership, Standby, Standing, State};
use masivo_core::value::Timestamp;
use masivo_core::wallet::{Account, Hold, Lot, SpendingOrder, Wallet};

/// Since version 3 there are quotas, since version 4 birthdays, since version 5 referrals and announcements.
const VERSION: u8 = 5;
const QUOTAS_SINCE: u8 = 3;
const BIRTHDAYS_SINCE: u8 = 4;
const REFERRALS_SINCE: u8 = 5;
const LOT_VERSION: u8 = 2;

/// The bytes of a working state.
pub fn write_state(state: &State) -> Vec<u8> {
    let mut out = Output::version(VERSION);
    out.id(state.id);
    out.flag(state.anonymous);
    out.byte(standing_number(state.standing));
    state.permissions.to_bytes().into_iter().for_each(|byte| out.byte(byte));
    out.number(state.tier);
    out.number(state.tier_before);
    out.number(state.tier_base);
    out.signed(i64::from(state.tier_period));
    write_metrics(&mut out, &state.metrics);
    write_wallet(&mut out, &state.wallet);
    write_sums(&mut out, &state.quotas);
    out.length(state.standbys.len());
    state.standbys.iter().for_each(|standby| write_standby(&mut out, standby));
    out.length(state.memberships.len());
    state.memberships.iter().for_each(|membership| write_membership(&mut out, membership));
    out.number(state.audiences_seen);
    out.length(state.journeys.len());
    state.journeys.iter().for_each(|instance| write_instance(&mut out, instance));
    out.length(state.journeys_done.len());
    state.journeys_done.iter().for_each(|journey| out.number(*journey));
    out.optional_instant(state.birthdays_seen);
    out.length(state.referrals.len());
    state.referrals.iter().for_each(|number| out.number(*number));
    out.number(state.instances_made);
    out.number(state.head);
    out.finish()
}

/// The working state of stored bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when the bytes are not a state.
pub fn read_state(bytes: &[u8]) -> Result<State, StoreError> {
    let mut input = Input::open_since(bytes, "working state", 2..=VERSION)?;
    let input = &mut input;
    let has_quotas = input.version() >= QUOTAS_SINCE;
    let has_birthdays = input.version() >= BIRTHDAYS_SINCE;
    let has_referrals = input.version() >= REFERRALS_SINCE;
    Ok(State {
        id: input.id()?,
        anonymous: input.flag()?,
        standing: read_standing(input)?,
        permissions: Permissions::from_bytes([input.byte()?, input.byte()?]),
        tier: input.small()?,
        tier_before: input.small()?,
        tier_base: input.small()?,
        tier_period: read_i32(input)?,
        metrics: read_metrics(input)?,
        wallet: read_wallet(input)?,
        quotas: if has_quotas { OwnQuotas::from_list(read_sums(input)?) } else { OwnQuotas::default() },
        standbys: input.list(|input| read_standby(input, has_quotas))?,
        memberships: input.list(read_membership)?,
        audiences_seen: input.small()?,
        journeys: input.list(read_instance)?,
        journeys_done: input.list(Input::small)?,
        birthdays_seen: if has_birthdays { input.optional_instant()? } else { None },
        referrals: if has_referrals { input.list(Input::number)? } else { Vec::new() },
        instances_made: input.small()?,
        head: input.number()?,
    })
}

pub(super) const fn standing_number(standing: Standing) -> u8 {
    match standing {
        Standing::Active => 0,
        Standing::Inactive => 1,
        Standing::Deleted => 2,
    }
}

pub(super) fn read_standing(input: &mut Input<'_>) -> Result<Standing, StoreError> {
    match input.byte()? {
        0 => Ok(Standing::Active),
        1 => Ok(Standing::Inactive),
        2 => Ok(Standing::Deleted),
        _ => Err(input.bad()),
    }
}

pub(super) fn read_i32(input: &mut Input<'_>) -> Result<i32, StoreError> {
    i32::try_from(input.signed()?).map_err(|_| input.bad())
}

pub(super) fn write_metrics(out: &mut Output, metrics: &Metrics) {
    let buckets = std::iter::once(&metrics.lifetime).chain(metrics.periods.iter().flatten());
    for bucket in buckets {
        out.signed(i64::from(bucket.number));
        out.decimal(bucket.spend);
        out.number(bucket.purchases);
        out.optional_instant(bucket.last_visit);
    }
    out.length(metrics.visits.len());
    metrics.visits.iter().for_each(|visit| out.instant(*visit));
    out.flag(metrics.more_visits);
}

pub(super) fn read_metrics(input: &mut Input<'_>) -> Result<Metrics, StoreError> {
    let lifetime = read_bucket(input)?;
    let mut periods = [[Bucket::default(); 2]; 3];
    for bucket in periods.iter_mut().flatten() {
        *bucket = read_bucket(input)?;
    }
    Ok(Metrics { lifetime, periods, visits: input.list(Input::instant)?, more_visits: input.flag()? })
}

fn read_bucket(input: &mut Input<'_>) -> Result<Bucket, StoreError> {
    Ok(Bucket {
        number: read_i32(input)?,
        spend: input.decimal()?,
        purchases: input.small()?,
        last_visit: input.optional_instant()?,
    })
}

pub(super) fn write_visit(out: &mut Output, visit: &Visit) {
    out.instant(visit.issued_at);
    out.decimal(visit.spend);
    out.flag(visit.purchase);
}

pub(super) fn read_visit(input: &mut Input<'_>) -> Result<Visit, StoreError> {
    Ok(Visit { issued_at: input.instant()?, spend: input.decimal()?, purchase: input.flag()? })
}

/// The bytes of a closed lot.
pub fn write_lot(lot: &Lot) -> Vec<u8> {
    let mut out = Output::version(LOT_VERSION);
    write_lot_into(&mut out, lot);
    out.finish()
}

/// The closed lot of stored bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when the bytes are not a lot.
pub fn read_lot(bytes: &[u8]) -> Result<Lot, StoreError> {
    read_lot_from(&mut Input::open(bytes, "lot", LOT_VERSION)?)
}

fn write_lot_into(out: &mut Output, lot: &Lot) {
    out.number(lot.number);
    out.number(lot.reward);
    out.number(lot.campaign);
    out.number(lot.rule);
    out.number(lot.fact);
    out.instant(lot.issued_at);
    out.optional_instant(lot.expires_at);
    for amount in [lot.amount, lot.available, lot.held, lot.spent, lot.applied, lot.lapsed] {
        out.decimal(amount);
    }
    out.byte(u8::from(lot.reversed) | u8::from(lot.announced) << 1);
}

fn read_lot_from(input: &mut Input<'_>) -> Result<Lot, StoreError> {
    let mut lot = Lot {
        number: input.small()?,
        reward: input.small()?,
        campaign: input.small()?,
        rule: input.small()?,
        fact: input.number()?,
        issued_at: input.instant()?,
        expires_at: input.optional_instant()?,
        amount: input.decimal()?,
        available: input.decimal()?,
        held: input.decimal()?,
        spent: input.decimal()?,
        applied: input.decimal()?,
        lapsed: input.decimal()?,
        reversed: false,
        announced: false,
    };
    let flags = input.byte()?;
    (lot.reversed, lot.announced) = (flags & 1 != 0, flags & 2 != 0);
    if flags > 3 { Err(input.bad()) } else { Ok(lot) }
}

fn write_wallet(out: &mut Output, wallet: &Wallet) {
    out.length(wallet.lots.len());
    wallet.lots.iter().for_each(|lot| write_lot_into(out, lot));
    out.length(wallet.accounts.len());
    for account in wallet.accounts.values() {
        out.number(account.reward);
        for amount in [
            account.issued,
            account.spent,
            account.expired,
            account.reversed,
            account.forfeited,
            account.debt,
            account.forgiven,
            account.later,
        ] {
            out.decimal(amount);
        }
        if let Some((date, number)) = account.later_from {
            out.instant(date);
            out.number(number);
            out.optional_instant(account.later_unannounced);
        }
    }
    out.number(wallet.lots_made);
}

fn read_wallet(input: &mut Input<'_>) -> Result<Wallet, StoreError> {
    let lots = input.list(read_lot_from)?;
    let accounts = input.list(|input| {
        let mut account = Account {
            reward: input.small()?,
            issued: input.decimal()?,
            spent: input.decimal()?,
            expired: input.decimal()?,
            reversed: input.decimal()?,
            forfeited: input.decimal()?,
            debt: input.decimal()?,
            forgiven: input.decimal()?,
            later: input.decimal()?,
            later_from: None,
            later_unannounced: None,
        };
        if account.later.is_positive() {
            let from: SpendingOrder = (input.instant()?, input.small()?);
            account.later_from = Some(from);
            account.later_unannounced = match input.version() >= REFERRALS_SINCE {
                true => input.optional_instant()?,
                // Nothing was announced before.
                false => Some(from.0).filter(|date| *date < Timestamp::MAX),
            };
        }
        Ok((account.reward, account))
    })?;
    Ok(Wallet {
        lots,
        closed: Vec::new(),
        accounts: accounts.into_iter().collect(),
        lots_made: input.small()?,
    })
}

pub(super) fn write_standby(out: &mut Output, standby: &Standby) {
    out.number(standby.fact);
    out.id(standby.event);
    out.instant(standby.expires_at);
    out.length(standby.holds.len());
    for hold in &standby.holds {
        out.number(hold.reward);
        out.number(hold.lot);
        out.decimal(hold.amount);
    }
    write_amounts(out, &standby.quotas);
}

/// Reads a waiting event; those of older versions hold nothing of quotas.
pub(super) fn read_standby(input: &mut Input<'_>, has_quotas: bool) -> Result<Standby, StoreError> {
    Ok(Standby {
        fact: input.number()?,
        event: input.id()?,
        expires_at: input.instant()?,
        holds: input.list(|input| {
            Ok(Hold { reward: input.small()?, lot: input.small()?, amount: input.decimal()? })
        })?,
        quotas: if has_quotas { read_amounts(input)? } else { Vec::new() },
    })
}

pub(super) fn write_membership(out: &mut Output, membership: &Membership) {
    out.number(membership.audience);
    out.flag(membership.inside);
    out.instant(membership.since);
    out.optional_instant(membership.flips_at);
}

pub(super) fn read_membership(input: &mut Input<'_>) -> Result<Membership, StoreError> {
    Ok(Membership {
        audience: input.small()?,
        inside: input.flag()?,
        since: input.instant()?,
        flips_at: input.optional_instant()?,
    })
}

pub(super) fn write_instance(out: &mut Output, instance: &Instance) {
    out.number(instance.number);
    out.number(instance.journey);
    out.number(instance.version);
    out.number(instance.step);
    out.instant(instance.entered_at);
    out.instant(instance.wakes_at);
    out.number(instance.started_by);
}

pub(super) fn read_instance(input: &mut Input<'_>) -> Result<Instance, StoreError> {
    Ok(Instance {
        number: input.small()?,
        journey: input.small()?,
        version: input.small()?,
        step: input.small()?,
        entered_at: input.instant()?,
        wakes_at: input.instant()?,
        started_by: input.number()?,
    })
}
