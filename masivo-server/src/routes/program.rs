//! Definitions: brands, event types, tiers, rewards, campaigns, audiences, journeys, templates, webhooks.

use super::{Handler, Input, Method, Output, Route, at, handler};
use crate::api;
use crate::shapes::{
    ANY_TEXT, AUDIENCE_PREVIEWED, AUDIENCE_READ, AUDIENCE_SIZE, BRAND_READ, CAMPAIGN_READ, CAMPAIGN_TYPES,
    CODES, CODES_ADDED, COUPON, COUPON_REDEEMED, DELIVERY, DELIVERY_STATUS, DONE, EVENT_READ,
    EVENT_TYPE_READ, GIFT_CARD, INDEX, INSTANCE, JOURNEY_READ, LIMIT, MEMBER, MEMBERS_CHANGE, MEMBERSHIP,
    REWARD_READ, REWARD_TYPES, ROW, TEMPLATE_READ, TIER_READ, TRAIT_READ, TURN, WEBHOOK_READ, list,
};
use masivo_core::coupons::REDEEM_COUPON;
use masivo_core::gift_cards::REDEEM_GIFT_CARD;
use masivo_core::program::{
    AUDIENCE, AUDIENCE_PREVIEW, BRAND, CAMPAIGN, EVENT_TYPE, JOURNEY, REWARD, TEMPLATE, TIER, TRAIT, WEBHOOK,
};
use masivo_core::shape::{Field, ObjectShape, Shape, optional, required};

const fn lists(path: &'static str, summary: &'static str, read: &'static Shape, handler: Handler) -> Route {
    Route::new(Method::Get, path, summary, handler).gives(Output::Data(list(read)))
}

const fn gets(path: &'static str, summary: &'static str, read: Shape, handler: Handler) -> Route {
    Route::new(Method::Get, path, summary, handler).gives(Output::Data(read))
}

const fn makes(
    path: &'static str,
    summary: &'static str,
    written: &'static ObjectShape,
    read: Shape,
    handler: Handler,
) -> Route {
    Route::new(Method::Post, path, summary, handler)
        .takes(Input::Described(Shape::Object(written)))
        .creates(read)
}

const fn writes(
    path: &'static str,
    summary: &'static str,
    written: &'static ObjectShape,
    read: Shape,
    handler: Handler,
) -> Route {
    Route::new(Method::Put, path, summary, handler)
        .takes(Input::Described(Shape::Object(written)))
        .gives(Output::Data(read))
}

const CAMPAIGN_TYPE: &[Field] = &[required("type", CAMPAIGN_TYPES, "the type")];
const PAGE: &[Field] = &[optional("after", Shape::Id, "the id of the last customer seen"), LIMIT];

const MEMBERS_PAGE: &[Field] = &[
    optional("after", Shape::Id, "the id of the last customer seen"),
    optional("at", Shape::DateOrInstant, "who was in at that instant of the past; now when left out"),
    LIMIT,
];
const HISTORY_PAGE: &[Field] =
    &[optional("after", Shape::Integer(0, i64::MAX), "the last number seen"), LIMIT];

const A_BRAND: Shape = Shape::Object(&BRAND_READ);
const AN_EVENT_TYPE: Shape = Shape::Object(&EVENT_TYPE_READ);
const A_TRAIT: Shape = Shape::Object(&TRAIT_READ);
const A_TIER: Shape = Shape::Object(&TIER_READ);
const A_REWARD: Shape = Shape::Object(&REWARD_READ);
const A_CAMPAIGN: Shape = Shape::Object(&CAMPAIGN_READ);
const AN_AUDIENCE: Shape = Shape::Object(&AUDIENCE_READ);
const A_TEMPLATE: Shape = Shape::Object(&TEMPLATE_READ);
const A_JOURNEY: Shape = Shape::Object(&JOURNEY_READ);
const A_WEBHOOK: Shape = Shape::Object(&WEBHOOK_READ);

pub(super) const ROUTES: &[Route] = &[
    lists(at!("/brands"), "List brands", &A_BRAND, handler!(api::definitions::brands)).product(),
    gets(at!("/brands/{id}"), "A brand", A_BRAND, handler!(api::definitions::brand)),
    writes(
        at!("/brands/{id}"),
        "Write a brand under an id of yours",
        &BRAND,
        A_BRAND,
        handler!(api::definitions::write_brand),
    ),
    lists(
        at!("/event_types"),
        "List custom event types",
        &AN_EVENT_TYPE,
        handler!(api::definitions::event_types),
    ),
    gets(
        at!("/event_types/{id}"),
        "A custom event type",
        AN_EVENT_TYPE,
        handler!(api::definitions::event_type),
    ),
    writes(
        at!("/event_types/{id}"),
        "Write a custom event type under its name",
        &EVENT_TYPE,
        AN_EVENT_TYPE,
        handler!(api::definitions::write_event_type),
    ),
    lists(at!("/traits"), "List computed traits", &A_TRAIT, handler!(api::definitions::traits)),
    gets(at!("/traits/{id}"), "A computed trait", A_TRAIT, handler!(api::definitions::computed_trait)),
    writes(
        at!("/traits/{id}"),
        "Write a computed trait under its name",
        &TRAIT,
        A_TRAIT,
        handler!(api::definitions::write_trait),
    ),
    lists(at!("/tiers"), "List tiers, lowest first", &A_TIER, handler!(api::definitions::tiers)).product(),
    makes(at!("/tiers"), "Make a tier", &TIER, A_TIER, handler!(api::definitions::make_tier)).product(),
    gets(at!("/tiers/{id}"), "A tier", A_TIER, handler!(api::definitions::tier)),
    writes(at!("/tiers/{id}"), "Write a tier", &TIER, A_TIER, handler!(api::definitions::write_tier))
        .product(),
    Route::new(Method::Get, at!("/rewards"), "List rewards", handler!(api::definitions::rewards))
        .product()
        .query(&[
            required("from", INDEX, "the first, counted from 0"),
            required("to", INDEX, "the last; at most 1,000 in one answer"),
            optional("brand_id", Shape::Id, "only of that brand, or of all brands"),
            optional("type", REWARD_TYPES, "only of that type"),
        ])
        .gives(Output::Window(A_REWARD)),
    makes(at!("/rewards"), "Make a reward", &REWARD, A_REWARD, handler!(api::definitions::make_reward))
        .product(),
    gets(at!("/rewards/{id}"), "A reward", A_REWARD, handler!(api::definitions::reward)).product(),
    writes(
        at!("/rewards/{id}"),
        "Write a reward",
        &REWARD,
        A_REWARD,
        handler!(api::definitions::write_reward),
    )
    .product(),
    Route::new(Method::Get, at!("/campaigns"), "List campaigns", handler!(api::definitions::campaigns))
        .product()
        .query(&[
            optional("from", INDEX, "the first, counted from 0"),
            optional("to", INDEX, "the last; 100 from the first when left out"),
            optional("type", CAMPAIGN_TYPES, "only of that type"),
            optional("brand_id", Shape::Id, "only of that brand, or of all brands"),
            optional(
                "status",
                Shape::Choice(&["RUNNING", "PAUSED", "SCHEDULED", "FINISHED", "NOT FINISHED"]),
                "only in that status",
            ),
            optional("labels", ANY_TEXT, "only with one of these labels, separated by commas"),
            optional("funded_by", ANY_TEXT, "only paid by that funder"),
            optional("customer_id", Shape::Id, "only those that this customer can take part in"),
            optional(
                "include",
                Shape::Choice(&["CODES_SUMMARY"]),
                "more in the attributes of coupon campaigns",
            ),
        ])
        .gives(Output::Window(A_CAMPAIGN)),
    makes(
        at!("/campaigns"),
        "Make a campaign",
        &CAMPAIGN,
        A_CAMPAIGN,
        handler!(api::definitions::make_campaign),
    )
    .product()
    .query(CAMPAIGN_TYPE),
    gets(at!("/campaigns/{id}"), "A campaign", A_CAMPAIGN, handler!(api::definitions::campaign)).product(),
    writes(
        at!("/campaigns/{id}"),
        "Write a campaign; a started one keeps its rules, attributes, brand and start",
        &CAMPAIGN,
        A_CAMPAIGN,
        handler!(api::definitions::write_campaign),
    )
    .product()
    .query(CAMPAIGN_TYPE),
    Route::new(
        Method::Get,
        at!("/campaigns/{id}/codes"),
        "The codes of a coupon campaign, each with its uses",
        handler!(api::coupons::codes),
    )
    .query(&[optional("after", ANY_TEXT, "the `next` of the page before"), LIMIT])
    .gives(Output::Page(Shape::Object(&COUPON))),
    Route::new(
        Method::Post,
        at!("/campaigns/{id}/codes"),
        "Add codes of your own to a coupon campaign: up to 10,000, all or none",
        handler!(api::coupons::supply),
    )
    .takes(Input::Checked(Shape::Object(&CODES)))
    .gives(Output::Data(Shape::Object(&CODES_ADDED))),
    Route::new(
        Method::Post,
        at!("/coupons/redeem"),
        "Redeem the code of a coupon for a customer",
        handler!(api::coupons::redeem),
    )
    .product()
    .takes(Input::Described(Shape::Object(&REDEEM_COUPON)))
    .gives(Output::Data(Shape::Object(&COUPON_REDEEMED))),
    Route::new(
        Method::Get,
        at!("/rewards/{id}/codes"),
        "The codes of a gift card in the order they are handed out, those that were with one use",
        handler!(api::gift_cards::codes),
    )
    .query(&[optional("after", ANY_TEXT, "the `next` of the page before"), LIMIT])
    .gives(Output::Page(Shape::Object(&COUPON))),
    Route::new(
        Method::Post,
        at!("/rewards/{id}/codes"),
        "Add codes of your own to a gift card: up to 10,000, all or none",
        handler!(api::gift_cards::supply),
    )
    .takes(Input::Checked(Shape::Object(&CODES)))
    .gives(Output::Data(Shape::Object(&CODES_ADDED))),
    Route::new(
        Method::Get,
        at!("/gift_cards/{code}"),
        "A gift card that was handed out",
        handler!(api::gift_cards::get),
    )
    .gives(Output::Data(Shape::Object(&GIFT_CARD))),
    Route::new(
        Method::Post,
        at!("/gift_cards/redeem"),
        "Redeem a gift card by its code; its event can be reversed",
        handler!(api::gift_cards::redeem),
    )
    .takes(Input::Described(Shape::Object(&REDEEM_GIFT_CARD)))
    .gives(Output::Data(Shape::Object(&EVENT_READ))),
    lists(at!("/audiences"), "List audiences", &AN_AUDIENCE, handler!(api::definitions::audiences)),
    makes(
        at!("/audiences"),
        "Make an audience",
        &AUDIENCE,
        AN_AUDIENCE,
        handler!(api::definitions::make_audience),
    ),
    gets(
        at!("/audiences/{id}"),
        "An audience with the number of its members",
        AN_AUDIENCE,
        handler!(api::definitions::audience),
    ),
    writes(
        at!("/audiences/{id}"),
        "Write an audience; members are looked at again",
        &AUDIENCE,
        AN_AUDIENCE,
        handler!(api::definitions::write_audience),
    ),
    Route::new(
        Method::Get,
        at!("/audiences/{id}/members"),
        "Members of an audience, now or at an instant of the past",
        handler!(api::audiences::members),
    )
    .query(MEMBERS_PAGE)
    .gives(Output::Page(Shape::Object(&MEMBER))),
    Route::new(
        Method::Post,
        at!("/audiences/{id}/members"),
        "Put customers on the list of a static audience; each is answered alone",
        handler!(api::audiences::join),
    )
    .takes(Input::Checked(Shape::Object(&MEMBERS_CHANGE)))
    .gives(Output::Data(list(&Shape::Object(&ROW)))),
    Route::new(
        Method::Delete,
        at!("/audiences/{id}/members"),
        "Take customers off the list of a static audience; each is answered alone",
        handler!(api::audiences::leave),
    )
    .takes(Input::Checked(Shape::Object(&MEMBERS_CHANGE)))
    .gives(Output::Data(list(&Shape::Object(&ROW)))),
    Route::new(
        Method::Post,
        at!("/audiences/{id}/recalculate"),
        "Look at everybody again in the background, from the facts on; all audiences are, in one pass",
        handler!(api::audiences::recalculate),
    )
    .gives(Output::Data(AN_AUDIENCE)),
    Route::new(
        Method::Get,
        at!("/audiences/{id}/history"),
        "Who entered and left an audience, oldest first, and because of what",
        handler!(api::audiences::history),
    )
    .query(HISTORY_PAGE)
    .gives(Output::Page(Shape::Object(&TURN))),
    Route::new(
        Method::Get,
        at!("/audiences/{id}/sizes"),
        "How many members an audience had at the end of each UTC day, and how many entered and left",
        handler!(api::audiences::sizes),
    )
    .query(&[
        optional("from", Shape::DateOrInstant, "the first day; 30 days before the last when left out"),
        optional("to", Shape::DateOrInstant, "the last day; today when left out"),
    ])
    .gives(Output::Data(list(&Shape::Object(&AUDIENCE_SIZE)))),
    Route::new(
        Method::Post,
        at!("/audiences/preview"),
        "How many a rule gathers that is not an audience yet, with members, overlaps and remarks; nothing is written",
        handler!(api::audiences::preview),
    )
    .takes(Input::Described(Shape::Object(&AUDIENCE_PREVIEW)))
    .gives(Output::Data(Shape::Object(&AUDIENCE_PREVIEWED))),
    Route::new(
        Method::Get,
        at!("/audiences/{id}/members/{customer_id}/explain"),
        "Why a customer is in an audience or is not: every condition with what it saw and the events that count for it",
        handler!(api::audiences::explain),
    )
    .gives(Output::Data(Shape::Object(&MEMBERSHIP))),
    lists(at!("/journeys"), "List journeys", &A_JOURNEY, handler!(api::definitions::journeys)),
    makes(at!("/journeys"), "Make a journey", &JOURNEY, A_JOURNEY, handler!(api::definitions::make_journey)),
    gets(at!("/journeys/{id}"), "A journey", A_JOURNEY, handler!(api::definitions::journey)),
    writes(
        at!("/journeys/{id}"),
        "Write a journey; customers inside it go on as it was",
        &JOURNEY,
        A_JOURNEY,
        handler!(api::definitions::write_journey),
    ),
    Route::new(
        Method::Get,
        at!("/journeys/{id}/instances"),
        "Customers in a journey",
        handler!(api::audiences::instances),
    )
    .query(PAGE)
    .gives(Output::Page(Shape::Object(&INSTANCE))),
    lists(at!("/templates"), "List templates", &A_TEMPLATE, handler!(api::definitions::templates)),
    makes(
        at!("/templates"),
        "Make a template",
        &TEMPLATE,
        A_TEMPLATE,
        handler!(api::definitions::make_template),
    ),
    gets(at!("/templates/{id}"), "A template", A_TEMPLATE, handler!(api::definitions::template)),
    writes(
        at!("/templates/{id}"),
        "Write a template",
        &TEMPLATE,
        A_TEMPLATE,
        handler!(api::definitions::write_template),
    ),
    lists(at!("/webhooks"), "List webhooks", &A_WEBHOOK, handler!(api::definitions::webhooks)),
    makes(
        at!("/webhooks"),
        "Make a webhook; the answer carries its secret",
        &WEBHOOK,
        A_WEBHOOK,
        handler!(api::definitions::make_webhook),
    ),
    gets(
        at!("/webhooks/{id}"),
        "A webhook, without its secret",
        A_WEBHOOK,
        handler!(api::definitions::webhook),
    ),
    writes(
        at!("/webhooks/{id}"),
        "Write a webhook",
        &WEBHOOK,
        A_WEBHOOK,
        handler!(api::definitions::write_webhook),
    ),
    Route::new(
        Method::Delete,
        at!("/webhooks/{id}"),
        "Switch a webhook off",
        handler!(api::definitions::remove_webhook),
    )
    .gives(Output::Data(A_WEBHOOK)),
    Route::new(
        Method::Get,
        at!("/webhooks/{id}/deliveries"),
        "Deliveries to a webhook, dead letters among them",
        handler!(api::messages::deliveries),
    )
    .query(&[
        optional("status", DELIVERY_STATUS, "only in that status"),
        optional("after", Shape::Uuid, "the last id of the page before"),
        LIMIT,
    ])
    .gives(Output::Page(Shape::Object(&DELIVERY))),
    Route::new(
        Method::Post,
        at!("/webhooks/{id}/deliveries/{delivery_id}/resend"),
        "Queue a delivery again that was given up",
        handler!(api::messages::resend),
    )
    .gives(Output::Data(Shape::Object(&DONE))),
];
