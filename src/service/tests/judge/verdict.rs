//! The naive judge: it looks at the files by itself, and remembers what was asked for.

use super::*;

type Files = BTreeMap<String, String>;

/// What a constraint asks for, and how much it weighs.
#[derive(Clone, Debug)]
struct Promise {
    weight: usize,
    /// How it is measured, where that cannot change without a person.
    validation: Option<Value>,
}

/// What the judge remembers.
pub(super) struct Judge {
    promises: BTreeMap<String, Promise>,
    /// The number of iterations after which a high constraint may stay open.
    iterations: u64,
    /// What the last reflection of this iteration said.
    said: BTreeMap<String, String>,
    /// What there was when a person approved: files, goals and constraints.
    approved: Option<(Files, Value)>,
}

fn weight(severity: &Value) -> usize {
    ["low", "medium", "high", "blocking"].iter().position(|one| severity == one).unwrap()
}

fn list<'a>(document: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    document[field].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Returns what a reader sees of a file.
fn seen(content: &str) -> String {
    let mut text = content.replace('\u{200b}', "");
    while let (Some(begin), Some(end)) = (text.find("<!--"), text.find("-->")) {
        text.replace_range(begin..end + 3, "");
    }
    text
}

/// Returns whether a validation holds, without the program's checks.
fn holds(validation: &Value, files: &Files) -> bool {
    let params = &validation["params"];
    let Some(content) = files.get(params["path"].as_str().unwrap()) else { return false };
    let words = seen(content).split_whitespace().count() as u64;
    match validation["method"].as_str().unwrap() {
        "file_exists" => true,
        "not_empty" => words > 0,
        "word_count" => words >= params["min"].as_u64().unwrap(),
        "text_absent" => !content.contains(params["pattern"].as_str().unwrap()),
        other => panic!("{other} is not known to the judge"),
    }
}

impl Judge {
    pub(super) fn new(document: &Value) -> Self {
        let iterations = document["max_iterations"].as_u64().unwrap();
        Self { promises: BTreeMap::new(), iterations, said: BTreeMap::new(), approved: None }
    }

    /// Remembers what an attempt means for later.
    pub(super) fn watch(
        &mut self,
        attempt: &Attempt,
        before: &Value,
        after: &Value,
        files: &Files,
    ) {
        let (from, to) = (&before["phase"], &after["phase"]);
        let is_by_person = attempt.is_by_person();
        if before["cycle"] != after["cycle"] {
            // What a cycle ended with holds in the next one.
            self.promise_all(before, true);
            self.iterations = self.iterations.max(before["max_iterations"].as_u64().unwrap());
            if is_by_person {
                self.agreed_to(after);
                self.iterations = after["max_iterations"].as_u64().unwrap();
            }
            (self.said, self.approved) = (BTreeMap::new(), None);
        } else if is_by_person && before["constraints"] != after["constraints"] && from == to {
            self.agreed_to(after);
        }
        if from == "specify" && to == "plan" {
            self.promise_all(after, false);
        }
        if from == "reflect" && to != "reflect" {
            let found = list(&after["results"]["reflection"], "constraints");
            let found = found.map(|one| (text(&one["id"]), text(&one["status"])));
            self.said = found.collect();
        }
        if from == "approval" && to == "persist" {
            let shown = json!([after["goals"], definitions(after)]);
            self.approved = Some((files.clone(), shown));
        }
        if to == "plan" && from != to {
            (self.said, self.approved) = (BTreeMap::new(), None);
        }
    }

    /// Takes all constraints of a document as promises, those that are one already with what is more.
    fn promise_all(&mut self, document: &Value, with_measures: bool) {
        for one in list(document, "constraints") {
            let promise = self
                .promises
                .entry(text(&one["id"]))
                .or_insert(Promise { weight: 0, validation: None });
            promise.weight = promise.weight.max(weight(&one["severity"]));
            if with_measures && promise.validation.is_none() {
                promise.validation = one.get("validation").cloned();
            }
        }
    }

    /// A person agreed to the constraints as they are now, and what they set is theirs.
    fn agreed_to(&mut self, document: &Value) {
        let now: BTreeMap<String, &Value> =
            list(document, "constraints").map(|one| (text(&one["id"]), one)).collect();
        self.promises.retain(|id, _| now.contains_key(id));
        for (id, promise) in &mut self.promises {
            promise.weight = promise.weight.min(weight(&now[id]["severity"]));
            promise.validation = promise.validation.take().and(now[id].get("validation").cloned());
        }
        let of_person = now.into_iter().filter(|(_, one)| one["set_by"] == "person");
        for (id, one) in of_person {
            let validation = one.get("validation").cloned();
            self.promises.insert(id, Promise { weight: weight(&one["severity"]), validation });
        }
    }

    /// Returns why a loop should not have converged.
    pub(super) fn wrong(&self, document: &Value, files: &Files) -> Vec<String> {
        let floor = self.wrong_with_the_floor(document, files);
        let constraints =
            list(document, "constraints").flat_map(|one| self.wrong_with(one, document, files));
        let promises = self.promises.iter().filter_map(|(id, promise)| {
            let kept = list(document, "constraints").find(|one| one["id"] == id.as_str());
            let Some(kept) = kept else { return Some(format!("{id} was dropped")) };
            if weight(&kept["severity"]) < promise.weight {
                return Some(format!("{id} weighs less than it did"));
            }
            let is_open = promise.validation.as_ref().is_some_and(|one| !holds(one, files));
            (is_open && self.must_hold(promise.weight, document))
                .then(|| format!("{id} does not hold as it was set"))
        });
        floor.into_iter().chain(constraints).chain(promises).collect()
    }

    /// Returns whether a constraint of a weight has to hold: a high one may be open in the end.
    fn must_hold(&self, weight: usize, document: &Value) -> bool {
        let is_last = document["current_iteration"].as_u64().unwrap() >= self.iterations;
        weight == 3 || (weight == 2 && !is_last)
    }

    fn wrong_with(&self, one: &Value, document: &Value, files: &Files) -> Option<String> {
        let id = text(&one["id"]);
        let is_right = match one.get("validation") {
            Some(validation) => holds(validation, files),
            None => self.said.get(&id).is_some_and(|said| said == "satisfied"),
        };
        (!is_right && self.must_hold(weight(&one["severity"]), document))
            .then(|| format!("{id} does not hold"))
    }

    fn wrong_with_the_floor(&self, document: &Value, files: &Files) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut needs = |is_there: bool, what: &str| {
            if !is_there {
                wrong.push(format!("there is no {what}"));
            }
        };
        needs(list(document, "goals").any(|goal| goal != ""), "goal");
        needs(
            list(document, "constraints").any(|one| one["severity"] == "blocking"),
            "blocking constraint",
        );
        needs(document["workflow"] == "pmpo", "workflow that can converge");
        let named = list(&document["manifest"], "variants").filter_map(|one| one["file"].as_str());
        let named: Vec<&str> = named.collect();
        let is_content = |path: &&&str| {
            files.get(**path).is_some_and(|one| !one.replace('\u{200b}', "").is_empty())
        };
        needs(named.iter().any(|path| is_content(&path)), "file of the manifest with content");
        needs(named.iter().all(|path| is_content(&path)), "content in each file of the manifest");
        let asserted = list(document, "constraints").filter(|one| one.get("validation").is_none());
        for one in asserted {
            needs(self.said.contains_key(&text(&one["id"])), "finding of each asserted constraint");
        }
        if document["requires_approval"] == true {
            let now = (files.clone(), json!([document["goals"], definitions(document)]));
            needs(self.approved.as_ref() == Some(&now), "approval of what is there");
        }
        wrong
    }
}

/// Returns the constraints of a document without what was found of them.
fn definitions(document: &Value) -> Vec<Value> {
    let definition =
        |one: &Value| json!([one["id"], one["severity"], one["validation"], one["description"]]);
    list(document, "constraints").map(definition).collect()
}
