//! Which version of which object each file of the copy is: an append-only log in JSON Lines, read at every start.
//!
//! A line is appended after the event that it states, or before something is sent. The exception is a save: until it ends,
//! files may differ from the log, and the next start compares them with it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, WriteError};
use crate::aws::ObjectProperties;

/// A file of the copy, and the version of the object that it has the content of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Copied {
    pub etag: String,
    pub content: Content,
    #[serde(default)]
    pub properties: ObjectProperties,
}

/// Identifies the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(super) struct Content {
    pub len: u64,
    /// XXH3-128. JSON has no integers of this size.
    #[serde(with = "hexadecimal")]
    pub hash: u128,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The URL of the folder. The first line.
    Of(String),
    Copied {
        name: String,
        #[serde(flatten)]
        copied: Box<Copied>,
    },
    Removed(String),
    /// About to be sent.
    Sending {
        name: String,
        content: Content,
    },
    /// A save has begun.
    Saving,
    /// All of it is in the bucket.
    Saved,
}

#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    pub objects: HashMap<String, Copied>,
    /// Contents that were sent and may have arrived, by name.
    pub sent: HashMap<String, HashSet<Content>>,
    /// A save was begun, and not all of it is known to be in the bucket.
    pub is_saving: bool,
}

/// Returns the URL of the folder that a journal belongs to.
pub(super) fn url(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    match serde_json::from_str(text.lines().next()?) {
        Ok(Line::Of(url)) => Some(url),
        _ => None,
    }
}

impl Journal {
    /// Reads a journal, or creates it. A damaged one is replaced, so that everything is copied again; the reason
    /// is returned.
    pub(super) fn open(path: &Path, url: &str) -> Result<(Self, Option<String>), WriteError> {
        let (read, damage) = match fs::read(path) {
            Ok(bytes) => match Replay::of(&bytes, url) {
                Ok(replay) => (replay, None),
                Err(why) => (Replay::default(), Some(format!("{}: {why}; copying everything again", path.display()))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Replay::default(), None),
            Err(error) => return Err(error.into()),
        };
        // Without the lines that later ones made obsolete.
        atomic_file::write::<WriteError>(path, true, &mut |out| {
            for line in read.lines(url) {
                serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?;
        let file = OpenOptions::new().append(true).open(path)?;
        let Replay { objects, sent, is_saving } = read;
        Ok((Self { file, objects, sent, is_saving }, damage))
    }

    /// Reads a journal that another process has.
    pub(super) fn read(path: &Path, url: &str) -> Result<Self, WriteError> {
        let file = File::open(path)?;
        let Replay { objects, sent, is_saving } = Replay::of(&fs::read(path)?, url).map_err(io::Error::other)?;
        Ok(Self { file, objects, sent, is_saving })
    }

    /// States that files were copied. Not synced: without it, they are copied again.
    pub(super) fn copied(&mut self, files: Vec<(String, Copied)>) -> io::Result<()> {
        let lines: Vec<Line> = files
            .into_iter()
            .map(|(name, copied)| {
                self.objects.insert(name.clone(), copied.clone());
                self.sent.remove(&name);
                Line::Copied { name, copied: copied.into() }
            })
            .collect();
        self.append(&lines, false)
    }

    /// States that there are neither files nor objects of these names.
    pub(super) fn removed(&mut self, names: Vec<String>) -> io::Result<()> {
        for name in &names {
            self.objects.remove(name);
            self.sent.remove(name);
        }
        self.append(&names.into_iter().map(Line::Removed).collect::<Vec<_>>(), false)
    }

    pub(super) fn sending(&mut self, contents: &[(String, Content)]) -> io::Result<()> {
        for (name, content) in contents {
            self.sent.entry(name.clone()).or_default().insert(*content);
        }
        let line = |(name, content): &(String, Content)| Line::Sending { name: name.clone(), content: *content };
        self.append(&contents.iter().map(line).collect::<Vec<_>>(), true)
    }

    pub(super) fn set_saving(&mut self, is_saving: bool) -> io::Result<()> {
        if self.is_saving == is_saving {
            return Ok(());
        }
        self.append(&[if is_saving { Line::Saving } else { Line::Saved }], true)?;
        self.is_saving = is_saving;
        Ok(())
    }

    fn append(&mut self, lines: &[Line], is_synced: bool) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line)?;
            bytes.push(b'\n');
        }
        self.file.write_all(&bytes)?;
        if is_synced { self.file.sync_data() } else { Ok(()) }
    }
}

#[derive(Default)]
struct Replay {
    objects: HashMap<String, Copied>,
    sent: HashMap<String, HashSet<Content>>,
    is_saving: bool,
}

impl Replay {
    fn of(bytes: &[u8], url: &str) -> Result<Self, String> {
        let mut replay = Self::default();
        // A line without its end was being written when the system stopped.
        let complete = memchr::memrchr(b'\n', bytes).map_or(&[][..], |end| &bytes[..end]);
        for (number, line) in complete.split(|byte| *byte == b'\n').enumerate() {
            let line = serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            match line {
                Line::Of(of) if of == url => {}
                Line::Of(of) => return Err(format!("it is of {of}")),
                Line::Copied { name, copied } => {
                    replay.sent.remove(&name);
                    replay.objects.insert(name, *copied);
                }
                Line::Removed(name) => {
                    replay.sent.remove(&name);
                    replay.objects.remove(&name);
                }
                Line::Sending { name, content } => _ = replay.sent.entry(name).or_default().insert(content),
                Line::Saving => replay.is_saving = true,
                Line::Saved => replay.is_saving = false,
            }
        }
        Ok(replay)
    }

    fn lines(&self, url: &str) -> impl Iterator<Item = Line> {
        let copied =
            |(name, copied): (&String, &Copied)| Line::Copied { name: name.clone(), copied: copied.clone().into() };
        let sending = |(name, contents): (&String, &HashSet<Content>)| {
            let name = name.clone();
            contents.clone().into_iter().map(move |content| Line::Sending { name: name.clone(), content })
        };
        std::iter::once(Line::Of(url.to_owned()))
            .chain(self.objects.iter().map(copied))
            .chain(self.sent.iter().flat_map(sending))
            .chain(self.is_saving.then_some(Line::Saving))
    }
}

mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(hash: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{hash:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        u128::from_str_radix(&String::deserialize(deserializer)?, 16).map_err(D::Error::custom)
    }
}

/// Returns the journal's file beside a copy.
pub(super) fn beside(base: &Path) -> PathBuf {
    base.join("objects.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "s3://sets/f/";

    fn copied(etag: &str) -> Copied {
        let content = Content { len: 5, hash: u128::MAX };
        Copied { etag: etag.to_owned(), content, properties: ObjectProperties::default() }
    }

    #[test]
    fn a_journal_is_read_again_without_its_torn_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("objects.jsonl");
        let sent = Content { len: 1, hash: 7 };
        {
            let (mut journal, damage) = Journal::open(&path, URL).unwrap();
            assert_eq!(damage, None);
            journal.copied(vec![("a.txt".into(), copied("1")), ("b.txt".into(), copied("2"))]).unwrap();
            journal.set_saving(true).unwrap();
            journal.sending(&[("a.txt".into(), sent)]).unwrap();
            journal.removed(vec!["b.txt".into()]).unwrap();
            journal.file.write_all(b"{\"copied\":{\"na").unwrap();
        }
        let (journal, damage) = Journal::open(&path, URL).unwrap();
        assert_eq!(damage, None);
        assert_eq!(journal.objects, HashMap::from([("a.txt".to_owned(), copied("1"))]));
        assert_eq!((journal.is_saving, &journal.sent["a.txt"]), (true, &HashSet::from([sent])));
        assert_eq!(url(&path).as_deref(), Some(URL));
        let again = Journal::open(&path, URL).unwrap().0;
        assert_eq!((again.objects, again.sent), (journal.objects, journal.sent));
    }

    #[test]
    fn damage_is_reported_and_everything_is_copied_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("objects.jsonl");
        for content in ["{\"of\":\"s3://sets/f/\"}\nwrong\n", "{\"of\":\"s3://other/f/\"}\n"] {
            fs::write(&path, content).unwrap();
            let (journal, damage) = Journal::open(&path, URL).unwrap();
            assert!(damage.is_some_and(|why| why.contains("copying everything again")), "{content}");
            assert!(journal.objects.is_empty());
        }
    }
}
