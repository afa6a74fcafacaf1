//! The rules alone, under a clock that is only a number: `cargo run --example virtual_clock`.
//!
//! No store, no threads: time goes in as an argument, so a year passes in no time.
#![expect(clippy::print_stdout, reason = "an example shows something")]

use masivo_core::program::{Definer, Kind, Program, define, standard_definitions};
use masivo_core::value::{Json, Mint, StoreSecret, Timestamp};
use masivo_core::{
    Command, Context, Customer, Decision, Loaded, Undecided, bring_to, customers, decide, events, view,
};

const SECRET: StoreSecret = StoreSecret::new([1; 16]);

fn at(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("an instant in RFC 3339")
}

/// A program with a brand, points that live a year, and a point a dollar.
fn program(now: Timestamp) -> Result<Program, Box<dyn std::error::Error>> {
    let mut ids = Mint::new(SECRET, now, "example", b"definitions");
    let mut program = Program::load(standard_definitions(now, ids.next_id()))?;
    let mut write =
        |kind: Kind, id: Option<&str>, body: String| -> Result<String, Box<dyn std::error::Error>> {
            let definer =
                Definer { program: &program, now, new_id: ids.next_id(), new_secret: String::new() };
            let defined = define(&definer, kind, id, &Json::parse(body.as_bytes())?)?;
            program = defined.program;
            Ok(defined.stored.id)
        };
    write(Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#.into())?;
    let reward = write(Kind::Reward, None, r#"{"name": "points", "type": "POINTS"}"#.into())?;
    let campaign = format!(
        r#"{{"name": "a point a dollar", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
            "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1, "expiration_date": "12/months",
                                      "per": {{"type": "order.value", "unit": 1}}}}]}}]}}"#
    );
    write(Kind::Campaign, None, campaign)?;
    Ok(program)
}

/// Decides a command on a customer; whoever embeds the core keeps what it gives.
fn carry_out(
    program: &Program,
    now: Timestamp,
    customer: Option<Customer>,
    command: &Command,
) -> Result<Decision, Box<dyn std::error::Error>> {
    let next_fact = customer.as_ref().map_or(1, |customer| customer.state.head + 1);
    let mint = Mint::new(SECRET, now, command.name(), &next_fact.to_be_bytes());
    let context = Context::new(now, program, mint, next_fact);
    Ok(decide(&context, Loaded { customer, ..Loaded::default() }, command)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = at("2026-01-31T10:00:00Z")?;
    let program = program(start)?;
    let request = Json::parse(br#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#)?;
    let (registration, _) = customers::read_registration(&request)?;
    let registered = carry_out(&program, start, None, &Command::Register(registration))?;
    let order =
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 29.99}}"#;
    let (order, _) = events::read_event(&Json::parse(order.as_bytes())?, false)?;
    let bought = carry_out(&program, start, Some(registered.customer), &Command::Emit(order))?;
    for instant in ["2026-01-31T10:00:00Z", "2027-01-31T09:59:59.999Z", "2027-01-31T10:00:00Z"] {
        let now = at(instant)?;
        let mint = Mint::new(SECRET, now, "read", b"ana");
        let context = Context::new(now, &program, mint, u64::MAX / 2);
        let customer = bring_to(&context, bought.customer.clone(), Vec::new()).map_err(Undecided::Unknown)?;
        let wallet = view::wallet(&program, &customer.state, "ana");
        let total = wallet
            .get("totals")
            .and_then(|totals| totals.items().first())
            .and_then(|total| total.number("total"));
        println!("{instant}: {} points", total.unwrap_or_default());
    }
    Ok(())
}
