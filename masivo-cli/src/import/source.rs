//! Rows as they are sent: of a file in which each past transaction is a row, those of a customer become one.

use super::rows::{ReadRow, Reader};
use crate::arguments::Rows;
use crate::error::Failure;
use masivo_core::value::{Json, object};
use std::path::Path;

/// The rows of a file.
pub(super) struct Source {
    reader: Reader,
    joins: bool,
    next: Option<ReadRow>,
}

impl Source {
    /// Opens a file.
    pub(super) fn open(path: &Path, what: Rows) -> Result<Self, Failure> {
        let reader = Reader::open(path, what)?;
        Ok(Self { reader, joins: what == Rows::MigratedTransactions, next: None })
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<ReadRow>, Failure> {
        let row = match self.next.take() {
            Some(row) => Some(row),
            None => self.reader.next_row()?,
        };
        let Some(ReadRow { line, body: Ok(first) }) = row else { return Ok(row) };
        let Some(customer) = first.get("customer_id").filter(|_| self.joins).cloned() else {
            return Ok(Some(ReadRow { line, body: Ok(first) }));
        };
        let mut transactions = vec![without_customer(first)];
        while let Some(row) = self.reader.next_row()? {
            match row {
                ReadRow { body: Ok(body), .. } if body.get("customer_id") == Some(&customer) => {
                    transactions.push(without_customer(body));
                }
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        let body = object().with("id", customer).with("transactions", transactions).build();
        Ok(Some(ReadRow { line, body: Ok(body) }))
    }
}

fn without_customer(mut row: Json) -> Json {
    row.remove("customer_id");
    row
}
