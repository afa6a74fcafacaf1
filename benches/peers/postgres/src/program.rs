//! Campaigns, audiences, tiers and webhooks: read once from the database, judged in memory.

use crate::event::{Body, Event};
use tokio_postgres::{Client, Error};

/// Everything that events are judged by.
#[derive(Debug)]
pub struct Program {
    campaigns: Vec<Campaign>,
    pub visits: Visits,
    pub spends: Spends,
    pub tiers: Tiers,
    pub webhooks: Vec<i32>,
}

/// A campaign: its conditions, and how many points an order is worth.
#[derive(Debug)]
struct Campaign {
    id: i32,
    trigger: String,
    value_above: i64,
    methods: Vec<String>,
    sku_prefix: String,
    purchases_below: i64,
    amount: i64,
    unit: i64,
    months: i32,
}

/// Audiences of those who visited within so many days.
#[derive(Debug, Default)]
pub struct Visits {
    pub audiences: Vec<i32>,
    pub days: Vec<i32>,
}

/// Audiences of those who spent more than so much this year.
#[derive(Debug, Default)]
pub struct Spends {
    pub audiences: Vec<i32>,
    pub bounds: Vec<i64>,
}

/// Tiers from the lowest, with what has to be spent this year.
#[derive(Debug, Default)]
pub struct Tiers {
    pub ids: Vec<i32>,
    pub bounds: Vec<i64>,
}

/// Campaigns whose conditions on the event hold; only the customer's number of purchases is still open.
#[derive(Debug, Default)]
pub struct Candidates {
    pub campaigns: Vec<i32>,
    pub points: Vec<i64>,
    pub purchases_below: Vec<i64>,
    pub months: Vec<i32>,
}

impl Program {
    /// Reads the program. Audiences by country are no concern of an event, which cannot change a country.
    ///
    /// # Errors
    /// When the database does.
    pub async fn read(client: &Client) -> Result<Self, Error> {
        let campaigns = client.query("SELECT * FROM campaign ORDER BY id", &[]).await?;
        let campaigns = campaigns.iter().map(|row| Campaign {
            id: row.get("id"),
            trigger: row.get("trigger"),
            value_above: row.get("value_above"),
            methods: row.get("methods"),
            sku_prefix: row.get("sku_prefix"),
            purchases_below: row.get("purchases_below"),
            amount: row.get("amount"),
            unit: row.get("unit"),
            months: row.get("months"),
        });
        let (mut visits, mut spends, mut tiers) = (Visits::default(), Spends::default(), Tiers::default());
        for row in client.query("SELECT id, days, spend_above FROM audience ORDER BY id", &[]).await? {
            if let Some(days) = row.get("days") {
                visits.audiences.push(row.get("id"));
                visits.days.push(days);
            }
            if let Some(bound) = row.get("spend_above") {
                spends.audiences.push(row.get("id"));
                spends.bounds.push(bound);
            }
        }
        for row in client.query("SELECT id, spend_at_least FROM tier ORDER BY spend_at_least", &[]).await? {
            tiers.ids.push(row.get("id"));
            tiers.bounds.push(row.get("spend_at_least"));
        }
        let webhooks = client.query("SELECT id FROM webhook", &[]).await?;
        let webhooks = webhooks.iter().map(|row| row.get("id")).collect();
        Ok(Self { campaigns: campaigns.collect(), visits, spends, tiers, webhooks })
    }

    /// The campaigns an event could earn from.
    pub fn candidates(&self, event: &Event<'_>) -> Candidates {
        let mut candidates = Candidates::default();
        for campaign in self.campaigns.iter().filter(|campaign| campaign.matches(&event.body, event.value)) {
            candidates.campaigns.push(campaign.id);
            candidates.points.push(event.value / campaign.unit * campaign.amount);
            candidates.purchases_below.push(campaign.purchases_below);
            candidates.months.push(campaign.months);
        }
        candidates
    }
}

impl Campaign {
    fn matches(&self, body: &Body<'_>, value: i64) -> bool {
        let Some(order) = &body.order else { return false };
        body.kind == self.trigger
            && value > self.value_above
            && order.payment_method.as_ref().is_some_and(|method| self.methods.iter().any(|m| m == method))
            && order.products.iter().any(|product| product.sku.starts_with(&self.sku_prefix))
    }
}

impl Candidates {
    /// Those that hold for a customer with so many purchases.
    #[must_use]
    pub fn of_customer_with(mut self, purchases: i64) -> Self {
        let holds: Vec<bool> = self.purchases_below.iter().map(|bound| purchases < *bound).collect();
        keep(&mut self.campaigns, &holds);
        keep(&mut self.points, &holds);
        keep(&mut self.purchases_below, &holds);
        keep(&mut self.months, &holds);
        self
    }
}

fn keep<T>(values: &mut Vec<T>, holds: &[bool]) {
    let mut holds = holds.iter();
    values.retain(|_| holds.next().copied().unwrap_or(false));
}

impl Spends {
    /// The audiences whose bound was passed.
    pub fn passed(&self, before: i64, after: i64) -> Vec<i32> {
        let bounds = self.audiences.iter().zip(&self.bounds);
        bounds.filter(|(_, bound)| before <= **bound && after > **bound).map(|(id, _)| *id).collect()
    }
}

impl Tiers {
    /// The highest tier for what was spent.
    pub fn reached(&self, spent: i64) -> Option<i32> {
        self.ids.iter().zip(&self.bounds).rev().find(|(_, bound)| spent >= **bound).map(|(id, _)| *id)
    }
}
