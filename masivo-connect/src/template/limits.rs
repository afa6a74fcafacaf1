//! The bounds of a template, and the pass over its tokens that enforces them before it is parsed.
//!
//! The parser descends once for each `elif`, `not` or minus sign without counting, so that a long enough
//! row of them would overflow the stack and end the process. Here the tokens are counted one by one.

use minijinja::machinery::{Span, Token, tokenize};

use super::{Field, TemplateProblem};

/// The longest source of a field, in bytes.
pub const SOURCE_LIMIT: usize = 256 * 1_024;
/// The longest result of a field, in bytes.
pub const OUTPUT_LIMIT: usize = 256 * 1_024;
/// The most steps a field may take.
pub const STEP_LIMIT: u32 = 20_000;

/// The most words and signs inside one `{{ }}` or `{% %}`.
const TAG_LIMIT: usize = 200;
/// The deepest nesting of brackets inside one of them.
const BRACKET_LIMIT: usize = 12;
/// The deepest nesting of blocks, where each `elif` counts as one.
const BLOCK_LIMIT: usize = 24;

const BLOCKS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Reports what the tokens show, and says whether the field may be parsed.
pub(super) fn scan(field: Field, source: &str, problems: &mut Vec<TemplateProblem>) -> bool {
    if source.len() > SOURCE_LIMIT {
        problems.push(TemplateProblem {
            field,
            line: 1,
            message: format!("the {field} is longer than {SOURCE_LIMIT} bytes"),
            hint: "put large texts and pictures on a page and link to it".to_owned(),
        });
        return false;
    }
    let mut scan = Scan { field, problems, blocks: Vec::new(), tag: 0, brackets: 0, fits: true };
    let mut opened = false;
    for token in tokenize(source, false, minijinja::syntax::SyntaxConfig::default()) {
        // The parser meets the same error and reports it.
        let Ok((token, span)) = token else { break };
        if let (true, Token::Ident(name)) = (opened, &token) {
            scan.block(name, span);
        }
        opened = matches!(token, Token::BlockStart);
        scan.token(&token, span);
        if !scan.fits {
            return false;
        }
    }
    true
}

struct Scan<'a> {
    field: Field,
    problems: &'a mut Vec<TemplateProblem>,
    /// For each open block, one and the number of its `elif`s.
    blocks: Vec<usize>,
    tag: usize,
    brackets: usize,
    fits: bool,
}

impl Scan<'_> {
    fn report(&mut self, span: Span, message: String, hint: &str) {
        let line = u32::from(span.start_line);
        self.problems.push(TemplateProblem { field: self.field, line, message, hint: hint.to_owned() });
    }

    fn block(&mut self, name: &str, span: Span) {
        if !BLOCKS.contains(&name) && !name.starts_with("end") {
            let hint = "only `if`, `elif`, `else`, `for` and `raw` blocks are allowed";
            self.report(span, format!("the block `{name}` is not allowed"), hint);
        }
        if name.starts_with("end") {
            self.blocks.pop();
        } else if name == "elif" {
            if let Some(last) = self.blocks.last_mut() {
                *last = last.saturating_add(1);
            } else {
                self.blocks.push(1);
            }
        } else if name != "else" {
            self.blocks.push(1);
        }
        if self.blocks.iter().sum::<usize>() > BLOCK_LIMIT {
            self.fits = false;
            let hint = "use fewer nested blocks or `elif` branches, or several templates";
            self.report(span, format!("more than {BLOCK_LIMIT} blocks are inside each other"), hint);
        }
    }

    fn token(&mut self, token: &Token<'_>, span: Span) {
        self.tag = self.tag.saturating_add(1);
        let operator = |sign: &str| format!("the operator `{sign}` is not allowed");
        let written = "write the parts next to each other: `{{ a }}{{ b }}`";
        let computed = "send the computed value as a variable of its own";
        #[expect(clippy::wildcard_enum_match_arm, reason = "most tokens need no look")]
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => {
                (self.tag, self.brackets) = (0, 0);
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                self.brackets = self.brackets.saturating_add(1);
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                self.brackets = self.brackets.saturating_sub(1);
            }
            Token::Tilde => self.report(span, operator("~"), written),
            Token::Mul => self.report(span, operator("*"), computed),
            Token::Pow => self.report(span, operator("**"), computed),
            Token::Div => self.report(span, operator("/"), computed),
            Token::FloorDiv => self.report(span, operator("//"), computed),
            Token::Mod => self.report(span, operator("%"), computed),
            _ => {}
        }
        if self.tag > TAG_LIMIT || self.brackets > BRACKET_LIMIT {
            self.fits = false;
            let message = "this tag is too long or its brackets too deep".to_owned();
            self.report(span, message, "use several shorter tags");
        }
    }
}
