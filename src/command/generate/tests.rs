//! Both front ends on the same session: they select the same records and send the same requests.

use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use proptest::prelude::*;

use super::*;
use crate::command::fixture::{World, decided, edited};
use crate::describe::{Cost, Description, DescriptionEvent, Outcome, Priority, Request, StopReason, Tokens};
use crate::engine::{Checked, EngineEvent, request};
use crate::review::{Command, Effect, Model, Msg, Settings, update};
use crate::session::{Decision, Draft, EditBase, Event, FILE, Ledger, Provenance};

/// Records with an image and a valid line; one more has no image, and one more line is invalid.
const RECORDS: u32 = 6;

/// Records every request and answers with a caption.
#[derive(Default)]
struct Recorder {
    requests: Mutex<Vec<Request>>,
    /// `None` if free.
    price: Option<Usage>,
}

impl Describer for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn describe(&self, request: Request, _priority: Priority) -> BoxStream<'static, DescriptionEvent> {
        self.requests.lock().unwrap().push(request);
        let description = Description {
            text: "A hat.".to_owned(),
            model: "m1".to_owned(),
            prompt: None,
            parameters: String::new(),
            stop: StopReason::EndTurn,
            usage: None,
        };
        stream::iter([DescriptionEvent::Ended(Outcome::Described(description))]).boxed()
    }

    fn estimate(&self, _size: Option<(u32, u32)>) -> Option<Usage> {
        self.price
    }
}

/// Something that happens to a record before.
#[derive(Clone, Debug)]
enum Before {
    Decided(Decision),
    Amended,
    Drafted,
    Described,
    Imported,
    Failed,
    Flagged,
    Undone,
    /// Another program changes the caption in the dataset, so that candidates and decisions are stale.
    DatasetChanged,
}

fn before() -> impl Strategy<Value = Vec<(u32, Before)>> {
    let decision =
        prop_oneof![Just(Decision::Kept), Just(Decision::Skipped), Just(Decision::Excluded), Just(edited("Edited.")),];
    let one = prop_oneof![
        2 => decision.prop_map(Before::Decided),
        2 => Just(Before::Amended),
        1 => Just(Before::Drafted),
        2 => Just(Before::Described),
        2 => Just(Before::Imported),
        2 => Just(Before::Failed),
        1 => Just(Before::Flagged),
        3 => Just(Before::Undone),
        1 => Just(Before::DatasetChanged),
    ];
    prop::collection::vec((0..RECORDS, one), 0..14)
}

fn lines(changed: &[u32]) -> String {
    let line = |id: u32| {
        let caption = if changed.contains(&id) { "Changed." } else { "Original." };
        format!("{{\"file_name\": \"{id}.png\", \"text\": \"{caption} {id}\", \"brand\": \"b{id}\"}}\n")
    };
    let list = format!("{{\"file_name\": \"{}.png\", \"text\": [\"One.\", 2]}}\n", RECORDS + 2);
    (0..=RECORDS).map(line).collect::<String>() + "{broken\n" + &list
}

fn generated(record: RecordId, describer: &str) -> Event {
    let provenance = Provenance {
        describer: describer.to_owned(),
        model: "m0".to_owned(),
        prompt: None,
        parameters: String::new(),
        reason: None,
        usage: None,
        stop: StopReason::EndTurn,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    Event::Generated { record, text: format!("By {describer}."), provenance }
}

fn prepare(steps: Vec<(u32, Before)>) -> World {
    let world = World::new(&lines(&[]));
    (0..RECORDS).chain([RECORDS + 2]).for_each(|id| world.picture(&format!("{id}.png")));
    let mut changed = Vec::new();
    for (id, step) in steps {
        let record = RecordId(id);
        let event = match step {
            Before::Decided(decision) => decided(id, decision),
            Before::Amended => Event::Amended { record, text: Some("Amended.".to_owned()) },
            Before::Drafted => {
                let draft = Draft { text: "Draft".to_owned(), cursor: 5, base: EditBase::Original };
                Event::Drafted { record, draft: Some(draft) }
            }
            Before::Described => generated(record, "local"),
            Before::Imported => generated(record, FILE),
            Before::Failed => Event::Failed { record, reason: "busy".to_owned() },
            Before::Flagged => Event::Flagged { record, on: true },
            Before::Undone => Event::Undone,
            Before::DatasetChanged => {
                changed.push(id);
                world.write("metadata.jsonl", lines(&changed));
                continue;
            }
        };
        world.record([event]);
    }
    world
}

/// Returns the requests by record, without the job's number.
fn by_record(mut requests: Vec<Request>) -> Vec<Request> {
    for request in &mut requests {
        request.job = crate::describe::JobId(0);
    }
    requests.sort_by_key(|request| request.record);
    requests
}

/// Presses `g a` in a reviewer of this session.
fn sent_by_the_reviewer(world: &World) -> Vec<Request> {
    let dataset = Dataset::open(world.folder.path(), &world.reading).unwrap();
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    let (store, opened) = world.hold();
    store.close().unwrap();
    let settings = Settings {
        output: "out.jsonl".to_owned(),
        dataset: "test".to_owned(),
        describer: Some("recorder".to_owned()),
        rules: Rules::default(),
        ahead: 0,
        price: None,
        writes_objects: false,
        levels_of_detail: true,
        ahead_agreed: false,
        confirm_above: Dollars::default(),
        keep_line_breaks: false,
        sample: None,
        verifier: None,
        no_verifier: String::new(),
    };
    let mut model = Model::new(settings);
    let records = RECORDS + 3;
    let bad_pictures = [RECORDS].into();
    let bad_lines = [RECORDS + 1].into();
    let other_captions = [RECORDS + 2].into();
    let mut specs = Vec::new();
    for msg in [
        Msg::from(EngineEvent::Indexed { records, complete: true }),
        EngineEvent::SessionOpened { opened: Box::new(opened), remark: None, read_only: None }.into(),
        EngineEvent::Checked(Checked { records, bad_lines, other_captions, bad_pictures }).into(),
        Msg::Command(Command::GenerateAll),
    ] {
        for effect in update(&mut model, msg) {
            if let Effect::Describe(more) = effect {
                specs.extend(more);
            }
        }
    }
    by_record(specs.into_iter().map(|spec| request::build(&dataset, spec, &Rules::default()).unwrap()).collect())
}

fn options(world: &World, recorder: &Arc<Recorder>) -> GenerateOptions {
    GenerateOptions {
        task: Task::Describe { again: false },
        path: world.folder.path().to_owned(),
        open: world.reading.clone(),
        session: None,
        describer: Arc::clone(recorder) as Arc<dyn Describer>,
        rules: Rules::default(),
        selection: Selection::default(),
        dry_run: false,
        yes: false,
        confirm_above: Dollars::default(),
        budget: None,
        accept: false,
        save: false,
        output: None,
        in_place: false,
        force: false,
        json: false,
        terminal: false,
        log: (Some("/dev/null".into()), LogLevel::Error),
    }
}

fn sent_by_generate(world: &World, selection: Selection) -> Vec<Request> {
    let recorder = Arc::new(Recorder::default());
    let options = GenerateOptions { selection, ..options(world, &recorder) };
    run(&options, &mut Console::new(Vec::new())).unwrap();
    let sent = std::mem::take(&mut *recorder.requests.lock().unwrap());
    by_record(sent)
}

/// Runs `generate` with a describer of this price.
fn priced(cost: Cost, change: impl FnOnce(&mut GenerateOptions)) -> (Result<ExitCode, GenerateError>, usize, String) {
    let world = prepare(Vec::new());
    let price = Some(Usage { tokens: Tokens { input: 2_000, output: 100 }, cost });
    let recorder = Arc::new(Recorder { price, ..Recorder::default() });
    let mut options = GenerateOptions { confirm_above: "1000".parse().unwrap(), ..options(&world, &recorder) };
    change(&mut options);
    let mut out = Vec::new();
    let result = run(&options, &mut Console::new(&mut out));
    let sent = recorder.requests.lock().unwrap().len();
    (result, sent, String::from_utf8(out).unwrap())
}

#[test]
fn an_unknown_price_needs_consent() {
    let (result, sent, _) = priced(Cost::UNKNOWN, |_| {});
    let error = result.unwrap_err();
    assert_eq!((error.exit_code(), sent), (ExitCode::Usage, 0));
    assert!(error.to_string().contains("is unknown (about 12.0k tokens in, 600 out): use --yes"), "{error}");

    let (result, sent, _) = priced(Cost::UNKNOWN, |options| options.yes = true);
    assert_eq!((result.unwrap(), sent), (ExitCode::Done, 6));

    let budget = |options: &mut GenerateOptions| (options.yes, options.budget) = (true, Some("5".parse().unwrap()));
    let (result, sent, _) = priced(Cost::UNKNOWN, budget);
    let error = result.unwrap_err();
    assert_eq!((error.exit_code(), sent), (ExitCode::Usage, 0));
    assert!(error.to_string().contains("models.toml"), "{error}");

    let cent: Dollars = "0.01".parse().unwrap();
    assert_eq!(priced(cent.into(), |_| {}).1, 6, "a known price up to the limit needs none");
    assert_eq!(priced(cent.into(), |options| options.confirm_above = cent).1, 0);
}

#[test]
fn a_dry_run_shows_an_unknown_cost_as_unknown() {
    let (_, _, text) = priced(Cost::UNKNOWN, |options| options.dry_run = true);
    assert!(text.contains("about 12.0k tokens in, 600 out: cost unknown"), "{text}");
    let (_, _, json) = priced(Cost::UNKNOWN, |options| (options.dry_run, options.json) = (true, true));
    let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&plan["cost_usd"], &plan["input_tokens"]), (&serde_json::Value::Null, &12_000.into()), "{json}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_front_ends_send_the_same_requests(steps in before()) {
        let world = prepare(steps);
        let reviewer = sent_by_the_reviewer(&world);
        prop_assert_eq!(sent_by_generate(&world, Selection::default()), reviewer);
    }
}

#[test]
fn records_are_left_out_by_reason() {
    let world = prepare(Vec::new());
    let dataset = Dataset::open(world.folder.path(), &world.reading).unwrap();
    let selected = Selection::default().select(&dataset, &Ledger::new(), "recorder", &Rules::default()).unwrap();
    assert_eq!(selected.records, (0..RECORDS).map(RecordId).collect::<Vec<_>>());
    assert_eq!((selected.without_picture, selected.unreadable, selected.other_captions), (1, 1, 1));
}

/// Returns the result of checking the fields that requests use.
fn checked_fields(lines: &str, fields: &'static [&'static str]) -> Result<(), String> {
    struct Fields(&'static [&'static str]);
    impl Describer for Fields {
        fn name(&self) -> &'static str {
            "fields"
        }
        fn describe(&self, _: Request, _: Priority) -> BoxStream<'static, DescriptionEvent> {
            stream::empty().boxed()
        }
        fn fields(&self) -> Vec<String> {
            self.0.iter().map(|field| (*field).to_owned()).collect()
        }
    }
    let world = World::new(lines);
    let dataset = Dataset::open(world.folder.path(), &world.reading).unwrap();
    request::check_fields(&dataset, &Fields(fields)).map_err(|error| error.to_string())
}

#[test]
fn an_unknown_variable_is_an_error_that_lists_the_fields() {
    let lines = "{\"file_name\": \"0.png\", \"text\": \"A.\"}\n{\"file_name\": \"1.png\", \"brand\": \"b\"}\n";
    assert_eq!(checked_fields(lines, &["brand", "text"]), Ok(()), "one record has it");
    let error = checked_fields(lines, &["brnd"]).unwrap_err();
    let expected = "unknown variable {brnd} in the prompt: none of the first 2 records has such a field; \
                    fields: brand, file_name, text; {{brnd}} is literal text";
    assert_eq!(error, expected);
    assert_eq!(checked_fields("", &["brnd"]), Ok(()), "no record to describe");
}

#[test]
fn the_caption_sent_is_the_current_one() {
    let world = prepare(vec![(0, Before::Amended), (1, Before::Drafted), (2, Before::Imported), (3, Before::Failed)]);
    let sent = sent_by_generate(&world, Selection::default());
    let records: Vec<u32> = sent.iter().map(|request| request.record.0).collect();
    assert_eq!(records, [0, 3, 4, 5], "a draft and an imported candidate are to be reviewed first");
    assert_eq!(sent[0].context.current.as_deref(), Some("Amended."));
    assert_eq!(sent[1].context.current.as_deref(), Some("Original. 3"));
}
