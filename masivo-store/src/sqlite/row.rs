//! Rows to values and back.

use crate::backend::{Channel, CustomerRow, Destination, FactRow, Made, OutboxRow};
use crate::error::StoreError;
use crate::stored::{Input, Output, read_booking, read_document, read_explanation, read_series, read_state};
use masivo_core::fact::{EventStatus, Fact, FactKind};
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::profile::Profile;
use masivo_core::program::Kind;
use masivo_core::series::SeriesSet;
use masivo_core::value::{Json, Timestamp, object};
use rusqlite::Row;
use std::sync::Arc;
use uuid::Uuid;

pub(super) fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

pub(super) fn json(bytes: &[u8], what: &str) -> Result<Json, StoreError> {
    Json::parse(bytes).map_err(|_| StoreError::damaged(what))
}

/// The number under which one of a list of words is kept.
pub(super) fn place<T: PartialEq>(all: &[T], item: &T) -> i64 {
    all.iter().position(|known| known == item).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn pick<T: Copy>(all: &[T], at: i64, what: &str) -> Result<T, StoreError> {
    let found = usize::try_from(at).ok().and_then(|at| all.get(at).copied());
    found.ok_or_else(|| StoreError::damaged(what))
}

pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::damaged("an id"))
}

pub(super) const CUSTOMER: &str = "SELECT c.key, c.armed, c.state, p.document, s.body FROM customer c LEFT JOIN profile p ON p.key = c.key LEFT JOIN series s ON s.customer = c.key";

pub(super) fn customer(row: &Row<'_>) -> Result<CustomerRow, StoreError> {
    let state = read_state(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let profile = match row.get_ref(3)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(bytes) => Profile::from_json(read_document(bytes, "a profile")?),
        None => Profile::default(),
    };
    let series = match row.get_ref(4)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(bytes) => read_series(bytes)?,
        None => SeriesSet::default(),
    };
    let (key, armed) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, Option<i64>>(1)?);
    Ok(CustomerRow { key, state, profile, series, armed: armed.map(instant) })
}

pub(super) const FACT: &str = "SELECT sequence, customer, previous, at, kind, status, fulfilled_by, closed_by, booking, payload, explanation, returned_by FROM fact";

pub(super) fn fact(row: &Row<'_>) -> Result<FactRow, StoreError> {
    let (event, about, changes) = read_booking(row.get_ref(8)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let payload = row.get_ref(9)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    let explanation = row.get_ref(10)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    let status: Option<i64> = row.get(5)?;
    let number = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(FactRow {
        customer: number(1)?,
        fact: Fact {
            sequence: number(0)?,
            previous: number(2)?,
            at: instant(row.get(3)?),
            kind: pick(&FactKind::ALL, row.get(4)?, "the kind of a fact")?,
            event,
            about,
            changes,
            payload: payload.map(|bytes| read_document(bytes, "a payload")).transpose()?.map(Arc::new),
            explanation: explanation.map(read_explanation).transpose()?,
        },
        status: status.map(|status| pick(&EventStatus::ALL, status, "the status of an event")).transpose()?,
        fulfilled_by: number(6)?,
        closed_by: number(7)?,
        returned_by: number(11)?,
    })
}

pub(super) const OUTBOX: &str = "SELECT sequence, id, customer, channel, target, detail, made_at, status, attempts, due, reason, changed_at, body FROM outbox";

/// Channel numbers of the outbox.
/// What happens to a device and a topic.
const SUBSCRIBE: &str = "subscribe";
const UNSUBSCRIBE: &str = "unsubscribe";

pub(super) fn outbox(row: &Row<'_>) -> Result<OutboxRow, StoreError> {
    let body = row.get_ref(12)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    let due: Option<i64> = row.get(9)?;
    let detail: String = row.get(5)?;
    let target = u32::try_from(row.get::<_, i64>(4)?).unwrap_or(0);
    Ok(OutboxRow {
        sequence: row.get::<_, i64>(0)?.cast_unsigned(),
        id: uuid(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?,
        customer: row.get::<_, i64>(2)?.cast_unsigned(),
        destination: destination(row.get(3)?, target, detail)?,
        made_at: instant(row.get(6)?),
        status: pick(&DeliveryStatus::ALL, row.get(7)?, "the status of a delivery")?,
        attempts: row.get(8)?,
        due: due.map(instant),
        reason: row.get(10)?,
        changed_at: instant(row.get(11)?),
        body: body
            .map(|bytes| read_document(bytes, "the body of a delivery"))
            .transpose()?
            .unwrap_or_default(),
    })
}

/// Channel, target and detail of a destination.
pub(super) fn destination_columns(destination: &Destination) -> (i64, u32, String) {
    let (target, detail) = match destination {
        Destination::Webhook { webhook, event } => (*webhook, event.clone()),
        Destination::EraseMails => (0, String::new()),
        Destination::Topic { audience, subscribe } => {
            (*audience, if *subscribe { SUBSCRIBE } else { UNSUBSCRIBE }.to_owned())
        }
        Destination::Email { journey, version, step, template, started_by } => {
            let detail = object()
                .with("version", *version)
                .with("step", u32::from(*step))
                .with("template", *template)
                .with("started_by", *started_by)
                .build();
            (*journey, detail.to_string())
        }
    };
    (place(&Channel::ALL, &destination.channel()), target, detail)
}

fn destination(channel: i64, target: u32, detail: String) -> Result<Destination, StoreError> {
    let channel = usize::try_from(channel).ok().and_then(|place| Channel::ALL.get(place));
    match channel {
        Some(Channel::Webhook) => Ok(Destination::Webhook { webhook: target, event: detail }),
        Some(Channel::EraseMails) => Ok(Destination::EraseMails),
        Some(Channel::Topic) => Ok(Destination::Topic { audience: target, subscribe: detail == SUBSCRIBE }),
        Some(Channel::Email) => {
            let detail = json(detail.as_bytes(), "the detail of an e-mail")?;
            let number = |name: &str| detail.integer(name).unwrap_or(0);
            Ok(Destination::Email {
                journey: target,
                version: u32::try_from(number("version")).unwrap_or(0),
                step: u16::try_from(number("step")).unwrap_or(0),
                template: u32::try_from(number("template")).unwrap_or(0),
                started_by: number("started_by").cast_unsigned(),
            })
        }
        None => Err(StoreError::damaged("the channel of a delivery")),
    }
}

const MADE_VERSION: u8 = 1;

pub(super) fn write_made(made: &Made) -> Vec<u8> {
    let mut out = Output::version(MADE_VERSION);
    match made {
        Made::Nothing => out.byte(0),
        Made::Fact(sequence) => {
            out.byte(1);
            out.number(*sequence);
        }
        Made::Event(sequence) => {
            out.byte(2);
            out.number(*sequence);
        }
        Made::Fulfilled(sequence) => {
            out.byte(4);
            out.number(*sequence);
        }
        Made::Reversed(sequence) => {
            out.byte(5);
            out.number(*sequence);
        }
        Made::Returned { event, by } => {
            out.byte(9);
            out.number(*event);
            out.number(*by);
        }
        Made::Coupon(sequence) => {
            out.byte(8);
            out.number(*sequence);
        }
        Made::Listed(changed) => {
            out.byte(7);
            out.flag(*changed);
        }
        Made::Count(count) => {
            out.byte(6);
            out.number(*count);
        }
        Made::Definition { kind, number, version, created } => {
            out.byte(3);
            out.text(kind.name());
            out.number(*number);
            out.number(*version);
            out.flag(*created);
        }
    }
    out.finish()
}

pub(super) fn read_made(bytes: &[u8]) -> Result<Made, StoreError> {
    let mut input = Input::open(bytes, "what a key stands for", MADE_VERSION)?;
    Ok(match input.byte()? {
        0 => Made::Nothing,
        1 => Made::Fact(input.number()?),
        2 => Made::Event(input.number()?),
        4 => Made::Fulfilled(input.number()?),
        5 => Made::Reversed(input.number()?),
        6 => Made::Count(input.number()?),
        8 => Made::Coupon(input.number()?),
        9 => Made::Returned { event: input.number()?, by: input.number()? },
        7 => Made::Listed(input.flag()?),
        3 => Made::Definition {
            kind: Kind::from_name(input.text()?).ok_or_else(|| input.bad())?,
            number: input.small()?,
            version: input.small()?,
            created: input.flag()?,
        },
        _ => return Err(input.bad()),
    })
}
