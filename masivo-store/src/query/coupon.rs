//! The codes of coupon campaigns.

use super::{Page, Query};
use crate::backend::Coupon;
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::program::{CampaignSpec, Definition};
use masivo_core::quota::{Counts, Owner, Quota, Scope};
use masivo_core::value::{Json, object};

impl Query {
    /// The codes of a campaign, supplied ones after generated ones, each with its uses; `after` is the `next` of the page
    /// before.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`] for what is no coupon campaign.
    pub fn codes(&self, campaign: &str, after: Option<&str>, limit: usize) -> Result<Page, SubmitError> {
        let found = self.program.campaign_by_id(campaign);
        let unknown = || Rejection::DefinitionNotFound { kind: "campaign", id: campaign.to_owned() };
        let found = found.filter(|found| found.spec.coupons.is_some()).ok_or_else(unknown)?;
        let first = match after.and_then(|after| after.parse::<u32>().ok()) {
            Some(place) => Coupon::number_of(found.number, place).saturating_add(1),
            None => Coupon::number_of(found.number, 0),
        };
        let mut rows = self.reader.coupons(first, limit.saturating_add(1))?;
        rows.retain(|coupon| Coupon::campaign_of(coupon.number) == found.number);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let place = |coupon: &Coupon| coupon.number & u64::from(u32::MAX);
        let next = rows.last().filter(|_| more).map(|last| place(last).to_string());
        let items = rows.iter().map(|coupon| self.code(coupon)).collect::<Result<_, StoreError>>()?;
        Ok(Page { items, next })
    }

    fn code(&self, coupon: &Coupon) -> Result<Json, StoreError> {
        let owner = Owner::Coupon(coupon.number);
        let uses = Quota { owner, scope: Scope::Everyone, counts: Counts::Times, period: None };
        let sums = self.reader.quota(&uses)?.unwrap_or_default();
        Ok(object()
            .with("code", coupon.code.as_str())
            .with("uses_count", sums.used)
            .with_some("max_uses", uses.most(&self.program))
            .build())
    }

    /// How many codes a campaign has, and how many times they were redeemed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn codes_summary(&self, campaign: &Definition<CampaignSpec>) -> Result<Json, StoreError> {
        let run = self.reader.coupon_runs()?.get(&campaign.number).copied().unwrap_or_default();
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
