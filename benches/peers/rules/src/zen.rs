//! zen-expression: the expression language of zen-engine without the graph around it, which only adds to it.

use crate::expression::{self, Dialect};
use crate::load::Load;
use crate::peer::{Evaluate, worlds};
use zen_expression::expression::Standard;
use zen_expression::vm::VM;
use zen_expression::{Expression, Scope, Variable, compile_expression};

/// The rules compiled to bytecode, the events as variables, one virtual machine used again and again.
pub struct Zen {
    rules: Vec<Expression<Standard>>,
    scopes: Vec<Scope>,
    vm: VM,
}

impl Zen {
    pub fn new(load: &Load) -> Self {
        let compile = |rule| {
            let source = expression::rule::<Zen>(rule);
            compile_expression(&source).unwrap_or_else(|error| panic!("{error}: {source}"))
        };
        Self {
            rules: load.rules.iter().map(compile).collect(),
            scopes: worlds(load).into_iter().map(|world| Scope::new(Variable::from(world))).collect(),
            vm: VM::new(),
        }
    }
}

impl Evaluate for Zen {
    const NAME: &'static str = "zen-expression";

    fn cases(&self) -> usize {
        self.scopes.len()
    }

    fn holds(&mut self, case: usize, rule: usize) -> bool {
        match self.rules[rule].evaluate_with_scope(&self.scopes[case], &mut self.vm) {
            Ok(Variable::Bool(holds)) => holds,
            other => panic!("zen-expression answers {other:?} to rule {rule}, event {case}"),
        }
    }
}

impl Dialect for Zen {
    const AND: &'static str = " and ";
    const OR: &'static str = " or ";
    const LINE: &'static str = "#";

    fn number(text: &str) -> String {
        text.to_owned()
    }

    fn starts_with(path: &str, value: &str) -> String {
        format!("startsWith({path}, {value})")
    }

    fn not(condition: &str) -> String {
        format!("not ({condition})")
    }

    fn known(path: &str) -> String {
        format!("{path} != null")
    }

    fn some_line(condition: &str) -> String {
        format!("some(event.order.products, {condition})")
    }

    /// A missing value is `null`, equal to no text: only what would hold or fail needs a guard.
    fn needs_guard(operator: &str) -> bool {
        !matches!(operator, "equals" | "in")
    }
}
