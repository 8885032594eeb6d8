use minijinja::value::Serde;
use serde_json::json;

use super::*;

const LIMITS: Limits = Limits {
    steps: 200_000,
    output_bytes: 60 << 10,
    text_bytes: 60 << 10,
    part_bytes: 60 << 10,
    filters: &FILTERS,
};

fn render(template: &str, names: &Json) -> Result<String, String> {
    Sandbox::new(LIMITS).render(template, &Arc::new(names.clone()))
}

/// Returns a state with long texts and long lists.
fn large() -> Json {
    let list: Vec<Json> = (0..2000).map(|i| json!({"n": i, "s": "x".repeat(100)})).collect();
    json!({"s": "ab\n".repeat(1 << 20), "l": list, "n": 3, "m": {"a": list, "b": list}})
}

#[test]
fn what_makes_much_of_little_is_refused_by_its_name() {
    let doubled = |times: usize| "{% set a = a ~ a %}".repeat(times);
    for (template, reason) in [
        (
            r#"{{ "a\nb"|indent(2000000000) }}"#.to_owned(),
            "the filter indent; there are abs, count",
        ),
        (format!("{{% set a = s %}}{}{{{{ a }}}}", doubled(16)), "the operator ~"),
        ("{% set a = s + s %}{{ a }}".to_owned(), "+ adds numbers"),
        ("{% set a = l + l %}{{ a | length }}".to_owned(), "+ adds numbers"),
        ("{{ s * 2000000000 }}".to_owned(), "* multiplies numbers"),
        ("{{ 'ab' * 100000000 }}".to_owned(), "* multiplies numbers"),
        ("{{ [0] * 100000000 }}".to_owned(), "* multiplies numbers"),
        ("{{ 3 * 'x' * 3 }}".to_owned(), "* multiplies numbers"),
        ("{% set a %}{{ s }}{{ s }}{% endset %}{{ a }}".to_owned(), "a block that becomes a value"),
        ("{% filter upper %}{{ s }}{% endfilter %}".to_owned(), "a filter of a block"),
        ("{% for x in l recursive %}{{ loop(l) }}{% endfor %}".to_owned(), "a recursive loop"),
        ("{{ range(1000000000) | join('x') }}".to_owned(), "a function or method"),
        ("{{ s.upper() }}".to_owned(), "a function or method"),
        ("{{ l[0].n.pop(s) }}".to_owned(), "a function or method"),
        ("{% set a = [s, s] %}{{ a }}".to_owned(), "values that are not written in it"),
        ("{% set a = (s, s) %}{{ a }}".to_owned(), "values that are not written in it"),
        ("{% set a = {'k': s} %}{{ a }}".to_owned(), "values that are not written in it"),
        ("{{ s | short(*l) }}".to_owned(), "an argument with *"),
        ("{{ s | replace('', s) }}".to_owned(), "the filter replace"),
        ("{{ '%1000000000s' | format(s) }}".to_owned(), "the filter format"),
        ("{{ l | batch(1, s) }}".to_owned(), "the filter batch"),
        ("{{ l | map('upper') }}".to_owned(), "the filter map"),
        ("{{ l | tojson(indent=1000000) }}".to_owned(), "the filter tojson"),
        ("{{ l is eq(l) }}".to_owned(), "the test eq"),
        ("{% autoescape true %}{{ s }}{% endautoescape %}".to_owned(), "autoescape"),
        ("{% set a = s[1:] %}".repeat(33), "more than 32 values are given a name"),
        ("{{ s[1:] }}".repeat(65), "more than 64 parts with [:]"),
    ] {
        let refused = render(&template, &large()).unwrap_err();
        assert!(refused.contains(reason), "{template}: {refused}");
    }
}

/// Goal: no template overflows the stack of the engine's parser or of its compiler.
#[test]
fn what_nests_too_deep_is_refused_before_it_is_parsed() {
    let times = |part: &str, times: usize| part.repeat(times);
    for template in [
        format!("{{{{ {}1 }}}}", times("- ", 100_000)),
        format!("{{{{ {}true }}}}", times("not ", 60_000)),
        format!("{{{{ 1{} }}}}", times("+1", 100_000)),
        format!("{{{{ n{} }}}}", times("|abs", 60_000)),
        format!("{{{{ n{} }}}}", times(".a", 100_000)),
        format!("{{{{ {}1{} }}}}", times("(", 100_000), times(")", 100_000)),
        format!("{{{{ {}1{} }}}}", times("[", 100_000), times("]", 100_000)),
        format!("{{% if n %}}{}{{% endif %}}", times("{% elif n %}", 20_000)),
        format!("{}{}", times("{% if n %}", 10_000), times("{% endif %}", 10_000)),
        times("{% if n %}{% set x %}{% endset %}{% elif n %}", 5_000),
        times("{% if n %}{% elif n %}", 10_000),
    ] {
        let refused = check(&template, &FILTERS).unwrap_err();
        let named = ["words and signs", "nest more than", "recursion"];
        assert!(named.iter().any(|reason| refused.contains(reason)), "{refused}");
    }
    assert!(check(&"x".repeat(300_000), &FILTERS).unwrap_err().contains("the limit is 262144"));
    for shape in [
        format!("{{{{ 1{} }}}}", times("+1", TAG_TOKENS / 2)),
        format!("{{{{ {}n }}}}", times("- ", TAG_TOKENS - 1)),
        format!("{}{}", times("{% if n %}", 32), times("{% endif %}", 32)),
        format!("{{% if n %}}{}{{% endif %}}", times("{% elif n %}", 31)),
    ] {
        render(&shape, &json!({"n": 1})).unwrap_or_else(|reason| panic!("{shape}: {reason}"));
    }
}

const TAG_TOKENS: usize = 256 - 2;

#[test]
fn a_template_that_reads_or_makes_too_much_ends_and_says_so() {
    for template in [
        "{% for x in l %}{% if s | upper == 'x' %}{% endif %}{% endfor %}",
        "{% for x in l %}{% if m == m %}{% endif %}{% endfor %}",
        "{% for x in l %}{% if m in l %}{% endif %}{% endfor %}",
        "{% for x in l %}{% if s | trim | lower == s %}{% endif %}{% endfor %}",
        "{% for x in l %}{% if l | join(s) | length == 0 %}{% endif %}{% endfor %}",
        "{% for x in l %}{% if m | json | length == 0 %}{% endif %}{% endfor %}",
        "{% for x in l %}{% if m | short(60000) | length == 0 %}{% endif %}{% endfor %}",
        "{% for x in l %}{% for y in m %}{% for z in l %}{% if z.s == x.s %}{% endif %}{% endfor %}{% endfor %}{% endfor %}",
    ] {
        let refused = render(template, &large()).unwrap_err();
        let named = [
            "the template reads and produces more than 16 MiB",
            "the template takes too many steps",
        ];
        assert!(named.iter().any(|reason| refused.starts_with(reason)), "{template}: {refused}");
    }
}

#[test]
fn a_text_that_becomes_too_long_ends_where_it_does() {
    for template in [
        "{% for x in l %}{{ m }}{% endfor %}",
        "{% for x in l %}{% for y in l %}{{ 'a' }}ä{% endfor %}{% endfor %}",
        "{{ s }}{{ s }}",
        "{{ m }}",
    ] {
        let rendered = render(template, &large()).unwrap();
        let length = rendered.len();
        assert!((LIMITS.output_bytes + 1..LIMITS.output_bytes + 16).contains(&length), "{length}");
    }
}

/// Goal: what is within the budget is rendered as the engine by itself renders it.
#[test]
fn a_template_shows_what_the_plain_engine_shows() {
    let state = json!({"s": " Text ", "l": [1, 2.5, null, true, "x", [2], {"k": -1}], "n": 3,
        "m": {"b": "ä", "a": {"c": [1, 2]}}, "f": 1.0, "big": u64::MAX, "e": [], "o": {}});
    let mut plain = Environment::new();
    plain.set_undefined_behavior(UndefinedBehavior::Strict);
    for template in [
        "{{ s | trim | upper }}{{ s | lower }}{{ s | length }}{{ s[1:3] }}{{ s[::-1] }}",
        "{{ l }} {{ m }} {{ l[2] }} {{ l[3] }} {{ f }} {{ big }} {{ e }} {{ o }}",
        "{% for k in m %}{{ k }}{% endfor %} {{ m | length }} {{ m | count }} {{ l | length }}",
        "{% for k, v in m | items %}{{ k }}={{ v }};{% endfor %}",
        "{{ m.a.c[1] }}{{ m['b'] }}{{ l[-1].k }}{{ l[5][0] }}{{ l[1:3] }}{{ l[::-1] }}",
        "{{ l[:2] | join('|') }} {{ l | join }} {{ l[5:] | length }} {{ l | last }}",
        "{{ l | first + 1 }} {{ 'x' if 'b' in m else 'y' }} {{ 2 in l }} {{ 2.5 in l }}",
        "{{ m.x | default('none') }} {{ m.x is defined }} {{ l[2] is none }} {{ m.x | d(1) }}",
        "{{ (n | int) * 2 + m | length }} {{ n - 1 }} {{ 7 // 2 }} {{ -n }} {{ 2.567 | round(1) }}",
        "{% set a = n + 1 %}{% with b = a %}{{ b }}{% endwith %}{{ n == 3 }}{{ m == m }}",
        "{% for x in ['a', 'b'] %}{{ loop.index }}{{ x }}{{ loop.last }}{% endfor %}",
        "{% if n > 2 and m.a %}yes{% elif n %}no{% else %}no{% endif %}{{ not e }}{{ not o }}",
        "{{ l is sequence }}{{ m is mapping }}{{ s is string }}{{ n is number }}{{ n is odd }}",
        "{% raw %}{{ x ~ y * z }}{% endraw %}{# ~ #} * ~ {{ 'a~b*c' }} {{ l[0] == 1 }}",
        "{{ m.x }}",
        "{{ m.x.y }}",
        "{{ l | lower }} {{ n | upper }}",
        "{% for x in n %}{% endfor %}",
    ] {
        let expected = plain.render_str(template, minijinja::value::Value::from(Serde(&state)));
        assert_eq!(render(template, &state).ok(), expected.ok(), "{template}");
    }
    for (template, shown) in [
        ("{{ m | json }}", "{\"a\":{\"c\":[1,2]},\"b\":\"ä\"}"),
        ("{{ l | json }}", "[1,2.5,null,true,\"x\",[2],{\"k\":-1}]"),
        ("{{ m | short(8) }}", "{\"a\":{\"c…"),
    ] {
        assert_eq!(render(template, &state), Ok(shown.into()), "{template}");
    }
}

#[test]
fn the_schema_of_workflows_names_what_templates_may_use() {
    let text = crate::model::schema::WORKFLOW.text;
    assert!(text.contains(&format!("the filters {};", FILTERS.join(", "))));
    assert!(text.contains(&format!("the tests {}.", TESTS.join(", "))));
    assert!(text.contains(&format!("or {} MiB is not rendered", BYTES_MAX >> 20)));
}

#[test]
fn every_listed_filter_and_test_is_there() {
    for filter in FILTERS {
        let reason =
            render(&format!("{{{{ x | {filter} }}}}"), &json!({})).err().unwrap_or_default();
        assert!(!reason.contains("unknown filter"), "{reason}");
    }
    for test in TESTS {
        let reason =
            render(&format!("{{{{ x is {test} }}}}"), &json!({})).err().unwrap_or_default();
        assert!(!reason.contains("unknown test"), "{reason}");
    }
}
