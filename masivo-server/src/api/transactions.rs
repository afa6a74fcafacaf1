//! Transactions of a day, and of a customer.

use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use masivo_core::value::{Json, parse_uuid};
use masivo_store::query::{CustomerTransactionFilter, TransactionFilter};

pub(crate) async fn of_day(call: Call) -> Outcome {
    let text = call.text("date").unwrap_or_default();
    let zone = call.app.handle.program().settings().time_zone;
    let date =
        read_date(&text).filter(|(year, month, day)| zone.start_of_date(*year, *month, *day).is_some());
    let Some(date) = date else {
        let message = format!("`{}` is not a date", text.escape_debug());
        return Err(Failure::problem(
            "?date",
            "not_a_date",
            message,
            "write it as DD-MM-YYYY, like 31-07-2024",
        ));
    };
    let id = |name: &str| call.text(name).as_deref().and_then(parse_uuid);
    let filter = TransactionFilter {
        date,
        cursor: id("cursor"),
        brand: call.text("brand_id"),
        reward: call.text("reward_id"),
        campaign: call.text("campaign_id"),
        event: id("event_id"),
        kind: call.text("type"),
        funded_by: call.text("funded_by"),
    };
    Ok(Reply::data(Json::List(call.read(move |query| query.transactions(&filter)).await?)))
}

/// Year, month and day of `DD-MM-YYYY`.
fn read_date(text: &str) -> Option<(i32, u32, u32)> {
    let parts: Vec<&str> = text.split('-').collect();
    let [day, month, year] = parts.as_slice() else { return None };
    let lengths = (day.len(), month.len(), year.len()) == (2, 2, 4);
    let digits = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !lengths || !digits {
        return None;
    }
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

pub(crate) async fn of_customer(call: Call) -> Outcome {
    let id = call.path("id");
    let filter = CustomerTransactionFilter {
        year: call.query.integer("year").and_then(|year| i32::try_from(year).ok()),
        brand: call.text("brand_id"),
        reward: call.text("reward_id"),
        kind: call.text("type"),
    };
    Ok(Reply::data(Json::List(call.read(move |query| query.customer_transactions(&id, &filter)).await?)))
}

#[cfg(test)]
mod tests {
    use super::read_date;

    #[test]
    fn dates_have_one_form() {
        assert_eq!(read_date("31-07-2024"), Some((2024, 7, 31)));
        for wrong in ["2024-07-31", "1-7-2024", "+1-07-2024", "31/07/2024", "31-07-2024-1", ""] {
            assert_eq!(read_date(wrong), None, "{wrong}");
        }
    }
}
