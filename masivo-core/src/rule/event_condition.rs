//! Reading what a condition says of past events.

use super::subject::Kind;
use super::{
    EventSubject, Function, Inputs, MetricPeriod, Pattern, Rule, Selection, Span, Subject, Window,
    read_conditions,
};
use crate::limits::FILTER_NODES_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::shape::{Field, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Json, ObjectBuilder, Timestamp, Zone, object};

/// The fields that only conditions about events have.
pub(super) const EVENT_FIELDS: [Field; 8] = [
    optional("event", TEXT, "for `events.*`: the type of the events that are looked at"),
    optional("where", Shape::Any, "for `events.*`: conditions on each event and its product lines"),
    optional("field", TEXT, "for `events.*`: the value that is taken of each, for example `order.value`"),
    optional(
        "window",
        Shape::Any,
        "for `events.*`: which of them count: `30/days`, `this_month`, `{from, to}`, `{since: {event, where}}`; all when left out",
    ),
    optional("then", Shape::Any, "for `events.sequence`: `{event, where}` that follows"),
    optional("never", Shape::Any, "for `events.sequence`: `{event, where}` that does not follow in time"),
    optional("within", TEXT, "for `events.sequence`: in which time, for example `7/days`"),
    optional(
        "without",
        Shape::Any,
        "for `events.sequence`: `{event, where}` that does not happen in between",
    ),
];

/// Events of a type, with a filter.
const SELECTED: ObjectShape = ObjectShape {
    name: "SelectedEvents",
    fields: &[
        required("event", TEXT, "the type of the events"),
        optional("where", Shape::Any, "conditions on each event and its product lines"),
    ],
    unknown: Unknown::Refused,
};

const BETWEEN: ObjectShape = ObjectShape {
    name: "WindowBetween",
    fields: &[
        optional("from", Shape::DateOrInstant, "what happened from then on"),
        optional("to", Shape::DateOrInstant, "what happened before then"),
    ],
    unknown: Unknown::Refused,
};

/// The function of that name: `events.count` and the like.
pub(super) fn function(name: &str) -> Option<Function> {
    let plain = name.trim().to_lowercase();
    let plain = match plain.as_str() {
        "events.min" => "events.minimum",
        "events.max" => "events.maximum",
        "events.avg" => "events.average",
        other => other,
    };
    Function::ALL.into_iter().find(|function| function.name() == plain)
}

/// Reads what a condition says of past events, with the fields as they are written with our own names.
pub(super) fn read(
    function: Function,
    condition: &Json,
    at: &Pointer<'_>,
    zone: Zone,
    report: &mut Report,
) -> Option<(EventSubject, ObjectBuilder)> {
    let before = report.problems.len();
    let mut reader = Reader { zone, report };
    let written = object().with("type", function.name());
    let field = reader.field(function, condition, at);
    let of = reader.selection(condition, field.flatten(), at);
    let (window, window_written) = reader.window(condition.get("window"), &at.field("window"));
    let pattern = reader.pattern(function, condition, at);
    if report.problems.len() > before {
        return None;
    }
    let (of, pattern) = (of?, pattern?);
    let written = named(written, &of)
        .with_some("field", of.field.as_ref().map(Subject::name))
        .with_some("window", window_written);
    let written = match &pattern {
        None => written,
        Some(pattern) => {
            let next = if pattern.never { "never" } else { "then" };
            let without = pattern.without.as_ref().map(|without| named(object(), without).build());
            written
                .with(next, named(object(), &pattern.next).build())
                .with_some("within", condition.get("within").cloned())
                .with_some("without", without)
        }
    };
    Some((EventSubject { function, of, window: window?, pattern }, written))
}

/// A selection as it is written.
fn named(written: ObjectBuilder, selection: &Selection) -> ObjectBuilder {
    let filter = (!selection.filter.is_always()).then(|| selection.filter.source().clone());
    written.with("event", selection.event_type.as_str()).with_some("where", filter)
}

struct Reader<'r> {
    zone: Zone,
    report: &'r mut Report,
}

impl Reader<'_> {
    /// The value that is taken of each event; the outer `None` when it cannot be read.
    fn field(&mut self, function: Function, condition: &Json, at: &Pointer<'_>) -> Option<Option<Subject>> {
        let at = at.field("field");
        let name = function.name();
        let written = condition.text("field");
        let takes_none = matches!(function, Function::Count | Function::Sequence);
        let needs_one = !takes_none && !matches!(function, Function::First | Function::Last);
        match written {
            None if needs_one => {
                let message = format!("`{name}` needs to know which value it is about");
                self.report.problem(&at, "missing", message, "name it, for example `order.value`");
                None
            }
            None => Some(None),
            Some(_) if takes_none => {
                let hint = "leave it out, or use events.sum, events.distinct or another function";
                self.report.problem(&at, "not_allowed", format!("`{name}` looks at no value"), hint);
                None
            }
            Some(text) => {
                let subject = Subject::parse(text).filter(|subject| subject.inputs() == Inputs::EVENT);
                let Some(subject) = subject else {
                    let message = format!("`{text}` is not a value of an event");
                    let hint = "name one such as `order.value`, `product.sku` or `event.metadata.page`";
                    self.report.problem(&at, "unknown_subject", message, hint);
                    return None;
                };
                let is_sum = needs_one && !matches!(function, Function::Distinct | Function::MostFrequent);
                if is_sum && !matches!(subject.kind(), Kind::Number | Kind::Free) {
                    let message = format!("`{text}` is not a number");
                    self.report.problem(
                        &at,
                        "value_does_not_fit",
                        message,
                        "use events.distinct, or another value",
                    );
                    return None;
                }
                Some(Some(subject))
            }
        }
    }

    /// The events of `event` that `where` holds for.
    fn selection(&mut self, json: &Json, field: Option<Subject>, at: &Pointer<'_>) -> Option<Arc<Selection>> {
        let event_type = json.text("event").map(str::trim).filter(|event_type| !event_type.is_empty());
        if event_type.is_none() {
            let hint = "name the type, for example PURCHASE";
            self.report.problem(
                &at.field("event"),
                "missing",
                "it does not say which events are looked at",
                hint,
            );
        }
        let filter_at = at.field("where");
        let filter = read_conditions(json.get("where"), &filter_at, self.zone, self.report);
        let only_events = Inputs::EVENT.and(Inputs::TIME);
        if filter.inputs().and(only_events) != only_events {
            let hint = "use event.*, order.*, product.* or time.* in it, and other conditions beside it";
            let message = "a filter looks at one event and nothing else";
            self.report.problem(&filter_at, "subject_not_allowed", message, hint);
        }
        if filter.length() > FILTER_NODES_MAX {
            let message = format!("more than {FILTER_NODES_MAX} conditions in a filter");
            self.report.problem(&filter_at, "rule_too_large", message, "write it with fewer");
        }
        Some(Arc::new(Selection::new(event_type?, filter, field)))
    }

    /// `{event, where}` in a field.
    fn selected(&mut self, json: &Json, at: &Pointer<'_>) -> Option<Arc<Selection>> {
        let before = self.report.problems.len();
        Shape::Object(&SELECTED).check(json, at, self.report);
        if self.report.problems.len() > before { None } else { self.selection(json, None, at) }
    }

    /// Which events count, and how that is written.
    fn window(&mut self, json: Option<&Json>, at: &Pointer<'_>) -> (Option<Window>, Option<Json>) {
        let window = match json {
            None | Some(Json::Null) => return (Some(Window::Ever), None),
            Some(Json::Text(text)) if text.trim() == "ever" => return (Some(Window::Ever), None),
            Some(Json::Text(text)) => self.named_window(text, at),
            Some(json @ Json::Object(_)) => match json.get("since") {
                Some(since) if json.fields().len() == 1 => {
                    let of = self.selected(since, &at.field("since"));
                    let written =
                        of.as_ref().map(|of| object().with("since", named(object(), of).build()).build());
                    return (of.map(Window::Since), written);
                }
                _ => self.between(json, at),
            },
            Some(_) => self.no_window(at),
        };
        (window, json.cloned())
    }

    fn named_window(&mut self, text: &str, at: &Pointer<'_>) -> Option<Window> {
        if let Some(span) = Span::parse(text) {
            return Some(Window::Last(span));
        }
        let plain = text.trim().to_lowercase();
        match MetricPeriod::ALL.into_iter().find(|period| period.name() == plain) {
            Some(MetricPeriod::This(kind)) => Some(Window::Period(kind, 0)),
            Some(MetricPeriod::Last(kind)) => Some(Window::Period(kind, 1)),
            Some(MetricPeriod::Lifetime) => Some(Window::Ever),
            None => self.no_window(at),
        }
    }

    fn between(&mut self, json: &Json, at: &Pointer<'_>) -> Option<Window> {
        let before = self.report.problems.len();
        Shape::Object(&BETWEEN).check(json, at, self.report);
        if self.report.problems.len() > before {
            return None;
        }
        let instant = |name: &str| json.text(name).and_then(|text| self.zone.parse_date_or_time(text));
        let (from, to) = (instant("from"), instant("to"));
        let bounds = (from.unwrap_or(Timestamp::MIN), to.unwrap_or(Timestamp::MAX));
        if (from.is_none() && to.is_none()) || bounds.0 >= bounds.1 {
            return self.no_window(at);
        }
        Some(Window::Between(bounds.0, bounds.1))
    }

    fn no_window(&mut self, at: &Pointer<'_>) -> Option<Window> {
        let hint =
            "write \"30/days\", \"this_month\", {\"from\": …, \"to\": …} or {\"since\": {\"event\": …}}";
        self.report.problem(at, "not_a_window", "it does not say which events count", hint);
        None
    }

    /// What follows, where the function is a sequence; the outer `None` when it cannot be read.
    fn pattern(&mut self, function: Function, condition: &Json, at: &Pointer<'_>) -> Option<Option<Pattern>> {
        let given = |name: &str| condition.get(name).filter(|value| !value.is_null());
        if function != Function::Sequence {
            for name in
                ["then", "never", "within", "without"].into_iter().filter(|name| given(name).is_some())
            {
                let hint = "leave it out, or use events.sequence";
                let message = format!("`{}` knows no `{name}`", function.name());
                self.report.problem(&at.field(name), "not_allowed", message, hint);
            }
            return Some(None);
        }
        let (name, next) = match (given("then"), given("never")) {
            (Some(next), None) => ("then", next),
            (None, Some(next)) => ("never", next),
            _ => {
                let hint = "say what follows in `then`, or what does not in `never`";
                self.report.problem(&at.field("then"), "missing", "a sequence has a second event", hint);
                return None;
            }
        };
        let never = name == "never";
        let next = self.selected(next, &at.field(name));
        let within = condition.text("within").and_then(Span::parse);
        if within.is_none() {
            let hint = "write it like \"7/days\"";
            self.report.problem(&at.field("within"), "missing", "it does not say in which time", hint);
        }
        let without = given("without").map(|without| self.selected(without, &at.field("without")));
        if never && without.is_some() {
            let hint = "leave `without` out: nothing has to follow";
            self.report.problem(
                &at.field("without"),
                "not_allowed",
                "there is no event to come before",
                hint,
            );
        }
        let without = match without {
            Some(None) => return None,
            Some(without) => without,
            None => None,
        };
        let (next, within) = (next?, within?);
        Some(Some(Pattern { next, never, within, without }))
    }
}

/// Names fields that a condition about something else must not have.
pub(super) fn refuse_fields(condition: &Json, at: &Pointer<'_>, report: &mut Report) {
    for field in EVENT_FIELDS.iter().filter(|field| condition.get(field.name).is_some()) {
        let hint = "leave it out, or use a type such as events.count";
        let message = "only conditions about past events have it";
        report.problem(&at.field(field.name), "not_allowed", message, hint);
    }
}

impl Rule {
    /// How many conditions it has.
    pub(super) fn length(&self) -> usize {
        let mut length = 0;
        self.node.visit(&mut |_| length += 1);
        length
    }
}
