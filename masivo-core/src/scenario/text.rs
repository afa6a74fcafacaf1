//! Scenarios as text.

use crate::prelude::*;

/// A line of a scenario, with those that go on from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line as it is written, with its line breaks inside.
    pub source: String,
    /// Its number in the text, from 1.
    pub number: usize,
    /// What is done; empty for a remark.
    pub step: String,
    /// What it is to come to, when that is said.
    pub expected: Option<String>,
}

impl Line {
    /// Whether a step came to something else than it says, white space aside. What says nothing may come to anything that is
    /// not refused and does not fail.
    pub fn differs(&self, found: &str) -> bool {
        match &self.expected {
            Some(expected) => *expected != collapsed(found),
            None => found.starts_with("refused: ") || found.starts_with("FAILED"),
        }
    }

    /// The line as it is written, with what was found in place of what is expected.
    pub fn updated(&self, found: &str) -> String {
        let step = arrow(&self.source).and_then(|arrow| self.source.get(..arrow));
        let step = step.unwrap_or(&self.source).trim_end();
        match found {
            "" if self.expected.is_none() => step.to_owned(),
            "" => format!("{step} ->"),
            found => format!("{step} -> {found}"),
        }
    }
}

/// Reads a scenario. A line that begins with white space goes on from the step before; what begins with `#` is a remark.
pub fn read(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, source) in (1..).zip(text.lines()) {
        let goes_on = source.starts_with([' ', '\t']) && !source.trim().is_empty();
        if let Some(last) = lines.last_mut().filter(|last| goes_on && !is_remark(&last.source)) {
            last.source.push('\n');
            last.source.push_str(source);
        } else {
            lines.push(Line { source: source.to_owned(), number, step: String::new(), expected: None });
        }
    }
    for line in &mut lines {
        let told: Vec<&str> = line.source.lines().filter(|part| !is_remark(part)).collect();
        let told = told.join("\n");
        match arrow(&told) {
            Some(at) => {
                let (step, expected) = told.split_at(at);
                line.step = joined(step);
                line.expected = Some(collapsed(expected.trim_start_matches("->")));
            }
            None => line.step = joined(&told),
        }
    }
    lines
}

/// Whether nothing is done by a line.
fn is_remark(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The characters of a text, each with its place and whether it stands within a JSON text.
fn marked(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut inside, mut escaped) = (false, false);
    text.char_indices().map(move |(at, character)| {
        let was_inside = inside;
        match character {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ => {}
        }
        (at, character, was_inside || inside)
    })
}

/// Where the arrow stands: between white space, or at the end.
fn arrow(text: &str) -> Option<usize> {
    let mut before = ' ';
    for (at, character, inside) in marked(text) {
        let rest = text.get(at..).unwrap_or_default();
        let after = rest.strip_prefix("->").filter(|_| character == '-' && !inside);
        let stands_alone = |after: &str| after.is_empty() || after.starts_with(char::is_whitespace);
        if before.is_whitespace() && after.is_some_and(stands_alone) {
            return Some(at);
        }
        before = character;
    }
    None
}

/// Whether an arrow stands in a step that has no space on both sides.
pub(super) fn has_arrow(step: &str) -> bool {
    marked(step).any(|(at, character, inside)| {
        character == '-' && !inside && step.get(at..).is_some_and(|rest| rest.starts_with("->"))
    })
}

/// A step in one line: white space is one space, but within JSON texts.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for (_, character, inside) in marked(text) {
        if inside || !character.is_whitespace() {
            joined.push(character);
        } else if !joined.ends_with(' ') {
            joined.push(' ');
        }
    }
    joined.trim().to_owned()
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_and_remarks_are_kept() {
        let lines = read(
            "# Ana buys\n\nregister ana\nemit ana PURCHASE 5\n  {\"a\": 1} ->\n  RESOLVED  +5\nwallet ana ->\n",
        );
        let shown: Vec<(usize, &str, Option<&str>)> =
            lines.iter().map(|line| (line.number, line.step.as_str(), line.expected.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (1, "", None),
                (2, "", None),
                (3, "register ana", None),
                (4, "emit ana PURCHASE 5 {\"a\": 1}", Some("RESOLVED +5")),
                (7, "wallet ana", Some("")),
            ]
        );
        assert_eq!(lines[3].updated("FAILED"), "emit ana PURCHASE 5\n  {\"a\": 1} -> FAILED");
        assert_eq!(lines[2].updated(""), "register ana");
        assert_eq!(lines[4].updated(""), "wallet ana ->");
        assert!(lines[2].differs("refused: customer_exists") && lines[2].differs("FAILED (x)"));
        assert!(!lines[2].differs("+100") && lines[4].differs("+100"));
    }

    #[test]
    fn odd_texts_are_read_as_a_person_reads_them() {
        for (text, step, expected) in [
            ("\u{feff}register ana\t->\t+5", "register ana", Some("+5")),
            ("# remark\n  register ana", "register ana", None),
            ("\n\n  register ana", "register ana", None),
            ("emit a B\n  # why\n  -> +5", "emit a B", Some("+5")),
            (
                "emit a B {\"x\": \"y -> z  \\\" as w\"} ->",
                "emit a B {\"x\": \"y -> z  \\\" as w\"}",
                Some(""),
            ),
            ("explain a -> b  ->\u{a0}c", "explain a", Some("b -> c")),
            ("emit a B as c->d", "emit a B as c->d", None),
        ] {
            let lines = read(text);
            let line = lines.iter().find(|line| !line.step.is_empty()).unwrap();
            assert_eq!((line.step.as_str(), line.expected.as_deref()), (step, expected), "{text}");
            let again = read(&line.updated("found  it"));
            assert!(!again[0].differs("found  it"), "{text}: {again:?}");
            assert_eq!(again[0].step, line.step, "{text}");
        }
        assert!(has_arrow("emit a B as c->d") && !has_arrow("emit a B {\"x\": \"->\"}"));
        assert_eq!(read("a\n\n\n  b").iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
