use std::collections::BTreeSet;
use std::sync::Arc;

use rmcp::model::{ArgumentInfo, CompleteRequestParams, CompletionContext, ErrorCode, Reference};

use super::*;
use crate::service::{Caller, Init, Save, SystemClock, WriteOutput};
use crate::storage::memory::Memory;

fn service() -> Service {
    Service::new(Arc::new(Memory::default()), Arc::new(SystemClock))
}

fn arguments<T: serde::de::DeserializeOwned>(fields: serde_json::Value) -> T {
    serde_json::from_value(fields).unwrap()
}

async fn open(service: &Service, name: &str) {
    let init: Init = arguments(json!({ "name": name }));
    service.run(init, &Caller::new("test")).await.unwrap();
}

/// Returns all resources, page by page.
async fn all(service: &Service) -> Vec<Resource> {
    let (mut resources, mut cursor) = (Vec::new(), None);
    loop {
        let request = PaginatedRequestParams::default().with_cursor(cursor);
        let page = list(service, Some(request)).await.unwrap();
        resources.extend(page.resources);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return resources;
        }
    }
}

async fn text(service: &Service, uri: &str) -> String {
    let read = read(service, uri).await.unwrap();
    match &read.contents[..] {
        [ResourceContents::TextResourceContents { text, .. }] => text.clone(),
        other => panic!("{uri}: {other:?}"),
    }
}

#[tokio::test]
async fn every_resource_that_is_listed_can_be_read_and_has_the_length_and_type_that_it_says() {
    let service = service();
    for number in 0..2 * ARTIFACTS_MAX + 1 {
        open(&service, &format!("a{number}")).await;
    }
    let listed = all(&service).await;
    let uris: BTreeSet<&str> = listed.iter().map(|one| one.uri.as_str()).collect();
    assert_eq!(uris.len(), listed.len(), "each once");
    for one in &listed {
        let read = read(&service, &one.uri).await.unwrap();
        let [ResourceContents::TextResourceContents { text, mime_type, .. }] = &read.contents[..]
        else {
            panic!("{} is no text", one.uri);
        };
        assert_eq!(*mime_type, one.mime_type, "{}", one.uri);
        assert!(one.size.is_none_or(|size| size == text.len() as u64), "{}", one.uri);
        let is_of_artifact = one.uri.starts_with("refiner://artifacts/");
        let modified = one.annotations.as_ref().and_then(|one| one.last_modified.as_deref());
        assert_eq!(modified.is_some_and(|at| at.ends_with('Z')), is_of_artifact, "{}", one.uri);
    }
    for uri in [
        "refiner://artifacts",
        "refiner://artifacts/a100/state",
        "refiner://artifacts/a0/history",
        "refiner://domains/logo",
        "refiner://schemas/artifact-manifest.schema.json",
        "refiner://workflows/pmpo",
    ] {
        assert!(uris.contains(uri), "{uri}");
    }
}

#[tokio::test]
async fn parts_of_an_artifact_say_what_it_is_now() {
    let service = service();
    open(&service, "a").await;
    let patch = json!({ "name": "a", "patch": { "data": { "x": "größe" } } });
    service.run(arguments::<Save>(patch), &Caller::new("test")).await.unwrap();
    let state: serde_json::Value =
        serde_json::from_str(&text(&service, "refiner://artifacts/a/state").await).unwrap();
    assert_eq!((&state["version"], &state["data"]["x"]), (&json!(2), &json!("größe")));
    let history = text(&service, "refiner://artifacts/a/history").await;
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["entries"][1]["operation"], "save_state");
    let listing = text(&service, "refiner://artifacts").await;
    assert!(listing.contains("\"name\":\"a\"") && listing.contains("\"phase\":\"specify\""));
    assert_eq!(text(&service, "refiner://artifacts/a/decisions").await, "");
    let workflow = text(&service, "refiner://workflows/pmpo").await;
    assert!(workflow.contains("\"states\""), "{workflow}");
}

#[tokio::test]
async fn an_output_is_text_or_base64_and_one_that_is_too_large_is_refused_with_another_way() {
    let service = service();
    open(&service, "a").await;
    for (path, content) in [
        ("a b.svg", BASE64.encode("<svg/>")),
        ("p.png", BASE64.encode([0xFF, 0xD8])),
        ("large.txt", BASE64.encode(vec![b'x'; (4 << 20) + 1])),
    ] {
        let output = json!({ "name": "a", "path": path, "content_base64": content });
        service.run(arguments::<WriteOutput>(output), &Caller::new("test")).await.unwrap();
    }
    let contents = async |path: &str| {
        let uri = format!("refiner://artifacts/a/outputs/{path}");
        let read = read(&service, &uri).await?;
        Ok::<_, ErrorData>(json!(read.contents[0]))
    };
    let svg = contents("a%20b.svg").await.unwrap();
    assert_eq!((&svg["text"], &svg["mimeType"]), (&json!("<svg/>"), &json!("image/svg+xml")));
    let png = contents("p.png").await.unwrap();
    assert_eq!((&png["blob"], &png["mimeType"]), (&json!("/9g="), &json!("image/png")));
    let error = contents("large.txt").await.unwrap_err();
    assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
    assert!(error.data.unwrap()["hint"].as_str().unwrap().contains("read_output"));
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing_and_what_to_do() {
    let service = service();
    open(&service, "a").await;
    for uri in [
        "refiner://artifacts/b/state",
        "refiner://artifacts/a/manifest",
        "refiner://artifacts/a/outputs/none.txt",
        "refiner://artifacts/A/state",
        "refiner://workflows/none",
        "refiner://schemas/../Cargo.toml",
    ] {
        let error = read(&service, uri).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RESOURCE_NOT_FOUND, "{uri}");
        let details = error.data.unwrap();
        assert_eq!(details["uri"], uri);
        assert!(!details["hint"].as_str().unwrap().is_empty(), "{uri}");
    }
}

/// Returns the completions of an argument, and whether there are more.
async fn completed(
    service: &Service,
    reference: Reference,
    argument: (&str, &str),
    artifact: Option<&str>,
) -> Result<(Vec<String>, bool), ErrorData> {
    let argument = ArgumentInfo::new(argument.0, argument.1);
    let mut request = CompleteRequestParams::new(reference, argument);
    request.context = artifact.map(|name| {
        CompletionContext::with_arguments([("name".to_owned(), name.to_owned())].into())
    });
    let completion = complete(service, request).await?.completion;
    Ok((completion.values, completion.has_more.unwrap()))
}

#[tokio::test]
async fn every_variable_of_every_template_completes() {
    let service = service();
    for name in ["one", "other"] {
        open(&service, name).await;
    }
    let output = json!({ "name": "one", "path": "previews/a b.txt", "content": "x" });
    service.run(arguments::<WriteOutput>(output), &Caller::new("test")).await.unwrap();
    for template in templates(None).unwrap().resource_templates {
        let uri = template.uri_template;
        for variable in uri.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0) {
            let variable = variable.trim_start_matches('+');
            let reference = Reference::for_resource(&uri);
            let found = completed(&service, reference, (variable, ""), Some("one")).await.unwrap();
            assert!(!found.0.is_empty(), "{uri}: {variable}");
            let reference = Reference::for_resource(&uri);
            let none = completed(&service, reference, (variable, "zz"), Some("one")).await.unwrap();
            assert_eq!(none, (vec![], false), "{uri}: {variable}");
        }
    }
    let outputs = || Reference::for_resource("refiner://artifacts/{name}/outputs/{+path}");
    let path = completed(&service, outputs(), ("path", "pre"), Some("one")).await.unwrap();
    assert_eq!(path.0, ["previews/a b.txt"]);
    let nowhere = completed(&service, outputs(), ("path", ""), None).await.unwrap();
    assert_eq!(nowhere.0, Vec::<String>::new());
}

#[tokio::test]
async fn completion_is_bounded_and_an_unknown_reference_is_refused() {
    let service = service();
    for number in 0..101 {
        open(&service, &format!("a{number:03}")).await;
    }
    let (names, more) =
        completed(&service, Reference::for_prompt("plan"), ("name", "a"), None).await.unwrap();
    assert_eq!((names.len(), more, names[0].as_str()), (100, true, "a000"));
    for unknown in [Reference::for_prompt("none"), Reference::for_resource("refiner://none/{x}")] {
        let error = completed(&service, unknown, ("name", ""), None).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
    }
}
