use super::*;

fn titles(outline: &Outline) -> Vec<(usize, &str, usize)> {
    outline.headings.iter().map(|one| (one.level, &*one.title, one.line)).collect()
}

fn targets(outline: &Outline) -> Vec<(&str, usize)> {
    outline.links.iter().map(|link| (&*link.target, link.line)).collect()
}

#[test]
fn markdown_is_seen_as_it_is_rendered() {
    let text = "---\ntitle: no word\n---\r\n# A `b`  *c*\r\n\r\nTwo w*or*ds [l](x.md)\r\n\r\n\
                ```\r\n# code\r\n```\r\n\r\n![i](y.png) <b@c.de> <https://d.e>\r\n";
    let outline = Outline::of_markdown(text).unwrap();
    assert_eq!(titles(&outline), [(1, "A b c", 4)]);
    assert_eq!(targets(&outline), [("x.md", 6), ("y.png", 12), ("https://d.e", 12)]);
    assert_eq!(outline.words(), 3 + 3 + 2 + 3);
    assert_eq!(outline.words_below("A b c"), Some(8));
}

#[test]
fn html_within_markdown_counts_too() {
    let text = "<h1 align=center>\n  A <img src=\"a.png\">\n</h1>\n\n<a id=\"x\"></a>[b](#x)\n\nw <b>o</b>rd\n";
    let outline = Outline::of_markdown(text).unwrap();
    assert_eq!(titles(&outline), [(1, "A", 1)]);
    assert_eq!(targets(&outline), [("a.png", 2), ("#x", 5)]);
    assert!(outline.anchors.contains("x"));
    assert_eq!(outline.words(), 4);
}

#[test]
fn html_is_seen_without_what_readers_do_not_see() {
    let text = "<title>t</title><style>a b</style>\r\n<h1>Ä <em>b</em></h1><p>one<br>two<script>x y</script>\n\
                <h3 id=c>c</h3><a href='d.html'>d</a><img src=e.png srcset='f.png 1x, g.png 2x'><svg><use href='#c'/></svg>";
    let outline = Outline::of_html(text);
    assert_eq!(titles(&outline), [(1, "Ä b", 2), (3, "c", 3)]);
    let links: Vec<&str> = outline.links.iter().map(|link| &*link.target).collect();
    assert_eq!(links, ["d.html", "e.png", "f.png", "g.png", "#c"]);
    assert_eq!(outline.words_below("Ä b"), Some(4), "one two c d");
    assert!(outline.anchors.contains("c"));
}

#[test]
fn a_section_ends_where_the_next_that_is_not_deeper_begins() {
    let text = "# r\n\n## Summary\n\none\n\n### Deeper\n\ntwo\n\n## Next\n\nthree\n";
    let outline = Outline::of_markdown(text).unwrap();
    assert_eq!(outline.words_below("Summary"), Some(3), "the deeper heading is a word");
    assert_eq!(outline.words_below("Next"), Some(1));
    assert_eq!(outline.words_below("Nothing"), None);
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# Root cause: a_b!\n\n## Über-uns\n\n## x\n\n## x\n";
    let outline = Outline::of_markdown(text).unwrap();
    let anchors: Vec<&str> = outline.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["root-cause-a_b", "x", "x-1", "über-uns"]);
}

#[test]
fn an_open_code_block_is_a_fault() {
    for good in ["", "```\na\n```\n", "> ```\n> a\n> ```\n", "~~~~\n```\n~~~~~", "    indented\n"] {
        assert_eq!(faults(good), Vec::<String>::new(), "{good}");
    }
    for bad in ["x\n\n```\na\n", "x\n\n```", "x\n\n````\n```\n"] {
        assert_eq!(faults(bad), ["the code block of line 3 is not closed"], "{bad}");
    }
}

#[test]
fn rules_and_deep_code_are_no_nesting() {
    let fine = format!("{}\n\n{}\n\n{}x - y\n", "-".repeat(500), "* ".repeat(50), " ".repeat(300));
    assert!(Outline::of_markdown(&fine).is_ok());
    let deep = Outline::of_markdown(&format!("a\n\n{}", ">".repeat(101))).unwrap_err();
    assert_eq!(deep, "nests more than 100 deep in line 3");
}

/// Goal: the parser neither overflows the stack nor takes forever, whatever is repeated.
#[test]
fn hostile_markdown_ends_soon() {
    let parts = [
        ">",
        "> ",
        "- ",
        "1. ",
        "* a\n  ",
        "[",
        "![",
        "](",
        "[a](",
        "*a_",
        "**a *a ",
        "`",
        "```\n",
        "<",
        "<!--",
        "<a ",
        "<b>",
        "|",
        "|a|\n|-|\n",
        "&",
        "\\",
        "[^a]:",
        "[a]: b\n",
        "~~a",
        "# a\n",
        "a\n=\n",
        "\n",
        "\t",
        "---\n",
        "<?",
        "<!A",
        "<![CDATA[",
        "_",
        "$",
        "(",
        "<a@b>",
    ];
    for part in parts {
        let times = (256 << 10) / part.len();
        drop(Outline::of_markdown(&part.repeat(times)));
        drop(faults(&part.repeat(times)));
    }
    let nested = format!("{}\n{}", "> ".repeat(100), "\n".repeat(256 << 10));
    assert!(Outline::of_markdown(&nested).is_ok());
}
