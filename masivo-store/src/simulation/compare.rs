//! What became of the same history under two programmes.

use super::Fork;
use crate::backend::CustomerRow;
use crate::engine::Handle;
use crate::error::SubmitError;
use crate::query::{Query, ReportFilter};
use masivo_core::program::{Kind, Program};
use masivo_core::punch_cards;
use masivo_core::quota::worth;
use masivo_core::value::{Decimal, Json, Timestamp, object};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Customers read in one step.
const PAGE: usize = 1_000;

/// Customers named among those who gain most, and among those who lose most.
const NAMED: usize = 10;

/// The sums of a campaign that are compared.
const SUMS: [&str; 7] =
    ["issued", "redeemed", "expired", "forfeited", "reversed", "outstanding", "liability"];

/// Compares two forks that played the same steps since an instant: per campaign and reward what became of what was given,
/// budgets, per tier and reward the customers and points, and which customers gain and lose, by what the points that they have
/// and that they spent are worth, less their debts.
///
/// # Errors
/// When a fork cannot be read.
pub fn compare(as_it_is: &Fork, draft: &Fork, since: Timestamp) -> Result<Json, SubmitError> {
    let (before, after) = (as_it_is.engine().handle(), draft.engine().handle());
    let until = before.now();
    let (campaigns, liability) = campaigns(&before, &after, since, until)?;
    let (was, is) = (holdings(&before)?, holdings(&after)?);
    let tiers = counted("tier", &was.tiers, &is.tiers);
    let rewards = counted("reward", &was.rewards, &is.rewards);
    let played = object().with("now", as_it_is.played().to_json()).with("draft", draft.played().to_json());
    Ok(object()
        .with("from", since)
        .with("to", until)
        .with("played", played.build())
        .with("campaigns", Json::List(campaigns))
        .with("budgets", Json::List(budgets(&before, &after)?))
        .with("liability", liability)
        .with("tiers", Json::List(tiers))
        .with("rewards", Json::List(rewards))
        .with("customers", customers(&was.customers, &is.customers))
        .build())
}

/// Both numbers, and how much more the draft has.
fn both(now: Decimal, draft: Decimal) -> Json {
    object().with("now", now).with("draft", draft).with("difference", draft.saturating_sub(now)).build()
}

type Lines = BTreeMap<(String, String), Json>;

fn campaigns(
    before: &Handle,
    after: &Handle,
    since: Timestamp,
    until: Timestamp,
) -> Result<(Vec<Json>, Json), SubmitError> {
    let filter = ReportFilter { from: since.day(), to: until.day(), ..ReportFilter::default() };
    let lines = |handle: &Handle| -> Result<Lines, SubmitError> {
        let report = handle.query()?.campaign_report(&filter)?;
        let key = |line: &Json, name: &str| line.text(name).unwrap_or_default().to_owned();
        let keyed = report
            .items()
            .iter()
            .map(|line| ((key(line, "campaign_id"), key(line, "reward_id")), line.clone()));
        Ok(keyed.collect())
    };
    let (was, is) = (lines(before)?, lines(after)?);
    let keys: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let mut liability = (Decimal::ZERO, Decimal::ZERO);
    let program = after.program();
    let shown = keys.into_iter().map(|key| {
        let sum =
            |lines: &Lines, name: &str| lines.get(key).and_then(|line| line.number(name)).unwrap_or_default();
        liability.0 = liability.0.saturating_add(sum(&was, "liability"));
        liability.1 = liability.1.saturating_add(sum(&is, "liability"));
        let (campaign, reward) = key;
        let mut line = object()
            .with_some("campaign_id", Some(campaign.as_str()).filter(|id| !id.is_empty()))
            .with_some("campaign", program.campaign_by_id(campaign).map(|found| found.spec.name.clone()))
            .with_some("reward_id", Some(reward.as_str()).filter(|id| !id.is_empty()))
            .with_some("reward", program.reward_by_id(reward).map(|found| found.spec.name.clone()))
            .build();
        for name in SUMS {
            line.set(name, both(sum(&was, name), sum(&is, name)));
        }
        line
    });
    let shown = shown.collect();
    Ok((shown, both(liability.0, liability.1)))
}

/// What of their budgets and limits campaigns have used, as the API shows it.
fn budgets(before: &Handle, after: &Handle) -> Result<Vec<Json>, SubmitError> {
    let usage = |handle: &Handle| -> Result<BTreeMap<String, Json>, SubmitError> {
        let campaigns = handle.query()?.definitions(Kind::Campaign)?;
        let used = campaigns.iter().filter_map(|campaign| {
            let id = campaign.text("id")?.to_owned();
            Some((id, campaign.get("usage")?.clone()))
        });
        Ok(used.collect())
    };
    let (was, is) = (usage(before)?, usage(after)?);
    let ids: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let program = after.program();
    let shown = ids.into_iter().map(|id| {
        object()
            .with("campaign_id", id.as_str())
            .with_some("campaign", program.campaign_by_id(id).map(|found| found.spec.name.clone()))
            .with_some("now", was.get(id).cloned())
            .with_some("draft", is.get(id).cloned())
            .build()
    });
    Ok(shown.collect())
}

/// What the points that they have and that they spent are worth, less their debts, and the tier, by customer.
type Customers = BTreeMap<String, (Decimal, String)>;

/// What customers have at the end.
#[derive(Default)]
struct Holdings {
    tiers: BTreeMap<String, Decimal>,
    rewards: BTreeMap<String, Decimal>,
    customers: Customers,
}

fn holdings(fork: &Handle) -> Result<Holdings, SubmitError> {
    let query = fork.query()?;
    let mut holdings = Holdings::default();
    let mut after = 0;
    loop {
        let page = query.reader.customers(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(holdings) };
        after = last.key;
        for row in page {
            holdings.add(&query, &query.bring(row)?);
        }
    }
}

impl Holdings {
    fn add(&mut self, query: &Query, row: &CustomerRow) {
        let program = query.program();
        let tier = program.tier(row.state.tier).map_or_else(String::new, |tier| tier.spec.name.clone());
        let one = self.tiers.entry(tier.clone()).or_default();
        *one = one.saturating_add(Decimal::ONE);
        let mut value = Decimal::ZERO;
        for account in row.state.wallet.accounts.values() {
            let wallet = &row.state.wallet;
            let available = wallet.available(account.reward);
            let sum = self.rewards.entry(named(program, account.reward)).or_default();
            *sum = sum.saturating_add(available);
            // Who could spend more is no worse off.
            let had = available.saturating_add(wallet.held(account.reward)).saturating_add(account.spent);
            // Stamps are worth nothing until their card is full.
            if punch_cards::campaign_of(account.reward).is_none() {
                let had = had.saturating_sub(account.debt);
                value = value.saturating_add(worth(program, account.reward, had));
            }
        }
        self.customers.insert(row.profile.id().to_owned(), (value, tier));
    }
}

/// The name of what is held.
fn named(program: &Program, account: u32) -> String {
    if let Some(campaign) = punch_cards::campaign_of(account) {
        let name = program.campaign(campaign).map_or("", |found| found.spec.name.as_str());
        return format!("stamps of {name}");
    }
    program.reward(account).map_or_else(String::new, |found| found.spec.name.clone())
}

fn counted(of: &'static str, was: &BTreeMap<String, Decimal>, is: &BTreeMap<String, Decimal>) -> Vec<Json> {
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let shown = names.into_iter().map(|name| {
        let count = |counts: &BTreeMap<String, Decimal>| counts.get(name).copied().unwrap_or_default();
        let mut line = object().with(of, name.as_str()).build();
        line.merge(&both(count(was), count(is)));
        line
    });
    shown.collect()
}

/// How many gain and lose, and who most.
fn customers(was: &Customers, is: &Customers) -> Json {
    let of = |customers: &Customers, id: &str| customers.get(id).cloned().unwrap_or_default();
    let mut gain: Vec<(Decimal, &str)> = Vec::new();
    let mut lose: Vec<(Decimal, &str)> = Vec::new();
    let (mut same, mut other_tier) = (0_u64, 0_u64);
    let ids: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for id in ids {
        let ((before, tier_before), (after, tier_after)) = (of(was, id), of(is, id));
        let difference = after.saturating_sub(before);
        match difference.cmp(&Decimal::ZERO) {
            Ordering::Greater => gain.push((difference, id)),
            Ordering::Less => lose.push((difference, id)),
            Ordering::Equal => same += 1,
        }
        other_tier += u64::from(tier_before != tier_after);
    }
    // Who gains or loses most; among equals by id.
    gain.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    lose.sort();
    let count = |customers: &[(Decimal, &str)]| u64::try_from(customers.len()).unwrap_or(u64::MAX);
    let shown = |customers: &[(Decimal, &str)]| -> Vec<Json> {
        let lines = customers.iter().take(NAMED).map(|(_, id)| {
            let ((before, tier_before), (after, tier_after)) = (of(was, id), of(is, id));
            let tiers = object().with("now", tier_before).with("draft", tier_after).build();
            object().with("customer_id", *id).with("value", both(before, after)).with("tier", tiers).build()
        });
        lines.collect()
    };
    object()
        .with("gain", count(&gain))
        .with("lose", count(&lose))
        .with("same", same)
        .with("other_tier", other_tier)
        .with("gain_most", Json::List(shown(&gain)))
        .with("lose_most", Json::List(shown(&lose)))
        .build()
}
