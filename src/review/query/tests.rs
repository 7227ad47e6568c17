//! Queries: parsing, printing, and matching against a brute-force reference.

use std::sync::LazyLock;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::dataset::{Line, RecordId};
use crate::lint::Rules;
use crate::review::Content;
use crate::session::{Candidate, CandidateId, EditBase, Original, Provenance, Seq};

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules { max_words: 4, ..Rules::default() });

fn query(text: &str) -> Query {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).unwrap_or_else(|| panic!("{text}: nothing"))
}

/// Evaluates a query on a line and a state. Also returns the result of the prefilter.
fn evaluate(query: &Query, line: &str, state: &RecordState) -> (Option<bool>, bool) {
    let line = Line::alone(line);
    let entry = line.entry();
    let content = Content::of(&entry, Some(&line));
    let view = RecordView {
        id: RecordId(0),
        content,
        state,
        bad_picture: false,
        in_batch: false,
        rules: &RULES,
        sampled: None,
    };
    (query.matches(&view), query.may_match(line.bytes()))
}

fn matches(text: &str, line: &str) -> bool {
    evaluate(&query(text), line, &RecordState::default()).0.expect("the line is loaded")
}

const LINE: &str = r#"{"file_name": "images/musinsa_0151.jpg", "text": "A red Coat, \"vintage\".", "brand": "Nike",
    "tags": ["street", "night"], "price": 12.50, "sale": true, "code": "7", "none": null, "status": "sold"}"#;

#[rstest]
#[case("red", true)]
#[case("coat", true)]
#[case("Coat", true)]
#[case("RED", false)]
#[case("red coat", true)]
#[case("\"red coat\"", true)]
#[case("\"coat red\"", false)]
#[case("coat red", true)]
#[case("red and coat", true)]
#[case("red and blue", false)]
#[case("blue or red", true)]
#[case("not blue", true)]
#[case("NOT red OR coat", true)]
#[case("not (red or coat)", false)]
#[case("blue (red or coat)", false)]
#[case("0151", true)]
#[case("\"\\\"vintage", true)]
#[case("~msn151", true)]
#[case("~msnx", false)]
#[case("name:musinsa", true)]
#[case("name:musinsa*", true)]
#[case("name:usinsa*", false)]
#[case("name:*.png", false)]
#[case("name:images/*.jpg", true)]
#[case("name:musinsa_015?.jpg", true)]
#[case("caption:0151", false)]
#[case("re:/^A r.d/", true)]
#[case("re:/^a r.d/", false)]
#[case("re:/^a R.D/i", true)]
#[case("re:/0151/", false)]
#[case("name:/0\\d+\\.jpg$/", true)]
#[case("words:4", true)]
#[case("words:>4", false)]
#[case("words:2..5", true)]
#[case("begins:a", true)]
#[case("begins:\"A RED, coat\"", true)]
#[case("begins:red", false)]
#[case("begins:\"a red co\"", false)]
#[case("phrase:\"red coat\"", true)]
#[case("phrase:vintage", true)]
#[case("phrase:\"coat vintage\"", false)]
#[case("lint:", false)]
#[case("lint:no", true)]
#[case("brand:nike", true)]
#[case("brand:Nike", true)]
#[case("brand:nik", true)]
#[case("brand:adidas", false)]
#[case("brand:", true)]
#[case("brnd:", false)]
#[case("none:", false)]
#[case("not none:", true)]
#[case("tags:night", true)]
#[case("tags:day", false)]
#[case("price:>12", true)]
#[case("price:12.50", true)]
#[case("price:<12", false)]
#[case("sale:true", true)]
#[case("code:=7", true)]
#[case("\"status\":sold", true)]
#[case("status:undecided", true)]
#[case("status:review", true)]
#[case("status:decided", false)]
#[case("flag:", false)]
#[case("flag:no", true)]
#[case("model:", false)]
#[case("by:run", false)]
#[case("note:", false)]
fn queries_match_the_line(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(matches(text, &LINE.replace('\n', " ")), expected);
}

#[test]
fn queries_match_the_state_of_the_record() {
    let provenance = Provenance {
        describer: "bedrock".to_owned(),
        model: "claude-3".to_owned(),
        prompt: Some("short·1f2e3d4c".to_owned()),
        parameters: String::new(),
        reason: None,
        usage: None,
        stop: crate::describe::StopReason::MaxTokens,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    let text = "A blue hat on a".to_owned();
    let candidate = Candidate { id: CandidateId(1), text: text.clone(), provenance };
    let state = RecordState {
        candidates: vec![candidate],
        decision: Decision::Accepted { candidate: CandidateId(1), text },
        decided_at: Seq(2),
        by: Actor::Run,
        flagged: true,
        note: "ask Mina".to_owned(),
        ..RecordState::default()
    };
    let line = LINE.replace('\n', " ");
    for (text, expected) in [
        ("blue hat", true),
        ("red", false),
        ("musinsa", true),
        ("text:red", true),
        ("status:accepted", true),
        ("status:decided", true),
        ("status:ready", false),
        ("status:conflict", false),
        ("status:to-review", false),
        ("by:run", true),
        ("by:operator", false),
        ("model:claude", true),
        ("model:bedrock", true),
        ("model:nova", false),
        ("model:CLAUDE", true),
        ("model:claude-?", true),
        ("prompt:short", true),
        ("prompt:sho", false),
        ("prompt:sho*", true),
        ("prompt:short·1f2e3d4c", true),
        ("prompt:", true),
        ("prompt:default", false),
        ("describer:bedrock", true),
        ("describer:bed", false),
        ("describer:openai or describer:/^bed/", true),
        ("flag:", true),
        ("note:mina", true),
        ("note:", true),
        ("lint:cut", true),
        ("lint:too-long", true),
        ("lint:warning", true),
        ("words:5", true),
    ] {
        assert_eq!(evaluate(&query(text), &line, &state).0, Some(expected), "{text}");
    }
}

#[test]
fn a_field_named_like_a_newer_key_is_still_found() {
    let line = r#"{"file_name": "a.png", "text": "A hat.", "prompt": "a red hat", "describer": "Mina"}"#;
    for (text, expected) in [
        ("prompt:red", true),
        ("prompt:blue", false),
        ("prompt:", true),
        ("describer:min", true),
        ("\"prompt\":red", true),
        ("not prompt:red", false),
    ] {
        assert_eq!(matches(text, line), expected, "{text}");
    }
}

#[test]
fn an_unparsable_line_has_no_text() {
    for (text, expected) in
        [("red", false), ("words:0", false), ("lint:", false), ("status:problems", true), ("x:", false)]
    {
        assert_eq!(matches(text, "{\"file_name\": \"red.jpg\""), expected, "{text}");
    }
}

#[rstest]
#[case("red )", ")", "unmatched")]
#[case("red and", "", "expected a term")]
#[case("(red or )", ")", "expected a term before")]
#[case("or red", "or", "expected a term before")]
#[case("not", "", "expected a term")]
#[case("red status:done", "done", "one of: all to-review ready")]
#[case("status:e", "e", "ambiguous: edited or excluded")]
#[case("lint:duplicate", "duplicate", "one of: empty")]
#[case("words:many", "many", "words:10..50")]
#[case("flag:maybe", "maybe", "flag:no")]
#[case("re:red", "re:red", "re:/…/")]
#[case("re:/(/", "/(/", "unclosed group")]
#[case("re:/a/x", "x", "only i (ignore case)")]
#[case("~", "~", "letters of a file name")]
#[case("a \"\"", "\"\"", "empty quotes")]
fn errors_name_the_offending_part(#[case] text: &str, #[case] part: &str, #[case] message: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(&text[error.at], part);
    assert!(error.message.contains(message), "{}", error.message);
}

#[rstest]
#[case("\"red co", "\"red co\"")]
#[case("(red or blue", "red or blue")]
#[case("re:/^A", "re:/^A/")]
#[case("  red   AND blue ", "red blue")]
#[case("10:30", "10:30")]
#[case("\"10\":30", "\"10\":30")]
#[case("words:50", "words:=50")]
#[case("lint:long", "lint:too-long")]
#[case("status:\"to review\"", "status:to-review")]
#[case("\"and\"", "\"and\"")]
#[case("brand:\"a b\"", "brand:\"a b\"")]
#[case("url:http://x/y", "url:http://x/y")]
#[case("flag:no", "not flag:")]
fn queries_are_normalised(#[case] text: &str, #[case] normalised: &str) {
    assert_eq!(query(text).to_string(), normalised);
}

#[test]
fn blank_text_is_not_a_query() {
    assert_eq!(parse("  "), Ok(None));
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-cA-C가]{1,3}",
        1 => "[a-c \"\\\\():~/*?<>=.]{1,4}",
        1 => prop::sample::select(&["and", "OR", "not", "status:x", "10..20", "=5"][..]).prop_map(str::to_owned),
    ]
}

fn literal() -> impl Strategy<Value = Pattern> {
    words().prop_map(|words| Pattern::literal(&words).expect("short"))
}

fn range() -> impl Strategy<Value = NumberRange> {
    (prop::sample::select(&["=", ">", ">=", "<", "<="][..]), 0_u32..12)
        .prop_map(|(sign, number)| NumberRange::parse(&format!("{sign}{number}")).expect("a range"))
}

fn value(is_path: bool) -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Any),
        3 => literal().prop_map(Value::Contains),
        1 => "[a-c]{0,2}[*?][a-c]{0,2}".prop_map(move |glob| Value::Contains(Pattern::glob(&glob, is_path).expect("short"))),
        1 => ("[a-c/]{0,3}", any::<bool>())
            .prop_map(|(source, case)| Value::Contains(Pattern::expression(&source, case).expect("letters"))),
    ]
}

fn any_query() -> impl Strategy<Value = Query> {
    let lints: Vec<Option<LintKind>> = queryable_lints().into_iter().map(Some).chain([None]).collect();
    let leaf = prop_oneof![
        4 => literal().prop_map(Query::Text),
        1 => "[a-cA-C가]{1,3}".prop_map(|letters| Query::Fuzzy(Fuzzy::new(&letters))),
        1 => value(true).prop_map(Query::Name),
        1 => value(false).prop_map(Query::Caption),
        1 => range().prop_map(Query::Words),
        1 => prop::sample::select(lints).prop_map(Query::Lint),
        1 => Just(Query::Attention),
        2 => prop::sample::select(&Status::ALL[..]).prop_map(Query::Status),
        1 => Just(Query::Flagged),
        1 => value(false).prop_map(Query::Note),
        2 => (prop::sample::select(&Origin::ALL[..]), value(false)).prop_map(|(origin, value)| Query::Origin(origin, value)),
        1 => prop::sample::select(&[Actor::Operator, Actor::Run][..]).prop_map(Query::By),
        2 => (prop_oneof![Just("brand".to_owned()), words()], prop_oneof![value(false), range().prop_map(Value::InRange)])
            .prop_map(|(key, value)| Query::Field(FieldTest { key, value })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Query::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Query::Any),
            inner.prop_map(|query| Query::Not(Box::new(query))),
        ]
    })
}

fn any_state() -> impl Strategy<Value = RecordState> {
    let decision = prop_oneof![
        Just(Decision::Undecided),
        Just(Decision::Kept),
        Just(Decision::Skipped),
        Just(Decision::Excluded),
        "[a-cA-C ]{0,8}".prop_map(|text| Decision::Edited { text, base: EditBase::Original }),
    ];
    let original = prop_oneof![Just(Original::InDataset), Just(Original::Before(Some("b c".to_owned())))];
    (decision, any::<bool>(), "[a-c]{0,2}", original).prop_map(|(decision, flagged, note, original)| RecordState {
        decision,
        flagged,
        note,
        original,
        ..RecordState::default()
    })
}

/// A brute-force reference; `None` for parts it does not support, such as patterns to which smart case applies.
fn naive(query: &Query, name: &str, caption: &str, brand: &str, state: &RecordState) -> Option<bool> {
    let has = |text: &str, pattern: &Pattern| {
        let plain = pattern.is_plain() && pattern.source().chars().all(|letter| !letter.is_uppercase());
        plain.then(|| text.to_lowercase().contains(&pattern.source().to_lowercase()))
    };
    let current = state.decision.text().unwrap_or(match &state.original {
        Original::InDataset => caption,
        Original::Before(before) => before.as_deref().unwrap_or_default(),
    });
    match query {
        Query::All(parts) => {
            let results: Option<Vec<bool>> =
                parts.iter().map(|part| naive(part, name, caption, brand, state)).collect();
            Some(results?.into_iter().all(|result| result))
        }
        Query::Any(parts) => {
            let results: Option<Vec<bool>> =
                parts.iter().map(|part| naive(part, name, caption, brand, state)).collect();
            Some(results?.into_iter().any(|result| result))
        }
        Query::Not(part) => naive(part, name, caption, brand, state).map(|result| !result),
        Query::Text(pattern) => Some(has(name, pattern)? || has(current, pattern)?),
        Query::Name(Value::Contains(pattern)) => has(name, pattern),
        Query::Caption(Value::Contains(pattern)) => has(current, pattern),
        Query::Words(range) => {
            let words = current.split_whitespace().count();
            Some(range.contains(f64::from(u32::try_from(words).expect("few"))))
        }
        Query::Status(Status::Undecided) => Some(state.decision == Decision::Undecided),
        Query::Status(Status::Kept) => Some(state.decision == Decision::Kept),
        Query::Status(Status::Edited) => Some(state.decision.text().is_some()),
        Query::Status(Status::Aside) => Some(matches!(state.decision, Decision::Skipped | Decision::Excluded)),
        Query::Flagged => Some(state.flagged),
        Query::Field(FieldTest { key, value: Value::Contains(pattern) }) if key == "brand" => has(brand, pattern),
        _ => None,
    }
}

proptest! {
    #[test]
    fn printing_and_parsing_round_trips(query in any_query()) {
        let text = query.to_string();
        prop_assert_eq!(parse(&text), Ok(Some(query)), "{}", text);
    }

    #[test]
    fn any_text_is_a_query_or_an_error_within_it(text in "[a-z \"()/~:*?\\\\가.<>=]{0,12}|\\PC{0,10}") {
        match parse(&text) {
            Ok(Some(query)) => prop_assert_eq!(parse(&query.to_string()), Ok(Some(query))),
            Ok(None) => prop_assert!(text.trim().is_empty()),
            Err(error) => prop_assert!(text.get(error.at).is_some()),
        }
    }

    /// The result equals the reference, the prefilter has no false negatives, and a result without the line is final.
    #[test]
    fn results_equal_those_of_the_reference(
        query in any_query(),
        name in "[a-c가/]{1,6}",
        caption in "[a-cA-C가 \"\n]{0,12}",
        brand in "[a-c*:]{0,3}",
        state in any_state(),
    ) {
        let line = serde_json::json!({ "file_name": name, "text": caption, "brand": brand }).to_string();
        let (result, _) = evaluate(&query, &line, &state);
        prop_assert!(result.is_some(), "the line is loaded");
        if let Some(expected) = naive(&query, &name, &caption, &brand, &state) {
            prop_assert_eq!(result, Some(expected), "{}", query);
        }
        let unread = RecordView { id: RecordId(0), content: Content::Unread, state: &state, bad_picture: false, in_batch: false, rules: &RULES, sampled: None };
        if let Some(early) = query.matches(&unread) {
            prop_assert_eq!(result, Some(early), "{}", query);
        }
        let (untouched, may_match) = evaluate(&query, &line, &RecordState::default());
        prop_assert!(may_match || untouched == Some(false), "{}", query);
    }
}
