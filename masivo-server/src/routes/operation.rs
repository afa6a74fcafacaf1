//! Access, keys, clock, sums, health, and what is not there yet.

use super::{Access, Input, Method, Output, Route, at, handler, not_yet};
use crate::api;
use crate::shapes::{
    ANY_TEXT, CAMPAIGN_REPORT, CLOCK, CLOCK_CHANGE, CODE_REQUEST, CODE_TAKEN, DAILY_SUM, DONE, FUNDER_REPORT,
    HEALTH, KEY, KEY_WANTED, NEW_KEY, ONE_TIME_CODE, SETTINGS_READ, TOKEN, list,
};
use masivo_core::program::SETTINGS;
use masivo_core::shape::{Shape, optional, required};

const fn get(path: &'static str, summary: &'static str, handler: super::Handler) -> Route {
    Route::new(Method::Get, path, summary, handler)
}

/// A path that the product has and we do not yet.
const fn later(method: Method, path: &'static str, summary: &'static str) -> Route {
    Route::new(method, path, summary, handler!(not_yet))
        .product()
        .takes(Input::Described(Shape::Any))
        .body_optional()
}

pub(super) const ROUTES: &[Route] = &[
    get("/health", "The process is up", handler!(api::operation::health))
        .access(Access::Anybody)
        .gives(Output::Plain(Shape::Object(&HEALTH))),
    get("/ready", "The store can be read and the writer answers", handler!(api::operation::ready))
        .access(Access::Anybody)
        .gives(Output::Plain(Shape::Object(&HEALTH))),
    get("/metrics", "What Prometheus scrapes", handler!(api::operation::prometheus))
        .access(Access::Anybody)
        .gives(Output::Text(crate::http::metrics::CONTENT_TYPE)),
    get("/openapi.json", "This description", handler!(api::operation::openapi))
        .access(Access::Anybody)
        .gives(Output::Plain(Shape::Any)),
    get(
        at!("/auth/authorize"),
        "Exchange an API key (header x-api-key) for a token of one hour",
        handler!(api::operation::authorize),
    )
    .access(Access::Anybody)
    .product()
    .gives(Output::Data(TOKEN)),
    get(at!("/keys"), "List the API keys", handler!(api::operation::list_keys))
        .gives(Output::Data(list(&Shape::Object(&KEY)))),
    Route::new(
        Method::Post,
        at!("/keys"),
        "Make an API key; it is shown once",
        handler!(api::operation::make_key),
    )
    .takes(Input::Checked(Shape::Object(&KEY_WANTED)))
    .creates(Shape::Object(&NEW_KEY)),
    Route::new(
        Method::Delete,
        at!("/keys/{id}"),
        "Revoke an API key; its tokens end at once, and the last SERVER key stays",
        handler!(api::operation::revoke_key),
    )
    .gives(Output::Data(Shape::Object(&DONE))),
    get(at!("/settings"), "The account's settings", handler!(api::definitions::settings))
        .gives(Output::Data(Shape::Object(&SETTINGS_READ))),
    Route::new(
        Method::Put,
        at!("/settings"),
        "Change the account's settings; what is left out keeps its value",
        handler!(api::definitions::write_settings),
    )
    .takes(Input::Described(Shape::Object(&SETTINGS)))
    .gives(Output::Data(Shape::Object(&SETTINGS_READ))),
    get(at!("/test_clock"), "The test clock; only with --test-clock", handler!(api::operation::clock))
        .gives(Output::Data(Shape::Object(&CLOCK))),
    Route::new(
        Method::Put,
        at!("/test_clock"),
        "Move the test clock forward; everything due is applied before the answer; only with --test-clock",
        handler!(api::operation::set_clock),
    )
    .takes(Input::Checked(Shape::Object(&CLOCK_CHANGE)))
    .gives(Output::Data(Shape::Object(&CLOCK))),
    Route::new(
        Method::Post,
        at!("/clock/confirm"),
        "Confirm the time after a jump of the system's clock; until then nothing is written",
        handler!(api::operation::confirm_clock),
    )
    .gives(Output::Data(Shape::Object(&CLOCK))),
    get(
        at!("/reports/daily"),
        "Sums per UTC day: events, points by campaign, messages; they outlive deletion",
        handler!(api::operation::daily),
    )
    .query(&[
        optional("from", Shape::DateOrInstant, "the first day; 30 days before the last when left out"),
        optional("to", Shape::DateOrInstant, "the last day; today when left out"),
    ])
    .gives(Output::Data(list(&Shape::Object(&DAILY_SUM)))),
    get(
        at!("/reports/campaigns"),
        "What campaigns gave and what became of it: redeemed, expired, reversed, and what is left to be redeemed",
        handler!(api::operation::campaign_report),
    )
    .query(&[
        optional("from", Shape::DateOrInstant, "the first UTC day; 30 days before the last when left out"),
        optional("to", Shape::DateOrInstant, "the last UTC day; today when left out"),
        optional("by", Shape::Choice(&["day"]), "a line for each day with bookings"),
        optional("campaign_id", Shape::Uuid, "only of that campaign"),
    ])
    .gives(Output::Data(list(&Shape::Object(&CAMPAIGN_REPORT)))),
    get(
        at!("/reports/funders"),
        "What the campaigns of each funder cost",
        handler!(api::operation::funder_report),
    )
    .query(&[
        optional("from", Shape::DateOrInstant, "the first UTC day; 30 days before the last when left out"),
        optional("to", Shape::DateOrInstant, "the last UTC day; today when left out"),
    ])
    .gives(Output::Data(list(&Shape::Object(&FUNDER_REPORT)))),
    Route::new(
        Method::Post,
        at!("/auth/totp"),
        "Make a one-time code of a customer: good for five minutes, once; the one before is void",
        handler!(api::operation::make_code),
    )
    .product()
    .takes(Input::Checked(Shape::Object(&CODE_REQUEST)))
    .creates(Shape::Object(&ONE_TIME_CODE)),
    get(
        at!("/auth/totp/verify"),
        "Whose one-time code it is; the code is void from then on",
        handler!(api::operation::take_code),
    )
    .product()
    .query(&[required("code", ANY_TEXT, "the code")])
    .gives(Output::Data(Shape::Object(&CODE_TAKEN))),
    later(Method::Post, at!("/customers/{id}/redeem"), "Redeem points"),
    later(Method::Get, at!("/contacts"), "List contacts"),
    later(Method::Post, at!("/contacts"), "Make a contact"),
    later(Method::Put, at!("/contacts/{id}"), "Write a contact"),
    later(Method::Post, at!("/contacts/migrate"), "Migrate contacts"),
];
