//! Reports of a sample with known verdicts.

use super::super::{Bars, Page};
use super::*;
use crate::dataset::{OpenOptions, RecordId};
use crate::describe::StopReason;
use crate::session::{
    Action, ActionKind, Actor, CandidateId, EditBase, Event, FILE, Ledger, Opened, Provenance, ReviewerChange,
    SampleRequest, Seq, Subject,
};
use crate::statistics::Stratum;

const SEVEN: [&str; 7] = ["zero", "one", "two", "three", "four", "five", "six | <b>"];

fn second(number: i64) -> Timestamp {
    Timestamp::from_second(number).unwrap()
}

fn dataset(folder: &Path) -> Dataset {
    let lines = SEVEN.iter().enumerate().map(|(number, caption)| {
        format!("{}\n", json!({ "file_name": format!("{number}_*.jpg"), "text": caption, "brand": number % 2 }))
    });
    let path = folder.join("set one.jsonl");
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    Dataset::open(&path, &OpenOptions::default()).unwrap()
}

fn generated(record: u32, text: &str, describer: &str, reason: Option<&str>) -> Event {
    let provenance = Provenance {
        describer: describer.to_owned(),
        model: "m1".to_owned(),
        prompt: None,
        parameters: String::new(),
        reason: reason.map(str::to_owned),
        usage: None,
        stop: StopReason::EndTurn,
        at: second(0),
    };
    Event::Generated { record: RecordId(record), text: text.to_owned(), provenance }
}

fn decided(record: u32, decision: Decision) -> Event {
    Event::Decided { record: RecordId(record), decision, by: Actor::Operator }
}

fn taken(candidate: u64, text: &str) -> Decision {
    Decision::Accepted { candidate: CandidateId(candidate), text: text.to_owned() }
}

fn own(text: &str, base: EditBase) -> Decision {
    Decision::Edited { text: text.to_owned(), base }
}

/// Before the sample was drawn, record 4 was edited, record 5 kept and record 1 described. Since then, 0 was kept, 1 edited,
/// 2 regenerated with a reason and accepted, 3 excluded and 4 confirmed; 5 and 6 are pending.
fn history(dataset: &Dataset) -> History {
    let before =
        [generated(1, "eins", "local", None), decided(4, own("vier", EditBase::Original)), decided(5, Decision::Kept)];
    let since = [
        decided(0, Decision::Kept),
        decided(1, own("eins!", EditBase::Candidate(CandidateId(1)))),
        generated(2, "zwei", "local", Some("too long")),
        decided(2, taken(6, "zwei")),
        decided(3, Decision::Excluded),
        Event::Noted { record: RecordId(3), note: "no person".to_owned() },
        decided(4, own("vier", EditBase::Current)),
    ];
    let after = Seq(before.len() as u64);
    let mut ledger = Ledger::new();
    let mut actions = Vec::new();
    for event in before.into_iter().chain(since) {
        let record = event.record();
        let edited_from = match &event {
            Event::Decided { decision: Decision::Edited { base, .. }, .. } => Some(*base),
            _ => None,
        };
        let kind = ActionKind::Decided { by: Actor::Operator, edited_from };
        let (seq, _) = ledger.apply(event);
        actions.push(Action { seq, at: second(seq.0.cast_signed()), record, kind });
    }
    let members = [6, 5, 4, 3, 2, 1, 0].map(|number: u32| SampleMember {
        record: RecordId(number),
        subject: Subject {
            file_name: format!("{number}_*.jpg"),
            occurrence: 0,
            caption: Some(SEVEN[number as usize].to_owned()),
        },
        stratum: (number % 2) as usize,
        text: (number == 4).then(|| "vier".to_owned()),
    });
    let stratum = |name: &str, population| Stratum { name: name.to_owned(), population, drawn: population };
    let sample = Sample {
        request: SampleRequest { size: 7, seed: 9, by: Some("brand".to_owned()), blind: false },
        hash: dataset.content_hash().unwrap(),
        strata: vec![stratum("0", 4), stratum("1", 3)],
        members: members.into(),
        after,
        at: second(100),
    };
    let change =
        |after, reviewer: &str| ReviewerChange { after: Seq(after), at: second(0), reviewer: reviewer.to_owned() };
    History {
        opened: Opened { ledger, samples: vec![sample], ..Opened::default() },
        actions,
        reviewers: vec![change(0, "lee"), change(3, "kim")],
    }
}

fn report(folder: &Path) -> SpotReport {
    let dataset = dataset(folder);
    SpotReport::gather(&dataset, &history(&dataset), second(200)).unwrap().unwrap()
}

#[test]
fn each_record_has_verdict_captions_and_reviewer() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(folder.path());
    let judged: Vec<(u64, Verdict, &str, Option<&str>)> = report
        .records
        .iter()
        .map(|record| (record.number.unwrap(), record.verdict, record.before.as_str(), record.after.as_deref()))
        .collect();
    assert_eq!(
        judged,
        [
            (7, Verdict::Pending, "six | <b>", Some("six | <b>")),
            (6, Verdict::Pending, "five", Some("five")),
            (5, Verdict::Accepted, "vier", Some("vier")),
            (4, Verdict::Excluded, "three", None),
            (3, Verdict::Regenerated, "two", Some("zwei")),
            (2, Verdict::Edited, "eins", Some("eins!")),
            (1, Verdict::Accepted, "zero", Some("zero")),
        ]
    );
    assert_eq!(report.records[4].reasons, ["too long"]);
    assert_eq!((report.records[3].note.as_str(), report.records[3].at), ("no person", Some(second(8))));
    let reviewers: Vec<Option<&str>> = report.records.iter().map(|record| record.reviewer.as_deref()).collect();
    assert_eq!(reviewers, [None, None, Some("kim"), Some("kim"), Some("kim"), Some("kim"), Some("kim")]);
    assert_eq!(report.figures.accepted, Proportion::new(2, 5));
    assert_eq!(report.figures.refused.map(|(_, count)| count), [1, 1, 1, 0]);
    let strata: Vec<Proportion> = report.figures.strata.iter().map(|stratum| stratum.accepted).collect();
    assert_eq!(strata, [Proportion::new(2, 3), Proportion::new(0, 2)]);
    assert!(report.unchanged);
}

#[test]
fn both_formats_have_everything_to_reproduce_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(folder.path());
    let json = report.json();
    assert_eq!(
        (&json["sample"]["seed"], &json["sample"]["by"], &json["reviewers"]),
        (&json!(9), &json!("brand"), &json!(["kim"]))
    );
    assert_eq!(json["dataset_xxh3_128"], json!(format!("{:032x}", report.hash)));
    assert_eq!(
        (&json["drawn_at"], &json["records"][3]["at"]),
        (&json!("1970-01-01T00:01:40Z"), &json!("1970-01-01T00:00:08Z"))
    );
    let page = report.markdown();
    for needed in [
        "**40.0 %** accepted unchanged: 2 of 5.",
        "2 records are not judged yet",
        &format!("{:032x}", report.hash),
        "recaption 'set one.jsonl' --sample 7 --seed 9 --by brand --session mine.sqlite",
        "| 3 | 2\\_\\*.jpg | regenerated | kim | 1970-01-01 00:00:07 UTC | too long |",
        "- before: eins\n- after: eins!",
        "- before: three\n- excluded",
    ] {
        assert!(page.contains(needed), "{needed}\n{page}");
    }
}

#[test]
fn a_changed_dataset_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(&dataset(folder.path()));
    std::fs::write(folder.path().join("set one.jsonl"), "{\"file_name\": \"a.jpg\"}\n").unwrap();
    let changed = Dataset::open(&folder.path().join("set one.jsonl"), &OpenOptions::default()).unwrap();
    let report = SpotReport::gather(&changed, &history, second(200)).unwrap().unwrap();
    assert!(!report.unchanged);
    assert_eq!(report.records[0].number, None, "it is not in the dataset any more");
    assert!(report.markdown().contains("| removed |"), "{}", report.markdown());
}

#[test]
fn candidates_imported_after_the_draw_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut history = history(&dataset);
    let ledger = &mut history.opened.ledger;
    let (id, _) = ledger.apply(generated(6, "sechs", FILE, None));
    ledger.apply(decided(6, taken(id.0, "sechs")));
    ledger.apply(Event::Decided { record: RecordId(5), decision: Decision::Kept, by: Actor::Run });
    let report = SpotReport::gather(&dataset, &history, second(200)).unwrap().unwrap();
    assert_eq!((report.records[0].verdict, report.records[0].before.as_str()), (Verdict::Accepted, "sechs"));
    assert_eq!(report.records[1].verdict, Verdict::Pending, "a run judges nothing");
}

/// The same, judged blind, with candidates from an earlier run for records 0 and 6. One was preferred to the original.
fn judged_blind(dataset: &Dataset) -> History {
    let mut history = history(dataset);
    history.opened.samples[0].request.blind = true;
    let ledger = &mut history.opened.ledger;
    for (record, text) in [(0, "null"), (6, "sechs")] {
        let (seq, _) = ledger.apply(generated(record, text, FILE, None));
        ledger.apply(decided(record, if record == 0 { Decision::Kept } else { taken(seq.0, text) }));
    }
    history
}

#[test]
fn a_blind_report_has_the_preference() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let report = SpotReport::gather(&dataset, &judged_blind(&dataset), second(200)).unwrap().unwrap();
    // Wilson's interval of 1 in 2: 0.5 ± z√(0.5·0.5/2 + z²/16)/(1 + z²/2), z = 1.96, which is 0.0945 to 0.9055.
    let page = report.markdown();
    for needed in [
        "Judged blind, the candidate was preferred in 1 of 2: 50.0 % (9.5–90.5 %), \
         95 % interval (Wilson).\n",
        "| sample | 7 records, seed 9, stratified by brand, judged blind |",
        "recaption 'set one.jsonl' --sample 7 --seed 9 --by brand --blind --session mine.sqlite",
    ] {
        assert!(page.contains(needed), "{needed}\n{page}");
    }
    let sample = &report.json()["sample"];
    assert_eq!(sample["blind"], json!(true));
    let preferred = &sample["candidate_preferred"];
    assert_eq!((&preferred["count"], &preferred["of"], &preferred["rate"]), (&json!(1), &json!(2), &json!(0.5)));
    let [low, high] = ["low", "high"].map(|end| preferred[end].as_f64().unwrap());
    assert!((low - 0.0945).abs() < 1e-4 && (high - 0.9055).abs() < 1e-4, "{preferred}");

    let mut rows = Page::new(Bars::Blocks);
    report.figures.print(&mut rows);
    let rows: Vec<&str> = rows.rows.iter().map(|row| row.text.trim()).collect();
    assert!(rows.contains(&"blind, the candidate was preferred in 1 of 2: 50.0 % (9.5–90.5 %)"), "{rows:?}");
}

#[test]
fn without_blind_judgements_there_is_no_preference() {
    let folder = tempfile::tempdir().unwrap();
    let open = report(folder.path());
    assert_eq!(
        (&open.json()["sample"]["blind"], &open.json()["sample"]["candidate_preferred"]),
        (&json!(false), &Value::Null)
    );
    assert!(!open.markdown().contains("blind") && !open.markdown().contains("preferred"), "{}", open.markdown());

    let dataset = dataset(folder.path());
    let mut history = history(&dataset);
    history.opened.samples[0].request.blind = true;
    let none = SpotReport::gather(&dataset, &history, second(200)).unwrap().unwrap();
    assert_eq!(
        none.json()["sample"]["candidate_preferred"]["of"],
        json!(0),
        "no candidate was held against an original"
    );
    assert!(!none.markdown().contains("preferred"), "{}", none.markdown());
}

#[test]
fn without_a_sample_there_is_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = SpotReport::gather(&dataset(folder.path()), &History::default(), second(0)).unwrap();
    assert_eq!(report, None);
}

#[test]
fn a_rejection_is_a_verdict_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let mut history = history(&dataset);
    for record in [0, 5] {
        let event = Event::Rejected { record: RecordId(record), reason: Some("wrong | colour".to_owned()) };
        let (seq, _) = history.opened.ledger.apply(event);
        let (at, record, kind) = (second(seq.0.cast_signed()), Some(RecordId(record)), ActionKind::Other);
        history.actions.push(Action { seq, at, record, kind });
    }
    let report = SpotReport::gather(&dataset, &history, second(200)).unwrap().unwrap();
    let of = |number| report.records.iter().find(|record| record.number == Some(number)).unwrap();
    for number in [1, 6] {
        assert_eq!(of(number).verdict, Verdict::Rejected);
        assert_eq!(of(number).reasons, ["wrong | colour"]);
        assert_eq!((of(number).reviewer.as_deref(), of(number).at.is_some()), (Some("kim"), true));
    }
    assert_eq!(of(6).after.as_deref(), Some("five"), "the output is unchanged");
    assert_eq!(report.figures.refused[3], (Verdict::Rejected, 2));
    assert_eq!(report.json()["sample"]["rejected"], 2);
    let page = report.markdown();
    assert!(
        page.contains("wrong \\| colour") && page.contains("- rejected: five") && page.contains("| rejected | 2 |"),
        "{page}"
    );
}
