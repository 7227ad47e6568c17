//! Reads arbitrary bytes as a dataset, and saves it with another caption for every record: every byte of the file is in a
//! record's line or blank, what is read is read again from the saved file, and only captions change. No input panics.
#![no_main]

use std::ops::ControlFlow;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use recaption::dataset::{Amendment, Caption, Dataset, Entry, Expected, OpenOptions, RecordId, SaveOptions, save};

const NEW: &str = "A new \"caption\".\n";

/// A record: its entry, and its other fields as they are written.
type Read = (Entry, Vec<(String, String)>);

fn read(path: &Path) -> Option<(Dataset, Vec<Read>)> {
    let dataset = Dataset::open(path, &OpenOptions::default()).ok()?;
    let mut records = Vec::new();
    dataset
        .scan_lines(&mut |line| {
            let others = line.others().into_iter().map(|(name, json)| (name.into_owned(), json.raw().to_owned()));
            records.push((line.entry(), others.collect()));
            let _ = line.texts();
            ControlFlow::Continue(())
        })
        .expect("the file does not change");
    Some((dataset, records))
}

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("recaption-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("d.jsonl");
    std::fs::write(&path, bytes).expect("written");
    let Some((dataset, before)) = read(&path) else { return };
    let options = |target: &str| SaveOptions {
        target: folder.join(target),
        expected: Expected::Nothing,
        force: true,
        backup: false,
    };
    save(&dataset, &mut std::iter::empty(), &options("same.jsonl")).expect("saved");
    assert_eq!(std::fs::read(folder.join("same.jsonl")).expect("read"), bytes);

    let all = (0..dataset.record_count()).map(|record| (RecordId(record), Amendment::Caption(NEW.to_owned())));
    save(&dataset, &mut all.into_iter(), &options("new.jsonl")).expect("saved");
    let (_, after) = read(&folder.join("new.jsonl")).expect("the format is the same");
    assert_eq!(before.len(), after.len());
    for ((old, others), (new, new_others)) in before.iter().zip(&after) {
        assert_eq!(others, new_others);
        match (old, new) {
            (Entry::Record(old), Entry::Record(new)) => {
                assert_eq!(old.file_name, new.file_name);
                match &old.caption {
                    Caption::Other(_) => assert_eq!(old.caption, new.caption),
                    _ => assert_eq!(new.caption.text(), Some(NEW)),
                }
            }
            (Entry::Bad(old), Entry::Bad(new)) => assert_eq!(old.preview, new.preview),
            _ => panic!("{old:?} became {new:?}"),
        }
    }
});
