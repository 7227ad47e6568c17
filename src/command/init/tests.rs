use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::command::fixture::{Printed, World};
use crate::dataset::{Dataset, OpenOptions};

fn options(source: InitSource) -> InitOptions {
    InitOptions {
        source,
        output: None,
        caption_field: "text".to_owned(),
        file_column: None,
        caption_column: None,
        json: false,
    }
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
fn json_has_the_counts_and_the_reasons() {
    let world = world();
    world.picture("a.png");
    world.write("b.txt", "of no picture");
    world.write("c.pdf", "x");
    let options = InitOptions { json: true, ..options(InitSource::Path(world.folder.path().to_owned())) };
    let (outcome, printed) = init(&options, "");
    assert_eq!(outcome.unwrap().exit_code(), ExitCode::Done);
    assert_eq!(printed.errors(), "");
    let printed: serde_json::Value = serde_json::from_str(printed.out()).unwrap();
    let count = |name: &str| printed[name].as_u64().unwrap();
    assert_eq!((count("read"), count("records"), count("captions"), count("left_out")), (3, 1, 0, 2));
    let reasons = printed["reasons"].as_array().unwrap();
    let found: Vec<_> = reasons
        .iter()
        .map(|it| (it["reason"].as_str().unwrap(), it["first"][0].as_str().unwrap(), it["finding"].as_bool().unwrap()))
        .collect();
    assert_eq!(found, [("text-without-image", "b.txt", false), ("other", "c.pdf", false)]);
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
    assert_eq!(outcome.unwrap(), Outcome { records: 4, captions: 3, read: 9, texts: 3, left_out: 2, failed: 0 });
    assert!(
        printed.out().ends_with("metadata.jsonl: 4 records, 3 with a caption; 2 of 9 files left out\n"),
        "{printed:?}"
    );
    assert_eq!(
        printed.errors(),
        "1 text file beside no image: notes.txt; name them like their images (a.txt for a.jpg)\n\
         1 hidden file or folder: .hidden; rename them\n"
    );
    let expected =
        [("10_style/c.webp", "빨간 모자."), ("a.JPG", "A \"hat\"."), ("b.png", "A coat.\nRed."), ("e.png", "")];
    assert_eq!(read(&world, "metadata.jsonl"), pairs(&expected));
}

#[test]
fn a_text_file_is_found_under_any_of_its_names() {
    let world = world();
    for name in ["a.jpg", "b.jpg", "c.jpg", "d.jfif", "e.jpg"] {
        world.picture(name);
    }
    world.write("a.jpg.txt", "Both extensions.");
    world.write("b.TXT", "Upper case.");
    world.write("c.txt", "\n");
    world.write("c.caption", "Beside an empty one.");
    world.write("d.txt", "Of an unusual name.");
    world.write("e.txt", "First.");
    world.write("e.jpg.Txt", "Second.");
    let (outcome, printed) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
    assert_eq!(outcome.unwrap(), Outcome { records: 5, captions: 5, read: 12, texts: 5, left_out: 2, failed: 2 });
    assert_eq!(
        printed.errors(),
        "2 text files of images that have another one: c.txt (c.caption is used), e.jpg.Txt (e.txt is used); to use them, \
         remove the others\n"
    );
    let expected = [
        ("a.jpg", "Both extensions."),
        ("b.jpg", "Upper case."),
        ("c.jpg", "Beside an empty one."),
        ("d.jfif", "Of an unusual name."),
        ("e.jpg", "First."),
    ];
    assert_eq!(read(&world, "metadata.jsonl"), pairs(&expected));
}

#[test]
fn files_left_out_are_named_by_reason() {
    let world = world();
    for name in ["a.jpg", "a.png", "b.HEIC", "in/b.png", "in/b-masklabel.png", "@eaDir/a.jpg", "._a.jpg"] {
        world.picture(name);
    }
    world.write("a.txt", "Of which one?");
    world.write("metadata.csv", "file_name,text\n");
    world.write("notes.json", "{}");
    #[cfg(unix)]
    for (target, link) in [(".", "loop"), ("gone.jpg", "c.jpg"), ("in/b.png", "d.png")] {
        std::os::unix::fs::symlink(target, world.path(link)).unwrap();
    }
    let options =
        InitOptions { output: Some(world.path("out.jsonl")), ..options(InitSource::Path(world.folder.path().into())) };
    let (outcome, printed) = init(&options, "");
    let outcome = outcome.unwrap();
    let links = u64::from(cfg!(unix));
    assert_eq!((outcome.records, outcome.captions), (3 + links, 0));
    assert_eq!((outcome.read, outcome.left_out), (10 + 3 * links, 7 + 2 * links));
    for line in [
        "1 image in a format that cannot be read: b.HEIC; convert them to JPEG or PNG\n",
        "1 text file shared by several images: a.txt (a.jpg, a.png); name each after one image with its extension",
        "1 dataset in the folder, not read: metadata.csv; to import one instead, delete the new dataset and name it",
        "1 folder of thumbnails: @eaDir; ",
        "1 mask of an image: in/b-masklabel.png; ",
        "1 hidden file or folder: ._a.jpg; ",
        "1 file that is neither image nor text: notes.json\n",
    ] {
        assert!(printed.errors().contains(line), "{line}: {printed:?}");
    }
    if cfg!(unix) {
        assert!(printed.errors().contains("1 link to a folder, not followed: loop; "), "{printed:?}");
        assert!(printed.errors().contains("1 broken link: c.jpg; "), "{printed:?}");
    }
}

/// The result for a folder, from the rules in docs/files.md: images with captions, files read, files used.
fn model(files: &BTreeMap<String, &[u8]>) -> (BTreeMap<String, String>, u64, u64) {
    let split = |path: &str| {
        path.rsplit_once('/').map_or((String::new(), path.to_owned()), |(a, b)| (format!("{a}/"), b.into()))
    };
    let is_closed = |folder: &str| folder.starts_with('.') || folder.starts_with("@eaDir");
    let closed: BTreeSet<String> = files.keys().map(|path| split(path).0).filter(|folder| is_closed(folder)).collect();
    let open = || files.iter().filter(|(path, _)| !is_closed(&split(path).0));
    let is_image =
        |name: &str| ["jpg", "JPG", "png", "jfif"].iter().any(|extension| name.ends_with(&format!(".{extension}")));
    let images: Vec<&String> = open().map(|(path, _)| path).filter(|path| is_image(path)).collect();
    let (mut captions, mut used) = (BTreeMap::new(), images.len() as u64);
    for image in &images {
        let (folder, name) = split(image);
        let stem = name.rsplit_once('.').unwrap().0;
        let mut texts = Vec::new();
        for base in [stem, name.as_str()] {
            let owners = images.iter().filter(|other| {
                let (place, other) = split(other);
                place == folder && (other == base || other.rsplit_once('.').unwrap().0 == base)
            });
            if owners.count() == 1 {
                texts.extend(["txt", "TXT", "caption"].map(|extension| format!("{folder}{base}.{extension}")));
            }
        }
        let texts: Vec<String> = texts
            .iter()
            .filter_map(|path| files.get(path))
            .filter_map(|bytes| String::from_utf8(bytes.to_vec()).ok())
            .collect();
        used += u64::from(!texts.is_empty());
        let caption = texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        captions.insert((*image).clone(), caption);
    }
    (captions, open().count() as u64 + closed.len() as u64, used)
}

proptest! {
    #[test]
    fn rows_read_are_records_or_left_out(
        rows in prop::collection::vec("[a,;\"\t \r\n.é]{0,6}|a\\.png,A hat\\.\n|\"a\"\"\",b\n", 0..8)
    ) {
        let world = world();
        world.write("set.csv", format!("file_name,text\n{}", rows.concat()));
        match init(&options(InitSource::Path(world.path("set.csv"))), "") {
            (Ok(outcome), _) => {
                prop_assert_eq!(outcome.read, outcome.records + outcome.left_out);
                prop_assert_eq!(read(&world, "set.jsonl").len() as u64, outcome.records);
            }
            (Err(error), _) => prop_assert_eq!(error.exit_code(), ExitCode::Usage),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn files_read_are_used_or_left_out(
        files in prop::collection::btree_set((0..4_usize, 0..4_usize, 0..9_usize, 0..4_usize), 1..24)
    ) {
        const FOLDERS: [&str; 4] = ["", "in/", ".hidden/", "@eaDir/"];
        const STEMS: [&str; 4] = ["a", "b", "a.jpg", "b.png"];
        const EXTENSIONS: [&str; 9] = ["jpg", "JPG", "png", "jfif", "heic", "txt", "TXT", "caption", "json"];
        const CONTENTS: [&[u8]; 4] = [b"", b"A hat.", b"A coat.", b"caf\xe9"];
        let files: BTreeMap<String, &[u8]> = files
            .into_iter()
            .map(|(folder, stem, extension, content)| {
                (format!("{}{}.{}", FOLDERS[folder], STEMS[stem], EXTENSIONS[extension]), CONTENTS[content])
            })
            .collect();
        let world = world();
        for (path, content) in &files {
            world.write(path, content);
        }
        let (captions, files_read, used) = model(&files);
        let (outcome, printed) = init(&options(InitSource::Path(world.folder.path().to_owned())), "");
        if captions.is_empty() {
            prop_assert!(matches!(outcome, Err(InitError::Nothing(_))));
            return Ok(());
        }
        let outcome = outcome.unwrap();
        let found: BTreeMap<String, String> = read(&world, "metadata.jsonl").into_iter().collect();
        prop_assert_eq!(&found, &captions);
        prop_assert_eq!((outcome.read, outcome.left_out), (files_read, files_read - used), "{:?}", printed);
        prop_assert_eq!(outcome.records + outcome.texts, used);
        let printed: u64 = printed.errors().lines().map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        prop_assert_eq!(printed, outcome.left_out);
    }
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
    assert_eq!(
        (outcome, outcome.exit_code()),
        (Outcome { records: 1, captions: 0, read: 2, texts: 0, left_out: 1, failed: 1 }, ExitCode::Findings)
    );
    assert_eq!(printed.errors(), "1 text file that is not UTF-8: a.txt; convert them to UTF-8\n");
}

#[test]
fn a_csv_table_keeps_its_columns_and_warns_of_the_loader() {
    let world = world();
    world.write(
        "metadata.csv",
        "\u{feff}file_name,brand,text\nimages/a.png,\"Ac, me\",\"A \"\"hat\"\".\nRed.\"\nb.png,,\n",
    );
    let (outcome, printed) = init(&options(InitSource::Path(world.path("metadata.csv"))), "");
    assert_eq!(outcome.unwrap(), Outcome { records: 2, captions: 1, read: 2, texts: 0, left_out: 0, failed: 0 });
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
fn columns_of_other_names_become_the_fields() {
    let world = world();
    world.write("set.csv", "id;Path;prompt\n1;a.png;A hat.\n");
    let options = InitOptions {
        file_column: Some("Path".to_owned()),
        caption_column: Some("prompt".to_owned()),
        ..options(InitSource::Path(world.path("set.csv")))
    };
    let (outcome, printed) = init(&options, "");
    assert_eq!(outcome.unwrap(), Outcome { records: 1, captions: 1, read: 1, ..Outcome::default() });
    assert_eq!(printed.errors(), "");
    assert_eq!(world.read("set.jsonl"), "{\"id\": \"1\", \"file_name\": \"a.png\", \"text\": \"A hat.\"}\n");
    let missing = InitOptions {
        file_column: Some("image".to_owned()),
        output: Some(world.path("other.jsonl")),
        ..options.clone()
    };
    let error = init(&missing, "").0.unwrap_err().to_string();
    assert!(error.ends_with("no column \"image\" (found \"id\", \"Path\", \"prompt\")"), "{error}");
    let of_folder = InitOptions { source: InitSource::Path(world.folder.path().to_owned()), ..options };
    let error = init(&of_folder, "").0.unwrap_err();
    assert_eq!((error.to_string().contains("--file-column"), error.exit_code()), (true, ExitCode::Usage), "{error}");
}

#[test]
fn an_unusable_csv_table_writes_nothing() {
    let world = world();
    for (table, why) in [
        ("name,text\na.png,A hat.\n", "no column \"file_name\""),
        ("Image;text\na.png;A hat.\n", "if \"Image\" contains the image paths, add --file-column \"Image\""),
        ("file_name,text,text\na.png,A,B\n", "duplicate column \"text\""),
        ("file_name,text\na.png\n", "no images"),
        ("file_name,text\n", "no images"),
        ("", "empty"),
        ("\u{feff}", "empty"),
        (
            "file_name,text\na.png,A\nb.png,\"A hat\n./in/c.png,A\n",
            "line 3: \"text\" contains lines that look like rows",
        ),
        ("file_name,text\na.png,A\nb.png,\"A hat\nis red.\n", "line 3: a quote is not closed"),
        ("text,file_name\n\"A hat,a.png\nA coat,b.png\nA \"shirt\",c.png\n", "line 2: \"text\" contains lines that"),
        ("f\0i\0l\0e\0", "UTF-16"),
    ] {
        world.write("set.csv", table);
        let error = init(&options(InitSource::Path(world.path("set.csv"))), "").0.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Usage);
        assert!(error.to_string().contains(why), "{table:?}: {error}");
        assert_eq!(world.files(), ["set.csv"]);
    }
    world.write("set.csv", b"\xff\xfef\0i\0l\0e\0");
    let error = init(&options(InitSource::Path(world.path("set.csv"))), "").0.unwrap_err();
    assert!(error.to_string().ends_with("encoded as UTF-16; convert it to UTF-8 first (iconv -f utf-16 -t utf-8)"));
}

#[test]
fn the_separator_is_that_of_the_header() {
    for (name, table) in [
        ("set.csv", "file_name;text\na.png;\"A hat, red; wool.\"\n"),
        ("set.csv", "text\tfile_name\r\nA hat, red; wool.\ta.png\r\n"),
        ("set.TSV", "\u{feff}\"file_name\"\t\"text\"\na.png\tA hat, red; wool.\n"),
        ("set.tsv", "file_name,text\na.png,\"A hat, red; wool.\"\n"),
    ] {
        let world = world();
        world.write(name, table);
        let (outcome, printed) = init(&options(InitSource::Path(world.path(name))), "");
        assert_eq!(outcome.unwrap().left_out, 0, "{table:?}: {printed:?}");
        assert_eq!(read(&world, "set.jsonl"), pairs(&[("a.png", "A hat, red; wool.")]), "{table:?}");
    }
}

#[test]
fn rows_that_cannot_be_read_are_counted_and_named() {
    let world = world();
    let table: &[u8] = b"file_name,caption\na.png,A hat.,,\n,A coat.\nb.png\r\nc.png,A shirt, red\n\nd.png,caf\xe9\n\
        e.png,\"A \"blue\" skirt\"\nf.png,\"Two\nlines\"\n";
    world.write("set.csv", table);
    let (outcome, printed) = init(&options(InitSource::Path(world.path("set.csv"))), "");
    let outcome = outcome.unwrap();
    assert_eq!(outcome, Outcome { records: 2, captions: 0, read: 7, texts: 0, left_out: 5, failed: 5 });
    assert_eq!(outcome.exit_code(), ExitCode::Findings);
    assert_eq!(
        printed.errors(),
        "no column \"text\"; if \"caption\" contains the captions, add --caption-field \"caption\"\n\
         1 row without a file name: line 3; fill in \"file_name\"\n\
         2 rows with more or fewer cells than the header: line 4, line 5; enclose cells that contain the separator in \
         double quotes\n\
         1 row with text after a closing quote: line 8; double the quotes inside a cell\n\
         1 line that is not UTF-8: line 7; convert the file to UTF-8\n"
    );
    assert!(printed.out().ends_with("set.jsonl: 2 records, 0 with a caption; 5 of 7 rows left out\n"), "{printed:?}");
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
        ..options(InitSource::StandardInput)
    };
    assert_eq!(init(&piped, "z.png\n").0.unwrap().records, 1);
    assert_eq!(world.read("piped.jsonl"), "{\"file_name\": \"z.png\", \"caption\": \"\"}\n");
    world.write("list.txt", b"a.png\ncaf\xe9.png\n");
    let again =
        InitOptions { output: Some(world.path("again.jsonl")), ..options(InitSource::List(world.path("list.txt"))) };
    let (outcome, printed) = init(&again, "");
    assert_eq!(outcome.unwrap(), Outcome { records: 1, captions: 0, read: 2, texts: 0, left_out: 1, failed: 1 });
    assert!(printed.errors().starts_with("1 line that is not UTF-8: line 2;"), "{printed:?}");
    world.write("list.txt", b"\xff\xfea\0");
    let error = init(&InitOptions { output: Some(world.path("new.jsonl")), ..again }, "").0.unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
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
    assert_eq!(outcome.unwrap(), Outcome { records: 3, captions: 2, read: 3, texts: 0, left_out: 0, failed: 0 });
    let lines = world.read("metadata.jsonl");
    let expected = concat!(
        r#"{"file_name": "a.jpg", "text": "A hat.", "width": 768, "score": 0.25, "ok": true, "tags": ["red","wool"], "#,
        r#""box": {"x":1,"y":2}, "at": "2026-01-02 03:04:05.678000"}"#,
        "\n",
        r#"{"file_name": "in/b.jpg", "text": null, "width": null, "score": null, "ok": false, "tags": [], "box": null, "at": null}"#,
        "\n",
        r#"{"file_name": "c.jpg", "text": "빨간 모자.", "width": 3, "score": null, "ok": null, "tags": null, "#,
        r#""box": {"x":3,"y":null}, "at": null}"#,
        "\n",
    );
    assert_eq!(lines, expected);
    assert!(printed.errors().contains("1 column of binary data: image\n"), "{printed:?}");
    assert!(printed.errors().contains("null in the dataset: score\n"), "{printed:?}");
    assert!(printed.errors().contains("imagefolder refuses to load this folder"), "{printed:?}");
}

#[test]
fn types_are_kept_in_any_compression() {
    let (zstd, brotli) = (include_bytes!("parquet/zstd.parquet"), include_bytes!("parquet/brotli.parquet"));
    for (table, zone) in [(&zstd[..], "+00:00"), (brotli, "")] {
        let (world, outcome, printed) = init_parquet(table);
        assert_eq!(outcome.unwrap(), Outcome { records: 3, captions: 1, read: 3, texts: 0, left_out: 0, failed: 1 });
        let expected = [
            concat!(
                r#"{"file_name": "a.jpg", "text": "A hat.", "naive_ns": "2024-01-02 03:04:05", "#,
                r#""utc_us": "2024-01-02 03:04:05.000006ZONE", "day": "2024-01-02", "time": "03:04:05", "half": 1.5, "#,
                r#""score": 0.5, "u64": 18446744073709551615, "price": 12345678901234567890.10, "#,
                r#""map": {"a":1,"b":null}, "deep": [{"x":[1,null]},null]}"#,
            ),
            concat!(
                r#"{"file_name": "b.jpg", "text": null, "naive_ns": null, "utc_us": null, "day": null, "time": null, "#,
                r#""half": null, "score": null, "u64": 0, "price": -0.05, "map": [["a",1],["a",2]], "deep": []}"#,
            ),
            concat!(
                r#"{"file_name": "c.jpg", "text": null, "naive_ns": "2024-01-02 03:04:05", "utc_us": null, "day": null, "#,
                r#""time": null, "half": null, "score": null, "u64": null, "price": null, "map": null, "deep": null}"#,
            ),
            "",
        ];
        // INT96 has no time zone.
        assert_eq!(world.read("metadata.jsonl"), expected.join("\n").replace("ZONE", zone));
        assert_eq!(
            printed.errors(),
            "1 column of binary data: image\n\
             1 value that is not UTF-8, null in the dataset: text\n\
             3 infinite or NaN values, which JSON lacks: null in the dataset: score (2), half\n\
             metadata.jsonl: with metadata.parquet beside it, Hugging Face's imagefolder refuses to load this folder; \
             keep one of them there\n"
        );
        assert!(world.path(".recaption/metadata.jsonl.schema").is_file());
    }
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
    assert!(nameless.ends_with("metadata.parquet: no column \"file_name\" (found \"text\")"), "{nameless}");
    let inside = refusal(&plain("required group image { required binary bytes (BSON); }"));
    assert!(
        inside.contains("the images are in column \"image\": review the table itself, with recaption "),
        "{inside}"
    );
    let twice = refusal(&plain("required binary file_name (UTF8); required binary file_name (UTF8);"));
    assert!(twice.ends_with("duplicate column \"file_name\""), "{twice}");
    let cut = refusal(&BY_PYARROW[..BY_PYARROW.len() / 2]);
    assert!(cut.contains("metadata.parquet: Parquet error: "), "{cut}");
    // In the metadata of the column, the codec precedes the sizes: 0 for none and 3 for LZO, zigzag-encoded.
    let mut packed = plain("required binary file_name (UTF8);");
    let codec = memchr::memmem::rfind(&packed, b"\x18\tfile_name\x15\x00").expect("a codec") + 12;
    packed[codec] = 6;
    let packed = refusal(&packed);
    assert!(packed.ends_with("compressed with LZO, which is not supported; use zstd, snappy or no compression"));
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
