use super::*;
use crate::command::fixture::{Printed, World};
use crate::dataset::{Dataset, OpenOptions};

fn options(source: InitSource) -> InitOptions {
    InitOptions { source, output: None, caption_field: "text".to_owned() }
}

fn init(options: &InitOptions, input: &str) -> (Result<Outcome, InitError>, Printed) {
    Printed::by(|out, errors| run(options, &mut input.as_bytes(), out, errors))
}

/// A folder without a dataset.
fn world() -> World {
    let world = World::new("");
    std::fs::remove_file(world.path("metadata.jsonl")).unwrap();
    world
}

/// Returns the images and captions of a dataset.
fn read(world: &World, name: &str) -> Vec<(String, String)> {
    let dataset = Dataset::open(&world.path(name), &OpenOptions::default()).unwrap();
    let mut records = Vec::new();
    dataset
        .scan(&mut |entry| {
            let record = entry.record().expect("a record");
            records.push((record.file_name.clone(), record.caption.text().expect("a caption").to_owned()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    records
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, caption)| ((*name).to_owned(), (*caption).to_owned())).collect()
}

#[test]
fn a_folder_of_images_and_text_files_becomes_a_dataset() {
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
fn an_existing_file_is_never_overwritten() {
    let world = world();
    world.picture("a.png");
    world.write("metadata.jsonl", "mine");
    let (outcome, _) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
    let error = outcome.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Write);
    assert!(error.to_string().contains("already exists"), "{error}");
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
fn an_unreadable_text_file_is_named_and_its_image_added() {
    let world = world();
    world.picture("a.png");
    world.write("a.txt", b"caf\xe9");
    let (outcome, printed) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
    let outcome = outcome.unwrap();
    assert_eq!((outcome, outcome.exit_code()), (Outcome { records: 1, captions: 0, failed: 1 }, ExitCode::Findings));
    assert_eq!(printed.errors(), "a.txt: not UTF-8\n");
}

#[test]
fn a_csv_table_keeps_its_columns_and_warns_of_the_loader() {
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
fn an_unusable_csv_table_writes_nothing() {
    let world = world();
    for (table, why) in [
        ("name,text\na.png,A hat.\n", "no column \"file_name\""),
        ("file_name,text,text\na.png,A,B\n", "duplicate column \"text\""),
        ("file_name,text\na.png\n", "line: 2"),
        ("file_name,text\n", "no images"),
    ] {
        world.write("set.csv", table);
        let error = init(&options(InitSource::Path(world.path("set.csv"))), "").0.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Usage);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(world.files(), ["set.csv"]);
    }
}

#[test]
fn a_list_of_images_keeps_its_order() {
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
fn without_images_no_dataset_is_written() {
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

/// See `parquet/README.md` for how the file was created.
const BY_PYARROW: &[u8] = include_bytes!("parquet/pyarrow.parquet");

fn init_parquet(bytes: &[u8]) -> (World, Result<Outcome, InitError>, Printed) {
    let world = world();
    let table = world.path("metadata.parquet");
    std::fs::write(&table, bytes).unwrap();
    let (outcome, printed) = init(&options(InitSource::Path(table)), "");
    (world, outcome, printed)
}

#[test]
fn a_parquet_table_keeps_its_columns_and_their_types() {
    let (world, outcome, printed) = init_parquet(BY_PYARROW);
    assert_eq!(outcome.unwrap(), Outcome { records: 3, captions: 2, failed: 0 });
    let lines = world.read("metadata.jsonl");
    let expected = concat!(
        r#"{"file_name": "a.jpg", "text": "A hat.", "width": 768, "score": 0.25, "ok": true, "tags": ["red","wool"], "#,
        r#""box": {"x":1,"y":2}, "at": "2026-01-02 03:04:05.678000 +00:00"}"#,
        "\n",
        r#"{"file_name": "in/b.jpg", "text": "", "width": null, "score": null, "ok": false, "tags": [], "box": null, "at": null}"#,
        "\n",
        r#"{"file_name": "c.jpg", "text": "빨간 모자.", "width": 3, "score": null, "ok": null, "tags": null, "#,
        r#""box": {"x":3,"y":null}, "at": null}"#,
        "\n",
    );
    assert_eq!(lines, expected);
    assert!(printed.errors().contains("column \"image\" is skipped: binary data, not text\n"), "{printed:?}");
    assert!(printed.errors().contains("imagefolder refuses to load this folder"), "{printed:?}");
}

/// A table of one row with these columns.
fn parquet(schema: &str, compression: ::parquet::basic::Compression) -> Vec<u8> {
    use ::parquet::data_type::{ByteArray, ByteArrayType};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    let mut bytes = Vec::new();
    let schema = parse_message_type(&format!("message schema {{ {schema} }}")).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut file = SerializedFileWriter::new(&mut bytes, schema.into(), properties.into()).unwrap();
    let mut group = file.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from("a.jpg")], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
    bytes
}

#[test]
fn an_unusable_parquet_table_is_an_error_with_a_hint() {
    use ::parquet::basic::Compression;
    let refusal = |bytes: &[u8]| {
        let (world, outcome, _) = init_parquet(bytes);
        assert!(!world.path("metadata.jsonl").exists());
        outcome.unwrap_err().to_string()
    };
    let plain = |schema| parquet(schema, Compression::UNCOMPRESSED);
    let nameless = refusal(&plain("required binary text (UTF8);"));
    assert!(nameless.ends_with("metadata.parquet: no column \"file_name\""), "{nameless}");
    let inside = refusal(&plain("required group image { required binary bytes; }"));
    assert!(inside.contains("if the images are in column \"image\", write each to a file first"), "{inside}");
    let twice = refusal(&plain("required binary file_name (UTF8); required binary file_name (UTF8);"));
    assert!(twice.ends_with("duplicate column \"file_name\""), "{twice}");
    let cut = refusal(&BY_PYARROW[..BY_PYARROW.len() / 2]);
    assert!(cut.contains("metadata.parquet: Parquet error: "), "{cut}");
    // In the metadata of the column, the codec precedes the sizes: 0 for none and 6 for zstd, zigzag-encoded.
    let mut packed = plain("required binary file_name (UTF8);");
    let codec = memchr::memmem::rfind(&packed, b"\x18\tfile_name\x15\x00").expect("a codec") + 12;
    packed[codec] = 12;
    let packed = refusal(&packed);
    assert!(
        packed.ends_with("compressed with zstd, which is not supported; use snappy, gzip or no compression"),
        "{packed}"
    );
}

#[test]
fn damaged_parquet_is_an_error() {
    let mut state = 1_u32;
    for _ in 0..500 {
        let mut bytes = BY_PYARROW.to_vec();
        for _ in 0..3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [byte, low, high, _] = state.to_be_bytes();
            let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
            bytes[at] = byte;
        }
        let (_, outcome, _) = init_parquet(&bytes);
        if let Err(error) = outcome {
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}
