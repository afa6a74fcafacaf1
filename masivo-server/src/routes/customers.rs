//! Customers, their consent, tags, devices and wallets.

use super::{Input, Method, Output, Route, at, handler};
use crate::api;
use crate::shapes::{
    ANY_TEXT, CONSENT_CHANGE, CONSENT_RECEIPT, CONSENT_STATE, CUSTOMER, CUSTOMER_AND_WALLET, DONE, GIFT_CARD,
    HAPPENING, LIMIT, MIGRATED_CUSTOMER_ROWS, MIGRATED_EVENT_ROWS, MIGRATED_TRANSACTION_ROWS, MIGRATION,
    REFERRAL_CODE, REFERRAL_CODE_REQUEST, ROW, TAG_NAMES, TAGS_CHANGE, TRANSACTION, TRANSACTION_TYPES,
    WALLET, list,
};
use masivo_core::adjustment::{ADJUSTMENT, VOID};
use masivo_core::profile::{DEVICE, IDENTIFICATION, PROFILE_CHANGE, REGISTRATION};
use masivo_core::shape::{Shape, optional};
use masivo_core::transfer::TRANSFER;

const WITH_WALLET: Output = Output::Data(Shape::Object(&CUSTOMER_AND_WALLET));

pub(super) const ROUTES: &[Route] = &[
    Route::new(
        Method::Post,
        at!("/customers/migrate"),
        "Bring in up to 1,000 customers with their balances; each is answered alone, nothing is rewarded or told",
        handler!(api::migration::customers),
    )
    .product()
    .takes(Input::Rows(Shape::Object(&MIGRATION), Shape::Object(&MIGRATED_CUSTOMER_ROWS)))
    .gives(Output::Data(list(&Shape::Object(&ROW)))),
    Route::new(
        Method::Post,
        at!("/customers/migrate/events"),
        "Bring in past events of customers, up to 1,000 in all; they count in metrics and tier and earn nothing",
        handler!(api::migration::events),
    )
    .product()
    .takes(Input::Rows(Shape::Object(&MIGRATION), Shape::Object(&MIGRATED_EVENT_ROWS)))
    .gives(Output::Data(list(&Shape::Object(&ROW)))),
    Route::new(
        Method::Post,
        at!("/customers/migrate/transactions"),
        "Bring in past transactions of customers, up to 1,000 in all; a customer's come to the balance brought in",
        handler!(api::migration::transactions),
    )
    .product()
    .takes(Input::Rows(Shape::Object(&MIGRATION), Shape::Object(&MIGRATED_TRANSACTION_ROWS)))
    .gives(Output::Data(list(&Shape::Object(&ROW)))),
    Route::new(
        Method::Get,
        at!("/customers"),
        "List customers in the order they were registered",
        handler!(api::customers::list),
    )
    .query(&[optional("after", Shape::Id, "the id of the last customer seen"), LIMIT])
    .gives(Output::Page(Shape::Object(&CUSTOMER))),
    Route::new(
        Method::Post,
        at!("/customers"),
        "Register a customer: the wallet is made and a REGISTRATION event emitted",
        handler!(api::customers::register),
    )
    .product()
    .takes(Input::Described(Shape::Object(&REGISTRATION)))
    .creates(Shape::Object(&CUSTOMER_AND_WALLET)),
    Route::new(
        Method::Get,
        at!("/customers/{id}"),
        "A customer with the wallet",
        handler!(api::customers::get),
    )
    .product()
    .gives(WITH_WALLET),
    Route::new(
        Method::Patch,
        at!("/customers/{id}"),
        "Change a customer's profile",
        handler!(api::customers::change),
    )
    .product()
    .takes(Input::Described(Shape::Object(&PROFILE_CHANGE)))
    .gives(WITH_WALLET),
    Route::new(
        Method::Delete,
        at!("/customers/{id}"),
        "Delete a customer: everything stops, open points are forfeited, nothing personal stays",
        handler!(api::customers::delete),
    )
    .gives(Output::Data(Shape::Object(&DONE))),
    Route::new(
        Method::Get,
        at!("/customers/{id}/wallet"),
        "The wallet of a customer",
        handler!(api::customers::wallet),
    )
    .query(&[optional("at", Shape::DateOrInstant, "as it was then; now when left out")])
    .gives(Output::Data(Shape::Object(&WALLET))),
    Route::new(
        Method::Post,
        at!("/customers/{id}/wallet/adjust"),
        "Give or take points by hand, with a reason and who did it",
        handler!(api::customers::adjust),
    )
    .takes(Input::Described(Shape::Object(&ADJUSTMENT)))
    .gives(WITH_WALLET),
    Route::new(
        Method::Post,
        at!("/customers/{id}/wallet/transfer"),
        "Hand points to another customer, where the reward allows it; they keep their dates",
        handler!(api::customers::transfer),
    )
    .takes(Input::Described(Shape::Object(&TRANSFER)))
    .gives(WITH_WALLET),
    Route::new(
        Method::Post,
        at!("/customers/{id}/wallet/void"),
        "Take what can be spent of one lot, or a part of it, by hand",
        handler!(api::customers::void),
    )
    .takes(Input::Described(Shape::Object(&VOID)))
    .gives(WITH_WALLET),
    Route::new(
        Method::Post,
        at!("/customers/{id}/referrals/request-code"),
        "A customer's code of a referral campaign; the same one however often it is asked for",
        handler!(api::customers::referral_code),
    )
    .product()
    .takes(Input::Checked(Shape::Object(&REFERRAL_CODE_REQUEST)))
    .gives(Output::Data(Shape::Object(&REFERRAL_CODE))),
    Route::new(
        Method::Get,
        at!("/customers/{id}/rewards/gift-cards"),
        "The gift cards of a customer, with what became of them",
        handler!(api::gift_cards::of_customer),
    )
    .product()
    .gives(Output::Data(list(&Shape::Object(&GIFT_CARD)))),
    Route::new(
        Method::Get,
        at!("/customers/{id}/history"),
        "Everything that happened to a customer, newest first",
        handler!(api::customers::history),
    )
    .query(&[
        optional("before", Shape::Integer(0, 9_000_000_000_000), "only before that sequence number"),
        LIMIT,
    ])
    .gives(Output::Page(Shape::Object(&HAPPENING))),
    Route::new(
        Method::Patch,
        at!("/customers/{id}/identify/anonymous"),
        "Identify an anonymous customer, with a new id if wanted",
        handler!(api::customers::identify),
    )
    .product()
    .takes(Input::Described(Shape::Object(&IDENTIFICATION)))
    .gives(WITH_WALLET),
    Route::new(
        Method::Get,
        at!("/customers/{id}/consent"),
        "The consent of a customer, and what it blocks",
        handler!(api::customers::consent),
    )
    .gives(Output::Data(Shape::Object(&CONSENT_STATE))),
    Route::new(
        Method::Patch,
        at!("/customers/{id}/consent"),
        "Merge a change of consent; what it blocks is blocked from now on",
        handler!(api::customers::set_consent),
    )
    .product()
    .takes(Input::Checked(Shape::Object(&CONSENT_CHANGE)))
    .gives(Output::Data(Shape::Object(&CONSENT_STATE))),
    Route::new(
        Method::Get,
        at!("/customers/{id}/consent/history"),
        "Every change of consent, newest first",
        handler!(api::customers::consent_history),
    )
    .gives(Output::Data(list(&Shape::Object(&CONSENT_RECEIPT)))),
    Route::new(Method::Patch, at!("/customers/{id}/tags"), "Merge tags", handler!(api::customers::set_tags))
        .product()
        .takes(Input::Checked(Shape::Object(&TAGS_CHANGE)))
        .gives(WITH_WALLET),
    Route::new(
        Method::Delete,
        at!("/customers/{id}/tags"),
        "Take tags away, named in the body or in ?tags=a,b",
        handler!(api::customers::remove_tags),
    )
    .product()
    .query(&[optional("tags", ANY_TEXT, "names, separated by commas")])
    .takes(Input::Checked(Shape::Object(&TAG_NAMES)))
    .body_optional()
    .gives(WITH_WALLET),
    Route::new(
        Method::Patch,
        at!("/customers/{id}/devices"),
        "Register a device for push",
        handler!(api::customers::add_device),
    )
    .product()
    .takes(Input::Checked(Shape::Object(&DEVICE)))
    .gives(WITH_WALLET),
    Route::new(
        Method::Delete,
        at!("/customers/{id}/devices"),
        "Take all devices away",
        handler!(api::customers::remove_devices),
    )
    .product()
    .gives(WITH_WALLET),
    Route::new(
        Method::Get,
        at!("/customers/{id}/transactions"),
        "The transactions of a customer: of a year, or the last three months",
        handler!(api::transactions::of_customer),
    )
    .product()
    .query(&[
        optional("year", Shape::Integer(1970, 9998), "only of that year in the account's zone"),
        optional("brand_id", Shape::Id, "only of that brand"),
        optional("reward_id", Shape::Uuid, "only of that reward"),
        optional("type", TRANSACTION_TYPES, "only of that type"),
    ])
    .gives(Output::Data(list(&Shape::Object(&TRANSACTION)))),
];
