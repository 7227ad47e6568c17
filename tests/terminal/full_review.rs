//! Reviews 200 records with most of the keys. The saved file is compared with a model: a list of captions to which the test
//! applies the expected effect of every key.

use std::fs;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pty::Reviewer;

const RECORDS: usize = 200;

/// The record without an image. It is found last by the background check, so once it is reported, the check is complete.
const WITHOUT_IMAGE: usize = RECORDS - 2;

fn is_cut_off(record: usize) -> bool {
    record % 10 == 3
}

fn is_long(record: usize) -> bool {
    record % 50 == 20
}

/// Returns a caption like those of a model: one in ten is cut off, some have trailing spaces, four are far too long.
fn caption(record: usize) -> String {
    let person = ["woman", "man", "girl", "boy"][record % 4];
    let colour = ["red", "blue", "black", "cream", "green"][record % 5];
    let garment = ["coat", "dress", "shirt", "jacket", "skirt", "cap", "suit"][record % 7];
    let begun = format!("A young Asian {person} in a {colour} {garment}, standing in a str");
    match record {
        _ if is_cut_off(record) => begun,
        _ if is_long(record) => format!("{begun}eet{}.", " and another one".repeat(16)),
        _ if record % 40 == 11 => format!("{begun}eet.  "),
        _ if record % 16 == 5 => format!("A person in a {colour} {garment}."),
        _ => format!("{begun}eet."),
    }
}

/// Returns the caption of an earlier run, which exists for some records.
fn candidate(record: usize) -> Option<String> {
    (100..110).contains(&record).then(|| format!("A person with number {record} on the back."))
}

fn lines(caption: impl Fn(usize) -> Option<String>) -> String {
    let line = |record: usize| {
        let (name, brand) = (format!("images/{record:03}.png"), ["Nähe", "ferne"][record % 2]);
        Some(format!("{}\n", json!({"file_name": name, "text": caption(record)?, "brand": brand})))
    };
    (0..RECORDS).filter_map(line).collect()
}

fn start(folder: &Path) -> Reviewer {
    let dataset = folder.to_str().expect("a path in Unicode");
    let older = folder.join("older.jsonl");
    let older = older.to_str().expect("a path in Unicode");
    Reviewer::start(folder, &[dataset, "--describer", "none", "--candidates", older])
}

/// Presses keys and waits for their effect.
struct Operator(Reviewer);

impl Operator {
    fn press(&mut self, keys: &str, reviewed: usize) {
        self.0.press(keys);
        self.shows(&format!("{reviewed}/{RECORDS} reviewed"));
    }

    fn shows(&mut self, text: &str) {
        self.0.shows(text);
    }

    /// Enters a substitution and waits until its preview is complete.
    fn press_and_wait_for_preview(&mut self, keys: &str) {
        self.0.press(keys);
        self.0.until("all captions", |screen| screen.contains(" captions ") && !screen.contains("… captions "));
    }

    /// Filters by a query and waits until all records have been matched.
    fn filter(&mut self, query: &str, count: usize) {
        self.0.press(&format!("f{query}"));
        let matches = format!(" {count} matches");
        self.0.until(&matches, |screen| screen.contains(&matches) && !screen.contains("so far"));
        self.press_and_wait_for("\r", &format!("/{count} "));
    }

    fn press_and_wait_for(&mut self, keys: &str, text: &str) {
        self.0.press(keys);
        self.shows(text);
    }
}

const CTRL_A: &str = "\x01";
const CTRL_G: &str = "\x07";
const CTRL_N: &str = "\x0e";
const CTRL_P: &str = "\x10";
const CTRL_S: &str = "\x13";

#[test]
fn the_saved_file_matches_the_decisions() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let dataset = lines(|record| Some(caption(record)));
    fs::write(folder.join("metadata.jsonl"), &dataset).expect("the dataset");
    fs::write(folder.join("older.jsonl"), lines(candidate)).expect("the older run");
    fs::create_dir(folder.join("images")).expect("a folder");
    for record in (0..RECORDS).filter(|record| *record != WITHOUT_IMAGE) {
        let shade = u8::try_from(record).expect("a small number");
        let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([200, shade, 90]));
        picture.save(folder.join(format!("images/{record:03}.png"))).expect("a picture");
    }
    let mut texts: Vec<Option<String>> = (0..RECORDS).map(|record| Some(caption(record))).collect();

    let mut operator = Operator(start(folder));
    operator.shows("10 candidates from older.jsonl");
    operator.shows("6 problems 1");
    operator.press_and_wait_for("?", "next record");
    operator.press_and_wait_for("?", "001");
    // Navigation decides nothing.
    operator.press_and_wait_for("\x06\x02\x04\x15jkJKG", "200/200");
    operator.press_and_wait_for("gg\t\x1b[Zz", "back");
    operator.press("q", 0);

    operator.press("aaaaa", 5);
    operator.press("xxxxx", 10);
    operator.press("sX", 11);
    texts[11] = None;
    operator.press_and_wait_for("e", " editing ─");
    operator.press(" With a bag.\r", 12);
    texts[12] = Some(format!("{} With a bag.", caption(12)));
    operator.press_and_wait_for("e", " editing ─");
    operator.press(&format!(" and what not{CTRL_G}"), 12);
    operator.press_and_wait_for("e", " editing ─");
    operator.press(&format!("eet.{CTRL_S}"), 13);
    texts[13] = Some(format!("{}eet.", caption(13)));
    operator.press_and_wait_for("je", " editing ─");
    operator.press(&format!(" Seated.{CTRL_N}"), 14);
    operator.press(&format!(" Walking.{CTRL_P}"), 15);
    texts[14] = Some(format!("{} Seated.", caption(14)));
    texts[15] = Some(format!("{} Walking.", caption(15)));
    operator.press_and_wait_for("\x1b", "a accept");
    operator.press_and_wait_for("!m", "note");
    operator.press_and_wait_for("look again\r", "look again");
    operator.0.press("uU");

    operator.press_and_wait_for(":101\r", "number 100 on the back");
    operator.press("aaaaa", 20);
    accept_candidates(&mut texts, 100..105);
    // Shows the original, which is then accepted.
    operator.press("[a", 21);
    operator.press_and_wait_for("e", " editing ─");
    operator.press(" Indeed.\r", 22);
    texts[106] = candidate(106).map(|text| format!("{text} Indeed."));

    let suits: Vec<usize> = (107..RECORDS).filter(|record| caption(*record).contains("suit")).collect();
    operator.press_and_wait_for("/suit\r", &format!("{}/200", suits[0] + 1));
    operator.press_and_wait_for("n", &format!("{}/200", suits[1] + 1));
    operator.press_and_wait_for("N", &format!("{}/200", suits[0] + 1));
    operator.press("x", 23);

    operator.filter("words:>50", 4);
    operator.press(&format!("{CTRL_A}X"), 27);
    for record in (0..RECORDS).filter(|record| is_long(*record)) {
        texts[record] = None;
    }
    operator.press_and_wait_for("F", "/200");

    // Keep four of the undecided cut-off captions, then undo all four in one step.
    let cut_off = (0..RECORDS).filter(|record| is_cut_off(*record) && ![3, 13, 103].contains(record)).count();
    operator.filter("lint:cut status:undecided", cut_off);
    operator.press("gg  vjvx", 31);
    operator.press("u", 27);
    operator.shows(&format!("/{cut_off} "));
    operator.press_and_wait_for(&format!("{CTRL_A}s"), "skipped");
    operator.press_and_wait_for("F", "/200");

    let asian = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("Asian"));
    operator.press_and_wait_for_preview(":%s/Asian/Korean/\r");
    operator.0.press(" \r");
    for (record, text) in texts.iter_mut().enumerate() {
        if record > 0 && asian(text) {
            *text = text.as_ref().map(|text| text.replace("Asian", "Korean"));
        }
    }
    operator.shows("Korean");
    operator.press_and_wait_for("u", "undid");
    operator.0.press("U");
    operator.press_and_wait_for_preview(":%trim\r");
    operator.0.press("\r");
    for text in texts.iter_mut().flatten() {
        text.truncate(text.trim_end().len());
    }
    operator.press_and_wait_for("2G", "A young Korean boy in a green jacket, standing in a street.");
    // `x` keeps the original, in spite of the bulk change.
    operator.press("x", 28);
    texts[199] = Some(caption(199));
    operator.press_and_wait_for(CTRL_S, "saved metadata_updated.jsonl: 195 records");
    operator.0.press("q");
    assert_eq!(operator.0.wait(), (0, true));
    check(folder, &dataset, &texts);

    // Second session: accept everything that is left.
    let mut operator = Operator(start(folder));
    operator.shows("6 problems 1");
    operator.press("2", 28);
    let left = RECORDS - 28 - cut_off - 1;
    operator.press_and_wait_for(&format!("{CTRL_A}a"), &format!("{left} "));
    operator.press("y", 28 + left);
    accept_candidates(&mut texts, 107..110);
    operator.0.press(":wq\r");
    assert_eq!(operator.0.wait(), (0, true));
    check(folder, &dataset, &texts);
}

fn accept_candidates(texts: &mut [Option<String>], records: Range<usize>) {
    for (text, record) in texts[records.clone()].iter_mut().zip(records) {
        *text = candidate(record);
    }
}

/// Checks that the saved file has the expected captions, and that unchanged lines equal those of the dataset byte for byte.
fn check(folder: &Path, dataset: &str, texts: &[Option<String>]) {
    assert_eq!(fs::read_to_string(folder.join("metadata.jsonl")).expect("the dataset"), dataset);
    let saved = fs::read_to_string(folder.join("metadata_updated.jsonl")).expect("the saved file");
    let mut saved = saved.lines();
    for (record, (text, before)) in texts.iter().zip(dataset.lines()).enumerate() {
        let Some(text) = text else { continue };
        let line = saved.next().unwrap_or_else(|| panic!("record {record} is missing"));
        if *text == caption(record) {
            assert_eq!(line, before);
            continue;
        }
        let mut expected: Value = serde_json::from_str(before).expect("a line");
        expected["text"] = json!(text);
        assert_eq!(serde_json::from_str::<Value>(line).expect("a line"), expected, "{record}");
    }
    assert_eq!(saved.next(), None);
}
