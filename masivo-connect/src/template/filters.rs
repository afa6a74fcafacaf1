//! The filters a template may use.

use std::borrow::Cow;

use super::decimal::Decimal;
use super::render::{Evaluator, Stop};
use super::value::Value;

/// A filter, `value | filter(arguments)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Default,
    Escape,
    First,
    Join,
    Last,
    Length,
    Lower,
    Round,
    Title,
    Trim,
    Upper,
}

/// The names, in the order they are shown to a person.
pub(super) const NAMES: &str =
    "`default`, `escape`, `first`, `join`, `last`, `length`, `lower`, `round`, `title`, `trim`, `upper`";

impl Filter {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "default" | "d" => Self::Default,
            "escape" | "e" => Self::Escape,
            "first" => Self::First,
            "join" => Self::Join,
            "last" => Self::Last,
            "length" | "count" => Self::Length,
            "lower" => Self::Lower,
            "round" => Self::Round,
            "title" => Self::Title,
            "trim" => Self::Trim,
            "upper" => Self::Upper,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Escape => "escape",
            Self::First => "first",
            Self::Join => "join",
            Self::Last => "last",
            Self::Length => "length",
            Self::Lower => "lower",
            Self::Round => "round",
            Self::Title => "title",
            Self::Trim => "trim",
            Self::Upper => "upper",
        }
    }

    /// The least and the most arguments it takes.
    pub(super) const fn arguments(self) -> (usize, usize) {
        match self {
            Self::Default => (1, 2),
            Self::Join | Self::Round => (0, 1),
            Self::Escape
            | Self::First
            | Self::Last
            | Self::Length
            | Self::Lower
            | Self::Title
            | Self::Trim
            | Self::Upper => (0, 0),
        }
    }
}

/// Applies a filter. A missing value passes through every filter but `default`.
pub(super) fn apply<'a>(
    evaluator: &mut Evaluator<'a>,
    filter: Filter,
    value: Value<'a>,
    arguments: Vec<Value<'a>>,
) -> Result<Value<'a>, Stop> {
    let mut arguments = arguments.into_iter();
    if filter == Filter::Default {
        let fallback = arguments.next().unwrap_or(Value::Text(Cow::Borrowed("")));
        let also_empty = arguments.next().is_some_and(|value| value.is_true());
        let replace = matches!(value, Value::Missing(_)) || (also_empty && !value.is_true());
        return Ok(if replace { fallback } else { value });
    }
    if matches!(value, Value::Missing(_)) {
        return Ok(value);
    }
    match filter {
        Filter::Default => Ok(value),
        Filter::Escape => match value {
            Value::Safe(_) => Ok(value),
            Value::Text(_)
            | Value::Number(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Items(_)
            | Value::Map(_)
            | Value::Missing(_) => Ok(Value::Safe(escaped(&evaluator.text(value)?))),
        },
        Filter::First => edge(evaluator, value, Edge::First),
        Filter::Last => edge(evaluator, value, Edge::Last),
        Filter::Join => join(evaluator, value, arguments.next()),
        Filter::Length => length(evaluator, &value),
        Filter::Round => round(evaluator, &value, arguments.next()),
        Filter::Lower => Ok(Value::Text(evaluator.text(value)?.to_lowercase().into())),
        Filter::Upper => Ok(Value::Text(evaluator.text(value)?.to_uppercase().into())),
        Filter::Title => Ok(Value::Text(title(&evaluator.text(value)?).into())),
        Filter::Trim => Ok(Value::Text(match evaluator.text(value)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })),
    }
}

/// Returns what a character is written as in HTML, if not as itself.
pub(super) const fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#x27;",
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match entity(character) {
            Some(entity) => result.push_str(entity),
            None => result.push(character),
        }
    }
    result
}

fn title(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut starts = true;
    for character in text.chars() {
        if character.is_whitespace() || "-({[<".contains(character) {
            starts = true;
            result.push(character);
        } else if starts {
            starts = false;
            result.extend(character.to_uppercase());
        } else {
            result.extend(character.to_lowercase());
        }
    }
    result
}

#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

fn edge<'a>(evaluator: &mut Evaluator<'a>, value: Value<'a>, edge: Edge) -> Result<Value<'a>, Stop> {
    let found = match value {
        Value::List(items) => {
            let item = if matches!(edge, Edge::First) { items.first() } else { items.last() };
            item.map(Value::from)
        }
        Value::Items(mut items) => {
            if matches!(edge, Edge::First) {
                items.drain(..).next()
            } else {
                items.pop()
            }
        }
        Value::Text(_) | Value::Safe(_) => {
            let text = evaluator.text(value)?;
            let character =
                if matches!(edge, Edge::First) { text.chars().next() } else { text.chars().next_back() };
            character.map(|character| Value::Text(character.to_string().into()))
        }
        Value::Number(_) | Value::Flag(_) | Value::Map(_) | Value::Missing(_) => {
            return Err(Stop::Wrong(format!("{} has no first or last item", value.kind())));
        }
    };
    // The evaluator knows the path.
    Ok(found.unwrap_or(Value::Missing(String::new())))
}

fn join<'a>(
    evaluator: &mut Evaluator<'a>,
    value: Value<'a>,
    separator: Option<Value<'a>>,
) -> Result<Value<'a>, Stop> {
    let separator = separator.map_or(Ok(Cow::Borrowed("")), |value| evaluator.text(value))?;
    let items = evaluator.items(value)?;
    let mut result = String::new();
    for (index, item) in items.into_iter().enumerate() {
        let item = evaluator.text(item)?;
        if index > 0 {
            evaluator.spend_bytes(separator.len())?;
            result.push_str(&separator);
        }
        result.push_str(&item);
    }
    Ok(Value::Text(result.into()))
}

fn length<'a>(evaluator: &mut Evaluator<'a>, value: &Value<'a>) -> Result<Value<'a>, Stop> {
    let count = match value {
        Value::Text(text) => {
            evaluator.spend_bytes(text.len())?;
            text.chars().count()
        }
        Value::Safe(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Items(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Number(_) | Value::Flag(_) | Value::Missing(_) => {
            return Err(Stop::Wrong(format!("{} has no length", value.kind())));
        }
    };
    Ok(Value::Number(count.to_string().into()))
}

fn round<'a>(
    evaluator: &mut Evaluator<'a>,
    value: &Value<'a>,
    places: Option<Value<'a>>,
) -> Result<Value<'a>, Stop> {
    let places = match places {
        None => Some(0),
        Some(Value::Number(text)) => text.parse().ok().filter(|places| *places <= 18),
        Some(_) => None,
    };
    let Some(places) = places else {
        return Err(Stop::Wrong("`round` takes the number of decimal places, 0 to 18".to_owned()));
    };
    let number = evaluator.decimal(value)?;
    let rounded: Option<Decimal> = number.round(places);
    rounded
        .map(|number| Value::Number(number.to_string().into()))
        .ok_or_else(|| Stop::Wrong("the number is too long to be rounded".to_owned()))
}
