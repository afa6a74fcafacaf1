//! Turns the syntax tree of minijinja into the tree that may be evaluated, collecting every problem.
//!
//! This is the only file that knows minijinja's tree, which its authors may change in any release: the
//! version is pinned in the workspace.

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, ast, parse as parse_jinja};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;

use super::decimal::Decimal;
use super::filters::{self, Filter};
use super::limits;
use super::tree::{Comparison, Expression, LoopField, Node};
use super::{Field, ROOTS, TemplateProblem};

/// Parses and checks a field; what is returned counts only if no problem was added.
pub(super) fn parse(field: Field, source: &str, problems: &mut Vec<TemplateProblem>) -> Vec<Node> {
    let before = problems.len();
    if !limits::scan(field, source, problems) {
        return Vec::new();
    }
    let parsed = match parse_jinja(source, "template", SyntaxConfig::default()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // What the scan found is usually why the parser stumbles.
            if problems.len() == before {
                let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
                let detail = error.detail().unwrap_or("it cannot be read");
                let hint = "values stand in `{{ }}`, blocks in `{% %}`; every block has its end";
                let message = format!("syntax error: {detail}");
                problems.push(TemplateProblem { field, line, message, hint: hint.to_owned() });
            }
            return Vec::new();
        }
    };
    let Stmt::Template(template) = &parsed else { return Vec::new() };
    let mut builder = Builder { field, source, problems, scopes: Vec::new(), incomplete: false };
    let nodes = builder.nodes(&template.children);
    if builder.incomplete && problems.len() == before {
        let message = "this is not allowed in a template".to_owned();
        problems.push(TemplateProblem {
            field,
            line: 1,
            message,
            hint: "use simpler expressions".to_owned(),
        });
    }
    nodes
}

struct Builder<'a> {
    field: Field,
    source: &'a str,
    problems: &'a mut Vec<TemplateProblem>,
    /// The variables of the loops around.
    scopes: Vec<String>,
    /// Whether something was left out, which must come with a problem.
    incomplete: bool,
}

impl Builder<'_> {
    fn report(&mut self, span: Span, message: String, hint: &str) {
        let line = u32::from(span.start_line);
        self.problems.push(TemplateProblem { field: self.field, line, message, hint: hint.to_owned() });
    }

    fn nodes(&mut self, statements: &[Stmt<'_>]) -> Vec<Node> {
        let nodes: Vec<Node> = statements.iter().filter_map(|statement| self.node(statement)).collect();
        self.incomplete |= nodes.len() != statements.len();
        nodes
    }

    fn node(&mut self, statement: &Stmt<'_>) -> Option<Node> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "blocks that are not listed are not allowed")]
        match statement {
            Stmt::EmitRaw(raw) => Some(Node::Raw(raw.raw.to_owned())),
            Stmt::EmitExpr(emit) => {
                let line = u32::from(emit.span().start_line);
                Some(Node::Emit { line, value: self.expression(&emit.expr)? })
            }
            Stmt::IfCond(block) => {
                let line = u32::from(block.span().start_line);
                let condition = self.expression(&block.expr);
                let then = self.nodes(&block.true_body);
                let otherwise = self.nodes(&block.false_body);
                Some(Node::If { line, condition: condition?, then, otherwise })
            }
            Stmt::ForLoop(block) => self.for_loop(block, block.span()),
            // The scan has reported every other block.
            _ => None,
        }
    }

    fn for_loop(&mut self, block: &ast::ForLoop<'_>, span: Span) -> Option<Node> {
        let source = self.expression(&block.iter);
        let name = if let Expr::Var(name) = &block.target {
            Some(name.id)
        } else {
            self.report(span, "a loop has one variable".to_owned(), "write `{% for item in event.items %}`");
            None
        };
        if block.recursive {
            self.report(span, "a recursive loop is not allowed".to_owned(), "use a loop inside a loop");
        }
        self.scopes.push(name.unwrap_or("").to_owned());
        let condition = block.filter_expr.as_ref().map(|condition| self.expression(condition));
        let body = self.nodes(&block.body);
        self.scopes.pop();
        let empty = self.nodes(&block.else_body);
        let condition = match condition {
            Some(condition) => Some(condition?),
            None => None,
        };
        let line = u32::from(span.start_line);
        Some(Node::For { line, name: name?.to_owned(), source: source?, condition, body, empty })
    }

    /// Converts an expression. `None` means that a problem was reported, here or by the scan.
    fn expression(&mut self, expression: &Expr<'_>) -> Option<Expression> {
        match expression {
            Expr::Var(variable) => self.variable(variable.id, variable.span()),
            Expr::Const(constant) => self.constant(constant, constant.span()),
            Expr::GetAttr(access) => self.attribute(access, access.span()),
            Expr::GetItem(access) => self.item(access, access.span()),
            Expr::UnaryOp(operation) => self.unary(operation, operation.span()),
            Expr::BinOp(operation) => self.binary(operation),
            Expr::Compare(chain) => {
                let first = self.boxed(&chain.expr);
                let rest: Vec<Option<_>> = chain
                    .ops
                    .iter()
                    .map(|step| Some((comparison(step.op), self.expression(&step.expr)?)))
                    .collect();
                let rest = rest.into_iter().collect::<Option<Vec<_>>>()?;
                Some(Expression::Compare { first: first?, rest })
            }
            Expr::IfExpr(choice) => {
                let condition = self.boxed(&choice.test_expr);
                let then = self.boxed(&choice.true_expr);
                let otherwise = match &choice.false_expr {
                    Some(otherwise) => Some(self.boxed(otherwise)?),
                    None => None,
                };
                Some(Expression::Choose { condition: condition?, then: then?, otherwise })
            }
            Expr::Filter(filter) => self.filter(filter, filter.span()),
            Expr::Test(test) => self.test(test, test.span()),
            Expr::List(list) => {
                let items: Vec<Option<_>> = list.items.iter().map(|item| self.expression(item)).collect();
                Some(Expression::List(items.into_iter().collect::<Option<_>>()?))
            }
            Expr::Call(call) => {
                let hint = "send the value as a variable, or use a filter";
                self.report(call.span(), "functions cannot be called".to_owned(), hint);
                None
            }
            Expr::Slice(_) | Expr::Tuple(_) | Expr::Map(_) => {
                let hint =
                    "a list is written `[\"a\", \"b\"]`; for a part of one use `first`, `last` or a loop";
                self.report(expression.span(), "this kind of expression is not allowed".to_owned(), hint);
                None
            }
        }
    }

    fn boxed(&mut self, expression: &Expr<'_>) -> Option<Box<Expression>> {
        self.expression(expression).map(Box::new)
    }

    fn variable(&mut self, name: &str, span: Span) -> Option<Expression> {
        if ROOTS.contains(&name) || self.scopes.iter().any(|scope| scope == name) {
            return Some(Expression::Variable(name.to_owned()));
        }
        let hint = "variables start with `customer.`, `event.`, `global.` or `journey.`";
        let hint =
            if name == "loop" { "inside a loop, `loop.index`, `loop.first` and `loop.last`" } else { hint };
        self.report(span, format!("there is no variable `{name}`"), hint);
        None
    }

    fn constant(&mut self, constant: &ast::Const, span: Span) -> Option<Expression> {
        let value = &constant.value;
        #[expect(clippy::wildcard_enum_match_arm, reason = "other constants are not allowed")]
        let found = match value.kind() {
            ValueKind::String => value.as_str().map(|text| Expression::Text(text.to_owned())),
            ValueKind::Bool => Some(Expression::Flag(value.is_true())),
            ValueKind::Number if value.is_integer() => number(&value.to_string()),
            // The parser has made a float of it; its source is exact.
            ValueKind::Number => self.slice(span).and_then(number),
            _ => None,
        };
        if found.is_none() {
            let hint = "numbers are written `1` or `12.5`; ask for missing values with `is defined`";
            self.report(span, "this constant is not allowed".to_owned(), hint);
        }
        found
    }

    fn slice(&self, span: Span) -> Option<&str> {
        let start = usize::try_from(span.start_offset).ok()?;
        let end = usize::try_from(span.end_offset).ok()?;
        self.source.get(start..end)
    }

    fn attribute(&mut self, access: &ast::GetAttr<'_>, span: Span) -> Option<Expression> {
        if matches!(&access.expr, Expr::Var(name) if name.id == "loop") && !self.scopes.is_empty() {
            let field = LoopField::from_name(access.name);
            if field.is_none() {
                let hint = "there are `index`, `index0`, `first`, `last` and `length`";
                self.report(span, format!("`loop` has no `{}`", access.name), hint);
            }
            return field.map(Expression::Loop);
        }
        Some(Expression::Attribute { of: self.boxed(&access.expr)?, name: access.name.to_owned() })
    }

    fn item(&mut self, access: &ast::GetItem<'_>, span: Span) -> Option<Expression> {
        let of = self.boxed(&access.expr);
        let key = if let Expr::Const(key) = &access.subscript_expr { Some(&key.value) } else { None };
        let text = key.and_then(|key| key.as_str());
        let index = key.and_then(|key| key.as_usize());
        match (of, text, index) {
            (Some(of), Some(name), _) => Some(Expression::Attribute { of, name: name.to_owned() }),
            (Some(of), None, Some(index)) => Some(Expression::Position { of, index }),
            (None, _, _) => None,
            (Some(_), None, None) => {
                let hint = "write a name, `[\"first name\"]`, or a position, `[0]`";
                self.report(span, "what stands in `[ ]` is not a name or position".to_owned(), hint);
                None
            }
        }
    }

    fn unary(&mut self, operation: &ast::UnaryOp<'_>, span: Span) -> Option<Expression> {
        let inner = self.expression(&operation.expr)?;
        match (&operation.op, inner) {
            (UnaryOpKind::Not, inner) => Some(Expression::Not(Box::new(inner))),
            (UnaryOpKind::Neg, Expression::Number(text)) if !text.starts_with('-') => {
                number(&format!("-{text}"))
            }
            (UnaryOpKind::Neg, inner) => {
                let hint = "write `0 - value`";
                self.report(span, format!("`{}` cannot be negated", inner.path()), hint);
                None
            }
        }
    }

    fn binary(&mut self, operation: &ast::BinOp<'_>) -> Option<Expression> {
        let (left, right) = (self.boxed(&operation.left), self.boxed(&operation.right));
        let (left, right) = (left?, right?);
        let compare = |comparison| {
            Some(Expression::Compare { first: left.clone(), rest: vec![(comparison, (*right).clone())] })
        };
        match operation.op {
            BinOpKind::ScAnd => Some(Expression::And(left, right)),
            BinOpKind::ScOr => Some(Expression::Or(left, right)),
            BinOpKind::Add => Some(Expression::Add(left, right)),
            BinOpKind::Sub => Some(Expression::Subtract(left, right)),
            BinOpKind::Eq => compare(Comparison::Equal),
            BinOpKind::Ne => compare(Comparison::NotEqual),
            BinOpKind::Lt => compare(Comparison::Less),
            BinOpKind::Lte => compare(Comparison::LessOrEqual),
            BinOpKind::Gt => compare(Comparison::Greater),
            BinOpKind::Gte => compare(Comparison::GreaterOrEqual),
            BinOpKind::In => compare(Comparison::In),
            // The scan has reported these.
            BinOpKind::Mul
            | BinOpKind::Div
            | BinOpKind::FloorDiv
            | BinOpKind::Rem
            | BinOpKind::Pow
            | BinOpKind::Concat => None,
        }
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, span: Span) -> Option<Expression> {
        let of = filter.expr.as_ref().map(|of| self.boxed(of));
        let arguments = self.arguments(&filter.args, span);
        let Some(found) = Filter::from_name(filter.name) else {
            let hint = format!("there are {}", filters::NAMES);
            self.report(span, format!("there is no filter `{}`", filter.name), &hint);
            return None;
        };
        let (arguments, (least, most)) = (arguments?, found.arguments());
        if arguments.len() < least || arguments.len() > most {
            let hint = match found {
                Filter::Default => "write `default(\"friend\")`",
                Filter::Join => "write `join(\", \")`",
                Filter::Round => "write `round` or `round(2)`",
                Filter::Escape
                | Filter::First
                | Filter::Last
                | Filter::Length
                | Filter::Lower
                | Filter::Title
                | Filter::Trim
                | Filter::Upper => "write it without brackets",
            };
            self.report(span, format!("`{}` has a wrong number of arguments", found.name()), hint);
            return None;
        }
        Some(Expression::Filter { filter: found, of: of??, arguments })
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>], span: Span) -> Option<Vec<Expression>> {
        let converted: Vec<Option<Expression>> = arguments
            .iter()
            .map(|argument| match argument {
                CallArg::Pos(value) => self.expression(value),
                CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                    let message = "named and spread arguments are not allowed".to_owned();
                    self.report(span, message, "write the values only, in order");
                    None
                }
            })
            .collect();
        converted.into_iter().collect()
    }

    fn test(&mut self, test: &ast::Test<'_>, span: Span) -> Option<Expression> {
        let of = self.boxed(&test.expr);
        let defined = match test.name {
            "defined" => Some(true),
            "undefined" => Some(false),
            _ => None,
        };
        if defined.is_none() || !test.args.is_empty() {
            let hint = "there are `is defined` and `is undefined`; compare with `==`";
            self.report(span, format!("there is no test `{}`", test.name), hint);
            return None;
        }
        let asked = Expression::IsDefined(of?);
        Some(if defined? { asked } else { Expression::Not(Box::new(asked)) })
    }
}

fn number(text: &str) -> Option<Expression> {
    Decimal::parse(text).map(|_| Expression::Number(text.to_owned()))
}

const fn comparison(kind: CompareOpKind) -> Comparison {
    match kind {
        CompareOpKind::Eq => Comparison::Equal,
        CompareOpKind::Ne => Comparison::NotEqual,
        CompareOpKind::Lt => Comparison::Less,
        CompareOpKind::Lte => Comparison::LessOrEqual,
        CompareOpKind::Gt => Comparison::Greater,
        CompareOpKind::Gte => Comparison::GreaterOrEqual,
        CompareOpKind::In => Comparison::In,
        CompareOpKind::NotIn => Comparison::NotIn,
    }
}
