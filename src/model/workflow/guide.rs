//! The guide of a prompt: the domain adapter of the phase, the evaluation, and the open
//! constraints, worst first. It stays short for any size of the document.

use serde::Serialize;
use serde_json::Value;

use crate::model::Document;
use crate::model::document::component::Component;
use crate::model::document::constraint::{Constraint, Severity, Status};
use crate::model::document::domain;
use crate::model::document::taxonomy::{self, EvaluationMethod, Family, Route};
use crate::model::text::one_line;

/// Constraints that a prompt lists.
const SHOWN_MAX: usize = 24;

/// Characters of a caller's text in one line.
const LINE_CHARACTERS_MAX: usize = 200;

/// The values that a prompt shows beside the document.
#[derive(Debug, Serialize)]
pub struct Guide {
    /// The guidance for the artifact type in this phase.
    pub adapter: Option<&'static str>,
    /// Whether the artifact is a prompt.
    pub is_meta: bool,
    /// Whether every iteration test-runs the prompt.
    pub test_generation: bool,
    /// The evaluation of the work.
    pub evaluation: Evaluated,
    /// The parts of a composite.
    pub components: Vec<Part>,
    /// The artifact type that a manifest names.
    pub artifact_type: &'static str,
    /// A name for the main file.
    pub main_file: &'static str,
    /// The name of the main file's format.
    pub format: &'static str,
    /// The folder of `dist/` for previews and test outputs.
    pub folder: &'static str,
    /// A file to start from.
    pub template: Option<&'static str>,
    /// Constraints that do not hold, the worst first.
    pub open: Shown,
    /// Constraints that hold.
    pub held: Shown,
    /// Constraints that the server measures.
    pub measured: Shown,
    /// Constraints that the reflecting model judges.
    pub judged: Shown,
    /// All of them.
    pub all: Shown,
}

/// An evaluation.
#[derive(Debug, Serialize)]
pub struct Evaluated {
    /// The name of the strategy.
    pub strategy: &'static str,
    /// The instruction.
    pub focus: &'static str,
}

/// A part of a composite.
#[derive(Debug, Serialize)]
pub struct Part {
    name: String,
    content_type: String,
    weight: Option<f64>,
    description: Option<String>,
    evaluation: Evaluated,
}

/// The constraints that a prompt shows of a list.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The first ones.
    pub list: Vec<Line>,
    /// The number of the others.
    pub more: usize,
}

/// A constraint in a line.
#[derive(Debug, Serialize)]
pub struct Line {
    id: String,
    description: String,
    severity: Severity,
    status: Status,
    method: Option<String>,
    regressed: bool,
    details: Option<String>,
    /// The params of its method and its target, as JSON.
    limits: Option<String>,
}

impl Guide {
    /// Returns the guide for a document. The name of the prompt is the name of its phase.
    pub fn of(document: &Document, prompt: &str) -> Self {
        let route = route(document);
        let artifact_type = document.artifact_type.as_deref();
        let domain = artifact_type.and_then(domain::find);
        let worst = worst_first(&document.constraints);
        let shown = |keep: &dyn Fn(&Constraint) -> bool| Shown::of(&worst, keep);
        Self {
            adapter: domain.and_then(|domain| domain.section(prompt)),
            is_meta: route.family() == Family::Meta,
            test_generation: document.test_generation && route.family() == Family::Meta,
            evaluation: Evaluated::by(document.content_type.as_deref(), document.test_generation),
            components: document.components.iter().map(|one| part(document, one)).collect(),
            artifact_type: domain.map_or(route.artifact_type, |domain| domain.artifact_type),
            main_file: route.main_file,
            format: route.format(),
            folder: route.folder(),
            template: artifact_type.and_then(domain::template_for).map(|template| template.file),
            open: shown(&|one| !one.holds()),
            held: shown(&Constraint::holds),
            measured: shown(&Constraint::is_measured),
            judged: shown(&|one| !one.is_measured()),
            all: shown(&|_| true),
        }
    }
}

/// Returns the route of a document, or the route of plain text when it has no content type.
fn route(document: &Document) -> &'static Route {
    let given = document.content_type.as_deref().and_then(taxonomy::find);
    let usual = || document.artifact_type.as_deref().and_then(taxonomy::usual);
    given.or_else(usual).or_else(|| taxonomy::usual("content")).unwrap_or(&taxonomy::ROUTES[0])
}

fn worst_first(constraints: &[Constraint]) -> Vec<&Constraint> {
    let mut sorted: Vec<_> = constraints.iter().collect();
    sorted.sort_by_key(|one| std::cmp::Reverse(one.severity));
    sorted
}

fn part(document: &Document, component: &Component) -> Part {
    let content_type = component.content_type.as_str();
    Part {
        name: short(&component.name),
        content_type: content_type.to_owned(),
        weight: component.weight,
        description: component.description.as_deref().map(short),
        evaluation: Evaluated::by(Some(content_type), document.test_generation),
    }
}

/// Returns the method of a constraint, if it has one.
fn method(constraint: &Constraint) -> Option<&str> {
    constraint.validation.as_ref()?.get("method")?.as_str()
}

impl Evaluated {
    fn by(content_type: Option<&str>, test_generation: bool) -> Self {
        let evaluation = EvaluationMethod::of(content_type, test_generation);
        Self { strategy: evaluation.as_str(), focus: evaluation.focus() }
    }
}

impl Shown {
    fn of(constraints: &[&Constraint], keep: &dyn Fn(&Constraint) -> bool) -> Self {
        let kept: Vec<_> = constraints.iter().filter(|one| keep(one)).collect();
        let list = kept.iter().take(SHOWN_MAX).map(|one| Line::of(one)).collect();
        Self { list, more: kept.len().saturating_sub(SHOWN_MAX) }
    }
}

impl Line {
    fn of(constraint: &Constraint) -> Self {
        Self {
            id: short(&constraint.id),
            description: short(&constraint.description),
            severity: constraint.severity,
            status: constraint.status,
            method: method(constraint).map(short),
            regressed: constraint.regressed,
            details: constraint.details.as_deref().map(short),
            limits: limits(constraint),
        }
    }
}

/// Returns what a constraint asks for in numbers and patterns, as its caller wrote it.
fn limits(constraint: &Constraint) -> Option<String> {
    let params = constraint.validation.as_ref().and_then(|validation| validation.get("params"));
    let target = constraint.target_metric.clone().map(Value::Object);
    let parts: Vec<String> = params.into_iter().chain(&target).map(Value::to_string).collect();
    (!parts.is_empty()).then(|| short(&parts.join(" ")))
}

/// Returns a caller's text on one line, shortened, so it can neither forge headings of a prompt nor
/// fill it.
fn short(text: &str) -> String {
    one_line(text, LINE_CHARACTERS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Time;
    use crate::model::document::constraint::parse_definitions;
    use crate::model::document::tests::empty;

    fn ids(shown: &Shown) -> Vec<&str> {
        shown.list.iter().map(|line| line.id.as_str()).collect()
    }

    #[test]
    fn what_is_open_comes_the_worst_first_and_what_is_measured_is_told_from_what_is_judged() {
        let mut document = empty("a");
        document.constraints = parse_definitions(
            &[
                json!({"id": "taste", "description": "d", "severity": "low"}),
                json!({"id": "links", "description": "d", "severity": "blocking",
                       "validation": {"method": "links_resolve", "params": {"path": "a.md"}}}),
                json!({"id": "done", "description": "d", "severity": "high"}),
            ],
            "",
        )
        .unwrap();
        document.constraints[2].assess(Status::Satisfied, None, Time::from_millis(0));
        let guide = Guide::of(&document, "plan");
        assert_eq!(ids(&guide.open), ["links", "taste"]);
        assert_eq!(ids(&guide.held), ["done"]);
        assert_eq!(ids(&guide.measured), ["links"]);
        assert_eq!(ids(&guide.judged), ["done", "taste"]);
    }

    #[test]
    fn the_adapter_is_the_section_of_the_phase_that_the_prompt_is_about() {
        let mut document = empty("a");
        assert_eq!(Guide::of(&document, "plan").adapter, None);
        document.artifact_type = Some("logo".into());
        let adapters = ["specify", "plan"].map(|prompt| Guide::of(&document, prompt).adapter);
        assert!(adapters[0].is_some() && adapters[0] != adapters[1]);
        assert_eq!(Guide::of(&document, "pmpo").adapter, None);
    }

    #[test]
    fn a_component_is_evaluated_by_its_own_content_type() {
        let mut document = empty("a");
        document.content_type = Some(taxonomy::COMPOSITE.into());
        let component = |name: &str, content_type: &str| Component {
            name: name.into(),
            content_type: content_type.into(),
            weight: None,
            description: None,
            status: None,
            details: None,
        };
        document.components =
            vec![component("icon", "direct:svg"), component("hero", "meta:image-prompt")];
        let guide = Guide::of(&document, "reflect");
        assert_eq!(guide.evaluation.strategy, "per_component");
        let strategies: Vec<_> =
            guide.components.iter().map(|part| part.evaluation.strategy).collect();
        assert_eq!(strategies, ["output_inspection", "prompt_quality"]);
    }
}
