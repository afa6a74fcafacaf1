//! What the endpoints do: each reads its request, submits or asks, and shows the answer.

pub(crate) mod audiences;
pub(crate) mod coupons;
pub(crate) mod customers;
pub(crate) mod definitions;
pub(crate) mod events;
pub(crate) mod gift_cards;
pub(crate) mod messages;
pub(crate) mod migration;
pub(crate) mod operation;
pub(crate) mod transactions;

use crate::http::call::Call;
use crate::http::error::Failure;

/// The bounds of a window: `from` and `to`, both inclusive.
///
/// # Errors
/// 400 when it ends before it starts or is wider than 1,000.
fn window(call: &Call) -> Result<(i64, i64), Failure> {
    let from = call.query.integer("from").unwrap_or(0);
    let to = call.query.integer("to").unwrap_or_else(|| from.saturating_add(99));
    if (from..from.saturating_add(1_000)).contains(&to) {
        return Ok((from, to));
    }
    let message = format!("the window from {from} to {to} does not hold 1 to 1,000 items");
    Err(Failure::problem("?to", "not_a_window", message, "from and to are numbers of items, counted from 0"))
}
