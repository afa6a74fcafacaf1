//! Evaluates a checked tree, counting every step and byte.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::decimal::Decimal;
use super::filters::{self, Filter, entity};
use super::tree::{Comparison, Expression, LoopField, Node};
use super::value::Value;
use super::{Field, Missing, OUTPUT_LIMIT, RenderError, STEP_LIMIT, Variables};

/// How many bytes are looked at in one step.
const BYTES_A_STEP: usize = 64;

/// Why evaluation stops.
#[derive(Debug)]
pub(super) enum Stop {
    Missing(String),
    Wrong(String),
    TooLong,
    TooMuchWork,
}

/// Renders one field.
pub(super) fn render(
    nodes: &[Node],
    field: Field,
    variables: &Variables,
    missing: Missing,
) -> Result<String, RenderError> {
    let mut evaluator = Evaluator {
        field,
        variables,
        missing,
        steps: STEP_LIMIT,
        line: 1,
        output: String::new(),
        scopes: Vec::new(),
    };
    match evaluator.nodes(nodes) {
        Ok(()) => Ok(evaluator.output),
        Err(stop) => {
            let line = evaluator.line;
            Err(match stop {
                Stop::Missing(variable) => RenderError::MissingValue { field, line, variable },
                Stop::Wrong(message) => RenderError::WrongKind { field, line, message },
                Stop::TooLong => RenderError::TooLong { field },
                Stop::TooMuchWork => RenderError::TooMuchWork { field },
            })
        }
    }
}

struct Scope<'a> {
    name: &'a str,
    value: Value<'a>,
    index: usize,
    length: usize,
}

pub(super) struct Evaluator<'a> {
    field: Field,
    variables: &'a Variables,
    missing: Missing,
    /// The steps that are left.
    steps: u32,
    /// The line of the node at hand.
    line: u32,
    output: String,
    scopes: Vec<Scope<'a>>,
}

impl<'a> Evaluator<'a> {
    fn spend(&mut self, steps: u32) -> Result<(), Stop> {
        self.steps = self.steps.checked_sub(steps).ok_or(Stop::TooMuchWork)?;
        Ok(())
    }

    /// Pays for looking at that many bytes.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        self.spend(u32::try_from(bytes / BYTES_A_STEP).unwrap_or(u32::MAX))
    }

    fn nodes(&mut self, nodes: &'a [Node]) -> Result<(), Stop> {
        nodes.iter().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &'a Node) -> Result<(), Stop> {
        self.spend(1)?;
        match node {
            Node::Raw(text) => self.write(text),
            Node::Emit { line, value } => {
                self.line = *line;
                let value = self.evaluate(value)?;
                self.emit(value)
            }
            Node::If { line, condition, then, otherwise } => {
                self.line = *line;
                let branch = if self.evaluate(condition)?.is_true() { then } else { otherwise };
                self.nodes(branch)
            }
            Node::For { line, name, source, condition, body, empty } => {
                self.line = *line;
                let source = self.evaluate(source)?;
                let mut items = self.items(source)?;
                if let Some(condition) = condition {
                    items = self.select(name, items, condition)?;
                }
                if items.is_empty() {
                    return self.nodes(empty);
                }
                self.repeat(name, items, body)
            }
        }
    }

    fn select(
        &mut self,
        name: &'a str,
        items: Vec<Value<'a>>,
        condition: &'a Expression,
    ) -> Result<Vec<Value<'a>>, Stop> {
        let mut kept = Vec::new();
        let length = items.len();
        for (index, value) in items.into_iter().enumerate() {
            self.scopes.push(Scope { name, value, index, length });
            let keep = self.evaluate(condition)?.is_true();
            let scope = self.scopes.pop();
            kept.extend(scope.filter(|_| keep).map(|scope| scope.value));
        }
        Ok(kept)
    }

    fn repeat(&mut self, name: &'a str, items: Vec<Value<'a>>, body: &'a [Node]) -> Result<(), Stop> {
        let length = items.len();
        for (index, value) in items.into_iter().enumerate() {
            self.spend(1)?;
            self.scopes.push(Scope { name, value, index, length });
            self.nodes(body)?;
            self.scopes.pop();
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), Stop> {
        if self.output.len().saturating_add(text.len()) > OUTPUT_LIMIT {
            return Err(Stop::TooLong);
        }
        self.output.push_str(text);
        Ok(())
    }

    fn emit(&mut self, value: Value<'a>) -> Result<(), Stop> {
        if let Value::Safe(text) = &value {
            return self.write(text);
        }
        let text = self.text(value)?;
        if self.field != Field::Html {
            return self.write(&text);
        }
        let mut rest: &str = &text;
        while let Some((at, found, written)) =
            rest.char_indices().find_map(|(at, found)| Some((at, found, entity(found)?)))
        {
            let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.write(plain)?;
            self.write(written)?;
            rest = after.strip_prefix(found).unwrap_or("");
        }
        self.write(rest)
    }

    /// Reads a value as text, which uses it.
    pub(super) fn text(&mut self, value: Value<'a>) -> Result<Cow<'a, str>, Stop> {
        let text = match value {
            Value::Text(text) | Value::Number(text) => text,
            Value::Safe(text) => Cow::Owned(text),
            Value::Flag(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Value::List(_) | Value::Items(_) => {
                return Err(Stop::Wrong("a list is used as a text; loop over it or use `join`".to_owned()));
            }
            Value::Map(_) => {
                return Err(Stop::Wrong("a group of values is used as a text; name one of them".to_owned()));
            }
            Value::Missing(path) => match self.missing {
                Missing::Blank => Cow::Borrowed(""),
                Missing::Refuse => return Err(Stop::Missing(path)),
            },
        };
        self.spend_bytes(text.len())?;
        Ok(text)
    }

    /// Reads a value as the values it consists of, which uses it.
    pub(super) fn items(&mut self, value: Value<'a>) -> Result<Vec<Value<'a>>, Stop> {
        let length = match &value {
            Value::List(items) => items.len(),
            Value::Map(map) => map.len(),
            Value::Items(_) | Value::Missing(_) => 0,
            Value::Text(_) | Value::Safe(_) | Value::Number(_) | Value::Flag(_) => {
                return Err(Stop::Wrong(format!("{} is not a list", value.kind())));
            }
        };
        self.spend(u32::try_from(length).unwrap_or(u32::MAX))?;
        match value {
            Value::List(items) => Ok(items.iter().map(Value::from).collect()),
            Value::Items(items) => Ok(items),
            Value::Map(map) => Ok(map.keys().map(|key| Value::Text(Cow::Borrowed(key))).collect()),
            Value::Missing(path) if self.missing == Missing::Refuse => Err(Stop::Missing(path)),
            Value::Missing(_) | Value::Text(_) | Value::Safe(_) | Value::Number(_) | Value::Flag(_) => {
                Ok(Vec::new())
            }
        }
    }

    /// Reads a value as an exact number.
    pub(super) fn decimal(&mut self, value: &Value<'a>) -> Result<Decimal, Stop> {
        if let Value::Number(text) = value
            && let Some(number) = Decimal::parse(text)
        {
            return Ok(number);
        }
        Err(Stop::Wrong(format!("{} is not a number to compute with", value.kind())))
    }

    fn evaluate(&mut self, expression: &'a Expression) -> Result<Value<'a>, Stop> {
        self.spend(1)?;
        Ok(match expression {
            Expression::Text(text) => Value::Text(Cow::Borrowed(text)),
            Expression::Number(text) => Value::Number(Cow::Borrowed(text)),
            Expression::Flag(flag) => Value::Flag(*flag),
            Expression::List(items) => {
                let items: Result<_, Stop> = items.iter().map(|item| self.evaluate(item)).collect();
                Value::Items(items?)
            }
            Expression::Variable(name) => self.variable(expression, name)?,
            Expression::Attribute { of, name } => {
                let of = self.evaluate(of)?;
                match if let Value::Map(map) = of { map.get(name) } else { None } {
                    Some(found) => Value::from(found),
                    None => self.nothing_at(expression)?,
                }
            }
            Expression::Position { of, index } => {
                let found = match self.evaluate(of)? {
                    Value::List(items) => items.get(*index).map(Value::from),
                    Value::Items(items) => items.into_iter().nth(*index),
                    Value::Text(_)
                    | Value::Safe(_)
                    | Value::Number(_)
                    | Value::Flag(_)
                    | Value::Map(_)
                    | Value::Missing(_) => None,
                };
                match found {
                    Some(found) => found,
                    None => self.nothing_at(expression)?,
                }
            }
            Expression::Loop(field) => self.loop_field(*field),
            Expression::Not(of) => Value::Flag(!self.evaluate(of)?.is_true()),
            Expression::And(left, right) => {
                let left = self.evaluate(left)?;
                if left.is_true() { self.evaluate(right)? } else { left }
            }
            Expression::Or(left, right) => {
                let left = self.evaluate(left)?;
                if left.is_true() { left } else { self.evaluate(right)? }
            }
            Expression::Add(left, right) => self.compute(left, right, Decimal::add)?,
            Expression::Subtract(left, right) => self.compute(left, right, Decimal::subtract)?,
            Expression::Compare { first, rest } => self.chain(first, rest)?,
            Expression::Choose { condition, then, otherwise } => {
                match (self.evaluate(condition)?.is_true(), otherwise) {
                    (true, _) => self.evaluate(then)?,
                    (false, Some(otherwise)) => self.evaluate(otherwise)?,
                    (false, None) => Value::Text(Cow::Borrowed("")),
                }
            }
            Expression::Filter { filter, of, arguments } => {
                self.filter(expression, *filter, of, arguments)?
            }
            Expression::IsDefined(of) => Value::Flag(!matches!(self.evaluate(of)?, Value::Missing(_))),
        })
    }

    fn variable(&mut self, expression: &Expression, name: &str) -> Result<Value<'a>, Stop> {
        if let Some(scope) = self.scopes.iter().rev().find(|scope| scope.name == name) {
            let value = scope.value.clone();
            self.spend_bytes(value.weight())?;
            return Ok(value);
        }
        match self.variables.get(name) {
            Some(found) => Ok(Value::from(found)),
            None => self.nothing_at(expression),
        }
    }

    fn nothing_at(&mut self, expression: &Expression) -> Result<Value<'a>, Stop> {
        let path = expression.path();
        self.spend_bytes(path.len())?;
        Ok(Value::Missing(path))
    }

    fn loop_field(&self, field: LoopField) -> Value<'a> {
        let (index, length) = self.scopes.last().map_or((0, 0), |scope| (scope.index, scope.length));
        let number = |number: usize| Value::Number(number.to_string().into());
        match field {
            LoopField::Index => number(index.saturating_add(1)),
            LoopField::IndexFromZero => number(index),
            LoopField::First => Value::Flag(index == 0),
            LoopField::Last => Value::Flag(index.saturating_add(1) == length),
            LoopField::Length => number(length),
        }
    }

    fn filter(
        &mut self,
        whole: &'a Expression,
        filter: Filter,
        of: &'a Expression,
        arguments: &'a [Expression],
    ) -> Result<Value<'a>, Stop> {
        let value = self.evaluate(of)?;
        let arguments: Result<Vec<_>, Stop> =
            arguments.iter().map(|argument| self.evaluate(argument)).collect();
        Ok(match filters::apply(self, filter, value, arguments?)? {
            Value::Missing(path) if path.is_empty() => Value::Missing(whole.path()),
            value => value,
        })
    }

    fn compute(
        &mut self,
        left: &'a Expression,
        right: &'a Expression,
        operation: fn(Decimal, Decimal) -> Option<Decimal>,
    ) -> Result<Value<'a>, Stop> {
        let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
        for value in [&left, &right] {
            if let Value::Missing(path) = value {
                return match self.missing {
                    Missing::Blank => Ok(Value::Missing(path.clone())),
                    Missing::Refuse => Err(Stop::Missing(path.clone())),
                };
            }
        }
        let result = operation(self.decimal(&left)?, self.decimal(&right)?);
        result
            .map(|number| Value::Number(number.to_string().into()))
            .ok_or_else(|| Stop::Wrong("the number is too long".to_owned()))
    }

    fn chain(
        &mut self,
        first: &'a Expression,
        rest: &'a [(Comparison, Expression)],
    ) -> Result<Value<'a>, Stop> {
        let mut left = self.evaluate(first)?;
        for (comparison, right) in rest {
            let right = self.evaluate(right)?;
            if !self.holds(*comparison, &left, &right)? {
                return Ok(Value::Flag(false));
            }
            left = right;
        }
        Ok(Value::Flag(true))
    }

    fn holds(&mut self, comparison: Comparison, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Stop> {
        for value in [left, right] {
            if let Value::Missing(path) = value {
                return match self.missing {
                    Missing::Blank => Ok(matches!(comparison, Comparison::NotEqual | Comparison::NotIn)),
                    Missing::Refuse => Err(Stop::Missing(path.clone())),
                };
            }
        }
        match comparison {
            Comparison::Equal => self.equal(left, right),
            Comparison::NotEqual => Ok(!self.equal(left, right)?),
            Comparison::Less => Ok(self.order(left, right)?.is_lt()),
            Comparison::LessOrEqual => Ok(self.order(left, right)?.is_le()),
            Comparison::Greater => Ok(self.order(left, right)?.is_gt()),
            Comparison::GreaterOrEqual => Ok(self.order(left, right)?.is_ge()),
            Comparison::In => self.contains(right, left),
            Comparison::NotIn => Ok(!self.contains(right, left)?),
        }
    }

    fn equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Stop> {
        if let (Some(left), Some(right)) = (left.as_text(), right.as_text()) {
            self.spend_bytes(left.len().min(right.len()))?;
            return Ok(left == right);
        }
        match (left, right) {
            (Value::Number(_), Value::Number(_)) => Ok(self.order(left, right)?.is_eq()),
            (Value::Flag(left), Value::Flag(right)) => Ok(left == right),
            (Value::List(_) | Value::Items(_) | Value::Map(_), _)
            | (_, Value::List(_) | Value::Items(_) | Value::Map(_)) => {
                Err(Stop::Wrong(format!("{} and {} cannot be compared", left.kind(), right.kind())))
            }
            (Value::Text(_) | Value::Safe(_) | Value::Number(_) | Value::Flag(_) | Value::Missing(_), _) => {
                Ok(false)
            }
        }
    }

    fn order(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<Ordering, Stop> {
        if let (Some(left), Some(right)) = (left.as_text(), right.as_text()) {
            self.spend_bytes(left.len().min(right.len()))?;
            return Ok(left.cmp(right));
        }
        if left.kind() != right.kind() {
            return Err(Stop::Wrong(format!("{} and {} cannot be compared", left.kind(), right.kind())));
        }
        let ordering = self.decimal(left)?.compare(self.decimal(right)?);
        ordering.ok_or_else(|| Stop::Wrong("the numbers are too long to be compared".to_owned()))
    }

    fn contains(&mut self, whole: &Value<'a>, part: &Value<'a>) -> Result<bool, Stop> {
        match (whole, part.as_text()) {
            (Value::List(items), _) => self.any_equal(items.iter().map(Value::from).map(Cow::Owned), part),
            (Value::Items(items), _) => self.any_equal(items.iter().map(Cow::Borrowed), part),
            (Value::Map(map), Some(key)) => Ok(map.contains_key(key)),
            (Value::Text(text), Some(part)) => {
                self.spend_bytes(text.len().saturating_add(part.len()))?;
                Ok(text.contains(part))
            }
            (Value::Safe(_) | Value::Text(_) | Value::Number(_) | Value::Flag(_) | Value::Map(_), _)
            | (Value::Missing(_), _) => {
                Err(Stop::Wrong(format!("{} cannot be looked for in {}", part.kind(), whole.kind())))
            }
        }
    }

    fn any_equal<'b>(
        &mut self,
        items: impl Iterator<Item = Cow<'b, Value<'a>>>,
        part: &Value<'a>,
    ) -> Result<bool, Stop>
    where
        'a: 'b,
    {
        for item in items {
            self.spend(1)?;
            if self.equal(&item, part)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
