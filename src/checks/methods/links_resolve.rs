//! Every link within the work leads somewhere.

use std::collections::BTreeMap;

use super::not_empty::content;
use super::{Built, Found, MeasureFile, Method, PATH, Params, Stop, Work, each_file};
use crate::checks::finding::listed;
use crate::checks::outline::{self, Link, Outline};
use crate::model::text::named;

pub(super) static METHOD: Method = Method {
    name: "links_resolve",
    description: "each relative link and image of Markdown or HTML leads to a file with content in `dist/`",
    params: &[PATH],
    metrics: &["links", "broken"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, LinksResolve)
}

#[derive(Debug)]
struct LinksResolve;

impl MeasureFile for LinksResolve {
    /// Links to other hosts are not followed, and neither are fragments of other files.
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let outline = outline::read(path, work)?;
        let mut broken = Vec::new();
        let mut targets = BTreeMap::new();
        for link in &outline.links {
            match follow(path, link, &outline, work) {
                Some(Some(target)) => drop(targets.entry(target).or_insert(link)),
                Some(None) => {}
                None => broken.push(format!("{} in line {}", shown(&link.target), link.line)),
            }
        }
        for (target, link) in targets {
            if !content(&target, work)?.holds {
                let target = shown(&link.target);
                broken.push(format!("{target} in line {} (the file shows nothing)", link.line));
            }
        }
        let found = if broken.is_empty() {
            Found::satisfied(format!("{} links, each resolves", outline.links.len()))
        } else {
            Found::violated(format!("leads nowhere: {}", listed(&broken, ", ")))
        };
        Ok(found.with("links", outline.links.len()).with("broken", broken.len()))
    }
}

fn shown(target: &str) -> String {
    if target.trim().is_empty() { "an empty link".to_owned() } else { named(target) }
}

/// Returns the file that a link leads to, `Some(None)` when it leads elsewhere than to a file, and
/// `None` when it leads nowhere.
fn follow(from: &str, link: &Link, outline: &Outline, work: &Work<'_>) -> Option<Option<String>> {
    let target = link.target.trim();
    if is_external(target) {
        return Some(None);
    }
    let (address, fragment) = target.split_once('#').unwrap_or((target, ""));
    let address = address.split('?').next().unwrap_or_default();
    if target.is_empty() || (address.is_empty() && !target.starts_with(['#', '?'])) {
        return None;
    }
    let file = if address.is_empty() { from.to_owned() } else { file(from, address, work)? };
    let within = file == from && !is_place(fragment, outline);
    (!within).then_some(Some(file))
}

/// Returns whether an address has a scheme or a host.
fn is_external(target: &str) -> bool {
    let scheme = target.split([':', '/', '?', '#']).next().unwrap_or_default();
    let has_scheme = target[scheme.len()..].starts_with(':')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    has_scheme || target.starts_with("//")
}

/// Returns whether a fragment leads to a place of its own file. One that begins with a `/` is the
/// route of a script, and one with `:~:` a search of the browser.
fn is_place(fragment: &str, outline: &Outline) -> bool {
    let known = |name: &str| outline.anchors.contains(name);
    fragment.is_empty()
        || fragment == "top"
        || fragment.starts_with(['/', '!'])
        || fragment.starts_with(":~:")
        || known(fragment)
        || known(&decoded(fragment))
}

/// Returns the file at an address that is relative to another file. A folder stands for what is
/// below it.
fn file(from: &str, address: &str, work: &Work<'_>) -> Option<String> {
    [address.to_owned(), decoded(address)].iter().find_map(|address| {
        let path = joined(from, address)?;
        match work.size(&path) {
            Some(_) => Some(path),
            None => work.first_below(&path),
        }
    })
}

/// Returns the path of an address, or `None` when it leads out of `dist/`.
fn joined(from: &str, address: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let base = if address.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(address.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Replaces `%20` and the like.
fn decoded(address: &str) -> String {
    let hex = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = address.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = (bytes.get(at + 1).and_then(hex), bytes.get(at + 2).and_then(hex));
        match (byte, digits) {
            (b'%', (Some(high), Some(low))) => {
                decoded.push(high * 16 + low);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, check, table};

    fn dist(report: &str) -> Dist {
        Dist::of(&[
            ("docs/report.md", report),
            ("docs/there.md", "x"),
            ("docs/a b.md", "x"),
            ("docs/50%25.md", "x"),
            ("docs/blank.md", "<!-- later -->"),
            ("img/ü.png", "x"),
        ])
    }

    #[test]
    fn a_link_to_no_file_is_found_however_it_is_written() {
        for (text, says) in [
            (
                "[a](there.md#part) [b](https://example.com/x) `[c](gone.md)`\n",
                "+ 2 links, each resolves",
            ),
            (
                "[a](gone.md) and\r\n[b][1]\r\n\r\n[1]: lost.md\r\n",
                "- leads nowhere: gone.md in line 1, lost.md in line 2",
            ),
            ("![a](../img/%C3%BC.png) ![b](/img/ü.png) [c](../img)", "+ 3 links, each resolves"),
            ("[a](<a b.md>) [b](a%20b.md) [c](50%25.md?x=1)", "+ 3 links, each resolves"),
            ("[a](../../etc/passwd)", "- leads nowhere: ../../etc/passwd in line 1"),
            ("[a]()", "- leads nowhere: an empty link in line 1"),
            ("# A b\n\n[a](#a-b) [b](#top) [c](report.md#a-b) [d](#)", "+ 4 links, each resolves"),
            ("# A b\n\n[a](#c)", "- leads nowhere: #c in line 3"),
            ("<a@b.de> [a](mailto:a@b.de) [b](//host/x) [c](data:,x)", "+ 3 links, each resolves"),
            ("<img src=\"gone.png\">", "- leads nowhere: gone.png in line 1"),
            ("[a](%) [b](%zz)", "- leads nowhere: % in line 1, %zz in line 1"),
            (
                "[a](blank.md) [b](blank.md#x)",
                "- leads nowhere: blank.md in line 1 (the file shows nothing)",
            ),
            ("", "+ 0 links, each resolves"),
        ] {
            table(&dist(text), "links_resolve", &[(json!({"path": "docs/report.md"}), says)]);
        }
    }

    #[test]
    fn html_links_are_followed_too() {
        let page = "<a href='b.html'>b</a>\n<a href='#x'>x</a><p id=x><img src='gone.png' srcset='a.png 1x'>";
        let dist = Dist::of(&[("a.html", page), ("b.html", "x")]);
        table(
            &dist,
            "links_resolve",
            &[(json!({"path": "a.html"}), "- leads nowhere: gone.png in line 2, a.png in line 2")],
        );
    }

    #[test]
    fn where_links_lead_is_a_part_of_the_evidence() {
        let dist = dist("[a](there.md)");
        let finding = check("links_resolve", &json!({"path": "docs/report.md"}), None, &dist);
        let files: Vec<&str> = finding.files.keys().map(String::as_str).collect();
        assert_eq!(files, ["docs/report.md", "docs/there.md"]);
    }
}
