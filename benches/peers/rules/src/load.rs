//! The load: rules, events and customers, the same for a seed on every machine.

use masivo_core::metrics::Visit;
use masivo_core::profile::Profile;
use masivo_core::program::{Kind, Program, StoredDefinition};
use masivo_core::rule::{MetricPeriod, View};
use masivo_core::state::State;
use masivo_core::value::{DAY, Decimal, Json, PeriodKind, Timestamp, Zone, object};

/// Campaigns asked for every event.
pub const RULES: usize = 100;

/// How the conditions of a rule are spread over its branches: an OR of ANDs.
const BRANCHES: [&[usize]; 4] = [&[7], &[5, 2], &[4, 3], &[7]];

/// 2026-06-15T12:00:00Z: the middle of a month.
const NOW: Timestamp = Timestamp::from_milliseconds(1_781_524_800_000);

const PLATFORMS: &[&str] = &["WEB", "APP", "POS", "CALL_CENTER"];
const SEASONS: &[&str] = &["spring", "summer", "autumn", "winter"];
const SOURCES: &[&str] = &["newsletter", "search", "social", "partner", "direct"];
const PAYMENTS: &[&str] = &["CARD", "CASH", "TRANSFER", "WALLET"];
const STORES: &[&str] = &["north-1", "north-2", "south-1", "south-2", "west-1", "west-2"];
const SKUS: &[&str] = &[
    "SHOE-01", "SHOE-02", "SHOE-03", "SHIRT-01", "SHIRT-02", "SHIRT-03", "HAT-01", "HAT-02", "HAT-03",
    "BAG-01", "BAG-02", "BAG-03",
];
const COLORS: &[&str] = &["red", "blue", "green", "black"];
const COUNTRIES: &[&str] = &["EC", "CO", "PE", "MX", "CL"];
const SEGMENTS: &[&str] = &["new", "regular", "loyal", "sleeping"];
/// The ids of the tiers, lowest first: they are UUIDs as in life.
const TIERS: &[&str] = &[
    "019f0000-0000-7000-8000-000000000001",
    "019f0000-0000-7000-8000-000000000002",
    "019f0000-0000-7000-8000-000000000003",
];

/// What a condition may be about, and the values that occur.
struct Subject {
    name: &'static str,
    values: Values,
}

enum Values {
    Texts(&'static [&'static str]),
    /// From, to, in hundredths.
    Numbers(u64, u64),
    Flag,
}

const fn texts(name: &'static str, texts: &'static [&'static str]) -> Subject {
    Subject { name, values: Values::Texts(texts) }
}

const fn numbers(name: &'static str, from: u64, to: u64) -> Subject {
    Subject { name, values: Values::Numbers(from, to) }
}

const SUBJECTS: [Subject; 20] = [
    texts("event.platform", PLATFORMS),
    texts("event.tags.season", SEASONS),
    numbers("event.metadata.cart.items", 100, 900),
    texts("event.attribution.utm_source", SOURCES),
    numbers("order.value", 2_000, 40_000),
    numbers("order.discounted_value", 2_000, 36_000),
    texts("order.payment_method", PAYMENTS),
    texts("order.store_id", STORES),
    texts("product.sku", SKUS),
    numbers("product.amount", 100, 400),
    numbers("product.value", 500, 10_000),
    texts("product.tags.color", COLORS),
    texts("customer.tier", TIERS),
    texts("customer.country", COUNTRIES),
    Subject { name: "customer.tags.vip", values: Values::Flag },
    texts("customer.tags.segment", SEGMENTS),
    numbers("customer.metadata.shoe.size", 3_400, 4_600),
    numbers("customer.metrics.lifetime.spend_total", 0, 90_000),
    numbers("customer.metrics.lifetime.number_of_purchases", 0, 1_200),
    numbers("customer.metrics.this_month.spend_total", 0, 30_000),
];

/// Whether a value may be missing, so that a rule over it is neither true nor false.
pub fn may_be_missing(subject: &str) -> bool {
    subject.contains(".tags.") || subject.contains(".metadata.shoe.")
}

/// Everything a run needs.
pub struct Load {
    pub program: Program,
    /// Conditions as the product writes them: an OR of ANDs.
    pub rules: Vec<Json>,
    pub cases: Vec<Case>,
}

/// An event and the customer it is of.
pub struct Case {
    pub event: Json,
    pub profile: Profile,
    pub state: State,
}

impl Load {
    pub fn generate(seed: u64, cases: usize) -> Self {
        let mut dice = Dice(seed);
        Self {
            program: program(),
            rules: (0..RULES).map(|_| dice.rule()).collect(),
            cases: (0..cases)
                .map(|number| Case {
                    event: dice.event(number),
                    profile: dice.profile(number),
                    state: dice.state(),
                })
                .collect(),
        }
    }

    /// What masivo's rules look at.
    pub fn view(&self, case: usize) -> View<'_> {
        let Case { event, profile, state } = &self.cases[case];
        View::new(NOW, &self.program, state, profile, Some(event))
    }

    /// The same for the others: one document with the tier's id and the metrics worked out.
    pub fn world(&self, case: usize) -> Json {
        let Case { event, profile, state } = &self.cases[case];
        let bucket = |period| {
            let bucket = state.metrics.bucket(period, Zone::UTC, NOW);
            object()
                .with("spend_total", bucket.spend)
                .with("number_of_purchases", Decimal::from_count(u64::from(bucket.purchases)))
        };
        let metrics = object()
            .with("lifetime", bucket(MetricPeriod::Lifetime))
            .with("this_month", bucket(MetricPeriod::This(PeriodKind::Month)));
        let mut customer = profile.fields().clone();
        customer.set("tier", self.program.tier(state.tier).map_or("", |tier| tier.id_text()));
        customer.set("metrics", metrics);
        object().with("event", event.clone()).with("customer", customer).build()
    }
}

fn program() -> Program {
    let stored = |kind, number: usize, id: &str, body: Json| {
        let number = u32::try_from(number).expect("few");
        StoredDefinition {
            kind,
            number,
            id: id.to_owned(),
            version: 1,
            program_version: number,
            changed_at: NOW,
            body,
        }
    };
    let settings = object().with("time_zone", "UTC").with("currency", "USD").build();
    let mut definitions = vec![stored(Kind::Settings, 1, "settings", settings)];
    for (index, id) in TIERS.iter().enumerate() {
        let level = Decimal::from_count(index as u64 + 1);
        let mut tier = object().with("name", *id).with("level", level).with("status", "ACTIVE").build();
        if index > 0 {
            // Every tier above the first needs some; nobody rises here.
            let vip =
                object().with("type", "customer.tags.vip").with("operator", "equals").with("value", true);
            tier.set("entry_conditions", Json::List(vec![Json::List(vec![vip.build()])]));
        }
        definitions.push(stored(Kind::Tier, index + 1, id, tier));
    }
    Program::load(definitions).expect("the definitions are fine")
}

/// SplitMix64: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len() as u64) as usize]
    }

    /// Some of the texts, no text twice.
    fn some(&mut self, texts: &[&str], count: usize) -> Json {
        let mut left = texts.to_vec();
        let picked = (0..count).map(|_| left.swap_remove(self.below(left.len() as u64) as usize));
        Json::List(picked.map(Json::from).collect())
    }

    fn money(&mut self, from: u64, to: u64) -> Decimal {
        hundredths(self.between(from, to))
    }

    fn rule(&mut self) -> Json {
        let mut left: Vec<&Subject> = SUBJECTS.iter().collect();
        let branches = BRANCHES[self.below(BRANCHES.len() as u64) as usize];
        let mut branch = |length: &usize| {
            let conditions = (0..*length).map(|_| {
                let subject = left.swap_remove(self.below(left.len() as u64) as usize);
                self.condition(subject)
            });
            Json::List(conditions.collect())
        };
        Json::List(branches.iter().map(&mut branch).collect())
    }

    /// A condition that holds for somewhat more than half of the events.
    fn condition(&mut self, subject: &Subject) -> Json {
        let line = subject.name.starts_with("product.");
        let (operator, value) = match subject.values {
            Values::Flag => ("equals", Json::from(true)),
            Values::Texts(SKUS) if self.percent(30) => {
                ("starts_with", Json::from(self.pick(&["SHOE-", "HAT-"])))
            }
            Values::Texts(texts) => match self.below(10) {
                0..2 => ("equals", Json::from(self.pick(texts))),
                2..4 if !line => ("not_equals", Json::from(self.pick(texts))),
                4..6 if !line => ("not_in", self.some(texts, 2)),
                _ => ("in", self.some(texts, texts.len() * 2 / 3)),
            },
            Values::Numbers(from, to) => {
                let at = |percent: u64| hundredths(from + (to - from) * percent / 100);
                let (low, high) = (self.between(5, 45), self.between(55, 95));
                match self.below(3) {
                    0 => ("greater_than_or_equal", Json::Number(at(low))),
                    1 => ("less_than", Json::Number(at(high))),
                    _ => ("between", Json::List(vec![Json::Number(at(low)), Json::Number(at(high))])),
                }
            }
        };
        object().with("type", subject.name).with("operator", operator).with("value", value).build()
    }

    fn event(&mut self, number: usize) -> Json {
        let season = self.percent(80).then(|| self.pick(SEASONS));
        let value = self.money(2_000, 40_000);
        let discounted = self.money(2_000, 36_000).min(value);
        let order = object()
            .with("purchase_id", format!("order-{number:06}"))
            .with("value", value)
            .with("discounted_value", discounted)
            .with("payment_method", self.pick(PAYMENTS))
            .with("store_id", self.pick(STORES))
            .with("channel_id", "retail")
            .with("products", Json::List((0..3).map(|_| self.line()).collect()));
        object()
            .with("type", "PURCHASE")
            .with("customer_id", format!("customer-{number:06}"))
            .with("issued_at", NOW)
            .with("platform", self.pick(PLATFORMS))
            .with("brand_id", "shop")
            .with("tags", object().with_some("season", season))
            .with("metadata", object().with("cart", object().with("items", self.count(1, 9))))
            .with("attribution", object().with("utm_source", self.pick(SOURCES)))
            .with("order", order)
            .build()
    }

    fn line(&mut self) -> Json {
        let color = self.percent(80).then(|| self.pick(COLORS));
        let value = self.money(500, 10_000);
        object()
            .with("sku", self.pick(SKUS))
            .with("amount", self.count(1, 4))
            .with("name", "Something to wear")
            .with("value", value)
            .with("discounted_value", value)
            .with("tags", object().with_some("color", color))
            .build()
    }

    fn profile(&mut self, number: usize) -> Profile {
        let vip = self.percent(70).then(|| self.percent(80));
        let segment = self.percent(80).then(|| self.pick(SEGMENTS));
        let size = self.percent(80).then(|| self.count(34, 46));
        let customer = object()
            .with("id", format!("customer-{number:06}"))
            .with("status", "ACTIVE")
            .with("name", "Ana Torres")
            .with("email", format!("customer-{number:06}@example.com"))
            .with("country", self.pick(COUNTRIES))
            .with("tags", object().with_some("vip", vip).with_some("segment", segment))
            .with("metadata", object().with("shoe", object().with_some("size", size)));
        Profile::from_json(customer.build())
    }

    fn state(&mut self) -> State {
        let mut state = State { tier: self.between(1, TIERS.len() as u64 + 1) as u32, ..State::default() };
        for _ in 0..self.below(13) {
            let issued_at = NOW.plus(-(self.between(1, 40) as i64) * DAY);
            let spend = self.money(500, 14_000);
            state.metrics.add(&Visit { issued_at, spend, purchase: true }, Zone::UTC);
        }
        state
    }

    fn count(&mut self, from: u64, to: u64) -> Decimal {
        Decimal::from_count(self.between(from, to + 1))
    }
}

fn hundredths(count: u64) -> Decimal {
    Decimal::from_micros(count as i64 * 10_000)
}
