use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::describe::Repair;

fn template(text: &str) -> Prompt {
    Prompt::parse("test", text).unwrap_or_else(|(line, error)| panic!("{line}: {error}"))
}

/// Returns the context of a record with a caption and no previous candidates.
fn record(line: &str) -> Context {
    Context {
        file_name: "images/0151.jpg".to_owned(),
        current: Some("A woman in a coat.".to_owned()),
        line: line.to_owned(),
        ..Context::default()
    }
}

/// Returns the context of a record whose candidates were rejected, the last for these reasons.
fn repair(previous: &[&str], reasons: Vec<Reason>) -> Context {
    let previous: Vec<String> = previous.iter().map(|text| (*text).to_owned()).collect();
    let text = previous.last().cloned().unwrap_or_else(|| "A woman in a coat.".to_owned());
    Context { previous, mode: RequestMode::Repair(Repair { text, reasons }), ..record("{}") }
}

fn variables(context: &Context) -> Variables<'_> {
    Variables { context, max_words: 50, language: "en", people: None, style_guide: None, schema: None }
}

fn rendered(text: &str, context: &Context) -> String {
    let rendered = template(text).render(&variables(context)).unwrap_or_default();
    assert_eq!(rendered.system, None, "{text}");
    rendered.user
}

/// Prompts of version 0.1 may use the names of newer variables for fields.
#[rstest]
#[case("{examples}", "{}", "“A hat.”")]
#[case("{$examples}", "{}", "“A hat.”")]
#[case("{examples}", r#"{"examples": "mine"}"#, "mine")]
#[case("{$examples}", r#"{"examples": "mine"}"#, "“A hat.”")]
#[case("x\n{examples}", r#"{"examples": null}"#, "x\n“A hat.”")]
#[case("x\n{examples}", r#"{"examples": ""}"#, "x\n")]
#[case("{style_guide}", r#"{"style_guide": 7}"#, "7")]
#[case("{style_guide}", "{}", "Write “trousers”.")]
#[case("{current}", r#"{"current": "mine"}"#, "A woman in a coat.")]
#[case("{$current}", r#"{"current": "mine"}"#, "A woman in a coat.")]
fn a_field_comes_before_a_newer_variable_of_its_name(#[case] text: &str, #[case] line: &str, #[case] expected: &str) {
    let context = Context { examples: vec!["A hat.".to_owned()], ..record(line) };
    let prompt = template(text);
    assert_eq!(prompt.fields(), [] as [String; 0]);
    let variables = Variables { style_guide: Some("Write “trousers”."), ..variables(&context) };
    assert_eq!(prompt.render(&variables).unwrap_or_default().user, expected);
}

#[test]
fn a_field_with_the_name_of_a_variable_can_be_named() {
    let context = record(r#"{"language": "fr", ".size": "M"}"#);
    let prompt = template("{language} {.language} {.size}");
    assert_eq!(prompt.fields(), ["language", ".size"]);
    assert_eq!(prompt.render(&variables(&context)).unwrap_or_default().user, "English fr M");
}

#[test]
fn the_caption_to_correct_is_in_the_prompt_even_if_a_field_is_named_rejected() {
    let repair = repair(&["A hat."], vec![Reason::TooLong]);
    let with_field = Context { line: r#"{"rejected": "by the customer"}"#.to_owned(), ..repair.clone() };
    let text = "{rejected}\n{previous}";
    assert_eq!(rendered(text, &repair), "A hat.\n");
    assert_eq!(rendered(text, &with_field), "by the customer\n“A hat.”");
    assert_eq!(rendered("{$rejected}\n{previous}", &with_field), "A hat.\n");
}

#[test]
fn the_built_in_prompt_has_the_style_guide_if_there_is_one() {
    let context = record("{}");
    let system = |style_guide| {
        let variables = Variables { style_guide, ..variables(&context) };
        Prompt::built_in().render(&variables).expect("a prompt").system.expect("instructions")
    };
    assert!(system(Some("Write “trousers”, never “pants”.")).contains("\nWrite “trousers”, never “pants”.\n"));
    assert!(!system(None).contains("style_guide") && !system(None).contains("\n\n\n"), "{}", system(None));
}

#[rstest]
#[case::text("Describe it.", "Describe it.")]
#[case::own("{file_name}: {current}", "images/0151.jpg: A woman in a coat.")]
#[case::member("Made by {brand}.", "Made by 무신사.")]
#[case::spaces("Made by { brand }.", "Made by 무신사.")]
#[case::korean_name("상표: {상표}", "상표: 나이키")]
#[case::number("{price} of {big}", "1.50 of 123456789012345678901234567890")]
#[case::truth("{sale}", "false")]
#[case::list("{sizes}", r#"["S", "M"]"#)]
#[case::object("{shop}", r#"{"city": "서울"}"#)]
#[case::escapes("{note}", "two\nlines, \"quoted\"")]
#[case::braces("{{\"caption\": {{}} }}", "{\"caption\": {} }")]
#[case::braces_touch("{{{brand}}}", "{무신사}")]
#[case::json(
    "Answer {\"a\": 1, \"b\": {}, \"c\": [{\"d\": {brand}}]}",
    "Answer {\"a\": 1, \"b\": {}, \"c\": [{\"d\": 무신사}]}"
)]
#[case::json_lines("{\n  \"a\": {\n    \"b\": 1\n  }}\n", "{\n  \"a\": {\n    \"b\": 1\n  }}\n")]
#[case::nested_json("{\"a\":{\"b\":{\"c\":1}}}", "{\"a\":{\"b\":{\"c\":1}}}")]
#[case::escaped_in_json("{\"a\": {{1}}}", "{\"a\": {1}}")]
#[case::lists("{1, 2} { x: 1 } { return; }", "{1, 2} { x: 1 } { return; }")]
#[case::unmatched("a } b { ", "a } b { ")]
#[case::namespace("{dc:title}", "the title")]
#[case::null("a\n{nothing}\nb", "a\nb")]
#[case::blank("a\n{blank}\nb", "a\nb")]
#[case::missing("a\nby {brand} in {season}\nb", "a\nb")]
#[case::value_is_no_template("{tricky}", "{current} {{")]
#[case::repeated("{twice}", "second")]
#[case::language("{language}", "English")]
fn variables_are_replaced_by_their_values(#[case] text: &str, #[case] expected: &str) {
    let line = r#"{"file_name": "images/0151.jpg", "brand": "무신사", "상표": "나이키", "price": 1.50,
        "big": 123456789012345678901234567890, "sale": false, "sizes": ["S", "M"], "dc:title": "the title", "shop": {"city": "서울"},
        "note": "two\nlines, \"quoted\"", "nothing": null, "blank": " \t", "tricky": "{current} {{",
        "twice": "first", "twice": "second", "current": "not this", "language": "nor this"}"#;
    assert_eq!(rendered(text, &record(line)), expected);
}

#[rstest]
#[case("a\n\n{gone}\n\nb\n", "a\n\nb\n")]
#[case("{gone}\n\nb\n", "b\n")]
#[case("a\n\n{gone}\n{gone}\n\n\nb", "a\n\nb")]
#[case("a\n{gone}\n\nb", "a\n\nb")]
#[case("a\r\n{gone}\r\nb\r\n", "a\r\nb\r\n")]
#[case::blank_lines_of_its_own_stay("a\n\n\nb\n{gone}\n", "a\n\n\nb\n")]
fn an_omitted_line_leaves_no_gap(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(rendered(text, &record("{}")), expected);
}

#[test]
fn a_line_that_is_not_an_object_has_no_fields() {
    for line in ["", "[1]", "{\"brand\": ", "7"] {
        assert_eq!(rendered("a\n{brand}\nb", &record(line)), "a\nb", "{line}");
    }
}

#[rstest]
#[case("a\nb {brand", 2, TemplateError::Unclosed)]
#[case("{a\nb}", 1, TemplateError::Unclosed)]
#[case("{a {b}", 1, TemplateError::Unclosed)]
#[case(" \n\t\n", 1, TemplateError::Empty)]
#[case::no_user_message("a\n--- user ---\n \n", 3, TemplateError::Empty)]
#[case::no_instructions("\n--- user ---\na", 1, TemplateError::Empty)]
#[case::in_the_user_message("a\nb\n--- user ---\nc\n{d", 5, TemplateError::Unclosed)]
#[case::two_separators("a\n--- user ---\nb\n--- user ---\nc", 4, TemplateError::SecondSeparator)]
fn errors_in_a_template_have_a_line(#[case] text: &str, #[case] line: usize, #[case] error: TemplateError) {
    assert_eq!(Prompt::parse("test", text), Err((line, error)));
}

#[test]
fn a_separator_line_ends_the_system_prompt() {
    let rendered = |text: &str| template(text).render(&variables(&record("{}"))).unwrap();
    let both = rendered("Be brief.\n{gone}\n\n----- user -----\nOf {file_name}\n---\nc\n");
    assert_eq!(both.system.as_deref(), Some("Be brief."));
    assert_eq!(both.user, "Of images/0151.jpg\n---\nc\n");
    let old = "A rule\n---\nis no separator: --- user ---\n";
    assert_eq!(rendered(old), RenderedPrompt { system: None, user: old.to_owned() });
    assert_eq!(rendered("{gone}\n--- user ---\nb").system, None);
    assert_eq!(template("a\n--- user ---\n{gone}\n").render(&variables(&record("{}"))), Err(EmptyPrompt));
}

#[test]
fn the_built_in_prompt_includes_only_the_variables_with_a_value() {
    let prompt = Prompt::built_in();
    let expected: BTreeSet<&str> =
        VARIABLES.into_iter().filter(|name| !["file_name", "examples", "schema"].contains(name)).collect();
    assert_eq!(prompt.variables(), expected, "no fields, since it must work with every dataset");
    let with_examples = Prompt::with_examples();
    assert_eq!((with_examples.uses("examples"), with_examples.fields()), (true, vec![]));

    let of_objects = Prompt::json();
    assert!(of_objects.fields().is_empty() && of_objects.uses("schema") && of_objects.uses("current"));

    let texts = |prompt: &Prompt, variables: &Variables<'_>| {
        let RenderedPrompt { system, user } = prompt.render(variables).unwrap();
        (system.unwrap(), user)
    };
    let context = Context { current: None, ..record("{}") };
    let (system, user) = texts(&prompt, &Variables { language: "ko", ..variables(&context) });
    assert!(system.contains("about 45 words in Korean"), "{system}");
    assert!(!system.contains("Name people") && !system.contains("\n\n\n"), "{system}");
    assert_eq!(user, "Describe the person in this image and what they wear.\n\n");
    assert_eq!(texts(&with_examples, &Variables { language: "ko", ..variables(&context) }), (system, user));

    let context = Context { examples: vec!["A red hat.".to_owned(), "A cap.".to_owned()], ..record("{}") };
    let (system, user) = texts(&with_examples, &Variables { people: Some("Korean woman"), ..variables(&context) });
    assert!(system.contains("Korean woman."), "{system}");
    assert!(user.contains("“A woman in a coat.”") && user.contains("“A red hat.” “A cap.”"), "{user}");
}

#[test]
fn a_variation_lists_the_latest_distinct_candidates_on_one_line() {
    let previous = ["one", "two", "three", "four\nlines", "two"].map(str::to_owned).to_vec();
    let context = Context { previous, mode: RequestMode::Vary, ..record("{}") };
    assert_eq!(rendered("{previous}", &context), "“three” “four lines” “two”");
    assert_eq!(rendered("a\n{previous}", &record("{}")), "a\n");
    let context = Context { mode: RequestMode::Describe, ..context };
    assert_eq!(rendered("a\n{previous}", &context), "a\n", "with another prompt or model they were not rejected");
}

#[test]
fn a_repair_has_the_last_text_and_all_reasons() {
    let context = repair(&["A hat.", "A\ncap."], vec![Reason::WrongColour, Reason::Custom("it is a beret".to_owned())]);
    let text = rendered("Mend {rejected}\n{reason}\nNot {previous}", &context);
    assert!(text.starts_with("Mend A cap.\n") && !text.contains("Not"), "{text}");
    assert!(text.contains("wrong colour") && text.contains("it is a beret"), "{text}");
    assert_eq!(rendered("{previous}", &context), "“A hat.” “A cap.”", "a prompt of 0.1 has no other variable for it");
    assert_eq!(rendered("a\n{rejected} {reason}", &record("{}")), "a\n");

    let user = Prompt::built_in().render(&variables(&context)).unwrap().user;
    assert!(user.contains("Change only what is wrong") && user.contains("“A cap.”"), "{user}");
    assert!(!user.contains("different wording"), "{user}");
    let context = Context { mode: RequestMode::Vary, ..context };
    let user = Prompt::built_in().render(&variables(&context)).unwrap().user;
    assert!(user.contains("different wording") && !user.contains("Change only"), "{user}");
}

#[test]
fn every_reason_becomes_an_instruction() {
    let instruction = |reason: Reason, previous: &[&str]| rendered("{reason}", &repair(previous, vec![reason]));
    for (reason, word) in Reason::PRESETS.into_iter().zip(["too long", "missed", "colour", "person"]) {
        assert_eq!(Reason::from_text(reason.as_str()), reason);
        let text = instruction(reason, &["before"]);
        assert!(text.contains("the last description") && text.contains(word), "{text}");
    }
    assert!(instruction(Reason::TooLong, &[]).contains("wrong with the caption"), "no candidate was rejected");
    assert!(instruction(Reason::TooLong, &[]).contains("45 words"), "the target number of words");
    assert!(instruction(Reason::Custom("신발은 빨간색".to_owned()), &["before"]).ends_with("신발은 빨간색"));
    assert_eq!(instruction(Reason::Custom("  ".to_owned()), &[]), "");
}

#[test]
fn a_prompt_is_loaded_by_path_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brief.md");
    fs::write(&file, "\u{feff}Say little.\n").unwrap();
    let by_name = Prompt::load("brief", Some(folder.path())).unwrap();
    let by_path = Prompt::load(file.to_str().unwrap(), None).unwrap();
    assert_eq!(by_name, by_path);
    assert_eq!(by_name.name(), "brief");
    let rendered = by_name.render(&variables(&record("{}"))).unwrap();
    assert_eq!(rendered.user, "Say little.\n", "without the byte order mark");

    assert_eq!(Prompt::load(DEFAULT, Some(folder.path())).unwrap(), Prompt::built_in());
    fs::write(folder.path().join("default.md"), "Mine.").unwrap();
    assert_ne!(Prompt::load(DEFAULT, Some(folder.path())).unwrap(), Prompt::built_in());
}

#[test]
fn errors_name_the_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Prompt::load(path.to_str().unwrap(), None).unwrap_err().to_string()
    };
    assert!(written("open.md", b"a\n{brand").contains("open.md:2: unclosed variable"));
    assert!(written("latin.md", b"a\nb\nblous\xe9").contains("latin.md: line 3 is not UTF-8"));
    assert!(written("empty.md", b"").contains("empty.md:1: the prompt is empty"));
    assert!(written("huge.md", &vec![b'a'; 300_000]).contains("huge.md: too large"));

    let gone = folder.path().join("gone.md");
    let message = Prompt::load(gone.to_str().unwrap(), None).unwrap_err().to_string();
    assert!(message.contains("gone.md: cannot read the prompt"), "{message}");

    let message = Prompt::load("breif", Some(folder.path())).unwrap_err().to_string();
    assert!(
        message.contains("\"breif\"") && message.contains("default, empty, examples, huge, json, latin, open"),
        "{message}"
    );
    let message = Prompt::load("", Some(folder.path())).unwrap_err().to_string();
    assert!(message.contains("unknown prompt \"\""), "{message}");
}

#[test]
fn the_version_is_a_stable_hash_of_the_text() {
    // The xxHash3-128 of no bytes starts with 99aa06d3, according to the self-test of the reference implementation.
    assert_eq!(version("none", ""), "none·99aa06d3");
    assert_eq!(self::template("a b").version(), self::template("a b").version());
    assert_ne!(self::template("a b").version(), self::template("a  b").version());
}

#[test]
fn the_target_is_a_tenth_below_the_limit() {
    assert_eq!([1, 2, 10, 50, 55, 100].map(target_words), [1, 1, 9, 45, 49, 90]);
    assert_eq!(target_words(0), 1);
}

proptest! {
    #[test]
    fn a_template_without_braces_renders_to_itself(text in "[^{}]*[^{}\\s][^{}]*") {
        prop_assert_eq!(rendered(&text, &record("{}")), text);
    }

    #[test]
    fn escaped_braces_round_trip(text in "[{}a \n가]*[a가]") {
        let escaped = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(rendered(&escaped, &record("{}")), text);
    }

    #[test]
    fn rendering_never_panics(text in "[{}a \r\n]*", line in any::<String>(), words in any::<usize>()) {
        if let Ok(prompt) = Prompt::parse("", &text) {
            let context = record(&line);
            let _ = prompt.render(&Variables { max_words: words, language: "", people: Some(""), ..variables(&context) });
        }
    }

    #[test]
    fn the_target_is_below_the_limit_by_a_tenth_at_most(limit in 2..10_000_usize) {
        let target = target_words(limit);
        prop_assert!(target < limit && target + limit.div_ceil(10) >= limit);
    }
}
