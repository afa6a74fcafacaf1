//! The codes of coupon campaigns and gift cards.

use super::{Page, Query};
use crate::backend::{Coupon, CouponRun};
use crate::engine::CodePool;
use crate::error::{StoreError, SubmitError};
use masivo_core::gift_cards::{self, GiftCard};
use masivo_core::program::{CampaignSpec, Definition};
use masivo_core::quota::{Counts, Owner, Quota, Scope};
use masivo_core::value::{Json, object};

impl Query {
    /// The codes of a pool, each with its uses; those of a campaign that were supplied come after those that were generated,
    /// those of gift cards in the order they are handed out. `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`masivo_core::Rejection::DefinitionNotFound`] for what has no codes.
    pub fn codes(&self, pool: &CodePool, after: Option<&str>, limit: usize) -> Result<Page, SubmitError> {
        let pool = pool.find(&self.program)?;
        let first = match after.and_then(|after| after.parse::<u32>().ok()) {
            Some(place) => Coupon::number_of(pool, place).saturating_add(1),
            None => Coupon::number_of(pool, 0),
        };
        let mut rows = self.reader.coupons(first, limit.saturating_add(1))?;
        rows.retain(|coupon| Coupon::campaign_of(coupon.number) == pool);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let place = |coupon: &Coupon| coupon.number & u64::from(u32::MAX);
        let next = rows.last().filter(|_| more).map(|last| place(last).to_string());
        let items = rows.iter().map(|coupon| self.code(coupon)).collect::<Result<_, StoreError>>()?;
        Ok(Page { items, next })
    }

    fn code(&self, coupon: &Coupon) -> Result<Json, StoreError> {
        if GiftCard::of_number(coupon.number).is_some() {
            // A card is used by being handed out, once.
            let used = u32::from(self.reader.holder(coupon.number)?.is_some());
            let code = object().with("code", coupon.code.as_str());
            return Ok(code.with("uses_count", used).with("max_uses", 1_u32).build());
        }
        let owner = Owner::Coupon(coupon.number);
        let uses = Quota { owner, scope: Scope::Everyone, counts: Counts::Times, period: None };
        let sums = self.reader.quota(&uses)?.unwrap_or_default();
        Ok(object()
            .with("code", coupon.code.as_str())
            .with("uses_count", sums.used)
            .with_some("max_uses", uses.most(&self.program))
            .build())
    }

    fn run(&self, pool: u32) -> Result<CouponRun, StoreError> {
        Ok(self.reader.coupon_runs()?.get(&pool).copied().unwrap_or_default())
    }

    /// How many codes the pool of a gift card has, and how many of them were handed out or are held.
    pub(super) fn pool_summary(&self, reward: u32) -> Result<Json, StoreError> {
        let run = self.run(gift_cards::pool_of(reward))?;
        let sums = self.shared_quota(&gift_cards::handed_out(reward))?;
        Ok(object()
            .with("wanted", run.wanted)
            .with("generated", run.made)
            .with("supplied", run.supplied)
            .with("handed_out", sums.used)
            .with("held", sums.held)
            .build())
    }

    /// How many codes a campaign has, and how many times they were redeemed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn codes_summary(&self, campaign: &Definition<CampaignSpec>) -> Result<Json, StoreError> {
        let run = self.run(campaign.number)?;
        let owner = Owner::Campaign(campaign.number);
        let count = Quota { owner, scope: Scope::Everyone, counts: Counts::Redemptions, period: None };
        let redeemed = self.reader.quota(&count)?.unwrap_or_default().used;
        Ok(object()
            .with("wanted", run.wanted)
            .with("generated", run.made)
            .with("supplied", run.supplied)
            .with("redeemed", redeemed)
            .build())
    }
}
