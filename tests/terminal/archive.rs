//! Reviews a `WebDataset` archive, and saves it.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use tempfile::TempDir;

use crate::pty::Reviewer;

const CTRL_S: &str = "\x13";

fn write(path: &Path, members: &[(&str, &str)]) {
    let mut archive = tar::Builder::new(fs::File::create(path).expect("created"));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).expect("added");
    }
    archive.into_inner().expect("finished");
}

fn read(path: &Path) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(fs::File::open(path).expect("opened"));
    let members = archive.entries().expect("members").map(|entry| {
        let mut entry = entry.expect("a member");
        let mut content = String::new();
        entry.read_to_string(&mut content).expect("text");
        (String::from_utf8(entry.path_bytes().into_owned()).expect("a name"), content)
    });
    members.collect()
}

#[test]
fn captions_change_and_samples_are_left_out() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("set.tar");
    let members = [
        ("0001.jpg", "no picture"),
        ("0001.txt", "A hat.\n"),
        ("0001.cls", "7"),
        ("0002.jpg", "no picture"),
        ("0002.json", "{\"text\": \"A coat.\"}"),
        ("0003.jpg", "no picture"),
    ];
    write(&path, &members);
    let before = fs::read(&path).expect("read");
    let name = path.to_str().expect("a path in Unicode");
    let mut reviewer = Reviewer::start(folder.path(), &[name, "--describer", "none"]);
    reviewer.shows("0/3 reviewed");
    reviewer.shows("0001.jpg");
    reviewer.until("the session to be open", |screen| !screen.contains("opening"));
    reviewer.press("e");
    reviewer.shows("keep draft");
    reviewer.press(" In felt.\r");
    reviewer.shows("1/3 reviewed");
    reviewer.press("GX");
    reviewer.shows("2/3 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("2 records, 1 caption changed, 1 excluded");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    assert!(fs::read(&path).expect("read") == before, "the dataset is not written");
    let mut expected: Vec<_> =
        members[..5].iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    expected[1].1 = "A hat. In felt.\n".to_owned();
    assert_eq!(read(&folder.path().join("set_updated.tar")), expected);
}
