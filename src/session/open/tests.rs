use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;
use twox_hash::XxHash3_128;

use crate::dataset::{CAPTION, Dataset, OpenOptions, RecordId};
use crate::describe::StopReason;
use crate::session::connection::open_copy;
use crate::session::fixture::*;
use crate::session::sqlite_file::wal_of;
use crate::session::{
    Actor, Binding, CandidateId, Change, Changes, Decision, DecisionKind, Draft, EditBase, Event, FILE, Ledger,
    Location, Opened, Provenance, RecordState, Seq, SessionError, Step, open, open_read_only, read_history,
};

/// Every file of a folder with a hash of its contents.
fn files(folder: &Path) -> BTreeMap<String, u128> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), XxHash3_128::oneshot(&fs::read(&path).unwrap()))
        })
        .collect()
}

fn chosen(list: &List, file: &Path) -> Location {
    Location::find(&list.path, CAPTION, Some(file)).unwrap()
}

/// Opening fails for writing and reading, and leaves the file unchanged.
fn refused(list: &List, file: &Path) -> SessionError {
    let hash = || XxHash3_128::oneshot(&fs::read(file).unwrap());
    let before = hash();
    let location = chosen(list, file);
    let error = open(&location, &list.dataset(), Timestamp::UNIX_EPOCH).map(drop).unwrap_err();
    assert_eq!(hash(), before, "opening for writing changed the file");
    let read_only = open_read_only(&location, &list.dataset()).unwrap_err();
    assert_eq!(hash(), before, "opening for reading changed the file");
    assert_eq!(read_only.to_string(), error.to_string());
    error
}

#[test]
fn a_new_session_is_empty_and_beside_its_dataset() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let review = Review::open(&list);
    assert_eq!(review.opened, Opened::default());
    review.close();
    let files = files(&folder.path().join(".recaption"));
    assert_eq!(files.keys().collect::<Vec<_>>(), [".gitignore", "metadata.sqlite", "metadata.sqlite.lock"]);
}

#[test]
fn there_is_one_writer_and_readers_see_its_events() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (store, opened) = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    let second = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).map(drop).unwrap_err();
    assert!(matches!(second, SessionError::Locked { pid: Some(pid), .. } if pid == std::process::id()));

    let (worker, acks) = spawn(store);
    let mut ledger = opened.ledger;
    let event = decided(RecordId(0), edited("own"));
    let (seq, _) = ledger.apply(event.clone());
    worker.handle().store(Step { first: seq, changes: event.into() }, Timestamp::UNIX_EPOCH).unwrap();
    acks.recv().unwrap();
    assert_eq!(read(&list).ledger, ledger);
    worker.close().unwrap();
    Review::open(&list).close();
}

#[test]
fn a_reader_never_sees_a_partial_write() {
    let folder = folder();
    let names: Vec<_> = (0..400).map(|index| format!("{index}.jpg")).collect();
    let records: Vec<_> = names.iter().map(|name| (name.as_str(), "caption")).collect();
    let list = List::new(folder.path(), &records);
    let event = |seq: u64| generated(RecordId(u32::try_from(seq).unwrap() - 1), "text");
    let mut review = Review::open(&list);
    for seq in 1..=400 {
        review.apply(event(seq));
        if seq % 20 == 0 {
            let seen = read(&list).ledger;
            let mut pure = Ledger::new();
            (1..=seen.last().0).for_each(|seq| _ = pure.apply(event(seq)));
            assert_eq!(seen, pure);
        }
    }
    review.close();
}

#[test]
fn reading_creates_and_changes_nothing() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    assert_eq!(read(&list), Opened::default());
    assert!(!folder.path().join(".recaption").exists());

    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();
    let before = files(&folder.path().join(".recaption"));
    assert_eq!(read(&list).ledger, ledger);
    list.replace(&[("b", "2"), ("a", "other")]);
    let opened = read(&list);
    assert!(
        matches!(&opened.binding, Binding::Rebound(crate::session::Rebound { changed, .. }) if changed == &[RecordId(1)])
    );
    assert_eq!(files(&folder.path().join(".recaption")), before);
    assert_eq!(Review::open(&list).opened, opened, "the writer sees the same");
}

/// A session whose newest events are only in the write-ahead log, as after a kill.
fn killed(list: &List) -> Ledger {
    let mut review = Review::open(list);
    review.decide("a", Decision::Kept);
    review.close();
    let (mut store, opened) = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    let mut ledger = opened.ledger;
    let step = ledger.perform(decided(RecordId(0), edited("own")).into());
    store.append(step, Timestamp::UNIX_EPOCH).unwrap();
    let file = list.location().file().to_owned();
    let away = list.path.with_extension("away");
    fs::create_dir(&away).unwrap();
    for name in ["metadata.sqlite", "metadata.sqlite-wal"] {
        fs::copy(file.with_file_name(name), away.join(name)).unwrap();
    }
    store.close().unwrap();
    for name in ["metadata.sqlite", "metadata.sqlite-wal"] {
        fs::copy(away.join(name), file.with_file_name(name)).unwrap();
    }
    ledger
}

/// Copies the session's file without its log.
fn copy_alone(list: &List, name: &str) -> Location {
    let copy = list.path.with_file_name(name);
    fs::copy(list.location().file(), &copy).unwrap();
    chosen(list, &copy)
}

#[test]
fn a_copy_of_an_open_session_is_complete_or_rejected() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let (mut store, Opened { mut ledger, .. }) =
        open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    let check_rejected = |copy: &Location| {
        let before = files(folder.path());
        let read = open_read_only(copy, &list.dataset()).unwrap_err();
        let write = open(copy, &list.dataset(), Timestamp::UNIX_EPOCH).map(drop).unwrap_err();
        for error in [read, write, crate::session::dataset_of(copy.file()).unwrap_err()] {
            assert!(matches!(&error, SessionError::LogMissing { file } if file == copy.file()), "{error}");
            assert!(error.to_string().contains("copied while it was open"), "{error}");
        }
        let mut after = files(folder.path());
        after.remove(&format!("{}.lock", copy.file().file_name().unwrap().display()));
        assert_eq!(after, before, "unchanged, and no log is created");
    };
    check_rejected(&copy_alone(&list, "new.sqlite"));
    for round in 0..3 {
        let keep = ledger.perform(decided(RecordId(0), Decision::Kept).into());
        store.append(keep, Timestamp::UNIX_EPOCH).unwrap();
        store.mark();
        check_rejected(&copy_alone(&list, &format!("marked{round}.sqlite")));
        let edit = ledger.perform(decided(RecordId(1), edited("own")).into());
        store.append(edit, Timestamp::UNIX_EPOCH).unwrap();
        store.mark();
        check_rejected(&copy_alone(&list, &format!("behind{round}.sqlite")));

        let copy = copy_alone(&list, &format!("accepted{round}.sqlite"));
        fs::write(wal_of(copy.file()), "").unwrap();
        let accepted = open_read_only(&copy, &list.dataset()).unwrap();
        assert!(accepted.ledger.last() < ledger.last(), "an empty log accepts the loss");

        store.settle();
        let copy = copy_alone(&list, &format!("settled{round}.sqlite"));
        assert_eq!(open_read_only(&copy, &list.dataset()).unwrap().ledger, ledger);
        assert!(!store.is_unsettled());
    }
    let skip = ledger.perform(decided(RecordId(0), Decision::Skipped).into());
    store.append(skip, Timestamp::UNIX_EPOCH).unwrap();
    store.close().unwrap();
    let copy = copy_alone(&list, "closed.sqlite");
    assert_eq!(open_read_only(&copy, &list.dataset()).unwrap().ledger, ledger);
}

#[test]
fn a_copy_with_fewer_events_than_it_is_marked_with_is_rejected() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.close();
    let copy = copy_alone(&list, "torn.sqlite");
    let mark = "UPDATE setting SET value = 2 WHERE name = 'complete_through'";
    Connection::open(copy.file()).unwrap().execute(mark, []).unwrap();
    let error = open_read_only(&copy, &list.dataset()).unwrap_err();
    assert!(matches!(error, SessionError::LogMissing { .. }), "{error}");
}

#[test]
fn special_characters_in_the_path_are_supported() {
    let folder = folder();
    let odd = folder.path().join("100% of? #1 사진");
    fs::create_dir(&odd).unwrap();
    let list = List::new(&odd, &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();
    assert_eq!(read(&list).ledger, ledger);
}

#[test]
fn the_write_ahead_log_is_read() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let ledger = killed(&list);
    let contents = || files(&folder.path().join(".recaption"))["metadata.sqlite"];
    let before = contents();
    assert_eq!(read(&list).ledger, ledger);
    assert_eq!(contents(), before, "a reader makes no checkpoint");
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn the_write_ahead_log_is_read_in_a_read_only_folder() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let ledger = killed(&list);
    let before = files(&folder.path().join(".recaption"));
    let (connection, _copy) = open_copy(list.location().file()).unwrap();
    let count: i64 = connection.query_row("SELECT max(seq) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(count.cast_unsigned(), ledger.last().0);
    assert_eq!(files(&folder.path().join(".recaption")), before);
}

#[cfg(unix)]
#[test]
fn a_session_in_a_read_only_folder_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        return; // permissions do not bind root
    }
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let ledger = killed(&list);
    let ours = folder.path().join(".recaption");
    let mode = |mode| {
        for entry in fs::read_dir(&ours).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(mode & 0o666)).unwrap();
        }
        fs::set_permissions(&ours, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o555);
    let before = files(&ours);
    let error = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).map(drop).unwrap_err();
    assert!(error.to_string().ends_with("open read-only, or choose another with --session"), "{error}");
    assert_eq!(read(&list).ledger, ledger);
    assert_eq!(files(&ours), before);

    mode(0o755);
    Review::open(&list).close();
    mode(0o555);
    let before = files(&ours);
    assert_eq!(read(&list).ledger, ledger, "without a write-ahead log");
    assert_eq!(files(&ours), before);
    mode(0o755);
}

#[test]
fn a_truncated_write_ahead_log_loses_only_its_end() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let ledger = killed(&list);
    let log = list.location().file().with_file_name("metadata.sqlite-wal");
    let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.set_len(fs::metadata(&log).unwrap().len() - 100).unwrap();
    let review = Review::open(&list);
    assert_eq!(review.ledger.last(), Seq(ledger.last().0 - 1));
    assert_eq!(review.ledger.record(RecordId(0)).decision, Decision::Kept);
}

#[test]
fn other_files_are_rejected_and_unchanged() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database, but a text of some length that a person wrote".repeat(20)).unwrap();
    assert!(matches!(refused(&list, &text), SessionError::NotASession { .. }));

    let other = folder.path().join("places.sqlite");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE places (url TEXT)").unwrap();
    assert!(matches!(refused(&list, &other), SessionError::NotASession { .. }));

    let error = open(&chosen(&list, folder.path()), &list.dataset(), Timestamp::UNIX_EPOCH).map(drop).unwrap_err();
    assert!(error.to_string().starts_with(&folder.path().display().to_string()), "{error}");
    let missing = folder.path().join("no such folder").join("file");
    let error = open(&chosen(&list, &missing), &list.dataset(), Timestamp::UNIX_EPOCH).map(drop).unwrap_err();
    assert!(matches!(error, SessionError::File { .. }), "{error}");
}

#[test]
fn a_newer_format_is_rejected_and_unchanged() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    Review::open(&list).close();
    let file = list.location().file().to_owned();
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refused(&list, &file);
    assert!(matches!(error, SessionError::TooNew { version: 99, .. }));
    assert!(error.to_string().contains("use a newer recaption"));
}

#[test]
fn damage_is_detected_and_the_file_unchanged() {
    let reviewed = |folder: &Path| {
        let list = List::new(folder, &[("a", "1")]);
        let mut review = Review::open(&list);
        let candidate = review.apply(generated(RecordId(0), "text"));
        review.decide("a", accepted(candidate, "text"));
        review.decide("a", Decision::Kept);
        review.close();
        list
    };
    for (damage, expected) in [
        ("DELETE FROM event WHERE seq = 2", "1 of 3 events are missing"),
        ("UPDATE event SET kind = 'eaten' WHERE seq = 2", "unknown event kind \"eaten\""),
        ("UPDATE event SET decision = 'eaten' WHERE seq = 2", "unknown decision \"eaten\""),
        ("UPDATE event SET candidate = NULL WHERE seq = 2", "event 2 lacks its candidate"),
        ("UPDATE event SET actor = NULL WHERE seq = 2", "event 2 lacks actor"),
        ("UPDATE event SET subject = NULL WHERE seq = 2", "event 2 lacks its subject"),
        ("UPDATE candidate SET at = 'noon'", "event 1 lacks its time"),
        ("DELETE FROM candidate", "the text of candidate 1 is missing"),
        ("DELETE FROM subject", "subject 1 is missing"),
        ("UPDATE subject SET id = 2", "subject 1 is missing"),
        (
            "INSERT INTO subject SELECT 2, file_name, 1, position, '', NULL, NULL, 0 FROM subject",
            "two subjects are record 0",
        ),
    ] {
        let folder = folder();
        let list = reviewed(folder.path());
        let file = list.location().file().to_owned();
        let connection = Connection::open(&file).unwrap();
        for table in ["event", "candidate"] {
            connection
                .execute_batch(&format!(
                    "DROP TRIGGER {table}_is_never_changed; DROP TRIGGER {table}_is_never_removed;"
                ))
                .unwrap();
        }
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.execute_batch(damage).unwrap();
        connection.close().unwrap();
        let SessionError::Damaged { what, .. } = &refused(&list, &file) else { panic!("{damage}") };
        assert!(what.contains(expected), "{damage}: {what}");
    }
}

#[test]
fn overwritten_pages_are_detected() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    for _ in 0..200 {
        review.decide("a", edited("a text that fills some pages"));
    }
    review.close();
    let file = list.location().file().to_owned();
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    assert!(matches!(refused(&list, &file), SessionError::Damaged { .. }));
}

/// A session of format 1. Never changes.
const FORMAT_1: &str = include_str!("format_1.sql");

#[test]
fn a_session_of_format_1_opens() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a.jpg", "one"), ("b.jpg", "two"), ("c.jpg", "three")]);
    let file = folder.path().join("old.sqlite");
    Connection::open(&file).unwrap().execute_batch(FORMAT_1).unwrap();

    let mut ledger = Ledger::new();
    let (a, b) = (RecordId(0), RecordId(1));
    ledger.apply(generated(b, "a proposed text"));
    ledger.apply(Event::Decided { record: b, decision: accepted(Seq(1), "a proposed text"), by: Actor::Run });
    ledger.apply(decided(a, Decision::Edited { text: "own".to_owned(), base: EditBase::Current }));
    ledger.apply(Event::Undone);
    ledger.apply(Event::Redone);
    ledger.apply(Event::Flagged { record: a, on: true });
    ledger.apply(Event::Noted { record: a, note: "ask".to_owned() });
    ledger.apply(Event::Failed { record: a, reason: "no picture".to_owned() });
    ledger.apply(Event::Saved { path: "out.jsonl".into(), through: Seq(8), hash: 0xfeed });
    let draft = Draft { text: "unfini".to_owned(), cursor: 6, base: EditBase::Original };
    ledger.apply(Event::Drafted { record: a, draft: None });
    ledger.apply(Event::Drafted { record: a, draft: Some(draft) });

    let location = chosen(&list, &file);
    assert_eq!(open_read_only(&location, &list.dataset()).unwrap().ledger, ledger);
    let (store, opened) = open(&location, &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(opened.ledger, ledger);
    assert_eq!((opened.cursor, opened.binding), (Some(RecordId(2)), Binding::Unchanged));
    store.close().unwrap();
}

#[test]
fn a_session_belongs_to_one_caption_field() {
    let folder = tempfile::tempdir().unwrap();
    let mut list = List::new(folder.path(), &[("a.jpg", "one")]);
    let own = list.location();
    open(&own, &list.dataset(), Timestamp::UNIX_EPOCH).unwrap().0.close().unwrap();

    list.caption_field = "text_ko".to_owned();
    assert_eq!(list.location().file(), own.file().with_file_name("metadata.text_ko.sqlite"));
    let other = list.location();
    open(&other, &list.dataset(), Timestamp::UNIX_EPOCH).unwrap().0.close().unwrap();
    let error = refused(&list, own.file());
    assert!(matches!(&error, SessionError::OtherField { reviewed, .. } if reviewed == "text"), "{error}");
    assert!(error.to_string().contains("session of the field \"text\", not of \"text_ko\": use --caption-field text"));

    // A session without a stored caption field belongs to the first one it is opened with.
    let connection = Connection::open(own.file()).unwrap();
    assert_eq!(connection.execute("DELETE FROM setting WHERE name = 'caption_field'", []).unwrap(), 1);
    drop(connection);
    list.caption_field = CAPTION.to_owned();
    open(&own, &list.dataset(), Timestamp::UNIX_EPOCH).unwrap().0.close().unwrap();
    list.caption_field = "text_ko".to_owned();
    assert!(matches!(refused(&list, own.file()), SessionError::OtherField { .. }));
}

/// Events of the session that recaption 0.1 wrote: candidates of an earlier run, every kind of decision, a flag, a note,
/// drafts, undo and redo, a bulk decision, a change of many captions, a save, and a decision in a spot check.
fn version_0_1() -> Ledger {
    let names = ["a", "b", "c", "d", "e", "f", "b", "h", "i", "j"];
    let name = |record: u32| names[record as usize];
    let decided = |record, decision| decided(RecordId(record), decision);
    let apply = |ledger: &mut Ledger, events: Vec<Event>| {
        for event in events {
            ledger.apply(event);
        }
    };
    let mut ledger = Ledger::new();
    for record in [0, 1, 2, 3, 5, 6, 7, 8, 9] {
        let provenance = Provenance {
            describer: FILE.to_owned(),
            model: "earlier.jsonl".to_owned(),
            parameters: String::new(),
            at: "2026-11-29T19:42:20.021982169Z".parse().unwrap(),
            ..provenance(StopReason::EndTurn)
        };
        let text = format!("Candidate {record} for {}.jpg.", name(record));
        ledger.apply(Event::Generated { record: RecordId(record), text, provenance });
    }
    ledger.apply(decided(0, accepted(Seq(1), "Candidate 0 for a.jpg.")));
    ledger.apply(decided(1, Decision::Kept));
    let base = EditBase::Candidate(CandidateId(3));
    let edited = Decision::Edited { text: "Candidate 2 for c.jpg. Edited.".to_owned(), base };
    ledger.apply_as(Seq(20), decided(2, edited));
    let rest = vec![
        Event::Drafted { record: RecordId(2), draft: None },
        decided(3, Decision::Skipped),
        decided(4, Decision::Excluded),
        Event::Flagged { record: RecordId(5), on: true },
        Event::Noted { record: RecordId(5), note: "look again".to_owned() },
    ];
    apply(&mut ledger, rest);
    let base = EditBase::Candidate(CandidateId(6));
    let draft = Draft { text: "Candidate 6 for b.jpg. unfinished".to_owned(), cursor: 33, base };
    ledger.apply_as(Seq(36), Event::Drafted { record: RecordId(6), draft: Some(draft) });
    let (kept, skipped) = (|record| decided(record, Decision::Kept), |record| decided(record, Decision::Skipped));
    apply(&mut ledger, vec![kept(7), Event::Undone, kept(8), Event::Undone, Event::Redone]);
    apply(&mut ledger, vec![skipped(7), skipped(9), Event::StepEnded { changes: 2 }]);
    let amended = |record| {
        let text = Some(format!("Text {record} of {}.jpg.", name(record)));
        Event::Amended { record: RecordId(record), text }
    };
    apply(&mut ledger, [1, 3, 4, 5, 6, 7, 8, 9].map(amended).into());
    ledger.apply(Event::StepEnded { changes: 8 });
    let path = "/tmp/fix/v0.1/metadata_updated.jsonl".into();
    let hash = 0xe7b4_d97e_1a62_2d33_30f3_35d5_30e0_5305;
    ledger.apply(Event::Saved { path, through: Seq(53), hash });
    ledger.apply(decided(7, Decision::Edited { text: "Text 7 of h.jpg.".to_owned(), base: EditBase::Current }));
    ledger
}

#[test]
fn a_session_of_version_0_1_opens_and_is_migrated() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0.1");
    let folder = folder();
    let path = folder.path().join("metadata.jsonl");
    fs::copy(fixtures.join("metadata.jsonl"), &path).unwrap();
    let dataset = Dataset::open(&path, &OpenOptions::default()).unwrap();
    let location = Location::find(&path, CAPTION, None).unwrap();
    location.prepare().unwrap();
    fs::copy(fixtures.join("session.sqlite"), location.file()).unwrap();

    let mut ledger = version_0_1();
    let found = read_history(&location, &dataset).unwrap();
    assert_eq!(found.opened.ledger, ledger);
    assert_eq!((found.opened.cursor, &found.opened.binding), (Some(RecordId(7)), &Binding::Unchanged));
    let sample = &found.opened.samples[0];
    let members: Vec<u32> = sample.members.iter().map(|member| member.record.0).collect();
    assert_eq!((sample.request.size, sample.request.seed, members), (4, 7, vec![7, 1, 5, 4]));
    assert_eq!(found.reviewer(Seq(10)), Some("kim"));

    let (mut store, opened) = open(&location, &dataset, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(opened.ledger, ledger);
    let kept = Change::Decided { decision: Decision::Kept, by: Actor::Operator };
    let step = ledger.perform(Changes::Same((0..10).collect(), kept));
    store.append(step, Timestamp::UNIX_EPOCH).unwrap();
    store.close().unwrap();
    assert_eq!(open_read_only(&location, &dataset).unwrap().ledger, ledger);

    let (mut store, _) = open(&location, &dataset, Timestamp::UNIX_EPOCH).unwrap();
    let mut states = Vec::new();
    for _ in 0..3 {
        store.append(ledger.perform(Event::Undone.into()), Timestamp::UNIX_EPOCH).unwrap();
        states.push(ledger.record(RecordId(7)).clone());
    }
    store.close().unwrap();
    let [all, last, captions] = &states[..] else { panic!("three steps") };
    let own = |state: &RecordState| state.own_text(RecordId(7)).map(Cow::into_owned);
    assert_eq!(all.decision.kind(), DecisionKind::Edited);
    assert_eq!((last.decision.kind(), own(last)), (DecisionKind::Skipped, Some("Text 7 of h.jpg.".to_owned())));
    assert_eq!((captions.decision.kind(), own(captions)), (DecisionKind::Skipped, None));
    assert_eq!(open_read_only(&location, &dataset).unwrap().ledger, ledger);
}
