//! Preview ≡ emit: for any cart, sending does exactly what the preview shows without error.

use crate::script::Script;
use masivo_core::events::{read_event, read_preview};
use masivo_core::fact::EventStatus;
use masivo_core::redemption;
use masivo_core::rule::View;
use masivo_core::value::{Decimal, Json, object};
use masivo_core::{Command, Outcome};
use proptest::prelude::*;

const REWARDS: [&str; 5] = ["points", "tenth", "five", "free", "mug"];

fn shop() -> Script {
    let mut script = Script::open("2026-01-01");
    for step in [
        r#"points points {"conversion_factor": 0.37, "decimals": 1}"#,
        r#"define reward tenth {"name": "tenth", "type": "DISCOUNT", "attributes": {"discount_type": "PERCENTAGE", "value": 33.3},
            "conditions": [[{"type": "order.value", "operator": "greater_than", "value": 20}]]}"#,
        r#"define reward five {"name": "five", "type": "DISCOUNT", "attributes": {"discount_type": "FIXED", "value": 5.005, "applies_to": "PRODUCT"}}"#,
        r#"define reward free {"name": "free", "type": "DISCOUNT", "attributes": {"discount_type": "PERCENTAGE", "value": 100, "applies_to": "SHIPPING"}}"#,
        r#"define reward mug {"name": "mug", "type": "PRODUCT", "attributes": {"sku": "mug", "action": "REPLACE", "replaces": "b"}}"#,
        "give a on REGISTRATION 40 of points",
        "give b on REGISTRATION 2 of tenth",
        "give c on REGISTRATION 3 of five",
        "give d on REGISTRATION 1 of free",
        "give e on REGISTRATION 1 of mug",
    ] {
        let step = step.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(script.step(&step), "", "{step}");
    }
    script.step("register ana");
    script
}

/// What is redeemed in one place: rewards with tenths of an amount.
type Redeems = Vec<(usize, u16)>;

fn redeems() -> impl Strategy<Value = Redeems> {
    let amount = prop_oneof![3 => Just(10), 1 => 1_u16..300];
    prop::collection::vec((0..REWARDS.len(), amount), 0..3)
}

#[derive(Clone, Debug)]
struct Cart {
    /// Hundredths.
    value: u32,
    order: Redeems,
    products: Vec<(u32, Redeems)>,
    shipping: Option<(u32, Redeems)>,
    waits: bool,
}

fn carts() -> impl Strategy<Value = Cart> {
    let money = || prop_oneof![0..500_u32, 0..10_000_u32];
    let products = prop::collection::vec((money(), redeems()), 0..3);
    let shipping = prop::option::of((money(), redeems()));
    (money(), redeems(), products, shipping, any::<bool>()).prop_map(
        |(value, order, products, shipping, waits)| Cart { value, order, products, shipping, waits },
    )
}

impl Cart {
    fn to_json(&self, script: &Script) -> Json {
        let cents = |value: u32| Decimal::from_micros(i64::from(value) * 10_000);
        let list = |redeems: &Redeems| {
            let items = redeems.iter().map(|(reward, tenths)| {
                let id = script.id(REWARDS[*reward]);
                // Only points have tenths.
                let amount = if *reward == 0 { *tenths } else { tenths.div_ceil(10) * 10 };
                object()
                    .with("id", id)
                    .with("amount", Decimal::from_micros(i64::from(amount) * 100_000))
                    .build()
            });
            Json::List(items.collect())
        };
        let products = self.products.iter().zip(["a", "b", "c"]).map(|((value, redeems), sku)| {
            object().with("sku", sku).with("value", cents(*value)).with("redeem", list(redeems)).build()
        });
        let shipping = self.shipping.as_ref().map(|(value, redeems)| {
            object().with("value", cents(*value)).with("redeem", list(redeems)).build()
        });
        object()
            .with("value", cents(self.value))
            .with("redeem", list(&self.order))
            .with("products", Json::List(products.collect()))
            .with_some("shipping", shipping)
            .build()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn sending_does_what_the_preview_shows(carts in prop::collection::vec(carts(), 1..6)) {
        let mut script = shop();
        for cart in carts {
            let body = object()
                .with("customer_id", "ana")
                .with("brand_id", "shop")
                .with("order", cart.to_json(&script))
                .build();
            let (previewed, _) = read_preview(&body).unwrap();
            let ana = script.world.read("ana");
            let view = View::new(script.world.now, &script.world.program, &ana.state, &ana.profile, Some(&previewed.payload));
            let shown = redemption::preview(&view, &previewed);
            let fits = !shown.to_string().contains(r#""code":"#);
            let mut purchase = body.clone();
            purchase.set("type", "PURCHASE");
            purchase.set("fulfilled", !cart.waits);
            let (event, _) = read_event(&purchase, false).unwrap();
            let redeemed = event.redeem.iter().fold(Decimal::ZERO, |sum, redeem| sum.saturating_add(redeem.amount));
            let left = |script: &Script| {
                let wallet = script.world.read("ana").state.wallet;
                wallet.accounts.keys().fold(Decimal::ZERO, |sum, reward| sum.saturating_add(wallet.available(*reward)))
            };
            let before = left(&script);
            let answer = script.world.submit(&Command::Emit(event)).unwrap();
            let Outcome::Event { fact, .. } = answer.outcome else { panic!("an event") };
            let status = script.world.record(fact).status;
            prop_assert_eq!(status != EventStatus::Failed, fits, "{}", shown);
            let expected = if fits { before.saturating_sub(redeemed) } else { before };
            prop_assert_eq!(left(&script), expected);
        }
    }
}
