//! The project's own rules, through the public API of its core.

use crate::load::Load;
use crate::peer::Evaluate;
use masivo_core::problem::{Pointer, Report};
use masivo_core::rule::{Rule, View, read_conditions};
use masivo_core::value::Zone;

fn rules(load: &Load) -> Vec<Rule> {
    let read = |conditions| {
        let mut report = Report::default();
        let rule = read_conditions(Some(conditions), &Pointer::root(), Zone::UTC, &mut report);
        assert!(!report.has_problems(), "{report}");
        rule
    };
    load.rules.iter().map(read).collect()
}

fn views(load: &Load) -> Vec<View<'_>> {
    (0..load.cases.len()).map(|case| load.view(case)).collect()
}

/// `Rule::holds`: yes or no, as the others answer.
pub struct Holds<'a> {
    rules: Vec<Rule>,
    views: Vec<View<'a>>,
}

impl<'a> Holds<'a> {
    pub fn new(load: &'a Load) -> Self {
        Self { rules: rules(load), views: views(load) }
    }
}

impl Evaluate for Holds<'_> {
    const NAME: &'static str = "masivo holds";

    fn cases(&self) -> usize {
        self.views.len()
    }

    fn holds(&mut self, case: usize, rule: usize) -> bool {
        self.rules[rule].holds(&self.views[case])
    }
}

/// `Rule::failure`: also says which condition failed and what it saw, as campaigns ask.
pub struct Explains<'a>(Holds<'a>);

impl<'a> Explains<'a> {
    pub fn new(load: &'a Load) -> Self {
        Self(Holds::new(load))
    }
}

impl Evaluate for Explains<'_> {
    const NAME: &'static str = "masivo failure";

    fn cases(&self) -> usize {
        self.0.cases()
    }

    fn holds(&mut self, case: usize, rule: usize) -> bool {
        self.0.rules[rule].failure(&self.0.views[case]).is_none()
    }
}
