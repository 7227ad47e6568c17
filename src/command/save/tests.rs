use std::fs;

use super::*;
use crate::command::fixture::{Printed, World, edited};
use crate::dataset::OpenOptions;
use crate::session::Decision;

const THREE: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n",
    "{\"file_name\": \"c.jpg\", \"text\": \"A shoe.\"}\n",
);

fn save(options: &SaveOptions) -> (Result<ExitCode, SaveError>, Printed) {
    Printed::by(|out, errors| run(options, out, errors))
}

fn options(world: &World) -> SaveOptions {
    SaveOptions { input: world.input(), ..SaveOptions::default() }
}

#[test]
fn decisions_are_saved_and_summarised() {
    let world = World::new(THREE);
    world.decide([(0, Decision::Kept), (1, edited("Ein Mantel.")), (2, Decision::Excluded)]);
    let (result, printed) = save(&options(&world));
    result.unwrap();
    assert_eq!(
        world.read("metadata_updated.jsonl"),
        "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n{\"file_name\": \"b.jpg\", \"text\": \"Ein Mantel.\"}\n"
    );
    let path = world.path("metadata_updated.jsonl");
    assert_eq!(printed.out(), format!("{}: 2 records, 1 caption changed, 1 excluded\n", path.display()));
    assert_eq!(printed.errors(), "");
    assert_eq!(world.read("metadata.jsonl"), THREE);
}

#[test]
fn decisions_that_cannot_be_applied_are_reported() {
    let lines = concat!(
        "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", 1]}\n",
        "{\"file_name\": \"b.jpg\", \"text\": null}\n",
        "{\"file_name\": \"c.jpg\", \"text\": 1.0}\n",
    );
    let world = World::new(lines);
    world.decide([(0, edited("A hat.")), (1, edited("A coat.")), (2, Decision::Excluded)]);
    let (result, printed) = save(&options(&world));
    assert_eq!(result.unwrap(), ExitCode::Findings);
    assert_eq!(
        world.read("metadata_updated.jsonl"),
        "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", 1]}\n{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n"
    );
    assert!(printed.out().ends_with(": 2 records, 1 caption changed, 1 excluded\n"), "{printed:?}");
    assert!(printed.errors().starts_with("1 decision not applied: the caption is "), "{printed:?}");
}

#[test]
fn without_a_session_the_dataset_is_copied_byte_by_byte() {
    let odd = "\u{feff}{\"file_name\":\"a.jpg\" ,\"text\":\"\\u0041\"}\r\n\r\nnot JSON\r\n{\"file_name\":\"b\"}";
    let world = World::new(odd);
    let (result, printed) = save(&options(&world));
    result.unwrap();
    assert_eq!(world.read("metadata_updated.jsonl"), odd);
    assert!(printed.out().ends_with(": 3 records, 0 captions changed\n"), "{printed:?}");
}

#[test]
fn its_own_file_is_overwritten_for_any_spelling_of_the_path() {
    let world = World::new(THREE);
    world.decide([(0, edited("One."))]);
    save(&options(&world)).0.unwrap();
    world.decide([(0, edited("Two."))]);
    let output = Some(world.path("./metadata_updated.jsonl"));
    save(&SaveOptions { output, ..options(&world) }).0.unwrap();
    assert!(world.read("metadata_updated.jsonl").contains("Two."));
    assert!(!world.hold().1.ledger.is_unsaved());
}

#[cfg(unix)]
#[test]
fn its_own_file_is_identified_by_its_absolute_path() {
    let world = World::new(THREE);
    fs::create_dir(world.path("real")).unwrap();
    std::os::unix::fs::symlink(world.path("real"), world.path("link")).unwrap();
    save(&SaveOptions { output: Some(world.path("link/out.jsonl")), ..options(&world) }).0.unwrap();
    fs::remove_file(world.path("link")).unwrap();
    save(&SaveOptions { output: Some(world.path("real/out.jsonl")), ..options(&world) }).0.unwrap();
}

#[test]
fn a_foreign_file_is_overwritten_only_by_force() {
    let world = World::new(THREE);
    world.write("metadata_updated.jsonl", "precious");
    let (result, printed) = save(&options(&world));
    let error = result.unwrap_err();
    assert!(matches!(&error, SaveError::Conflict(_)), "{error:?}");
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!((world.read("metadata_updated.jsonl").as_str(), printed.out()), ("precious", ""));

    save(&SaveOptions { force: true, ..options(&world) }).0.unwrap();
    assert_eq!(world.read("metadata_updated.jsonl"), THREE);
}

#[test]
fn a_changed_file_is_overwritten_only_by_force() {
    let world = World::new(THREE);
    save(&options(&world)).0.unwrap();
    world.write("metadata_updated.jsonl", "edited by hand");
    assert!(matches!(save(&options(&world)).0, Err(SaveError::Conflict(_))));
    assert_eq!(world.read("metadata_updated.jsonl"), "edited by hand");
}

#[test]
fn a_locked_session_is_read_and_the_next_save_conflicts() {
    let world = World::new(THREE);
    world.decide([(0, edited("One."))]);
    let held = world.hold();
    let (result, printed) = save(&options(&world));
    result.unwrap();
    assert!(world.read("metadata_updated.jsonl").contains("One."));
    assert!(printed.errors().contains("this save is not in the session"), "{printed:?}");
    drop(held);
    assert!(world.hold().1.ledger.is_unsaved());
    world.decide([(0, edited("Two."))]);
    assert!(matches!(save(&options(&world)).0, Err(SaveError::Conflict(_))));
}

#[test]
fn its_own_file_is_recognised_after_the_folder_was_moved() {
    let world = World::new(THREE);
    world.decide([(0, edited("One."))]);
    save(&options(&world)).0.unwrap();
    world.decide([(0, edited("Two."))]);
    let moved = tempfile::tempdir().unwrap();
    for name in ["metadata.jsonl", "metadata_updated.jsonl", ".recaption"] {
        fs::rename(world.path(name), moved.path().join(name)).unwrap();
    }
    let mut options = options(&world);
    options.input.dataset = moved.path().join("metadata.jsonl");
    save(&options).0.unwrap();
    let target = moved.path().join("metadata_updated.jsonl");
    assert!(fs::read_to_string(&target).unwrap().contains("Two."));
    fs::write(&target, "edited by hand").unwrap();
    assert!(matches!(save(&options).0, Err(SaveError::Conflict(_))));
}

#[test]
fn its_own_file_is_recognised_if_it_was_not_noted() {
    let world = World::new(THREE);
    world.decide([(0, edited("One."))]);
    // Renamed, but not in the session: as if the process was killed in between.
    world.write("metadata_updated.jsonl", THREE.replace("A hat.", "One."));
    save(&options(&world)).0.unwrap();
    assert!(!world.hold().1.ledger.is_unsaved());
    world.write("metadata_updated.jsonl", THREE.replace("A hat.", "Two."));
    let other = SaveOptions { output: Some(world.path("metadata_updated.jsonl")), ..options(&world) };
    assert!(matches!(save(&other).0, Err(SaveError::Conflict(_))), "of the same length");
    assert!(world.read("metadata_updated.jsonl").contains("Two."));
}

#[test]
fn no_input_is_overwritten_even_by_force() {
    let world = World::new(THREE);
    world.decide([(0, edited("One."))]);
    world.write("metadata.jsonl.bak", "the first state");
    fs::write(world.path("a.jpg"), b"\xff\xd8\xff\xe0").unwrap();
    let over_itself = SaveOptions { output: Some(world.path("./metadata.jsonl")), force: true, ..options(&world) };
    assert!(save(&over_itself).0.unwrap_err().to_string().contains("--in-place"));
    assert_eq!(world.read("metadata.jsonl"), THREE);
    for name in [".recaption/metadata.sqlite", ".recaption/metadata.sqlite.lock", "metadata.jsonl.bak", "a.jpg"] {
        let before = fs::read(world.path(name)).unwrap();
        let forced = SaveOptions { output: Some(world.path(name)), force: true, ..options(&world) };
        let (result, printed) = save(&forced);
        let error = result.unwrap_err();
        assert!(matches!(&error, SaveError::IsInput(_)) && error.exit_code() == ExitCode::Write, "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!((fs::read(world.path(name)).unwrap(), printed.out()), (before, ""));
    }
}

#[test]
fn in_place_keeps_the_first_version_and_can_be_repeated() {
    let world = World::new(THREE);
    let in_place = SaveOptions { in_place: true, ..options(&world) };
    world.decide([(0, edited("One."))]);
    save(&in_place).0.unwrap();
    world.decide([(1, edited("Two."))]);
    let (result, printed) = save(&in_place);
    result.unwrap();
    assert_eq!(printed.errors(), "", "the dataset is the session's own output, which is no news");
    assert_eq!(world.read("metadata.jsonl.bak"), THREE);
    assert_eq!(world.read("metadata.jsonl"), THREE.replace("A hat.", "One.").replace("A coat.", "Two."));
}

#[test]
fn a_session_that_is_named_must_exist() {
    let world = World::new(THREE);
    let mut options = options(&world);
    options.input.session = Some(world.path("other.sqlite"));
    assert!(matches!(save(&options).0, Err(SaveError::Input(InputError::NoSession(_)))));
    assert_eq!(world.files(), ["metadata.jsonl"]);
}

#[test]
fn an_invalid_dataset_or_session_is_a_usage_error() {
    let world = World::new(THREE);
    let mut missing = options(&world);
    missing.input.dataset = world.path("none.jsonl");
    assert!(matches!(save(&missing).0, Err(SaveError::Input(InputError::Dataset(_)))));

    world.write("text.sqlite", "This is text, and long enough to be looked at as if it were a database's header….");
    let mut foreign = options(&world);
    foreign.input.session = Some(world.path("text.sqlite"));
    assert!(matches!(save(&foreign).0, Err(SaveError::Input(InputError::Session(_)))));
    assert!(!world.path("metadata_updated.jsonl").exists());
}

#[test]
fn a_missing_folder_is_a_write_error() {
    let world = World::new(THREE);
    let output = Some(world.path("none/out.jsonl"));
    assert!(matches!(save(&SaveOptions { output, ..options(&world) }).0, Err(SaveError::NotWritten(_))));
}

#[test]
fn lost_records_are_listed() {
    let world = World::new(&THREE.replace("b.jpg", "b\\u001b[31m.jpg"));
    world.decide([(0, edited("One.")), (1, edited("Two."))]);
    world.write("metadata.jsonl", THREE.lines().next().unwrap());
    let (result, printed) = save(&options(&world));
    result.unwrap();
    assert!(printed.errors().contains("b␛[31m.jpg: reviewed, but not in the dataset any more"), "{printed:?}");
    assert_eq!(world.read("metadata_updated.jsonl"), "{\"file_name\": \"a.jpg\", \"text\": \"One.\"}");
}

#[test]
fn two_caption_fields_have_separate_sessions_and_files() {
    let line =
        |text: &str, ko: &str| format!("{{\"file_name\": \"a.jpg\", \"text\": \"{text}\", \"text_ko\": \"{ko}\"}}\n");
    let mut world = World::new(&line("A hat.", "모자."));
    let saved = |world: &World| {
        save(&options(world)).0.unwrap();
    };
    world.decide([(0, edited("A red hat."))]);
    world.reading.caption_field = "text_ko".to_owned();
    saved(&world);
    assert_eq!(world.read("metadata.text_ko_updated.jsonl"), line("A hat.", "모자."), "nothing of the other is in it");
    world.decide([(0, edited("빨간 모자."))]);
    saved(&world);
    assert_eq!(world.read("metadata.text_ko_updated.jsonl"), line("A hat.", "빨간 모자."));

    world.reading = OpenOptions::default();
    saved(&world);
    assert_eq!(world.read("metadata_updated.jsonl"), line("A red hat.", "모자."));
    assert_eq!(world.read("metadata.text_ko_updated.jsonl"), line("A hat.", "빨간 모자."));

    // The second field is saved over the output of the first, in place.
    let mut second = World::new(&world.read("metadata_updated.jsonl"));
    second.reading.caption_field = "text_ko".to_owned();
    second.decide([(0, edited("빨간 모자."))]);
    save(&SaveOptions { in_place: true, ..options(&second) }).0.unwrap();
    assert_eq!(second.read("metadata.jsonl"), line("A red hat.", "빨간 모자."));
}

#[test]
fn datasets_of_one_stem_do_not_share_decisions() {
    let world = World::new(THREE);
    world.write("metadata.json", THREE.replace("A ", "Another "));
    world.decide([(0, edited("One.")), (1, Decision::Excluded)]);
    let mut other = options(&world);
    other.input.dataset = world.path("metadata.json");
    let (result, printed) = save(&other);
    result.unwrap();
    assert_eq!(printed.errors(), "");
    assert_eq!(world.read("metadata_updated.json"), THREE.replace("A ", "Another "));
    save(&options(&world)).0.unwrap();
    assert!(world.read("metadata_updated.jsonl").contains("One."));
}

#[test]
fn an_edit_of_a_deleted_record_is_listed_and_not_saved() {
    let line =
        |number: u32| format!("{{\"file_name\": \"0.jpg\", \"text\": \"Caption {number}.\", \"cid\": {number}}}\n");
    let world = World::new(&(0..4).map(line).collect::<String>());
    world.decide([(0, edited("Caption 0. EDIT"))]);
    let rest: String = (1..4).map(line).collect();
    world.write("metadata.jsonl", &rest);
    let (result, printed) = save(&options(&world));
    result.unwrap();
    assert_eq!(world.read("metadata_updated.jsonl"), rest);
    assert!(
        printed.errors().contains("0.jpg: reviewed, but none of the records of this name is certain"),
        "{printed:?}"
    );
    assert!(printed.errors().contains("of 1 record in the session: 1 set aside"), "{printed:?}");
}
