//! Events, transactions, messages.

use super::{Access, Input, Method, Output, Route, at, handler};
use crate::api;
use crate::shapes::{
    ANY_TEXT, DELIVERY, DELIVERY_STATUS, DONE_COUNT, EVENT_READ, EVENT_ROWS, EXPLAINED, LIMIT, PREVIEWED,
    REVERSAL_PLAN, ROW, TRANSACTION, TRANSACTION_TYPES, list,
};
use masivo_core::events::{EVENT, EVENT_BATCH, FULFILL_EXPIRED, PLANNED_REVERSAL, PREVIEW, REVERSAL};
use masivo_core::shape::{Shape, optional, required};

const AN_EVENT: Output = Output::Data(Shape::Object(&EVENT_READ));

pub(super) const ROUTES: &[Route] = &[
    Route::new(
        Method::Post,
        at!("/behavior/events"),
        "Send an event; the answer carries what became of it",
        handler!(api::events::emit),
    )
    .access(Access::Keys)
    .product()
    .takes(Input::Described(Shape::Object(&EVENT)))
    .gives(AN_EVENT),
    Route::new(
        Method::Post,
        at!("/behavior/events/batch"),
        "Send up to 1,000 events: each is judged alone and answered in order",
        handler!(api::events::batch),
    )
    .access(Access::Keys)
    .takes(Input::Rows(Shape::Object(&EVENT_BATCH), Shape::Object(&EVENT_ROWS)))
    .gives(Output::Data(list(&Shape::Object(&ROW)))),
    Route::new(
        Method::Put,
        at!("/events/redeem/preview"),
        "What redeeming would take off a cart, with an error for each reward that cannot be redeemed; nothing is written",
        handler!(api::events::preview),
    )
    .product()
    .takes(Input::Described(Shape::Object(&PREVIEW)))
    .gives(Output::Data(Shape::Object(&PREVIEWED))),
    Route::new(
        Method::Get,
        at!("/behavior/events"),
        "List events, newest first",
        handler!(api::events::list),
    )
    .query(&[
        optional("customer_id", Shape::Id, "only of that customer"),
        optional("before", Shape::Uuid, "only before that event"),
        LIMIT,
    ])
    .gives(Output::Page(Shape::Object(&EVENT_READ))),
    Route::new(
        Method::Get,
        at!("/behavior/events/{id}"),
        "An event with everything that became of it",
        handler!(api::events::get),
    )
    .gives(AN_EVENT),
    Route::new(
        Method::Get,
        at!("/behavior/events/{id}/explain"),
        "Why campaigns rewarded an event or did not",
        handler!(api::events::explain),
    )
    .gives(Output::Data(Shape::Object(&EXPLAINED))),
    Route::new(
        Method::Post,
        at!("/behavior/events/explain"),
        "What campaigns would give for an event, and why others would not; nothing is written",
        handler!(api::events::explain_unsent),
    )
    .takes(Input::Described(Shape::Object(&EVENT)))
    .gives(Output::Data(Shape::Object(&EXPLAINED))),
    Route::new(
        Method::Patch,
        at!("/behavior/events/{id}/fulfill"),
        "Fulfil a waiting or expired event",
        handler!(api::events::fulfill),
    )
    .product()
    .gives(AN_EVENT),
    Route::new(
        Method::Post,
        at!("/behavior/events/{id}/reverse"),
        "Cancel a waiting event, or undo a processed one, in whole or in part",
        handler!(api::events::reverse),
    )
    .product()
    .takes(Input::Described(Shape::Object(&REVERSAL)))
    .gives(AN_EVENT),
    Route::new(
        Method::Post,
        at!("/behavior/events/{id}/reverse/plan"),
        "What reversing an event would undo, keep or turn into debt; its token reverses exactly so, or not at all",
        handler!(api::events::plan_reversal),
    )
    .takes(Input::Described(Shape::Object(&PLANNED_REVERSAL)))
    .body_optional()
    .gives(Output::Data(Shape::Object(&REVERSAL_PLAN))),
    Route::new(
        Method::Post,
        at!("/customers/fulfill_expired_events"),
        "Fulfil expired events that were issued in a span of at most a year: up to 500",
        handler!(api::events::fulfill_expired),
    )
    .product()
    .takes(Input::Checked(Shape::Object(&FULFILL_EXPIRED)))
    .gives(Output::Plain(Shape::Object(&DONE_COUNT))),
    Route::new(
        Method::Get,
        at!("/transactions"),
        "The transactions of a day: at most 1,000",
        handler!(api::transactions::of_day),
    )
    .product()
    .query(&[
        required("date", ANY_TEXT, "the day in the account's zone, as DD-MM-YYYY"),
        optional("cursor", Shape::Uuid, "the last id of the page before"),
        optional("brand_id", Shape::Id, "only of that brand"),
        optional("reward_id", Shape::Uuid, "only of that reward"),
        optional("campaign_id", Shape::Uuid, "only of that campaign"),
        optional("event_id", Shape::Uuid, "only of that event"),
        optional("type", TRANSACTION_TYPES, "only of that type"),
        optional("funded_by", ANY_TEXT, "only paid by that funder"),
    ])
    .gives(Output::Data(list(&Shape::Object(&TRANSACTION)))),
    Route::new(
        Method::Get,
        at!("/messages"),
        "Messages to customers, sent and not sent, each with its reason",
        handler!(api::messages::list),
    )
    .query(&[
        optional(
            "channel",
            Shape::Choice(&["email", "push_topic"]),
            "e-mails (when left out), or changes of the devices that follow push topics",
        ),
        optional("customer_id", Shape::Id, "only to that customer"),
        optional("journey_id", Shape::Uuid, "only of that journey"),
        optional("status", DELIVERY_STATUS, "only in that status"),
        optional("after", Shape::Uuid, "the last id of the page before"),
        LIMIT,
    ])
    .gives(Output::Page(Shape::Object(&DELIVERY))),
    Route::new(Method::Get, at!("/messages/{id}"), "A message", handler!(api::messages::get))
        .gives(Output::Data(Shape::Object(&DELIVERY))),
];
