use std::time::{Duration, Instant};

use super::*;

fn text(value: &str) -> Variable {
    Variable::Text(value.to_owned())
}

fn number(value: &str) -> Variable {
    Variable::Number(value.to_owned())
}

fn map<const N: usize>(entries: [(&str, Variable); N]) -> Variable {
    Variable::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn variables() -> Variables {
    let items = Variable::List(vec![
        map([("name", text("Tea")), ("value", number("3.50"))]),
        map([("name", text("Cake")), ("value", number("12"))]),
    ]);
    let roots = [
        (
            "customer",
            map([
                ("fullname", text("Ana O'Neil <admin>")),
                ("email", text("ana@example.com")),
                ("points", number("120.50")),
                ("vip", Variable::Flag(true)),
                ("tags", Variable::List(vec![text("a"), text("b"), text("c")])),
                ("empty", text("")),
                ("first name", text("Ana")),
            ]),
        ),
        ("event", map([("type", text("PURCHASE")), ("value", number("15.50")), ("items", items)])),
        ("global", map([("unsubscribe", text("https://masivo.example/u?a=1&b=2"))])),
    ];
    roots.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn in_text(source: &str) -> Template {
    Template { text: source.to_owned(), ..Template::default() }
}

fn rendered(source: &str, missing: Missing) -> Result<String, RenderError> {
    render(&in_text(source), &variables(), missing).map(|rendered| rendered.text)
}

#[track_caller]
fn gives(source: &str, expected: &str) {
    for missing in [Missing::Blank, Missing::Refuse] {
        assert_eq!(rendered(source, missing).as_deref(), Ok(expected), "{source}");
    }
}

#[track_caller]
fn problems(source: &str, expected: &[&str]) {
    let found = check(&in_text(source));
    let messages: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, expected, "{source}");
    assert!(found.iter().all(|problem| !problem.hint.is_empty() && problem.line >= 1), "{found:?}");
    assert_eq!(rendered(source, Missing::Blank), Err(RenderError::Problems(found)));
}

#[test]
fn variables_of_the_product_are_rendered() {
    let template = Template {
        subject: "Thanks, {{customer.fullname}}".to_owned(),
        text: "{{customer.email}} {{event.type}} {{ event.value }} {{global.unsubscribe}}".to_owned(),
        html: Some("<a href=\"{{global.unsubscribe}}\">{{customer.fullname}}</a>".to_owned()),
    };
    assert_eq!(check(&template), []);
    let rendered = render(&template, &variables(), Missing::Refuse).unwrap();
    assert_eq!(rendered.subject, "Thanks, Ana O'Neil <admin>");
    assert_eq!(rendered.text, "ana@example.com PURCHASE 15.50 https://masivo.example/u?a=1&b=2");
    let html = "<a href=\"https://masivo.example/u?a=1&amp;b=2\">Ana O&#x27;Neil &lt;admin&gt;</a>";
    assert_eq!(rendered.html.as_deref(), Some(html));
    assert!(!format!("{rendered:?}").contains("Ana"));
}

#[test]
fn expressions_have_their_values() {
    gives("{{ customer['first name'] }} {{ customer.tags[1] }}", "Ana b");
    gives(
        "{% if customer.points > 100 %}many{% elif customer.points > 10 %}some{% else %}few{% endif %}",
        "many",
    );
    gives("{{ 'yes' if event.value == 15.5 else 'no' }} {{ 'x' if false }}", "yes ");
    gives("{% if 10 < event.value <= 15.5 and not false %}in{% endif %}", "in");
    gives("{{ event.value + 0.1 }} {{ 200 - customer.points }} {{ -3 }} {{ 0.30 }}", "15.60 79.50 -3 0.30");
    gives("{{ customer.vip }} {{ customer.empty or 'none' }} {{ customer.vip and 'vip' }}", "true none vip");
    gives(
        "{{ 'b' in customer.tags }} {{ 'z' not in customer.tags }} {{ 'an' in customer.email }}",
        "true true true",
    );
    gives("{{ 'email' in customer }} {{ customer.points == customer.email }}", "true false");
    gives("{% raw %}{{ not this }}{% endraw %}{# a comment #}", "{{ not this }}");
    gives("a\n  {%- if true %} b {%- endif %}\n", "a b");
}

#[test]
fn loops_know_where_they_are() {
    gives(
        "{% for item in event.items %}{{ loop.index }}/{{ loop.length }} {{ item.name }} {{ item.value }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "1/2 Tea 3.50, 2/2 Cake 12",
    );
    gives(
        "{% for item in event.items if item.value > 10 %}{{ item.name }}{{ loop.first }}{% endfor %}",
        "Caketrue",
    );
    gives("{% for item in [] %}x{% else %}none{% endfor %}", "none");
    gives(
        "{% for a in [1, 2] %}{% for b in ['x', 'y'] %}{{ a }}{{ b }}{{ loop.index0 }} {% endfor %}{% endfor %}",
        "1x0 1y1 2x0 2y1 ",
    );
    gives(
        "{% for customer in ['shadow'] %}{{ customer }}{% endfor %} {{ customer.email }}",
        "shadow ana@example.com",
    );
}

#[test]
fn filters_do_what_they_say() {
    gives(
        "{{ 'straße' | upper }} {{ 'ABC' | lower }} {{ 'ana maria-luz' | title }} {{ '  x ' | trim }}|",
        "STRASSE abc Ana Maria-Luz x|",
    );
    gives(
        "{{ customer.tags | join(', ') }} {{ customer.tags | first }} {{ customer.tags | last }}",
        "a, b, c a c",
    );
    gives("{{ customer.tags | length }} {{ 'día' | length }} {{ 'día' | last }}", "3 3 a");
    gives("{{ customer.points | round }} {{ 1.005 | round(2) }} {{ '<b>' | escape }}", "121 1.01 &lt;b&gt;");
    gives("{{ customer.empty | default('x') }}|{{ customer.empty | default('x', true) }}", "|x");
    gives("{{ customer.no.such.path | upper | default('friend') }}", "friend");
    gives("{{ [] | first | default('none') }}", "none");
}

#[test]
fn html_is_escaped_once() {
    let template = Template {
        html: Some(
            "{{ customer.fullname | escape }} {{ '<b>' }} {{ customer.fullname | e | lower }}".to_owned(),
        ),
        ..Template::default()
    };
    let html = render(&template, &variables(), Missing::Blank).unwrap().html.unwrap();
    let once = "Ana O&#x27;Neil &lt;admin&gt;";
    assert_eq!(html, format!("{once} &lt;b&gt; ana o&amp;#x27;neil &amp;lt;admin&amp;gt;"));
    let numbers = BTreeMap::from([("event".to_owned(), map([("value", number("<script>"))]))]);
    let template = Template { html: Some("{{ event.value }}".to_owned()), ..Template::default() };
    let rendered = render(&template, &numbers, Missing::Blank).unwrap();
    assert_eq!(rendered.html.as_deref(), Some("&lt;script&gt;"));
}

#[test]
fn subject_is_one_line() {
    let name = map([("fullname", text("Ana\r\nBcc: eve@example.com\u{2028}\t!\n"))]);
    let values = BTreeMap::from([("customer".to_owned(), name)]);
    let template = Template { subject: "Hi {{ customer.fullname }}\n".to_owned(), ..Template::default() };
    let rendered = render(&template, &values, Missing::Refuse).unwrap();
    assert_eq!(rendered.subject, "Hi Ana Bcc: eve@example.com  !");
}

#[test]
fn missing_values_follow_the_policy() {
    for (source, blank, variable) in [
        ("[{{ customer.nickname }}]", "[]", "customer.nickname"),
        ("[{{ customer.address.city | upper }}]", "[]", "customer.address.city"),
        ("[{{ journey.step }}]", "[]", "journey.step"),
        ("[{{ customer.email.domain }}]", "[]", "customer.email.domain"),
        ("[{{ customer.tags[7] }}]", "[]", "customer.tags[7]"),
        ("[{% for x in event.coupons %}x{% endfor %}]", "[]", "event.coupons"),
        ("{% if customer.age > 18 %}old{% else %}young{% endif %}", "young", "customer.age"),
        ("{% if customer.age != 18 %}other{% endif %}", "other", "customer.age"),
        ("[{{ customer.age + 1 }}]", "[]", "customer.age"),
        ("[{{ [] | first }}]", "[]", "this expression | first"),
        ("{% for i in event.items %}{{ i.colour }}{% endfor %}", "", "i.colour"),
    ] {
        assert_eq!(rendered(source, Missing::Blank).as_deref(), Ok(blank), "{source}");
        let refused =
            RenderError::MissingValue { field: Field::Text, line: 1, variable: variable.to_owned() };
        assert_eq!(rendered(source, Missing::Refuse), Err(refused), "{source}");
    }
    let error = rendered("a\nb\n{{ customer.nickname }}", Missing::Refuse).unwrap_err();
    assert_eq!(error.to_string(), "`customer.nickname` has no value (text, line 3)");
}

#[test]
fn missing_values_may_be_asked_about() {
    gives("Hi {{ customer.nickname | default(\"friend\") }}", "Hi friend");
    gives("{% if customer.nickname %}a{% else %}b{% endif %}", "b");
    gives("{{ customer.nickname or 'friend' }} {{ not customer.nickname }}", "friend true");
    gives(
        "{{ customer.nickname is defined }} {{ customer.email is defined }} {{ journey is undefined }}",
        "false true true",
    );
    gives("{{ customer.vip is not defined }}", "false");
}

#[test]
fn wrong_kinds_are_named() {
    for source in [
        "{{ customer.tags }}",
        "{{ customer }}",
        "{% for x in customer.email %}{% endfor %}",
        "{{ customer.email > 3 }}",
        "{{ customer.tags == customer.tags }}",
        "{{ customer.email + 'x' }}",
        "{{ 'x' | round }}",
        "{{ 1.5 | round(99) }}",
        "{{ 3 | first }}",
        "{{ true | length }}",
        "{{ 1 in 2 }}",
        "{{ event.items | join }}",
    ] {
        let error = rendered(source, Missing::Blank).unwrap_err();
        assert_eq!(error.code(), "template_wrong_kind", "{source} {error}");
    }
}

#[test]
fn problems_are_found_all_at_once() {
    let template = Template {
        subject: "{{ nobody.name }}".to_owned(),
        text: "{{ customer.a | md5 }}\n{% set x = 1 %}\n{{ customer.a ~ 'x' }}\n{{ range(9) }}".to_owned(),
        html: Some("<p>\n{% if customer.a %}".to_owned()),
    };
    let found: Vec<(Field, u32)> =
        check(&template).iter().map(|problem| (problem.field, problem.line)).collect();
    let text = |line| (Field::Text, line);
    assert_eq!(found, [(Field::Subject, 1), text(1), text(2), text(3), text(4), (Field::Html, 2)]);
}

#[test]
fn what_is_not_allowed_is_a_problem() {
    problems("{{ user.name }}", &["there is no variable `user`"]);
    problems("{{ loop.index }}", &["there is no variable `loop`"]);
    problems("{% for x in event.items %}{{ loop.cycle }}{% endfor %}", &["`loop` has no `cycle`"]);
    problems("{% for x in event.items %}{% endfor %}{{ x }}", &["there is no variable `x`"]);
    problems("{{ 'a' * 9 }}", &["the operator `*` is not allowed"]);
    problems("{{ 'a' ~ 'b' }}", &["the operator `~` is not allowed"]);
    for sign in ["**", "/", "//", "%"] {
        problems(&format!("{{{{ 7 {sign} 2 }}}}"), &[&format!("the operator `{sign}` is not allowed")]);
    }
    problems("{{ customer.a | safe }}", &["there is no filter `safe`"]);
    problems("{{ customer.a | upper(1) }}", &["`upper` has a wrong number of arguments"]);
    problems("{{ customer.a | default }}", &["`default` has a wrong number of arguments"]);
    problems("{{ customer.a | default(value='x') }}", &["named and spread arguments are not allowed"]);
    problems("{{ customer.a is even }}", &["there is no test `even`"]);
    problems("{{ customer.name() }}", &["functions cannot be called"]);
    problems("{{ customer.tags[1:2] }}", &["this kind of expression is not allowed"]);
    problems("{{ customer[event.type] }}", &["what stands in `[ ]` is not a name or position"]);
    problems("{{ none }}", &["this constant is not allowed"]);
    problems("{{ 1e5 }}", &["this constant is not allowed"]);
    problems("{{ -customer.points }}", &["`customer.points` cannot be negated"]);
    problems("{% for k, v in customer %}{% endfor %}", &["a loop has one variable"]);
    problems("{% for x in event.items recursive %}{% endfor %}", &["a recursive loop is not allowed"]);
    for block in ["set x = 1", "include 'x'", "import 'x' as y", "extends 'x'", "do x()", "macro m()"] {
        let name = block.split(' ').next().unwrap();
        problems(&format!("{{% {block} %}}"), &[&format!("the block `{name}` is not allowed")]);
    }
    problems("{% with x = 1 %}{% endwith %}", &["the block `with` is not allowed"]);
    problems("{% autoescape false %}{% endautoescape %}", &["the block `autoescape` is not allowed"]);
    problems("{% filter upper %}{% endfilter %}", &["the block `filter` is not allowed"]);
    gives("{{ '* ~ {% set %} / %' }}", "* ~ {% set %} / %");
}

#[test]
fn syntax_errors_have_a_line() {
    for (source, line) in [
        ("ok\n{{ customer.", 2),
        ("{{ customer.a", 1),
        ("a\nb\n{% if customer.a %}", 3),
        ("{% endif %}", 1),
        ("{% for %}", 1),
        ("{{ }}", 1),
        ("{{ 'open }}", 1),
        ("{% raw %}", 1),
        ("{# open", 1),
    ] {
        let found = check(&in_text(source));
        assert_eq!(found.len(), 1, "{source} {found:?}");
        assert_eq!(found[0].line, line, "{source} {found:?}");
        assert!(found[0].message.starts_with("syntax error: "), "{source} {found:?}");
    }
}

/// A workload on a thread with the stack of a tokio worker, which would overflow without limits.
fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(2 * 1_024 * 1_024);
        builder.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

#[test]
fn bombs_are_refused_quickly() {
    let nested =
        |depth: usize, open: &str, close: &str| format!("{}x{}", open.repeat(depth), close.repeat(depth));
    let big_list = format!("[{}]", ["1"; 90].join(","));
    let loops = format!("{{% for a in {big_list} %}}");
    let bombs = [
        "{{ 'a' * 100000000 }}".to_owned(),
        "{{ [1] * 100000000 }}".to_owned(),
        "{% for i in range(100000000) %}x{% endfor %}".to_owned(),
        "{% set x = 'a' %}{% for i in [1,2,3] %}{% set x = x ~ x %}{% endfor %}{{ x }}".to_owned(),
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{{ 10 ** 1000000 }}".to_owned(),
        nested(10, &loops, "{% endfor %}"),
        nested(5_000, "{% if true %}", "{% endif %}"),
        nested(5_000, "{% with %}", "{% endwith %}"),
        format!("{{% if true %}}{}{{% endif %}}", "{% elif true %}".repeat(10_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(200_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(50_000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{{{{ 1{} }}}}", "+1".repeat(100_000)),
        format!("{{{{ customer{} }}}}", ".a".repeat(100_000)),
        format!("{{{{ customer.a{} }}}}", "|upper".repeat(40_000)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(20_000)),
        "x".repeat(SOURCE_LIMIT + 1),
        format!("{{% for a in {big_list} %}}{}{{% endfor %}}", "x".repeat(10_000)),
        format!("{{% for a in {big_list} %}}{{{{ global.long }}}}{{% endfor %}}"),
        format!("{{% for a in {big_list} %}}{{{{ global.long | upper | lower | length }}}}{{% endfor %}}"),
        format!("{{% for a in {big_list} %}}{{{{ 'y' in global.long }}}}{{% endfor %}}"),
        "{% for a in global.many %}{% endfor %}".to_owned(),
        "{% for a in global.many %}{% for b in global.many %}{% endfor %}{% endfor %}".to_owned(),
        "{{ global.many | join(global.long) }}".to_owned(),
        "{{ 0 in global.many }}".to_owned(),
        format!(
            "{loops}{loops}{{{{ customer.{} is defined }}}}{{% endfor %}}{{% endfor %}}",
            "n".repeat(200_000)
        ),
        format!(
            "{{% for list in [[global.long | upper]] %}}{loops}{{{{ list | length }}}}{{% endfor %}}{{% endfor %}}"
        ),
    ];
    let mut values = variables();
    let many = Variable::List(vec![number("1"); 50_000]);
    let globals = map([("long", text(&"x".repeat(100_000))), ("many", many)]);
    values.insert("global".to_owned(), globals);
    for bomb in bombs {
        let start = Instant::now();
        let result = on_a_small_stack(|| {
            let template = Template { html: Some(bomb.clone()), ..in_text(&bomb) };
            render(&template, &values, Missing::Blank)
        });
        let name = bomb.get(..60).unwrap_or(&bomb);
        assert!(result.is_err(), "{name}");
        // What goes off takes hours; machines are noisy.
        assert!(start.elapsed() < Duration::from_secs(60), "{name} took {:?}", start.elapsed());
    }
}

#[test]
fn what_the_limits_allow_fits_a_small_stack() {
    let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(12), ")".repeat(12));
    for (inside, blocks) in [
        (format!("{{{{ {}1 }}}}", "not ".repeat(190)), 24),
        (format!("{{{{ {}5 }}}}", "- ".repeat(190)), 24),
        (format!("{{{{ 1{} }}}}", "+1".repeat(95)), 24),
        (format!("{{{{ customer.email{} }}}}", "|upper".repeat(95)), 24),
        (brackets.clone(), 24),
    ] {
        let source = format!("{}{inside}{}", "{% if true %}".repeat(blocks), "{% endif %}".repeat(blocks));
        on_a_small_stack(|| render(&in_text(&source), &variables(), Missing::Blank)).ok();
    }
    let elif = format!("{{% if false %}}{}{brackets}{{% endif %}}", "{% elif true %}".repeat(23));
    assert!(on_a_small_stack(|| rendered(&elif, Missing::Blank)).is_ok());
}

/// The same templates, rendered by minijinja itself.
#[test]
fn minijinja_renders_the_same() {
    use minijinja::{Environment, Value, context, filters};
    let mut environment = Environment::empty();
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("default", filters::default);
    environment.add_filter("join", filters::join);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    let items = vec![context! { name => "Tea", price => 3 }, context! { name => "Cake", price => 12 }];
    let theirs: Value = context! {
        customer => context! { name => "ana MARIA o'neil", tags => vec!["x", "y"], points => 120, vip => true, none => "" },
        event => context! { items => items },
    };
    let item = |name, price| map([("name", text(name)), ("price", number(price))]);
    let ours: Variables = BTreeMap::from([
        (
            "customer".to_owned(),
            map([
                ("name", text("ana MARIA o'neil")),
                ("tags", Variable::List(vec![text("x"), text("y")])),
                ("points", number("120")),
                ("vip", Variable::Flag(true)),
                ("none", text("")),
            ]),
        ),
        ("event".to_owned(), map([("items", Variable::List(vec![item("Tea", "3"), item("Cake", "12")]))])),
    ]);
    for source in [
        "plain\n",
        "{{ customer.name | title }} {{ customer.name | upper | lower }} {{ ' x ' | trim }}",
        "{{ customer.tags | join('-') }} {{ customer.tags | first }} {{ customer.tags | length }}",
        "{{ customer.nick | default('you') }} {{ customer.nick }} {{ customer.none or 'z' }}",
        "{{ customer.points + 1 - 2 }} {{ customer.points > 100 }} {{ 1 < 2 < 3 }} {{ not customer.vip }}",
        "{% for i in event.items if i.price > 5 %}{{ loop.index }} {{ i.name }} {{ loop.last }}{% endfor %}",
        "{% for i in event.items %}\n  {%- if loop.first %} first {% else -%} then {%- endif %}\n{% endfor %}\n",
        "{% for i in [] %}{% else %}empty{% endfor %}{% raw %}{{ x }}{% endraw %}",
        "{{ 'x' in customer.tags }} {{ 'q' not in customer.tags }} {{ 'ana' in customer.name }}",
        "{{ 'a' if customer.vip else 'b' }}{{ 'c' if customer.none }} {{ customer['name'] }} {{ event.items[1].name }}",
        "{% if customer.points == 120 and customer.vip or false %}1{% elif true %}2{% endif %}",
        "{{ \"quo\\\"te\\n\" }} {{ 'a' 'b' }} {# note #}{{- ' tight ' -}}  end",
    ] {
        // It prints Python's words for yes and no.
        let expected = environment.render_str(source, theirs.clone()).unwrap();
        let expected = expected.replace("True", "true").replace("False", "false");
        let found = render(&in_text(source), &ours, Missing::Blank).unwrap().text;
        assert_eq!(found, expected, "{source}");
    }
}
