//! Two hundred records reviewed from the first to the last, with most of the keys there are. What is saved is held
//! against a computation of its own: the captions as a list of texts, changed by hand as the keys should change them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pty::Reviewer;

const RECORDS: usize = 200;

/// The one that has no picture. Once that is known, the background check has come to the end, and all are known to be
/// records.
const LACKING: usize = RECORDS - 2;

fn is_cut_off(record: usize) -> bool {
    record % 10 == 3
}

fn is_long(record: usize) -> bool {
    record % 50 == 20
}

/// A caption as a model wrote it: one in ten breaks off, some end in spaces, four run on and on.
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

/// What an older run wrote for some of them.
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

/// The operator: presses keys, and sees how many records are reviewed then.
struct Operator(Reviewer);

impl Operator {
    fn press(&mut self, keys: &str, reviewed: usize) {
        self.0.press(keys);
        self.sees(&format!("{reviewed}/{RECORDS} reviewed"));
    }

    fn sees(&mut self, text: &str) {
        self.0.shows(text);
    }

    /// Writes a change to many captions, and sees all that it would change.
    fn looks_through(&mut self, change: &str) {
        self.0.press(change);
        self.0.until("all captions", |screen| screen.contains(" captions ") && !screen.contains("… captions "));
    }

    /// Filters by a query, and sees that all records have been asked.
    fn filters(&mut self, query: &str, found: usize) {
        self.0.press(&format!("f{query}"));
        let matches = format!(" {found} matches");
        self.0.until(&matches, |screen| screen.contains(&matches) && !screen.contains("so far"));
        self.presses("\r", &format!("/{found} "));
    }

    fn presses(&mut self, keys: &str, seen: &str) {
        self.0.press(keys);
        self.sees(seen);
    }
}

const CTRL_A: &str = "\x01";
const CTRL_G: &str = "\x07";
const CTRL_N: &str = "\x0e";
const CTRL_P: &str = "\x10";
const CTRL_S: &str = "\x13";

#[test]
fn two_hundred_records_are_saved_as_they_were_decided() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let dataset = lines(|record| Some(caption(record)));
    fs::write(folder.join("metadata.jsonl"), &dataset).expect("the dataset");
    fs::write(folder.join("older.jsonl"), lines(candidate)).expect("the older run");
    fs::create_dir(folder.join("images")).expect("a folder");
    for record in (0..RECORDS).filter(|record| *record != LACKING) {
        let shade = u8::try_from(record).expect("a small number");
        let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([200, shade, 90]));
        picture.save(folder.join(format!("images/{record:03}.png"))).expect("a picture");
    }
    let mut texts: Vec<Option<String>> = (0..RECORDS).map(|record| Some(caption(record))).collect();

    let mut operator = Operator(start(folder));
    operator.sees("10 candidates from older.jsonl");
    operator.sees("6 problems 1");
    operator.presses("?", "next record");
    operator.presses("?", "001");
    // There and back: whatever is passed on the way, nothing is decided.
    operator.presses("\x06\x02\x04\x15jkJKG", "200/200");
    operator.presses("gg\t\x1b[Zz", "back");
    operator.press("q", 0);

    operator.press("aaaaa", 5);
    operator.press("xxxxx", 10);
    operator.press("sX", 11);
    texts[11] = None;
    operator.presses("e", "editing the caption");
    operator.press(" With a bag.\r", 12);
    texts[12] = Some(format!("{} With a bag.", caption(12)));
    operator.presses("e", "editing the caption");
    operator.press(&format!(" and what not{CTRL_G}"), 12);
    operator.presses("e", "editing the caption");
    operator.press(&format!("eet.{CTRL_S}"), 13);
    texts[13] = Some(format!("{}eet.", caption(13)));
    operator.presses("je", "editing the caption");
    operator.press(&format!(" Seated.{CTRL_N}"), 14);
    operator.press(&format!(" Walking.{CTRL_P}"), 15);
    texts[14] = Some(format!("{} Seated.", caption(14)));
    texts[15] = Some(format!("{} Walking.", caption(15)));
    operator.presses("\x1b", "a accept");
    operator.presses("!m", "note");
    operator.presses("look again\r", "look again");
    operator.0.press("uU");

    operator.presses(":101\r", "number 100 on the back");
    operator.press("aaaaa", 20);
    take_candidates(&mut texts, 100..105);
    // The original is in view then, and stands.
    operator.press("[a", 21);
    operator.presses("e", "editing the caption");
    operator.press(" Indeed.\r", 22);
    texts[106] = candidate(106).map(|text| format!("{text} Indeed."));

    let suits: Vec<usize> = (107..RECORDS).filter(|record| caption(*record).contains("suit")).collect();
    operator.presses("/suit\r", &format!("{}/200", suits[0] + 1));
    operator.presses("n", &format!("{}/200", suits[1] + 1));
    operator.presses("N", &format!("{}/200", suits[0] + 1));
    operator.press("x", 23);

    operator.filters("words:>50", 4);
    operator.press(&format!("{CTRL_A}X"), 27);
    for record in (0..RECORDS).filter(|record| is_long(*record)) {
        texts[record] = None;
    }
    operator.presses("F", "/200");

    // Four of those that break off and are not decided yet: kept, and taken back as one.
    let cut_off = (0..RECORDS).filter(|record| is_cut_off(*record) && ![3, 13, 103].contains(record)).count();
    operator.filters("lint:cut status:undecided", cut_off);
    operator.press("gg  vjvx", 31);
    operator.press("u", 27);
    operator.sees(&format!("/{cut_off} "));
    operator.presses(&format!("{CTRL_A}s"), "skipped");
    operator.presses("F", "/200");

    let asian = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("Asian"));
    operator.looks_through(":%s/Asian/Korean/\r");
    operator.0.press(" \r");
    for (record, text) in texts.iter_mut().enumerate() {
        if record > 0 && asian(text) {
            *text = text.as_ref().map(|text| text.replace("Asian", "Korean"));
        }
    }
    operator.sees("Korean");
    operator.presses("u", "took back");
    operator.0.press("U");
    operator.looks_through(":%trim\r");
    operator.0.press("\r");
    for text in texts.iter_mut().flatten() {
        text.truncate(text.trim_end().len());
    }
    operator.presses("2G", "A young Korean boy in a green jacket, standing in a street.");
    // The original is kept, whatever became of it with the others.
    operator.press("x", 28);
    texts[199] = Some(caption(199));
    operator.presses(CTRL_S, "saved metadata_updated.jsonl: 195 records");
    operator.0.press("q");
    assert_eq!(operator.0.wait(), (0, true));
    check(folder, &dataset, &texts);

    // The next day: all that is left is looked over, and accepted.
    let mut operator = Operator(start(folder));
    operator.sees("6 problems 1");
    operator.press("2", 28);
    let left = RECORDS - 28 - cut_off - 1;
    operator.presses(&format!("{CTRL_A}a"), &format!("{left} "));
    operator.press("y", 28 + left);
    take_candidates(&mut texts, 107..110);
    operator.0.press(":wq\r");
    assert_eq!(operator.0.wait(), (0, true));
    check(folder, &dataset, &texts);
}

fn take_candidates(texts: &mut [Option<String>], records: Range<usize>) {
    for (text, record) in texts[records.clone()].iter_mut().zip(records) {
        *text = candidate(record);
    }
}

/// Holds what was saved against the texts, and what was not touched against the dataset, byte for byte.
fn check(folder: &Path, dataset: &str, texts: &[Option<String>]) {
    assert_eq!(fs::read_to_string(folder.join("metadata.jsonl")).expect("the dataset"), dataset);
    let saved = fs::read_to_string(folder.join("metadata_updated.jsonl")).expect("the saved file");
    let mut saved = saved.lines();
    for (record, (text, before)) in texts.iter().zip(dataset.lines()).enumerate() {
        let Some(text) = text else { continue };
        let line = saved.next().unwrap_or_else(|| panic!("{record} is not there"));
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
