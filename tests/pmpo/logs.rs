//! What is true of the two readable logs after an iteration was closed.

use serde_json::Value;

use super::after::{Persisted, Wrong};

/// Fails unless `refinement_log.md` has one section for each iteration, in order, and the last one
/// says what happened.
pub(super) fn check_section(persisted: &Persisted<'_>, wrong: Wrong<'_>) {
    let log = persisted.text("refinement_log.md");
    let headings: Vec<&str> =
        log.lines().filter(|line| line.starts_with("## Iteration ")).collect();
    let expected: Vec<String> = (1..=persisted.iteration)
        .map(|n| format!("## Iteration {n} — {}", text(&persisted.recorded(n)["at"])))
        .collect();
    assert_eq!(headings, expected);

    let section = &log[log.find(&expected[expected.len() - 1]).unwrap()..];
    let section = section.split("\n## ").next().unwrap();
    let last = persisted.recorded(persisted.iteration);
    let results = &persisted.state["results"]["execution_results"];
    assert_eq!(part(section, "Actions Taken")[0], text(&results["actions"][0]));
    let constraints = persisted.state["constraints"].as_array().unwrap();
    let standing = part(section, "Constraint Status");
    assert_eq!(standing.len(), constraints.len());
    for (line, one) in standing.iter().zip(constraints) {
        let word = if one["validated"] == true { "satisfied" } else { "violated" };
        assert!(line.starts_with(&format!("{}: {word} — ", text(&one["id"]))), "{line}");
        assert_eq!(line.ends_with("(asserted)"), one["asserted"] == true, "{line}");
    }
    let reflection = part(section, "Reflection Summary");
    assert_eq!(reflection[0], format!("Convergence: {}", text(&last["decision"])));
    assert_eq!(reflection[1], format!("Reason: {}", text(&last["reason"])));
    let regressions = last["regressions"].as_array().map_or(&[][..], Vec::as_slice);
    let regressions = regressions.iter().map(|one| format!("Regression: {}", text(one)));
    let reflected = &persisted.state["results"]["reflection"];
    let summary = reflected["summary"].as_str().map(|summary| format!("Summary: {summary}"));
    let reported = reflected["regressions"].as_array().map_or(&[][..], Vec::as_slice);
    let reported = reported.iter().map(|one| format!("Reported regression: {}", text(one)));
    let said = summary.into_iter().chain(regressions).chain(reported);
    assert_eq!(reflection[2..], said.collect::<Vec<_>>());
    let modified = results["files_modified"].as_array().unwrap();
    assert_eq!(part(section, "Files Modified"), modified.iter().map(text).collect::<Vec<_>>());
    let content = part(section, "Content Type");
    assert_eq!(content[0], format!("Type: {}", text(&persisted.state["content_type"])));
    assert_eq!(content[1], format!("Evaluation: {}", persisted.story.evaluation));
    check_errors(&part(section, "Errors"), wrong);
}

fn check_errors(errors: &[&str], wrong: Wrong<'_>) {
    match wrong {
        Wrong::Nothing => assert_eq!(errors, [""; 0]),
        Wrong::File(path) => {
            assert_eq!(errors, [format!("error: dist/{path} is missing or empty")]);
        }
    }
}

/// Fails unless `decisions.md` has one decision for each iteration, in order, and the last one says
/// what was decided.
pub(super) fn check_decision(persisted: &Persisted<'_>) {
    let log = persisted.text("decisions.md");
    let headings: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("### Iteration ") && line.ends_with(" Decision"))
        .collect();
    let expected: Vec<String> =
        (1..=persisted.iteration).map(|n| format!("### Iteration {n} Decision")).collect();
    assert_eq!(headings, expected);
    let last = persisted.recorded(persisted.iteration);
    let section = &log[log.find(&expected[expected.len() - 1]).unwrap()..];
    let state = &persisted.state;
    for (field, value) in [
        ("Decision", text(&last["decision"]).to_owned()),
        ("Iteration", format!("{} of {}", persisted.iteration, state["max_iterations"])),
        ("Blocking violations remaining", last["constraints"]["blocking_violated"].to_string()),
        ("Rationale", text(&last["reason"]).to_owned()),
    ] {
        let line = format!("- **{field}**: {value}\n");
        assert!(section.contains(&line), "{line} is not in {section}");
    }
    assert!(section.contains("- **Next focus**: "), "{section}");
}

/// Returns the lines of a part of a section, without their dashes; none when there is no such part.
fn part<'a>(section: &'a str, heading: &str) -> Vec<&'a str> {
    let heading = format!("### {heading}\n\n");
    let Some((_, rest)) = section.split_once(&heading) else { return Vec::new() };
    rest.lines().map_while(|line| line.strip_prefix("- ")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
