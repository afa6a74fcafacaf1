//! How a scenario says what a command did.

use super::{Done, Failure, Scenario, World};
use crate::events::Receipt;
use crate::fact::{Change, EventStatus, Fact, JourneyEnd};
use crate::prelude::*;
use crate::program::Kind;
use crate::punch_cards;
use crate::quota::QuotaMove;
use crate::view;
use crate::wallet::EntryKind;

impl<W: World> Scenario<W> {
    /// The status of the event, why, and what the command did.
    pub(super) fn answer(&mut self, done: &Done) -> Result<String, Failure> {
        let Some(event) = done.event else { return Ok(self.effects(&done.facts)) };
        let record = self.world.event(event)?;
        let shown = view::event(&self.world.program(), &record);
        let reason = shown.get("reason").and_then(|reason| reason.text("code"));
        let mut text = record.status.name().to_owned();
        if let Some(reason) = done.still_expired.as_ref().map(|reason| reason.code()).or(reason) {
            text.push_str(&format!(" ({reason})"));
        }
        let undone = matches!(record.status, EventStatus::Reversed | EventStatus::Cancelled);
        if undone && !done.facts.is_empty() {
            text.push_str(&format!(" receipt {}", Receipt::of(&record).lines.len()));
        }
        let effects = self.effects(&done.facts);
        Ok(if effects.is_empty() { text } else { format!("{text} {effects}") })
    }

    /// What facts did, in a line.
    pub(super) fn effects(&self, facts: &[Fact]) -> String {
        let changes = facts.iter().flat_map(|fact| &fact.changes);
        changes.filter_map(|change| self.effect(change)).collect::<Vec<String>>().join(" ")
    }

    fn effect(&self, change: &Change) -> Option<String> {
        match change {
            Change::Entry(entry) => {
                let (sign, word) = entry_word(&entry.kind)?;
                let unit = if punch_cards::campaign_of(entry.reward).is_some() { " stamps" } else { "" };
                Some(format!("{sign}{}{unit}{word}", entry.amount))
            }
            Change::GiftCard { card, redeemed: false } => Some(format!("card{}", card.place)),
            Change::Quota(entry) => {
                let word = match entry.kind {
                    QuotaMove::Used => "used",
                    QuotaMove::Held => "held",
                    QuotaMove::UsedFromHold => "used_from_hold",
                    QuotaMove::Released => "released",
                    QuotaMove::Returned => "returned",
                };
                Some(format!("[{} {} {word}]", entry.quota.names().0, entry.amount))
            }
            Change::TierChanged { from, to } => {
                Some(format!("{}>{}", self.name_of(Kind::Tier, *from), self.name_of(Kind::Tier, *to)))
            }
            Change::JourneyLeft { journey, why, .. } => {
                let name = self.name_of(Kind::Journey, *journey);
                let why = match why {
                    JourneyEnd::Finished => "finished",
                    other => other.name(),
                };
                Some(format!("left:{name}({why})"))
            }
            _ => None,
        }
    }

    /// What the scenario calls the definition of a number, or what that is called itself.
    pub(super) fn name_of(&self, kind: Kind, number: u32) -> String {
        if let Some(campaign) = punch_cards::campaign_of(number).filter(|_| kind == Kind::Reward) {
            return format!("{} stamps", self.name_of(Kind::Campaign, campaign));
        }
        let program = self.world.program();
        let found = match kind {
            Kind::Tier => program.tier(number).map(|tier| (&tier.id, &tier.spec.name)),
            Kind::Reward => program.reward(number).map(|reward| (&reward.id, &reward.spec.name)),
            Kind::Journey => program.journey(number).map(|journey| (&journey.id, &journey.spec.name)),
            Kind::Campaign => program.campaign(number).map(|campaign| (&campaign.id, &campaign.spec.name)),
            Kind::Audience => program.audience(number).map(|audience| (&audience.id, &audience.spec.name)),
            Kind::Template => program.template(number).map(|template| (&template.id, &template.spec.name)),
            _ => None,
        };
        let Some((id, name)) = found else { return "?".to_owned() };
        self.names.name_of(kind, id).unwrap_or(name).to_owned()
    }
}

/// How an amount is written: its sign, and what happened to it.
const fn entry_word(kind: &EntryKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        EntryKind::Issued { .. } => ("+", ""),
        EntryKind::Held => ("", " held"),
        EntryKind::Released => ("", " released"),
        EntryKind::Redeemed | EntryKind::RedeemedFromHold => ("-", ""),
        EntryKind::Returned | EntryKind::OwedReturned => ("", " returned"),
        EntryKind::Expired => ("", " expired"),
        EntryKind::Forfeited => ("", " forfeited"),
        EntryKind::Voided => ("-", " voided"),
        EntryKind::Applied => ("", " applied"),
        EntryKind::Unapplied => ("", " unapplied"),
        EntryKind::Reversed => ("", " reversed"),
        EntryKind::ReversedInPart { .. } => ("", " reversed_in_part"),
        EntryKind::OwedReleased => ("", " owed_released"),
        EntryKind::DebtRaised => ("", " debt"),
        EntryKind::DebtLowered => ("", " repaid"),
        EntryKind::DebtForgiven => ("", " forgiven"),
        EntryKind::ForgivenLowered => ("", " unforgiven"),
        EntryKind::Extended { .. } => return None,
    })
}
