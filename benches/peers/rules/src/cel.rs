//! cel: the Common Expression Language.

use crate::expression::{self, Dialect};
use crate::load::Load;
use crate::peer::{Evaluate, worlds};
use ::cel::{Context, Env, Program, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// The rules parsed, the events as variables.
pub struct Cel {
    rules: Vec<Program>,
    contexts: Vec<Context<'static, 'static>>,
}

impl Cel {
    pub fn new(load: &Load) -> Self {
        let env = Arc::new(Env::stdlib());
        let compile = |rule| {
            let source = expression::rule::<Cel>(rule);
            env.compile(&source).unwrap_or_else(|error| panic!("{error}: {source}"))
        };
        let context = |world: serde_json::Value| {
            let mut context = Context::with_env(Arc::clone(&env));
            for name in ["event", "customer"] {
                context.add_variable_from_value(name, value(&world[name]));
            }
            context
        };
        Self {
            rules: load.rules.iter().map(compile).collect(),
            contexts: worlds(load).into_iter().map(context).collect(),
        }
    }
}

/// JSON as CEL has it: every number is a double.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().expect("it fits")),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), value(field)));
            Value::from(fields.collect::<HashMap<String, Value>>())
        }
    }
}

impl Evaluate for Cel {
    const NAME: &'static str = "cel";

    fn cases(&self) -> usize {
        self.contexts.len()
    }

    fn holds(&mut self, case: usize, rule: usize) -> bool {
        match self.rules[rule].execute(&self.contexts[case]) {
            Ok(Value::Bool(holds)) => holds,
            other => panic!("cel answers {other:?} to rule {rule}, event {case}"),
        }
    }
}

impl Dialect for Cel {
    const AND: &'static str = " && ";
    const OR: &'static str = " || ";
    const LINE: &'static str = "line";

    fn number(text: &str) -> String {
        if text.contains('.') { text.to_owned() } else { format!("{text}.0") }
    }

    fn starts_with(path: &str, value: &str) -> String {
        format!("{path}.startsWith({value})")
    }

    fn not(condition: &str) -> String {
        format!("!({condition})")
    }

    fn known(path: &str) -> String {
        format!("has({path})")
    }

    fn some_line(condition: &str) -> String {
        format!("event.order.products.exists(line, {condition})")
    }

    /// Reading a missing field is an error.
    fn needs_guard(_: &str) -> bool {
        true
    }
}
