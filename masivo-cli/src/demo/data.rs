//! The purchases: `customer_id,date,…,value`, one line each, in order of the date.

use crate::error::Failure;
use masivo_core::value::{Decimal, Timestamp};

/// One purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purchase {
    /// Its place in the file, from 1: the order's number.
    pub(super) number: usize,
    /// Who bought.
    pub(super) customer: String,
    /// The first instant of the day, UTC.
    pub(super) day: Timestamp,
    /// For how much; 0 occurs.
    pub(super) value: Decimal,
    /// How many CDs, where the file says.
    pub(super) quantity: Option<Decimal>,
}

/// Reads purchases; they must be in order of the date.
pub(super) fn read(text: &str) -> Result<Vec<Purchase>, Failure> {
    let wrong = |line: u64, why: &str| {
        let message = format!("line {line} of the purchases: {why}");
        Failure::usage(message, "the file needs a head line with customer_id, date (YYYY-MM-DD) and value")
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| wrong(1, &error.to_string()))?.clone();
    let column = |name: &str| head.iter().position(|column| column == name);
    let needed = |name: &str| column(name).ok_or_else(|| wrong(1, &format!("there is no column `{name}`")));
    let (customer, date, value) = (needed("customer_id")?, needed("date")?, needed("value")?);
    let quantity = column("quantity");
    let mut purchases: Vec<Purchase> = Vec::new();
    for record in reader.records() {
        let line = u64::try_from(purchases.len() + 2).unwrap_or(u64::MAX);
        let record = record.map_err(|error| wrong(line, &error.to_string()))?;
        let cell = |index: usize| record.get(index).unwrap_or_default();
        let day = Timestamp::parse_date_or_time(cell(date))
            .filter(|_| cell(date).len() == 10)
            .ok_or_else(|| wrong(line, &format!("`{}` is not a date", cell(date))))?;
        if purchases.last().is_some_and(|last| last.day > day) {
            return Err(wrong(line, "the date is before the one above it"));
        }
        if cell(customer).is_empty() {
            return Err(wrong(line, "there is no customer_id"));
        }
        purchases.push(Purchase {
            number: purchases.len() + 1,
            customer: cell(customer).to_owned(),
            day,
            value: cell(value)
                .parse()
                .map_err(|_| wrong(line, &format!("`{}` is not an amount", cell(value))))?,
            quantity: quantity.and_then(|index| cell(index).parse().ok()),
        });
    }
    if purchases.is_empty() {
        return Err(wrong(2, "there are no purchases"));
    }
    Ok(purchases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purchases_are_read_and_wrong_ones_named() {
        let purchases =
            read("customer_id,date,quantity,value\n00004,1997-01-01,2,29.33\n00004,1997-01-18,2,0.00\n")
                .unwrap();
        assert_eq!(
            (purchases.len(), purchases[1].value, purchases[0].quantity),
            (2, Decimal::ZERO, Some(Decimal::whole(2)))
        );
        for (text, expected) in [
            ("", "no column `customer_id`"),
            ("customer_id,date,value\n", "there are no purchases"),
            ("customer_id,date,value\na,1997-13-01,1\n", "is not a date"),
            ("customer_id,date,value\na,1997-01-02,x\n", "is not an amount"),
            ("customer_id,date,value\na,1997-01-02,1\na,1997-01-01,1\n", "line 3"),
        ] {
            let failure = read(text).unwrap_err().to_string();
            assert!(failure.contains(expected), "{text}: {failure}");
        }
    }
}
