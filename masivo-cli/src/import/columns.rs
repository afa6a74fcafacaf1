//! Columns of a CSV file: from dotted names and texts to the document the API takes.

use crate::arguments::Rows;
use crate::error::Failure;
use masivo_core::events::EVENT;
use masivo_core::migration::{MIGRATED_EVENT, MIGRATED_TRANSACTION};
use masivo_core::profile::{CUSTOMER_NAME, MIGRATED_CUSTOMER, REGISTRATION};
use masivo_core::shape::{ObjectShape, Shape};
use masivo_core::value::{Decimal, Json, object};

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

#[derive(Debug)]
struct Column {
    path: Vec<String>,
    shape: Shape,
}

impl Columns {
    /// Reads a head line; a column that the API does not know is refused, since its data would be lost.
    pub(super) fn read<'a>(head: impl Iterator<Item = &'a str>, what: Rows) -> Result<Self, Failure> {
        let object: &'static ObjectShape = match what {
            Rows::Customers => &REGISTRATION,
            Rows::Events => &EVENT,
            Rows::MigratedCustomers => &MIGRATED_CUSTOMER,
            Rows::MigratedEvents => &MIGRATED_EVENT,
            Rows::MigratedTransactions => &MIGRATED_TRANSACTION,
            Rows::Members => &CUSTOMER_NAME,
        };
        // What is past is sent by customer; in a file each row names its own.
        let by_customer = matches!(what, Rows::MigratedEvents | Rows::MigratedTransactions);
        let names_customer = |path: &[String]| (by_customer && path == ["customer_id"]).then_some(Shape::Id);
        let columns = head.map(|name| {
            let path: Vec<String> = name.split('.').map(ToOwned::to_owned).collect();
            let shape = names_customer(&path).or_else(|| shape_at(Shape::Object(object), &path));
            let shape = shape.ok_or_else(|| {
                let known: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
                Failure::usage(
                    format!("the column `{name}` is not known"),
                    format!("known are {}, with dots for what is inside (tags.vip)", known.join(", ")),
                )
            })?;
            Ok(Column { path, shape })
        });
        Ok(Self(columns.collect::<Result<_, Failure>>()?))
    }

    /// The document of a row; empty cells are absent.
    pub(super) fn row<'a>(&self, cells: impl Iterator<Item = &'a str>) -> Result<Json, Failure> {
        let mut row = object().build();
        for (column, cell) in self.0.iter().zip(cells) {
            if !cell.is_empty() {
                put(&mut row, &column.path, value(column.shape, cell));
            }
        }
        Ok(row)
    }
}

/// The shape at a path, when the API knows it.
fn shape_at(shape: Shape, path: &[String]) -> Option<Shape> {
    let [name, rest @ ..] = path else { return Some(shape) };
    match shape {
        Shape::Object(object) => {
            let field = object.fields.iter().find(|field| field.name == name)?;
            shape_at(field.shape, rest)
        }
        // Free names may have dots in them: the rest of the path is one name or a nested object.
        Shape::Map(of, _) => match of {
            Shape::Any => Some(Shape::Any),
            of => rest.is_empty().then_some(*of),
        },
        Shape::Nullable(of) => shape_at(*of, path),
        Shape::Any => Some(Shape::Any),
        _ => None,
    }
}

fn put(row: &mut Json, path: &[String], value: Json) {
    match path {
        [] => {}
        [name] => row.set(name.clone(), value),
        [name, rest @ ..] => {
            let mut inner = row.get(name).cloned().unwrap_or_else(|| object().build());
            put(&mut inner, rest, value);
            row.set(name.clone(), inner);
        }
    }
}

/// The value of a cell. What does not fit its shape stays a text, so that the API says what is wrong with it.
fn value(shape: Shape, cell: &str) -> Json {
    let text = || Json::from(cell);
    match shape {
        Shape::Number(..) | Shape::Integer(..) => {
            cell.trim().parse::<Decimal>().map_or_else(|_| text(), Json::from)
        }
        Shape::Flag => flag(cell).unwrap_or_else(text),
        Shape::Nullable(of) => value(*of, cell),
        Shape::List(of, _) if !cell.trim_start().starts_with('[') => {
            Json::List(cell.split('|').map(|item| value(*of, item)).collect())
        }
        Shape::List(..) | Shape::Object(_) | Shape::Map(..) => {
            Json::parse(cell.as_bytes()).unwrap_or_else(|_| text())
        }
        // Tags and metadata: a number only when it is written as one would write it, so 007 stays a text.
        Shape::Any | Shape::Either(_) => flag(cell)
            .or_else(|| {
                let number: Decimal = cell.parse().ok()?;
                (number.to_string() == cell).then(|| Json::from(number))
            })
            .unwrap_or_else(text),
        Shape::Text(_)
        | Shape::TextOrEmpty(_)
        | Shape::Id
        | Shape::Email
        | Shape::Instant
        | Shape::DateOrInstant
        | Shape::Uuid
        | Shape::Choice(_) => text(),
    }
}

fn flag(cell: &str) -> Option<Json> {
    match cell {
        "true" => Some(Json::Bool(true)),
        "false" => Some(Json::Bool(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(what: Rows, head: &[&str], cells: &[&str], expected: &str) {
        let columns = Columns::read(head.iter().copied(), what).unwrap();
        assert_eq!(columns.row(cells.iter().copied()).unwrap().to_string(), expected);
    }

    #[test]
    fn cells_become_what_the_api_takes() {
        check(
            Rows::Customers,
            &["id", "tags.vip", "tags.code", "tags.size", "consent.purposes.email_marketing", "platforms"],
            &["007", "true", "007", "7", "false", "web|ios"],
            r#"{"id":"007","tags":{"vip":true,"code":"007","size":7},"consent":{"purposes":{"email_marketing":false}},"platforms":["web","ios"]}"#,
        );
        check(
            Rows::Events,
            &["order.value", "order.products", "fulfilled", "metadata.a.b", "reserve"],
            &["x", r#"[{"sku":"a"}]"#, "no", "1", "2"],
            r#"{"order":{"value":"x","products":[{"sku":"a"}]},"fulfilled":"no","metadata":{"a":{"b":1}},"reserve":2}"#,
        );
    }

    #[test]
    fn unknown_columns_are_refused() {
        for name in ["colour", "order.colour", "id.x", ""] {
            let refused = Columns::read([name].into_iter(), Rows::Events).unwrap_err().to_string();
            assert!(refused.contains("is not known"), "{name}: {refused}");
        }
    }
}
