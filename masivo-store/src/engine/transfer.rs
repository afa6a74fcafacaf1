//! Transfers: the only command that is about two customers. Both sides are booked in one unit.

use super::answer::Answer;
use super::load;
use super::process::{Submitted, apply, decided};
use super::repeat::{hash_key, remember, repeated};
use super::writer::Desk;
use crate::backend::{Made, Unit};
use crate::error::StoreError;
use masivo_core::fact::FactKind;
use masivo_core::transfer::{Moved, Received, Transfer, recipient};
use masivo_core::{Command, Outcome, Rejection};
use uuid::Uuid;

/// Hands points of a customer to another one.
pub(super) fn carry_out(
    desk: &mut Desk,
    unit: &mut impl Unit,
    customer: &str,
    transfer: &Transfer,
    key: Option<&str>,
) -> Submitted<Answer> {
    let send = |transfer: Transfer| Command::Transfer { customer: customer.to_owned(), transfer };
    let comparable = send(transfer.clone()).comparable();
    let hashes = key.and_then(|key| hash_key(desk, Some(key), &comparable));
    if let Some(answer) = repeated(desk, unit, hashes.as_ref())? {
        return Ok(answer);
    }
    let row = load::customer_by_id(desk, unit, &transfer.to)?;
    if row.is_none() && unit.was_erased(desk.shared.secret.hash("customer id", &[transfer.to.as_bytes()]))? {
        return Ok(Err(Rejection::CustomerDeleted.into()));
    }
    let to_wallet = match recipient(&transfer.to, row.as_ref().map(|row| &row.state)) {
        Ok(wallet) => wallet,
        Err(rejection) => return Ok(Err(rejection.into())),
    };
    let command = send(Transfer { to_wallet, ..transfer.clone() });
    let (known, mut sent, answer, receive) = loop {
        let key = hashes.as_ref().map(|hashes| hashes.key);
        let (known, sent) = match decided(desk, unit, &command, key)? {
            Ok(decided) => decided,
            Err(error) => return Ok(Err(error)),
        };
        let Outcome::Transferred { customer: answer, lots } = sent.outcome.clone() else {
            return Err(StoreError::damaged("a transfer that hands nothing over"));
        };
        let receive = receipt(desk, transfer, sent.customer.state.id, lots);
        let numbered = desk.counters.fact;
        // The other side must not refuse once this one is written: it is asked before, and again for good.
        if let Err(error) = decided(desk, unit, &receive, None)? {
            return Ok(Err(error));
        }
        // Asking may have booked what fell due for others, which happens once an instant: then this side is decided anew.
        if desk.counters.fact == numbered {
            break (known, sent, answer, receive);
        }
    };
    let facts = std::mem::take(&mut sent.facts);
    apply(desk, unit, known, sent, &facts, false)?;
    let (known, mut got) = decided(desk, unit, &receive, None)?
        .map_err(|error| StoreError::damaged(format!("the other side of a transfer: {error}")))?;
    let other = std::mem::take(&mut got.facts);
    apply(desk, unit, known, got, &other, false)?;
    let own = facts.iter().find(|fact| fact.kind == FactKind::Transferred);
    remember(desk, unit, hashes, Made::Fact(own.map_or(0, |fact| fact.sequence)))?;
    Ok(Ok(Answer::Document(answer)))
}

fn receipt(desk: &Desk, transfer: &Transfer, from_wallet: Uuid, lots: Vec<Moved>) -> Command {
    let reward = desk.program.reward_by_id(&transfer.reward).map_or(0, |reward| reward.number);
    let received = Received { reward, lots, from_wallet };
    Command::Receive { customer: transfer.to.clone(), received }
}
