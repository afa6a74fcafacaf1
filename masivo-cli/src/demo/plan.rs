//! What happens on which day: the purchases, and around them what a keyed hash draws.

use super::data::Purchase;
use crate::error::Failure;
use masivo_core::value::{DAY, HOUR, Json, StoreSecret, Timestamp, object};
use std::collections::{BTreeMap, HashSet};

/// What draws everything that the purchases do not say.
const SEED: StoreSecret = StoreSecret::new(*b"cdnow demo, 1997");
/// First names of people who bought CDs in 1997.
const NAMES: [&str; 20] = [
    "Alex", "Andrea", "Ben", "Carmen", "Chris", "Dana", "Eric", "Grace", "Ian", "Jamie", "Kelly", "Laura",
    "Marcus", "Nina", "Oscar", "Pat", "Robin", "Sam", "Terry", "Yolanda",
];
/// Days a waiting order is kept.
const RESERVE_DAYS: u32 = 3;

/// Everything that happens, by day.
#[derive(Debug)]
pub(super) struct Plan {
    /// The days, in order, each by its first instant.
    pub(super) days: BTreeMap<Timestamp, Day>,
    /// Purchases in all.
    pub(super) purchases: usize,
}

/// What happens on one day, in order.
#[derive(Debug, Default)]
pub(super) struct Day {
    /// Customers who buy for the first time.
    pub(super) registrations: Vec<Json>,
    /// Orders.
    pub(super) orders: Vec<Order>,
    /// Orders of earlier days that are settled now.
    pub(super) settlements: Vec<Settlement>,
}

/// An order.
#[derive(Debug)]
pub(super) struct Order {
    /// Its number.
    pub(super) number: usize,
    /// Who buys.
    pub(super) customer: String,
    /// The event, without redemption.
    pub(super) event: Json,
    /// Whether points are redeemed, should there be enough.
    pub(super) redeems: bool,
}

/// What becomes of an order later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// It is delivered after all.
    Fulfill(usize),
    /// It is called off, or comes back.
    Reverse(usize, &'static str),
}

/// The fate of an order.
enum Fate {
    Plain,
    /// Waits, and is fulfilled the next day.
    Late,
    /// Waits, and nobody fulfils it.
    Forgotten,
    /// Waits, and is called off the next day.
    CalledOff,
    /// Comes back after so many days.
    Returned(i64),
}

impl Plan {
    /// The plan of purchases.
    pub(super) fn of(purchases: Vec<Purchase>) -> Result<Self, Failure> {
        let count = purchases.len();
        let first = purchases.first().map(|purchase| purchase.day);
        let last = purchases.last().map(|purchase| purchase.day);
        let (Some(first), Some(last)) = (first, last) else { return Err(Failure::bug("no purchases")) };
        let mut days = BTreeMap::new();
        // Every day is lived through, with or without orders: memberships and points end on their own.
        let mut day = first;
        while day <= last {
            days.insert(day, Day::default());
            day = day.plus(DAY);
        }
        let mut known = HashSet::new();
        for purchase in purchases {
            let later = settlement(&purchase);
            let Some(day) = days.get_mut(&purchase.day) else { continue };
            if known.insert(purchase.customer.clone()) {
                day.registrations.push(registration(&purchase.customer));
            }
            day.orders.push(order(&purchase));
            // What would come after the last day does not come.
            if let Some((wait, settlement)) = later
                && let Some(day) = days.get_mut(&purchase.day.plus(wait * DAY))
            {
                day.settlements.push(settlement);
            }
        }
        Ok(Self { days, purchases: count })
    }
}

/// The instant at which a day's commands come in: the evening, in New York the afternoon.
pub(super) fn evening(day: Timestamp) -> Timestamp {
    day.plus(22 * HOUR)
}

/// A number from 0 to below `below`, always the same for the same words.
fn draw(what: &str, about: &str, below: u64) -> u64 {
    let hash = SEED.hash(what, &[about.as_bytes()]);
    hash.into_iter().fold(0, |number, byte| (number * 256 + u64::from(byte)) % below)
}

fn registration(customer: &str) -> Json {
    let index = usize::try_from(draw("name", customer, 20)).unwrap_or(0);
    let name = NAMES.get(index).copied().unwrap_or("Alex");
    // A tenth wants no e-mail, a twentieth takes no part in campaigns.
    let email = draw("no e-mail", customer, 10) > 0;
    let campaigns = draw("no campaigns", customer, 20) > 0;
    let purposes = object()
        .with("behavioral_campaigns", campaigns)
        .with("email_marketing", email)
        .with("link_tracking", email)
        .build();
    object()
        .with("id", customer)
        .with("name", format!("{name} {customer}"))
        .with("email", format!("{}.{customer}@mail.example", name.to_lowercase()))
        .with("country", "US")
        .with(
            "consent",
            object().with("version", "1997-01").with("source", "order form").with("purposes", purposes),
        )
        .build()
}

fn fate(number: usize) -> Fate {
    let about = number.to_string();
    match draw("fate", &about, 1_000) {
        0..25 => Fate::Late,
        25..35 => Fate::Forgotten,
        35..45 => Fate::CalledOff,
        45..65 => {
            let days = i64::try_from(draw("days until it comes back", &about, 12)).unwrap_or(0);
            Fate::Returned(3 + days)
        }
        _ => Fate::Plain,
    }
}

fn settlement(purchase: &Purchase) -> Option<(i64, Settlement)> {
    let number = purchase.number;
    match fate(number) {
        Fate::Plain | Fate::Forgotten => None,
        Fate::Late => Some((1, Settlement::Fulfill(number))),
        Fate::CalledOff => Some((1, Settlement::Reverse(number, "called off before delivery"))),
        Fate::Returned(days) => Some((days, Settlement::Reverse(number, "returned by the customer"))),
    }
}

fn order(purchase: &Purchase) -> Order {
    let number = purchase.number;
    let id = format!("cdnow-{number}");
    let waits = matches!(fate(number), Fate::Late | Fate::Forgotten | Fate::CalledOff);
    // The file only knows the day; the hour is drawn.
    let minutes = i64::try_from(draw("minute", &id, 9 * 60)).unwrap_or(0);
    let issued_at = purchase.day.plus(12 * HOUR + minutes * 60_000);
    let line = object()
        .with("sku", "CD")
        .with_some("amount", purchase.quantity)
        .with("value", purchase.value)
        .build();
    let order = object()
        .with("purchase_id", id.as_str())
        .with("value", purchase.value)
        .with("payment_method", "CREDIT")
        .with("products", Json::List(vec![line]))
        .build();
    let mut event = object()
        .with("id", id)
        .with("customer_id", purchase.customer.as_str())
        .with("brand_id", "cdnow")
        .with("type", "PURCHASE")
        .with("platform", "web")
        .with("issued_at", issued_at)
        .with("order", order)
        .build();
    if waits {
        event.set("fulfilled", false);
        event.set("reserve", RESERVE_DAYS);
    }
    let redeems = draw("redeems", &number.to_string(), 12) == 0;
    Order { number, customer: purchase.customer.clone(), event, redeems }
}

#[cfg(test)]
mod tests {
    use super::*;
    use masivo_core::customers::read_registration;
    use masivo_core::events::read_event;

    #[test]
    fn the_plan_is_well_formed_and_always_the_same() {
        let purchases = super::super::data::read(super::super::PURCHASES).unwrap();
        let customers: HashSet<String> = purchases.iter().map(|purchase| purchase.customer.clone()).collect();
        let plan = Plan::of(purchases.clone()).unwrap();
        assert_eq!(format!("{plan:?}"), format!("{:?}", Plan::of(purchases).unwrap()));
        let registrations: Vec<&Json> = plan.days.values().flat_map(|day| &day.registrations).collect();
        assert_eq!((customers.len(), registrations.len(), plan.purchases), (2_357, 2_357, 6_919));
        for registration in &registrations {
            assert!(read_registration(registration).unwrap().1.is_empty(), "{registration}");
        }
        let blocked = |purpose: &str| {
            let path = format!("consent.purposes.{purpose}");
            registrations.iter().filter(|one| one.path(&path) == Some(&Json::Bool(false))).count()
        };
        assert!((200..270).contains(&blocked("email_marketing")), "{}", blocked("email_marketing"));
        assert!((90..150).contains(&blocked("behavioral_campaigns")), "{}", blocked("behavioral_campaigns"));
        let settlements: usize = plan.days.values().map(|day| day.settlements.len()).sum();
        assert!((250..500).contains(&settlements), "{settlements}");
        for (day, order) in
            plan.days.iter().flat_map(|(day, it)| it.orders.iter().map(move |order| (day, order)))
        {
            let (event, warnings) = read_event(&order.event, false).unwrap();
            assert!(warnings.is_empty() && event.issued_at.unwrap() < evening(*day), "{}", order.event);
        }
    }
}
