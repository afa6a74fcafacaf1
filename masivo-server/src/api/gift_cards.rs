//! Gift cards: those of a customer, the one of a code, redeeming one.

use crate::http::call::Call;
use crate::http::respond::{Outcome, Reply};
use masivo_core::Command;
use masivo_core::gift_cards::read_card_redemption;
use masivo_store::{CodePool, Work};

/// The gift cards of a customer.
pub(crate) async fn of_customer(call: Call) -> Outcome {
    let id = call.path("id");
    Ok(Reply::data(call.read(move |query| query.gift_cards(&id)).await?))
}

/// The gift card of a code.
pub(crate) async fn get(call: Call) -> Outcome {
    let code = call.path("code");
    Ok(Reply::data(call.read(move |query| query.gift_card(&code)).await?))
}

/// Redeems a card; the answer is its event.
pub(crate) async fn redeem(call: Call) -> Outcome {
    let (redemption, warnings) = read_card_redemption(&call.body)?;
    let answer = call.submit(Work::Customer(Box::new(Command::RedeemGiftCard(redemption)))).await?;
    Ok(Reply::data(call.show(&answer)).warn(warnings))
}

/// The codes of a reward, those that were handed out with one use.
pub(crate) async fn codes(call: Call) -> Outcome {
    super::coupons::list_codes(&call, CodePool::Reward(call.path("id"))).await
}

/// Adds codes to a reward, all or none.
pub(crate) async fn supply(call: Call) -> Outcome {
    super::coupons::supply_to(&call, CodePool::Reward(call.path("id"))).await
}
