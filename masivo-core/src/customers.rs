//! Customers: registration, identification, changes of the profile, consent, deletion.

use crate::audiences;
use crate::birthdays;
use crate::consent::{self, Purpose};
use crate::draft::{Caused, Claim, Draft, FactId};
use crate::events::{emit_caused, release_standby};
use crate::fact::{Change, FactKind};
use crate::journeys;
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::profile::{IDENTIFICATION, PROFILE_CHANGE, Profile, REGISTRATION, comparable_email};
use crate::program::Watch;
use crate::referrals;
use crate::series::SeriesSet;
use crate::shape::{ObjectShape, Shape};
use crate::state::Standing;
use crate::tiers;
use crate::value::{Json, object};

/// Reads a registration.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_registration(json: &Json) -> Result<(Json, Vec<Problem>), Report> {
    let mut report = Report::default();
    let request = read(&REGISTRATION, json, &mut report);
    if json.flag("is_anonymous") != Some(true) {
        for name in ["name", "email"] {
            if json.get(name).is_none() {
                let message = format!("`{name}` is required unless is_anonymous is true");
                report.problem(
                    &Pointer::root().field(name),
                    "missing",
                    message,
                    "send it, or register anonymously",
                );
            }
        }
    }
    report.into_result(request)
}

/// Reads the identification of an anonymous customer.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_identification(json: &Json) -> Result<(Json, Vec<Problem>), Report> {
    let mut report = Report::default();
    let request = read(&IDENTIFICATION, json, &mut report);
    report.into_result(request)
}

/// Reads a change of profile fields.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_profile_change(json: &Json) -> Result<(Json, Vec<Problem>), Report> {
    let mut report = Report::default();
    let request = read(&PROFILE_CHANGE, json, &mut report);
    report.into_result(request)
}

pub(crate) fn read(shape: &'static ObjectShape, json: &Json, report: &mut Report) -> Json {
    let shape = Shape::Object(shape);
    shape.check(json, &Pointer::root(), report);
    if json.get("document_type").is_some() != json.get("document_number").is_some() {
        let at = Pointer::root();
        let hint = "send both, or neither";
        report.problem(
            &at.field("document_number"),
            "incomplete",
            "document_type and document_number go together",
            hint,
        );
    }
    shape.prune(json)
}

/// Registers a customer: the wallet is there, a REGISTRATION event is emitted, webhooks are told.
pub(crate) fn register(draft: &mut Draft<'_>, request: &Json) -> FactId {
    let now = draft.now;
    draft.profile = Profile::register(request, now, draft.program.settings().time_zone);
    let anonymous = request.flag("is_anonymous") == Some(true);
    let fact = draft.open(FactKind::Registered, now);
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(request.clone())));
    let period = tiers::reporting_period(draft.program, now);
    let id = draft.mint.next_id();
    draft.record(fact, Change::Registered { id, anonymous, tier: draft.program.base_tier(), period });
    draft.record(fact, Change::AudiencesSeen(draft.program.audiences_version()));
    birthdays::told(draft, fact, None);
    take_contact_details(draft, fact, request);
    referrals::accept(draft, fact, draft.referral);
    audiences::evaluate_all(draft, fact, now);
    let refused = draft.not_referred.map(|(_, why)| why.code());
    let data = object().with_some("referral_refused", refused).build();
    draft.caused.push(Caused { cause: fact, event_type: "REGISTRATION", at: now, data });
    emit_caused(draft);
    draft.tell("CUSTOMER_REGISTRATION", now, told);
    draft.summarise(fact);
    fact
}

fn told(draft: &Draft<'_>) -> Json {
    let mut data = object().with("customer_id", draft.profile.id()).build();
    data.merge(&draft.customer_json());
    data
}

/// Devices, consent and the claim of the e-mail address, shared by registration and identification.
pub(crate) fn take_contact_details(draft: &mut Draft<'_>, fact: FactId, request: &Json) {
    draft.profile_changed = true;
    if let Some(email) = request.text("email") {
        draft.claims.push(Claim::TakeEmail(comparable_email(email)));
    }
    let (now, days) = (draft.now, draft.program.settings().device_token_days);
    for device in request.get("devices").map_or(&[][..], Json::items) {
        draft.profile.add_device(device, now, days);
    }
    if let Some(change) = request.get("consent") {
        record_consent(draft, fact, change);
    }
}

/// Identifies an anonymous customer: audiences apply from now on.
pub(crate) fn identify(draft: &mut Draft<'_>, request: &Json) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Profile, now);
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(request.clone())));
    // An anonymous customer may have had an address: it is free again.
    draft.claims.extend(draft.profile.email().map(comparable_email).map(Claim::ReleaseEmail));
    let born = draft.profile.dob();
    draft.profile.take(request);
    birthdays::told(draft, fact, born);
    draft.record(fact, Change::Identified);
    take_contact_details(draft, fact, request);
    if let Some(id) = request.text("new_id") {
        draft.profile.set_id(id);
        draft.claims.push(Claim::Rename(id.to_owned()));
    }
    audiences::evaluate_all(draft, fact, now);
    draft.tell("CUSTOMER_ANONYMOUS_TO_REGISTERED", now, told);
    draft.summarise(fact);
    fact
}

/// Changes profile fields.
pub(crate) fn patch(draft: &mut Draft<'_>, request: &Json) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Profile, now);
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(request.clone())));
    if let Some(email) = request.text("email") {
        let before = draft.profile.email().map(comparable_email);
        let after = comparable_email(email);
        if before.as_ref() != Some(&after) {
            draft.claims.extend(before.map(Claim::ReleaseEmail));
            draft.claims.push(Claim::TakeEmail(after));
        }
    }
    let born = draft.profile.dob();
    draft.profile.take(request);
    birthdays::told(draft, fact, born);
    draft.profile_changed = true;
    let standing = match request.text("status") {
        Some("INACTIVE") => Standing::Inactive,
        Some("ACTIVE") => Standing::Active,
        _ => draft.state.standing,
    };
    if standing != draft.state.standing {
        draft.record(fact, Change::Standing(standing));
        if standing == Standing::Inactive {
            journeys::leave_all(draft, fact);
        }
        audiences::evaluate_all(draft, fact, now);
    } else {
        audiences::evaluate(draft, fact, now, fields_of(request));
    }
    draft.summarise(fact);
    fact
}

/// The fields of the profile that a request may change, as audiences watch them.
fn fields_of(request: &Json) -> Vec<Watch> {
    let mut changed = Vec::new();
    for (name, value) in request.fields() {
        match &**name {
            group @ ("tags" | "metadata") => {
                let names = value.fields().iter().map(|(name, _)| Watch::Field(format!("{group}.{name}")));
                changed.extend(names);
            }
            name => changed.push(Watch::Field(name.to_owned())),
        }
    }
    changed
}

/// Changes tags: merges some in, or removes some by name.
pub(crate) fn change_tags(draft: &mut Draft<'_>, set: Option<&Json>, remove: &[String]) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Profile, now);
    let removed: Vec<Json> = remove.iter().map(|name| Json::from(name.as_str())).collect();
    let payload = object()
        .with_some("tags", set.cloned())
        .with_some("removed_tags", (!removed.is_empty()).then_some(removed))
        .build();
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(payload)));
    if let Some(tags) = set {
        draft.profile.merge_into("tags", tags);
    }
    draft.profile.remove_tags(remove);
    draft.profile_changed = true;
    let named = set.map_or(&[][..], Json::fields).iter().map(|(name, _)| &**name);
    let changed =
        named.chain(remove.iter().map(String::as_str)).map(|name| Watch::Field(format!("tags.{name}")));
    let changed: Vec<Watch> = changed.collect();
    audiences::evaluate(draft, fact, now, changed);
    draft.summarise(fact);
    fact
}

/// Registers a device, or removes all of them.
pub(crate) fn change_devices(draft: &mut Draft<'_>, add: Option<&Json>) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Profile, now);
    let payload = object().with("device", add.cloned().unwrap_or_default()).build();
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(payload)));
    let days = draft.program.settings().device_token_days;
    match add {
        Some(device) => draft.profile.add_device(device, now, days),
        None => draft.profile.remove_devices(),
    }
    draft.profile_changed = true;
    audiences::evaluate(draft, fact, now, [Watch::Field("devices".to_owned())]);
    draft.summarise(fact);
    fact
}

/// Merges a change of consent; what it blocks is blocked from now on.
pub(crate) fn set_consent(draft: &mut Draft<'_>, change: &Json) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Consent, now);
    record_consent(draft, fact, change);
    let record = draft.profile.consent().cloned();
    let payload = object().with("consent", change.clone()).with_some("record", record).build();
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(payload)));
    audiences::evaluate(draft, fact, now, [Watch::Consent]);
    let blocked: Vec<Json> = draft.state.permissions.blocked().into_iter().map(Json::from).collect();
    draft.tell("CUSTOMER_CONSENT", now, |draft| {
        object().with("customer_id", draft.profile.id()).with("blocked", Json::List(blocked)).build()
    });
    draft.summarise(fact);
    fact
}

fn record_consent(draft: &mut Draft<'_>, fact: FactId, change: &Json) {
    let record = consent::merge(draft.profile.consent(), change, draft.now);
    draft.profile.set_consent(record);
    draft.profile_changed = true;
    let mut permissions = draft.profile.permissions();
    let settings = draft.program.settings();
    let says_whatsapp =
        draft.profile.consent().and_then(|consent| consent.path("purposes.whatsapp_marketing")).is_some();
    if settings.whatsapp_follows_push && !says_whatsapp {
        permissions = permissions.follow(Purpose::WhatsappMarketing, Purpose::PushNotifications);
    }
    draft.record(fact, Change::Permissions(permissions));
}

/// Deletes a customer: everything stops, open points are forfeited, nothing personal stays.
pub(crate) fn delete(draft: &mut Draft<'_>) -> FactId {
    let now = draft.now;
    let fact = draft.open(FactKind::Deleted, now);
    let id = draft.profile.id().to_owned();
    // What waits is cancelled first, so that what it held is forfeited too.
    let standbys = draft.state.standbys.clone();
    for standby in standbys {
        draft.record(fact, Change::StandbyClosed { fact: standby.fact });
        let status = crate::fact::EventStatus::Cancelled;
        draft.record(fact, Change::EventStatus { fact: standby.fact, status });
        release_standby(draft, fact, now, &standby);
    }
    draft.post(fact, now, |posting| posting.forfeit_everything());
    journeys::leave_all(draft, fact);
    audiences::leave_all(draft, fact, now);
    draft.record(fact, Change::Standing(Standing::Deleted));
    if let Some(email) = draft.profile.email().map(comparable_email) {
        draft.claims.push(Claim::ReleaseEmail(email));
    }
    // The one thing that still leaves: tools outside must stop using the customer too.
    draft.outgoing.clear();
    draft.tell("CUSTOMER_DELETED", now, |_| object().with("customer_id", id).build());
    draft.profile = Profile::default();
    draft.series = SeriesSet::default();
    draft.series_changed = true;
    draft.profile_changed = true;
    fact
}
