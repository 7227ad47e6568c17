//! Parses arbitrary text as a filter: an error names a part of the text, and a query that is printed and parsed again is the
//! same query. Completion keeps the text around the word. The prefilter never rules out a line that matches.
#![no_main]

use std::ops::ControlFlow;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use recaption::dataset::{Dataset, OpenOptions};
use recaption::lint::Rules;
use recaption::review::query::{Vocabulary, complete, parse};
use recaption::review::{Content, RecordView};
use recaption::session::RecordState;

const LINES: &str = r#"{"file_name":"images/a 1.jpg","text":"A red coat, \"vintage\".","brand":"Nike","price":12.50,"tags":["a"]}
{"file_name":"b.png","text":"한국 코트 É","brand":null,"and":true,"a b":"c"}
{"file_name":"c.png","text":["x","red"],"status":"sold"}
{"file_name":"d.png"}
"#;

static DATASET: LazyLock<Dataset> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let path = folder.join("metadata.jsonl");
    std::fs::write(&path, LINES).expect("written");
    Dataset::open(&path, &OpenOptions::default()).expect("a dataset")
});

fuzz_target!(|input: (&str, usize)| {
    let (text, cursor) = input;
    let completion = complete(text, cursor, &Vocabulary::default());
    assert!(text.starts_with(&completion.before) && text.ends_with(&completion.after), "{text:?}: {completion:?}");

    let query = match parse(text) {
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.at.start <= error.at.end && error.at.start <= text.len(), "{text:?}: {error:?}");
            return;
        }
        Ok(None) => return,
        Ok(Some(query)) => query,
    };
    let printed = query.to_string();
    assert_eq!(parse(&printed).ok().flatten().as_ref(), Some(&query), "{text:?} was printed as {printed:?}");

    let (state, rules) = (RecordState::default(), Rules::default());
    DATASET
        .scan_lines(&mut |line| {
            let entry = line.entry();
            let content = Content::of(&entry, Some(&line));
            let view = RecordView { content, state: &state, bad_picture: false, rules: &rules, sampled: None };
            let matches = query.matches(&view).expect("the line is loaded");
            assert!(!matches || query.may_match(line.bytes()), "{text:?} matches {:?}", line.bytes());
            ControlFlow::Continue(())
        })
        .expect("the file does not change");
});
