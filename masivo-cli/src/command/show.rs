//! `masivo show`: a customer, an event, an audience.

use super::audience::members_text;
use crate::arguments::{Shared, Show};
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks, count, facts, instant, plain, table};
use masivo_core::value::Json;

/// Shows what was asked for.
pub(super) fn run(shared: &Shared, what: &Show, output: Output) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    match what {
        Show::Customer { id } => {
            let customer = door.customer(id)?;
            let tiers = if output.json { Vec::new() } else { tier_names(&mut door)? };
            output.answer(&customer, || customer_text(&customer, &tiers))
        }
        Show::Event { id } => {
            let event = door.event(id)?;
            output.answer(&event, || event_text(&event))
        }
        Show::Audience { id, members } => {
            let mut audience = door.audience(id)?;
            let listed = door.members(audience.text("id").unwrap_or_default(), *members, None)?;
            let text = audience_text(&audience, &listed);
            audience.set("members", listed);
            output.answer(&audience, || text)
        }
    }
}

fn tier_names(door: &mut Door) -> Result<Vec<(String, String)>, Failure> {
    let program = door.program()?;
    Ok(program.tiers_by_level().map(|tier| (tier.id.clone(), tier.spec.name.clone())).collect())
}

fn customer_text(shown: &Json, tiers: &[(String, String)]) -> String {
    let empty = Json::Null;
    let customer = shown.get("customer").unwrap_or(&empty);
    let tier_id = customer.text("tier_id").unwrap_or_default();
    let tier = tiers.iter().find(|(id, _)| id == tier_id).map_or(tier_id, |(_, name)| name.as_str());
    let head = facts([
        ("customer", plain(customer.get("id"))),
        ("name", plain(customer.get("name"))),
        ("e-mail", plain(customer.get("email"))),
        ("status", plain(customer.get("status"))),
        ("anonymous", if customer.flag("is_anonymous") == Some(true) { "yes".into() } else { String::new() }),
        ("registered", instant(customer.get("registration_date"))),
        ("tier", tier.to_owned()),
        ("tags", plain(customer.get("tags"))),
    ]);
    let metrics = customer.get("metrics").unwrap_or(&empty);
    let periods = metrics.fields().iter().map(|(period, metric)| {
        [
            period.replace('_', " "),
            plain(metric.get("spend_total")),
            plain(metric.get("number_of_purchases")),
            instant(metric.get("last_visit")),
        ]
    });
    let periods = table(["period", "spent", "purchases", "last visit"], periods);
    blocks([head, wallet_text(shown.get("wallet").unwrap_or(&empty)), periods, audiences_text(customer)])
}

pub(super) fn wallet_text(wallet: &Json) -> String {
    let totals = wallet.get("totals").map_or(&[][..], Json::items);
    let cards = wallet.get("punch_cards").map_or(&[][..], Json::items).iter().map(|card| {
        let of = format!("{} of {}", plain(card.get("stamps")), plain(card.get("of")));
        [plain(card.get("name")), of, plain(card.get("cards_filled")), instant(card.get("expiration_date"))]
    });
    let cards = match cards.len() {
        0 => String::new(),
        _ => table(["punch card", "stamps", "filled", "expires"], cards),
    };
    if totals.is_empty() {
        return if cards.is_empty() { "the wallet is empty".to_owned() } else { cards };
    }
    let name = |total: &Json| {
        let name = total.get("reward").and_then(|reward| reward.text("name"));
        name.or_else(|| total.text("reward_id")).unwrap_or_default().to_owned()
    };
    let rows = totals.iter().map(|total| {
        [
            name(total),
            plain(total.get("total")),
            plain(total.get("held")),
            plain(total.get("debt")),
            instant(total.get("expiration_date")),
        ]
    });
    let sums = table(["reward", "can be spent", "held", "debt", "next expiry"], rows);
    let lines = wallet.get("lines").map_or(&[][..], Json::items);
    let lots = lines.iter().map(|line| {
        let reward = totals.iter().find(|total| total.get("reward_id") == line.get("reward_id"));
        let expiry = instant(line.get("expiration_date"));
        [plain(line.get("lot")), reward.map(name).unwrap_or_default(), plain(line.get("amount")), expiry]
    });
    let lots =
        if lines.is_empty() { String::new() } else { table(["lot", "reward", "amount", "expires"], lots) };
    blocks([sums, lots, cards])
}

fn audiences_text(customer: &Json) -> String {
    let audiences = customer.get("audiences").map_or(&[][..], Json::items);
    if audiences.is_empty() {
        return String::new();
    }
    let rows = audiences.iter().map(|audience| {
        [plain(audience.get("name")), instant(audience.get("since")), instant(audience.get("until"))]
    });
    table(["audience", "since", "until"], rows)
}

/// An event as a person reads it.
pub(super) fn event_text(event: &Json) -> String {
    let data = event.get("data");
    let order_value = data.and_then(|data| data.get("order")).and_then(|order| order.get("value"));
    let reason = event.get("reason").and_then(|reason| reason.text("text")).unwrap_or_default();
    let head = facts([
        ("event", plain(event.get("id"))),
        ("type", plain(event.get("type"))),
        ("customer", plain(event.get("customer_id"))),
        ("status", plain(event.get("status"))),
        ("reason", reason.to_owned()),
        ("order value", plain(order_value)),
        ("issued", instant(event.get("issued_at"))),
        ("waits until", instant(event.get("reservation_expires_at"))),
    ]);
    let result = event.get("result");
    let part = |name: &str| result.and_then(|result| result.get(name)).map_or(&[][..], Json::items);
    let campaigns = event.get("rewarding_campaigns").map_or(&[][..], Json::items);
    let campaign_name = |id: Option<&str>| {
        let found = campaigns.iter().find(|campaign| campaign.text("campaign_id") == id);
        found.and_then(|campaign| campaign.text("name")).or(id).unwrap_or_default().to_owned()
    };
    let mut rows: Vec<[String; 4]> = part("accumulations")
        .iter()
        .map(|line| {
            let campaign = campaign_name(line.text("campaign_id"));
            ["gained".into(), plain(line.get("amount")), campaign, instant(line.get("expiration_date"))]
        })
        .collect();
    rows.extend(part("redemptions").iter().map(|line| {
        ["spent".into(), plain(line.get("amount")), plain(line.get("reward_id")), String::new()]
    }));
    rows.extend(part("punch_cards").iter().map(|card| {
        let stamps = format!("{} stamps", plain(card.get("stamps")));
        let filled = match card.number("cards_filled").filter(|filled| filled.is_positive()) {
            Some(filled) => format!("fills {filled}"),
            None => String::new(),
        };
        ["gained".into(), stamps, campaign_name(card.text("campaign_id")), filled]
    }));
    let points = match (rows.is_empty(), campaigns) {
        (false, _) => table(["rewards", "amount", "campaign or reward", "until"], rows),
        (true, []) => "no rewards".to_owned(),
        (true, waiting) => {
            let names: Vec<&str> = waiting.iter().filter_map(|campaign| campaign.text("name")).collect();
            format!("rewards when it is fulfilled, by {}", names.join(", "))
        }
    };
    blocks([head, points])
}

fn audience_text(audience: &Json, members: &[Json]) -> String {
    let total = audience.integer("members_count").and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
    let head = facts([
        ("audience", plain(audience.get("name"))),
        ("id", plain(audience.get("id"))),
        ("type", plain(audience.get("type"))),
        ("conditions", plain(audience.get("conditions"))),
        ("members", count(total)),
    ]);
    if members.is_empty() {
        return head;
    }
    blocks([head, members_text(members)])
}
