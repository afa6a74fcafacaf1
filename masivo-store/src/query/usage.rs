//! What is used of budgets, limits and stock, as of now.

use super::Query;
use crate::error::StoreError;
use masivo_core::program::{CampaignSpec, Definition, RewardSpec};
use masivo_core::quota::{Counts, Owner, Quota, QuotaSums, Scope};
use masivo_core::state::Standby;
use masivo_core::value::{Decimal, Json, object};

/// Customers asked for holds that have run out, in one step.
const PAGE: usize = 256;

impl Query {
    /// What a campaign used of its budget and limits in the periods of now; limits of each customer are not shared.
    pub(super) fn campaign_usage(&self, campaign: &Definition<CampaignSpec>) -> Result<Json, StoreError> {
        let zone = self.program.settings().time_zone;
        let owner = Owner::Campaign(campaign.number);
        let shared = campaign.spec.limits.iter().filter(|limit| limit.scope == Scope::Everyone);
        let quotas: Vec<Quota> = shared.map(|limit| limit.quota(owner, zone, self.now)).collect();
        self.usage(&quotas)
    }

    /// What was given of a reward that is in stock.
    pub(super) fn reward_usage(&self, reward: &Definition<RewardSpec>) -> Result<Json, StoreError> {
        let owner = Owner::Reward(reward.number);
        let stock = Quota { owner, scope: Scope::Everyone, counts: Counts::Units, period: None };
        self.usage(&[stock])
    }

    fn usage(&self, quotas: &[Quota]) -> Result<Json, StoreError> {
        let zone = self.program.settings().time_zone;
        let mut lines = Vec::new();
        for quota in quotas {
            let most = quota.most(&self.program).unwrap_or_default();
            let QuotaSums { used, held } = self.shared_quota(quota)?;
            let left = most.saturating_sub(used).saturating_sub(held).max(Decimal::ZERO);
            lines.push(
                object()
                    .with("what", quota.names().0)
                    .with("counts", quota.counts.name())
                    .with_some("period", quota.period.map(|period| period.unit.name()))
                    .with_some("since", quota.period.map(|period| period.unit.start(zone, period.number)))
                    .with("max", most)
                    .with("used", used)
                    .with("held", held)
                    .with("left", left)
                    .build(),
            );
        }
        Ok(Json::List(lines))
    }

    /// What is taken of a shared quota now: holds that have run out count no more, whether or not that is booked yet.
    pub(super) fn shared_quota(&self, quota: &Quota) -> Result<QuotaSums, StoreError> {
        let mut sums = self.reader.quota(quota)?.unwrap_or_default();
        if sums.held.is_zero() {
            return Ok(sums);
        }
        let expired = |standby: &&Standby| standby.expires_at <= self.now;
        let mut most = PAGE;
        let due = loop {
            let due = self.reader.due(self.now, most)?;
            if due.len() < most {
                break due;
            }
            most *= 2;
        };
        for key in due {
            let Some(row) = self.reader.customer_by_key(key)? else { continue };
            let held = row.state.standbys.iter().filter(expired).flat_map(|standby| &standby.quotas);
            for (_, amount) in held.filter(|(held, _)| held == quota) {
                sums.held = sums.held.saturating_sub(*amount);
            }
        }
        Ok(sums)
    }
}
