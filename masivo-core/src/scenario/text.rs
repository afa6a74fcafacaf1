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
    /// Whether a step came to something else than it says. What says nothing may come to anything that is not refused and
    /// does not fail.
    pub fn differs(&self, found: &str) -> bool {
        match &self.expected {
            Some(expected) => expected != found,
            None => found.starts_with("refused: ") || found.starts_with("FAILED"),
        }
    }

    /// The line as it is written, with what was found in place of what is expected.
    pub fn updated(&self, found: &str) -> String {
        let step = self.source.split_once(" ->").map_or(self.source.as_str(), |(step, _)| step.trim_end());
        if found.is_empty() { step.to_owned() } else { format!("{step} -> {found}") }
    }
}

/// Reads a scenario. A line that begins with white space goes on from the one before; `#` begins a remark.
pub fn read(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, source) in (1..).zip(text.lines()) {
        let goes_on = source.starts_with([' ', '\t']) && !source.trim().is_empty();
        if let Some(last) = lines.last_mut().filter(|_| goes_on) {
            last.source = format!("{}\n{source}", last.source);
        } else {
            lines.push(Line { source: source.to_owned(), number, step: String::new(), expected: None });
        }
    }
    for line in &mut lines {
        let joined = line.source.split_whitespace().collect::<Vec<&str>>().join(" ");
        if joined.starts_with('#') {
            continue;
        }
        match joined.split_once(" ->") {
            Some((step, expected)) => {
                line.step = step.trim().to_owned();
                line.expected = Some(expected.trim().to_owned());
            }
            None => line.step = joined,
        }
    }
    lines
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
        assert!(lines[2].differs("refused: customer_exists") && lines[2].differs("FAILED (x)"));
        assert!(!lines[2].differs("+100") && lines[4].differs("+100"));
    }
}
