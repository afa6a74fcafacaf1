//! The house as a world for scenarios.

use super::{Answer, House};
use masivo_core::events::EventRecord;
use masivo_core::fact::Fact;
use masivo_core::gift_cards::GiftCard;
use masivo_core::outgoing::Target;
use masivo_core::program::{Kind, Program};
use masivo_core::quota::Quotas;
use masivo_core::scenario::{Done, Failure, Sent, World};
use masivo_core::value::{Json, Timestamp};
use masivo_core::{Command, Customer, Outcome, Rejection};
use std::sync::Arc;
use uuid::Uuid;

impl House {
    fn facts_named(&self, sequences: &[u64]) -> Vec<Fact> {
        sequences.iter().map(|sequence| self.fact(*sequence).clone()).collect()
    }

    fn done(&self, answer: &Answer) -> Done {
        let done = Done { facts: self.facts_named(&answer.facts), ..Done::default() };
        let id = |fact: u64| Some(self.fact(fact).event.as_ref().unwrap().id);
        match &answer.outcome {
            Outcome::Event { fact, still_expired } => {
                Done { event: id(*fact), still_expired: still_expired.clone(), ..done }
            }
            Outcome::Coupon { fact, .. } => Done { event: id(*fact), ..done },
            Outcome::Listed(changed) => Done { listed: Some(*changed), ..done },
            _ => done,
        }
    }

    fn known(&self, id: &str) -> Result<u64, Failure> {
        self.ids.get(id).copied().ok_or_else(|| Rejection::CustomerNotFound { id: id.to_owned() }.into())
    }
}

impl World for House {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn program(&self) -> Arc<Program> {
        Arc::clone(&self.program)
    }

    fn pass_to(&mut self, at: Timestamp) -> Result<(), Failure> {
        self.go(at);
        Ok(())
    }

    fn define(&mut self, kind: Kind, id: Option<&str>, body: &Json) -> Result<String, Failure> {
        Ok(Self::define(self, kind, id, body)?.id)
    }

    fn carry_out(&mut self, command: Command) -> Result<Done, Failure> {
        if let Command::Transfer { customer, transfer } = command {
            let [sent, got] = self.transfer(&customer, transfer)?;
            return Ok(Done { other: self.facts_named(&got.facts), ..self.done(&sent) });
        }
        let answer = self.submit(&command)?;
        Ok(self.done(&answer))
    }

    fn customer(&mut self, id: &str) -> Result<Customer, Failure> {
        self.known(id)?;
        Ok(self.read(id))
    }

    fn facts(&mut self, customer: &str) -> Result<Vec<Fact>, Failure> {
        let key = self.known(customer)?;
        self.wake(key);
        Ok(self.facts_of(key).cloned().collect())
    }

    fn event(&mut self, id: Uuid) -> Result<EventRecord, Failure> {
        Ok(self.record(self.event_fact(id)))
    }

    fn take_sent(&mut self, customer: &str) -> Result<Vec<Sent>, Failure> {
        let key = self.known(customer)?;
        self.wake(key);
        let all = std::mem::take(&mut self.outgoing);
        let (mine, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(owner, _)| *owner == key);
        self.outgoing = others;
        let sent = mine.into_iter().map(|(_, outgoing)| match outgoing.target {
            Target::Webhook { event, .. } => Sent::Told(event.to_owned()),
            Target::Email { template, .. } => {
                let suppressed = outgoing.suppressed.map(|reason| reason.name().to_owned());
                Sent::Email { template, at: outgoing.at, suppressed }
            }
            Target::Topic { audience, subscribe } => Sent::Topic { audience, subscribe },
        });
        Ok(sent.collect())
    }

    fn quotas(&mut self) -> Result<Quotas, Failure> {
        self.wake_all();
        Ok(self.quotas.clone())
    }

    fn referral_code(&mut self, customer: &str, campaign: &str, wanted: &str) -> Result<String, Failure> {
        let campaign = self.program.campaign_by_id(campaign).unwrap().number;
        self.refer(customer, campaign, wanted);
        Ok(wanted.to_owned())
    }

    fn gift_card(&mut self, reward: &str, place: u32) -> Result<String, Failure> {
        let reward = self.program.reward_by_id(reward).unwrap().number;
        Ok(super::card_code(&GiftCard { reward, place, lot: 0 }))
    }

    fn add_codes(&mut self, _: Kind, _: &str, _: Vec<String>) -> Result<(), Failure> {
        Err(Failure::Fault("the house takes codes with their definition".to_owned()))
    }
}
