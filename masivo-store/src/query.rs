//! Questions to a store, answered as they are shown.
//!
//! A customer is read as of now: whatever fell due by then is applied in memory, by the same code the writer
//! uses, so an answer is exact whether or not a timer has run yet.

mod audience;
mod codes;
mod customer;
mod gift_card;
mod ledger;
mod message;
mod report;
mod seen;
mod usage;

pub use customer::EventFilter;
pub use ledger::{CustomerTransactionFilter, TransactionFilter};
pub use message::{MessageFilter, show_delivery};
pub use report::ReportFilter;

use crate::backend::{ApiKey, CustomerKey, CustomerRow};
use crate::engine::{Handle, Reader, later_lots, load_events};
use crate::error::{StoreError, SubmitError};
use masivo_core::events::NewEvent;
use masivo_core::profile::{CustomerName, comparable_email, comparable_phone};
use masivo_core::program::{Definition, Kind, Program, RewardKind};
use masivo_core::quota::Quotas;
use masivo_core::rule::View;
use masivo_core::series::SeriesSet;
use masivo_core::state::Standing;
use masivo_core::value::{Json, Mint, StoreSecret, Timestamp, object};
use masivo_core::wallet::LaterLots;
use masivo_core::{Context, Customer, Rejection, bring_to, campaigns, redemption};
use std::sync::Arc;

/// Customers of one phone number that are counted.
const SAME_PHONE_MAX: usize = 100;

/// A list, and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What is on the page.
    pub items: Vec<Json>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}

/// Questions at one instant, with the definitions of that instant.
#[derive(Debug)]
pub struct Query {
    pub(crate) reader: Reader,
    pub(crate) program: Arc<Program>,
    pub(crate) now: Timestamp,
    pub(crate) secret: StoreSecret,
}

impl Handle {
    /// Asks the store, as of now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn query(&self) -> Result<Query, StoreError> {
        Ok(Query { reader: self.reader()?, program: self.program(), now: self.now(), secret: self.secret() })
    }
}

impl Query {
    /// The instant the questions are asked at.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The definitions the answers go by.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The customer of a merchant's id, brought to the present.
    pub(crate) fn present(&self, id: &str) -> Result<CustomerRow, SubmitError> {
        match self.reader.customer_by_id(id)? {
            Some(row) => Ok(self.bring_with(row, self.now, true)?),
            None if self.reader.was_erased(self.secret.hash("customer id", &[id.as_bytes()]))? => {
                Err(Rejection::CustomerDeleted.into())
            }
            None => Err(Rejection::CustomerNotFound { id: id.to_owned() }.into()),
        }
    }

    /// The id of the customer that a list names.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerAmbiguous`].
    pub fn customer_named(&self, name: &CustomerName) -> Result<String, SubmitError> {
        let (said, keys) = match name {
            CustomerName::Id(id) => return Ok(id.clone()),
            CustomerName::Email(email) => {
                let hash = self.secret.hash("email", &[comparable_email(email).as_bytes()]);
                (email, self.reader.claim(hash)?.into_iter().collect())
            }
            CustomerName::Phone(phone) => {
                let hash = self.secret.hash("phone", &[comparable_phone(phone).as_bytes()]);
                (phone, self.reader.customers_by_phone(hash, SAME_PHONE_MAX)?)
            }
        };
        let found = match keys.as_slice() {
            [key] => self.reader.customer_by_key(*key)?.map(|row| row.profile.id().to_owned()),
            [] => None,
            many => {
                return Err(Rejection::CustomerAmbiguous { phone: said.clone(), count: many.len() }.into());
            }
        };
        let by = if matches!(name, CustomerName::Email(_)) { "email" } else { "phone" };
        found.ok_or_else(|| Rejection::CustomerNotFound { id: format!("{by} {said}") }.into())
    }

    /// Applies what fell due to a customer that was read.
    pub(crate) fn bring(&self, row: CustomerRow) -> Result<CustomerRow, StoreError> {
        self.bring_with(row, self.now, false)
    }

    /// Makes the series of past events anew where other ones are wanted than a customer has: a rule was written a moment ago.
    fn make_series(&self, row: &mut CustomerRow) -> Result<(), StoreError> {
        if row.state.standing != Standing::Deleted && row.series.is_behind(&self.program) {
            let events = load_events(&*self.reader, row.state.head, row.profile.id())?;
            row.series = SeriesSet::of(&self.program, &events);
        }
        Ok(())
    }

    /// Applies what fell due by an instant; every lot is at hand then, or only what fell due.
    fn bring_with(
        &self,
        mut row: CustomerRow,
        at: Timestamp,
        every_lot: bool,
    ) -> Result<CustomerRow, StoreError> {
        self.make_series(&mut row)?;
        let wallet = &row.state.wallet;
        let wanted = if every_lot { wallet.all_later(at) } else { wallet.later_due(&self.program, at) };
        let later = later_lots(&*self.reader, row.key, &wanted)?;
        self.bring_to_instant(row, &later, at)
    }

    /// Applies what fell due by an instant; `later` are the later lots that fell due.
    fn bring_to_instant(
        &self,
        row: CustomerRow,
        later: &[LaterLots],
        at: Timestamp,
    ) -> Result<CustomerRow, StoreError> {
        let customer = Customer { state: row.state, profile: row.profile, series: row.series };
        let mut quotas = Quotas::new();
        loop {
            // What other customers let go of since is not looked for here: it is when the customer is written.
            let context = Context { now: at, ..self.context(row.key, &quotas) };
            match bring_to(&context, customer.clone(), later.to_vec()) {
                Ok(Customer { state, profile, series }) => {
                    return Ok(CustomerRow { state, profile, series, key: row.key, armed: row.armed });
                }
                Err(unknown) => {
                    for quota in unknown {
                        quotas.insert(quota, self.reader.quota(&quota)?.unwrap_or_default());
                    }
                }
            }
        }
    }

    fn context<'a>(&'a self, customer: CustomerKey, quotas: &'a Quotas) -> Context<'a> {
        let mint = Mint::new(self.secret, self.now, "read", &customer.to_be_bytes());
        Context { quotas, ..Context::new(self.now, &self.program, mint, u64::MAX / 2) }
    }

    /// All definitions of a kind, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn definitions(&self, kind: Kind) -> Result<Vec<Json>, SubmitError> {
        let program = &self.program;
        Ok(match kind {
            Kind::Settings => vec![program.settings_body().clone()],
            Kind::Brand => program.brands().map(Definition::to_json).collect(),
            Kind::EventType => program.event_types().map(Definition::to_json).collect(),
            Kind::Trait => program.traits().map(Definition::to_json).collect(),
            Kind::Tier => program.tiers_by_level().map(Definition::to_json).collect(),
            Kind::Reward => {
                program.rewards().map(|reward| self.reward(reward)).collect::<Result<_, StoreError>>()?
            }
            Kind::Campaign => program
                .campaigns()
                .map(|campaign| self.campaign(campaign))
                .collect::<Result<_, StoreError>>()?,
            Kind::Audience => program
                .audiences()
                .map(|audience| self.audience(audience))
                .collect::<Result<_, StoreError>>()?,
            Kind::Template => program.templates().map(Definition::to_json).collect(),
            Kind::Journey => program.journeys().map(Definition::to_json).collect(),
            Kind::Webhook => program.webhooks().map(without_secret).collect(),
        })
    }

    /// The definition of an id.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`] when there is none.
    pub fn definition(&self, kind: Kind, id: &str) -> Result<Json, SubmitError> {
        let program = &self.program;
        let found = match kind {
            Kind::Settings => Some(program.settings_body().clone()),
            Kind::Brand => program.brand(id).map(Definition::to_json),
            Kind::EventType => program.event_types().find(|known| known.id == id).map(Definition::to_json),
            Kind::Trait => program.computed_trait(id).map(Definition::to_json),
            Kind::Tier => program.tier_by_id(id).map(Definition::to_json),
            Kind::Reward => program.reward_by_id(id).map(|reward| self.reward(reward)).transpose()?,
            Kind::Campaign => {
                program.campaign_by_id(id).map(|campaign| self.campaign(campaign)).transpose()?
            }
            Kind::Audience => {
                program.audience_by_id(id).map(|audience| self.audience(audience)).transpose()?
            }
            Kind::Template => program.template_by_id(id).map(Definition::to_json),
            Kind::Journey => program.journey_by_id(id).map(Definition::to_json),
            Kind::Webhook => program.webhook_by_id(id).map(without_secret),
        };
        found.ok_or_else(|| Rejection::DefinitionNotFound { kind: kind.name(), id: id.to_owned() }.into())
    }

    /// Campaigns that a customer can take part in now: they run, the customer's tier and consent allow it, the customer's
    /// own limits are not reached, and no condition on the customer stands in the way.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn campaigns_open_to(&self, customer: &str, summary: bool) -> Result<Vec<Json>, SubmitError> {
        let row = self.present(customer)?;
        let view = View::new(self.now, &self.program, &row.state, &row.profile, None);
        let open = self.program.campaigns().filter(|campaign| campaigns::is_open_to(campaign, &view));
        let shown = open.map(|campaign| self.campaign_with(campaign, summary));
        Ok(shown.collect::<Result<_, StoreError>>()?)
    }

    /// All campaigns, those with coupons with how many codes they have.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn campaigns_with_codes(&self) -> Result<Vec<Json>, SubmitError> {
        let shown = self.program.campaigns().map(|campaign| self.campaign_with(campaign, true));
        Ok(shown.collect::<Result<_, StoreError>>()?)
    }

    fn campaign_with(
        &self,
        campaign: &Definition<masivo_core::program::CampaignSpec>,
        summary: bool,
    ) -> Result<Json, StoreError> {
        let mut json = self.campaign(campaign)?;
        if summary && campaign.spec.coupons.is_some() {
            let mut attributes = json.get("attributes").cloned().unwrap_or_else(|| object().build());
            attributes.set("codes_summary", self.codes_summary(campaign)?);
            json.set("attributes", attributes);
        }
        Ok(json)
    }

    /// A campaign with the status it has now, and what is used of its budget and limits.
    fn campaign(
        &self,
        campaign: &Definition<masivo_core::program::CampaignSpec>,
    ) -> Result<Json, StoreError> {
        let mut json = campaign.to_json();
        json.set("status", campaign.spec.status(self.now).name());
        if !campaign.spec.limits.is_empty() {
            json.set("usage", self.campaign_usage(campaign)?);
        }
        Ok(json)
    }

    /// A reward, and how much of its stock was given.
    fn reward(&self, reward: &Definition<masivo_core::program::RewardSpec>) -> Result<Json, StoreError> {
        let mut json = reward.to_json();
        if reward.spec.stock.is_some() {
            json.set("usage", self.reward_usage(reward)?);
        }
        if matches!(reward.spec.kind, RewardKind::GiftCard(_)) {
            json.set("codes_summary", self.pool_summary(reward.number)?);
        }
        Ok(json)
    }

    /// What redeeming would do to a cart (V1).
    ///
    /// # Errors
    /// [`Rejection::UnknownBrand`], [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn preview_redemption(&self, event: &NewEvent) -> Result<Json, SubmitError> {
        let row = self.present(&event.customer)?;
        if self.program.brand(&event.brand).is_none() {
            return Err(Rejection::UnknownBrand { id: event.brand.clone() }.into());
        }
        let view = View::new(self.now, &self.program, &row.state, &row.profile, Some(&event.payload));
        Ok(redemption::preview(&view, event))
    }

    /// Per-day sums of a span of UTC days, both inclusive.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn daily(&self, from: i64, to: i64) -> Result<Json, SubmitError> {
        let rows = self.reader.daily(from, to)?.into_iter().map(|row| {
            let day = Timestamp::from_milliseconds(row.day * masivo_core::value::DAY).to_string();
            object()
                .with("day", day.get(..10).unwrap_or_default())
                .with("key", self.daily_key(&row.key))
                .with("count", row.count)
                .with("amount", row.amount)
                .build()
        });
        Ok(Json::List(rows.collect()))
    }

    /// The key of a daily sum with ids in place of numbers.
    fn daily_key(&self, key: &str) -> String {
        let parts: Vec<&str> = key.split('/').collect();
        match parts.as_slice() {
            ["points", number, rest] => {
                let reward = number.parse().ok().and_then(|number| self.program.reward(number));
                format!("points/{}/{rest}", reward.map_or(*number, |reward| reward.id.as_str()))
            }
            ["campaign", campaign, reward, rest] => {
                let numbers = (campaign.parse().ok(), reward.parse().ok());
                let of = numbers.0.and_then(|number| self.program.campaign(number));
                let what = numbers.1.and_then(|number| self.program.reward(number));
                let of = of.map_or(*campaign, |campaign| campaign.id.as_str());
                format!("campaign/{of}/{}/{rest}", what.map_or(*reward, |reward| reward.id.as_str()))
            }
            [what @ "stamps", number, rest] => {
                let campaign = number.parse().ok().and_then(|number| self.program.campaign(number));
                format!("{what}/{}/{rest}", campaign.map_or(*number, |campaign| campaign.id.as_str()))
            }
            _ => key.to_owned(),
        }
    }

    /// All keys of the API.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keys(&self) -> Result<Vec<ApiKey>, SubmitError> {
        Ok(self.reader.api_keys()?)
    }

    /// How many customers there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn customer_count(&self) -> Result<u64, SubmitError> {
        Ok(self.reader.customer_count()?)
    }
}

/// A webhook as it is shown after it was made: the secret is only given once.
fn without_secret(webhook: &Definition<masivo_core::program::WebhookSpec>) -> Json {
    let mut json = webhook.to_json();
    json.remove("secret");
    json
}
