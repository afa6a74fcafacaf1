//! Rows as they are sent: of a file in which each past transaction is a row, those of a customer become one.
//!
//! A customer's rows count together or not at all: where one of them cannot be read, or there are too many, none is sent.

use super::rows::{ReadRow, Reader};
use crate::arguments::Rows;
use crate::error::Failure;
use masivo_core::limits::MIGRATED_ROWS_MAX;
use masivo_core::value::{Json, object};
use std::collections::VecDeque;
use std::path::Path;

/// The rows of a file.
pub(super) struct Source {
    reader: Reader,
    joins: bool,
    next: VecDeque<ReadRow>,
    /// The line before the next row that could not be read, and may have been of the same customer.
    unreadable: Option<u64>,
}

impl Source {
    /// Opens a file.
    pub(super) fn open(path: &Path, what: Rows) -> Result<Self, Failure> {
        let reader = Reader::open(path, what)?;
        let joins = what == Rows::MigratedTransactions;
        Ok(Self { reader, joins, next: VecDeque::new(), unreadable: None })
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<ReadRow>, Failure> {
        let (row, fresh) = match self.next.pop_front() {
            Some(row) => (Some(row), false),
            None => (self.reader.next_row()?, true),
        };
        match row {
            Some(ReadRow { line, body: Ok(first) }) if self.joins && first.get("customer_id").is_some() => {
                self.joined(line, first).map(Some)
            }
            Some(ReadRow { line, body: Err(failure) }) => {
                if fresh {
                    self.unreadable = Some(line);
                }
                Ok(Some(ReadRow { line, body: Err(failure) }))
            }
            row => {
                self.unreadable = None;
                Ok(row)
            }
        }
    }

    /// The row of a customer whose first transaction that is.
    fn joined(&mut self, line: u64, first: Json) -> Result<ReadRow, Failure> {
        let customer = first.get("customer_id").cloned().unwrap_or_default();
        let (mut transactions, mut count) = (vec![without_customer(first)], 1_usize);
        let mut unreadable = self.unreadable.take();
        while let Some(row) = self.reader.next_row()? {
            match row {
                ReadRow { body: Ok(body), .. } if body.get("customer_id") == Some(&customer) => {
                    // What stands between rows of the customer is of nobody else.
                    self.unreadable = None;
                    count += 1;
                    if count <= MIGRATED_ROWS_MAX {
                        transactions.push(without_customer(body));
                    }
                }
                ReadRow { line, body: Err(failure) } => {
                    (unreadable, self.unreadable) = (Some(line), Some(line));
                    self.next.push_back(ReadRow { line, body: Err(failure) });
                }
                other => {
                    self.next.push_back(other);
                    break;
                }
            }
        }
        let who = || customer.as_text().unwrap_or_default().to_owned();
        if let Some(line_of) = unreadable {
            let message = format!("line {line_of} may be of `{}` too, and cannot be read", who());
            let hint = "mend it, and import all rows of the customer together";
            return Ok(ReadRow { line, body: Err(Failure::usage(message, hint)) });
        }
        if count > MIGRATED_ROWS_MAX {
            let message = format!("`{}` has {count} transactions, more than {MIGRATED_ROWS_MAX}", who());
            return Ok(ReadRow { line, body: Err(Failure::usage(message, "sum the oldest up")) });
        }
        let body = object().with("id", customer).with("transactions", transactions).build();
        Ok(ReadRow { line, body: Ok(body) })
    }
}

fn without_customer(mut row: Json) -> Json {
    row.remove("customer_id");
    row
}
