use super::*;
use crate::command::fixture::{Printed, World};
use crate::dataset::{Dataset, OpenOptions};

fn options(source: InitSource) -> InitOptions {
    InitOptions { source, output: None, caption_field: "text".to_owned() }
}

fn init(options: &InitOptions, input: &str) -> (Result<Outcome, InitError>, Printed) {
    let mut printed = Printed::default();
    let outcome = run(options, &mut input.as_bytes(), &mut printed.out, &mut printed.errors);
    (outcome, printed)
}

/// A folder without a dataset.
fn world() -> World {
    let world = World::new("");
    std::fs::remove_file(world.path("metadata.jsonl")).unwrap();
    world
}

/// The pictures and captions that the dataset is read as.
fn read(world: &World, name: &str) -> Vec<(String, String)> {
    let dataset = Dataset::open(&world.path(name), &OpenOptions::default()).unwrap();
    let mut records = Vec::new();
    dataset
        .scan(&mut |entry| {
            let record = entry.record().expect("a record");
            records.push((record.file_name.clone(), record.caption.clone().expect("a caption")));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    records
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, caption)| ((*name).to_owned(), (*caption).to_owned())).collect()
}

#[test]
fn a_folder_of_pictures_becomes_a_dataset_with_the_captions_beside_them() {
    let world = world();
    for name in ["b.png", "a.JPG", "10_style/c.webp", ".hidden/d.png", "e.png"] {
        world.picture(name);
    }
    world.write("a.txt", "\u{feff}A \"hat\".\r\n");
    world.write("b.caption", "A coat.\nRed.");
    world.write("10_style/c.txt", "빨간 모자.\n");
    world.write("notes.txt", "of no picture");
    let (outcome, printed) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
    assert_eq!(outcome.unwrap(), Outcome { records: 4, captions: 3, failed: 0 });
    assert!(printed.out().ends_with("metadata.jsonl: 4 records, 3 with a caption\n"), "{printed:?}");
    assert_eq!(printed.errors(), "");
    let expected =
        [("10_style/c.webp", "빨간 모자."), ("a.JPG", "A \"hat\"."), ("b.png", "A coat.\nRed."), ("e.png", "")];
    assert_eq!(read(&world, "metadata.jsonl"), pairs(&expected));
}

#[test]
fn what_is_there_is_never_replaced() {
    let world = world();
    world.picture("a.png");
    world.write("metadata.jsonl", "mine");
    let (outcome, _) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
    let error = outcome.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Write);
    assert!(error.to_string().contains("left as it is"), "{error}");
    assert_eq!(world.read("metadata.jsonl"), "mine");
    let elsewhere = InitOptions {
        output: Some(world.path("other.jsonl")),
        ..options(InitSource::Path(world.folder.path().to_owned()))
    };
    assert_eq!(init(&elsewhere, "").0.unwrap().records, 1);
    assert_eq!(read(&world, "other.jsonl"), pairs(&[("a.png", "")]));
    assert_eq!(world.files(), ["a.png", "metadata.jsonl", "other.jsonl"]);
}

#[test]
fn a_text_that_cannot_be_read_is_named_and_its_picture_is_taken_in() {
    let world = world();
    world.picture("a.png");
    world.write("a.txt", b"caf\xe9");
    let (outcome, printed) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
    let outcome = outcome.unwrap();
    assert_eq!((outcome, outcome.exit_code()), (Outcome { records: 1, captions: 0, failed: 1 }, ExitCode::Findings));
    assert_eq!(printed.errors(), "a.txt: not UTF-8\n");
}

#[test]
fn a_table_keeps_its_columns_and_says_what_the_loader_will_do() {
    let world = world();
    world.write(
        "metadata.csv",
        "\u{feff}file_name,brand,text\nimages/a.png,\"Ac, me\",\"A \"\"hat\"\".\nRed.\"\nb.png,,\n",
    );
    let (outcome, printed) = init(&options(InitSource::Path(world.path("metadata.csv"))), "");
    assert_eq!(outcome.unwrap(), Outcome { records: 2, captions: 1, failed: 0 });
    assert_eq!(
        world.read("metadata.jsonl"),
        concat!(
            "{\"file_name\": \"images/a.png\", \"brand\": \"Ac, me\", \"text\": \"A \\\"hat\\\".\\nRed.\"}\n",
            "{\"file_name\": \"b.png\", \"brand\": \"\", \"text\": \"\"}\n",
        )
    );
    assert!(
        printed.errors().contains("with metadata.csv beside it, Hugging Face's imagefolder refuses"),
        "{printed:?}"
    );
}

#[test]
fn a_table_that_is_none_of_pictures_is_refused_and_leaves_nothing() {
    let world = world();
    for (table, why) in [
        ("name,text\na.png,A hat.\n", "no column \"file_name\""),
        ("file_name,text,text\na.png,A,B\n", "two columns"),
        ("file_name,text\na.png\n", "line: 2"),
        ("file_name,text\n", "no pictures"),
    ] {
        world.write("set.csv", table);
        let error = init(&options(InitSource::Path(world.path("set.csv"))), "").0.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Usage);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(world.files(), ["set.csv"]);
    }
}

#[test]
fn a_list_of_pictures_keeps_its_order() {
    let world = world();
    world.write("list.txt", "b.png\r\n\n a b.png\n");
    assert_eq!(init(&options(InitSource::List(world.path("list.txt"))), "").0.unwrap().records, 2);
    assert_eq!(read(&world, "metadata.jsonl"), pairs(&[("b.png", ""), ("a b.png", "")]));
    let piped = InitOptions {
        output: Some(world.path("piped.jsonl")),
        caption_field: "caption".to_owned(),
        source: InitSource::StandardInput,
    };
    assert_eq!(init(&piped, "z.png\n").0.unwrap().records, 1);
    assert_eq!(world.read("piped.jsonl"), "{\"file_name\": \"z.png\", \"caption\": \"\"}\n");
}

#[test]
fn where_there_are_no_pictures_there_is_no_dataset() {
    let world = world();
    world.write("a.txt", "A hat.");
    let error = init(&options(InitSource::Path(world.folder.path().to_owned())), "").0.unwrap_err();
    assert!(matches!(error, InitError::Nothing(_)), "{error}");
    let error = init(&options(InitSource::Path(world.path("a.txt"))), "").0.unwrap_err();
    assert!(error.to_string().contains("--list"), "{error}");
    let error = init(&options(InitSource::Path(world.path("gone"))), "").0.unwrap_err();
    assert!(matches!(error, InitError::Read { .. }), "{error}");
    let named = InitOptions { caption_field: "file_name".to_owned(), ..options(InitSource::StandardInput) };
    assert!(matches!(init(&named, "a.png\n").0, Err(InitError::CaptionFieldIsFileName)));
    assert_eq!(world.files(), ["a.txt"]);
}
