//! Gift cards: those of a customer, and the one of a code.

use super::Query;
use crate::backend::{CustomerRow, Holder};
use crate::engine::load_record;
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::coupons::{Coupon, comparable_code};
use masivo_core::fact::EventStatus;
use masivo_core::gift_cards::{CardStatus, GiftCard, pool_of};
use masivo_core::value::{Json, Timestamp, object};
use uuid::Uuid;

/// Codes looked at in one step.
const PAGE: usize = 256;

impl Query {
    /// The gift cards that a customer was ever given, oldest code first of each reward.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn gift_cards(&self, customer: &str) -> Result<Json, SubmitError> {
        let row = self.present(customer)?;
        let booked = self.reader.customer_by_key(row.key)?.unwrap_or_else(|| row.clone());
        let mut cards = Vec::new();
        let mut from = Coupon::number_of(pool_of(0), 0);
        loop {
            let held = self.reader.held_by(row.key, from, PAGE)?;
            let Some(last) = held.last() else { break };
            from = last.number.saturating_add(1);
            for holder in held {
                cards.extend(self.shown_card(&row, &booked, &holder)?);
            }
        }
        Ok(Json::List(cards))
    }

    /// The gift card of a code that was handed out.
    ///
    /// # Errors
    /// [`Rejection::UnknownGiftCard`].
    pub fn gift_card(&self, code: &str) -> Result<Json, SubmitError> {
        let found = match comparable_code(code) {
            Some(code) => self.reader.coupon(&code)?,
            None => None,
        };
        let holder = match found {
            Some(found) => self.reader.holder(found.number)?,
            None => None,
        };
        let holder = holder.ok_or(Rejection::UnknownGiftCard)?;
        let row = self.reader.customer_by_key(holder.customer)?;
        // Nobody holds the cards of an erased customer.
        let row = row.filter(|row| !row.profile.id().is_empty()).ok_or(Rejection::UnknownGiftCard)?;
        let card = self.shown_card(&self.bring(row.clone())?, &row, &holder)?;
        card.ok_or_else(|| Rejection::UnknownGiftCard.into())
    }

    /// A card of a customer who was brought to the present, beside what is booked; `None` for a coupon.
    fn shown_card(
        &self,
        row: &CustomerRow,
        booked: &CustomerRow,
        holder: &Holder,
    ) -> Result<Option<Json>, StoreError> {
        let Some((reward, _)) = GiftCard::of_number(holder.number) else { return Ok(None) };
        let code = self.reader.coupons(holder.number, 1)?.into_iter().next();
        let code = code.filter(|coupon| coupon.number == holder.number).map(|coupon| coupon.code);
        // One that expired a moment ago is booked as open still.
        let mut lots = row.state.wallet.lots.iter().chain(&booked.state.wallet.lots);
        let open = lots.find(|lot| lot.number == holder.lot).cloned();
        let lot = match open {
            Some(lot) => Some(lot),
            None => self.reader.lot(row.key, holder.lot)?,
        };
        let status = lot.as_ref().map_or(CardStatus::Expired, |lot| CardStatus::of(lot, self.now));
        let redeemed = match status {
            CardStatus::Redeemed => self.redemption(row, holder)?,
            _ => None,
        };
        let reward = self.program.reward(reward);
        let description = reward.and_then(|reward| reward.body.text("description").map(ToOwned::to_owned));
        Ok(Some(
            object()
                .with_some("code", code)
                .with_some("reward_id", reward.map(|reward| reward.id.clone()))
                .with("customer_id", row.profile.id())
                .with_some("description", description)
                .with("status", status.name())
                .with("rewarded_at", holder.since)
                .with_some("expired_at", lot.and_then(|lot| lot.expires_at))
                .with_some("redeemed_at", redeemed.map(|(at, _)| at))
                .with_some("redeemed_by_event", redeemed.map(|(_, event)| event))
                .build(),
        ))
    }

    /// When a card was redeemed, and in which event.
    fn redemption(
        &self,
        row: &CustomerRow,
        holder: &Holder,
    ) -> Result<Option<(Timestamp, Uuid)>, StoreError> {
        let Some(fact) = self.reader.fact(holder.redeemed_by)? else { return Ok(None) };
        let record = load_record(&*self.reader, fact, row.profile.id())?;
        let event = record.head().filter(|_| record.status == EventStatus::Resolved).map(|head| head.id);
        Ok(event.map(|event| (record.fact.at, event)))
    }
}
