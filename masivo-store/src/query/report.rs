//! Reports: what became of what campaigns gave, and who pays for it.

use super::Query;
use crate::error::SubmitError;
use masivo_core::quota::worth;
use masivo_core::report::{adds_to_held, campaign_key};
use masivo_core::value::{DAY, Decimal, Json, Rounding, Timestamp, object};
use std::collections::BTreeMap;

/// How a report on campaigns is laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// The first UTC day, counted from 1970-01-01.
    pub from: i64,
    /// The last UTC day, inclusive.
    pub to: i64,
    /// A line for each day with bookings; otherwise one for the whole span.
    pub by_day: bool,
    /// Only of the campaign of that id.
    pub campaign: Option<String>,
}

/// What became of points, by the names of `masivo_core::report::lot_sums`.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    issued: i128,
    redeemed: i128,
    expired: i128,
    forfeited: i128,
    reversed: i128,
    reversed_owed: i128,
    /// What customers hold more (or less) because of all of it.
    outstanding: i128,
}

impl Sums {
    fn add(&mut self, what: &str, micros: i64) {
        let amount = i128::from(micros);
        self.outstanding += i128::from(adds_to_held(what)) * amount;
        match what {
            "issued" | "migrated" => self.issued += amount,
            "redeemed" => self.redeemed += amount,
            "returned" | "returned_owed" => self.redeemed -= amount,
            "expired" => self.expired += amount,
            "forfeited" => self.forfeited += amount,
            "reversed" => self.reversed += amount,
            "reversed_owed" => self.reversed_owed += amount,
            _ => {}
        }
    }
}

/// A sum as it is shown; sums beyond the range stay at its end.
fn shown(micros: i128) -> Decimal {
    let most = i128::from(i64::MAX);
    Decimal::from_micros(i64::try_from(micros.clamp(-most, most)).unwrap_or(i64::MAX))
}

impl Query {
    /// What campaigns gave in a span of days and what became of it, a line for each campaign and reward (and day): issued,
    /// redeemed, expired, forfeited, reversed; and, as of the end of the line's span, what customers hold of it, what that
    /// is worth (the liability) and the part of everything ever given that lapsed (the breakage).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn campaign_report(&self, filter: &ReportFilter) -> Result<Json, SubmitError> {
        let number =
            |id: &String| self.program.campaign_by_id(id).map_or(u32::MAX, |campaign| campaign.number);
        let only = filter.campaign.as_ref().map(number);
        // What was held before the span counts too.
        let rows = self.reader.daily(i64::MIN / 2, filter.to)?;
        let mut spans: BTreeMap<(u32, u32, i64), Sums> = BTreeMap::new();
        let mut before: BTreeMap<(u32, u32), Sums> = BTreeMap::new();
        for row in &rows {
            let Some((campaign, reward, what)) = campaign_key(&row.key) else { continue };
            if only.is_some_and(|only| only != campaign) {
                continue;
            }
            if row.day < filter.from {
                before.entry((campaign, reward)).or_default().add(what, row.amount.micros());
            }
            let day = if filter.by_day { row.day } else { filter.from };
            let line = spans.entry((campaign, reward, day.max(filter.from))).or_default();
            if row.day >= filter.from {
                line.add(what, row.amount.micros());
            }
        }
        if filter.by_day {
            // Days before the span only matter for what was held.
            spans.retain(|_, sums| {
                let parts = [sums.issued, sums.redeemed, sums.expired, sums.forfeited, sums.reversed];
                parts.iter().any(|part| *part != 0) || sums.reversed_owed != 0 || sums.outstanding != 0
            });
        }
        let mut ever = before;
        let lines = spans.into_iter().map(|((campaign, reward, day), sums)| {
            let ever = ever.entry((campaign, reward)).or_default();
            add_all(ever, &sums);
            let line = self.line(campaign, reward, &sums, ever);
            if filter.by_day { with_day(&line, day) } else { line }
        });
        Ok(Json::List(lines.collect()))
    }

    fn line(&self, campaign: u32, reward: u32, sums: &Sums, ever: &Sums) -> Json {
        let held = shown(ever.outstanding);
        let liability = worth(&self.program, reward, held);
        let (campaign, reward) = (self.program.campaign(campaign), self.program.reward(reward));
        let lapsed = shown(ever.expired.saturating_add(ever.forfeited));
        let breakage = lapsed.multiply_divide(Decimal::ONE, shown(ever.issued), 6, Rounding::HalfEven);
        object()
            .with_some("campaign_id", campaign.map(|campaign| campaign.id.clone()))
            .with_some("campaign", campaign.map(|campaign| campaign.spec.name.clone()))
            .with_some("funded_by", campaign.and_then(|campaign| campaign.spec.funded_by.clone()))
            .with_some("reward_id", reward.map(|reward| reward.id.clone()))
            .with("issued", shown(sums.issued))
            .with("redeemed", shown(sums.redeemed))
            .with("expired", shown(sums.expired))
            .with("forfeited", shown(sums.forfeited))
            .with("reversed", shown(sums.reversed))
            .with("reversed_after_spending", shown(sums.reversed_owed))
            .with("outstanding", held)
            .with("liability", liability)
            .with_some("breakage", breakage.filter(|_| ever.issued > 0))
            .build()
    }

    /// What each funder's campaigns cost in a span of days: what was redeemed of their points, less what came back, by its
    /// worth; and the liability that is left at its end. Campaigns without funder, and points that no campaign gave, are one
    /// line without name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn funder_report(&self, from: i64, to: i64) -> Result<Json, SubmitError> {
        let filter = ReportFilter { from, to, ..ReportFilter::default() };
        let lines = self.campaign_report(&filter)?;
        let mut funders: BTreeMap<Option<String>, [Decimal; 3]> = BTreeMap::new();
        for line in lines.items() {
            let reward = line.text("reward_id").and_then(|id| self.program.reward_by_id(id));
            let reward = reward.map_or(0, |reward| reward.number);
            let worth_of = |name: &str| worth(&self.program, reward, line.number(name).unwrap_or_default());
            let sums = funders.entry(line.text("funded_by").map(ToOwned::to_owned)).or_default();
            let parts =
                [worth_of("issued"), worth_of("redeemed"), line.number("liability").unwrap_or_default()];
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = sum.saturating_add(part);
            }
        }
        let shown = funders.into_iter().map(|(funder, [issued, redeemed, liability])| {
            object()
                .with_some("funded_by", funder)
                .with("issued_value", issued)
                .with("redeemed_value", redeemed)
                .with("liability", liability)
                .build()
        });
        Ok(Json::List(shown.collect()))
    }
}

fn add_all(ever: &mut Sums, sums: &Sums) {
    ever.issued += sums.issued;
    ever.expired += sums.expired;
    ever.forfeited += sums.forfeited;
    ever.outstanding += sums.outstanding;
}

fn with_day(line: &Json, day: i64) -> Json {
    let day = Timestamp::from_milliseconds(day.saturating_mul(DAY)).to_string();
    let mut shown = object().with("day", day.get(..10).unwrap_or_default()).build();
    shown.merge(line);
    shown
}
