//! The samples of an archive: members next to each other with the same key, which is the path up to the first dot of the
//! name, as `webdataset` groups them.

use std::io::{self, Read as _};
use std::ops::Range;

use super::FileKind;
use crate::dataset::{LeftOut, MAX_LINE_BYTES};
use crate::shared_file::SharedFile;
use crate::tar_file::{Member, MembersError, members};

/// The extension of the fields.
const FIELDS: &str = "json";

/// The members of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) key: String,
    pub(super) image: Option<Member>,
    /// The text with the caption.
    pub(super) text: Option<Member>,
    /// The object with the fields, which may have the caption.
    pub(super) fields: Option<Member>,
    /// The parts of the archive with all members of the sample.
    pub(super) parts: Vec<Range<u64>>,
    /// Members that are neither of these, and why they are left out.
    others: Vec<(LeftOut, String)>,
}

/// What is visited: a sample with an image, or the name of something that is left out.
pub(super) enum Visit {
    Sample(Box<Sample>),
    LeftOut(LeftOut, String),
}

/// Visits the samples of an archive in their order.
pub(super) fn samples<E: From<MembersError>>(
    file: &SharedFile,
    texts: &[String],
    visit: &mut dyn FnMut(Visit) -> Result<(), E>,
) -> Result<(), E> {
    let mut sample = Sample::default();
    members(file, &mut |member| {
        let Some((key, extension)) = member.name.as_deref().filter(|_| member.is_file).and_then(split) else {
            let is_hidden = member.is_file && member.name.is_some();
            let reason = match (&member.name, is_hidden) {
                (None, _) => LeftOut::NameNotUtf8,
                (_, true) => LeftOut::Hidden,
                (_, false) => return Ok(()),
            };
            return visit(Visit::LeftOut(reason, member.name.unwrap_or_default()));
        };
        if key != sample.key || sample.has(&member) {
            let next = Sample { key: key.to_owned(), ..Sample::default() };
            std::mem::replace(&mut sample, next).pass_on(visit)?;
        }
        let extension = extension.to_lowercase();
        sample.parts.push(member.whole.clone());
        let name = member.name.clone().unwrap_or_default();
        let kind =
            if extension.contains('.') { FileKind::Other } else { FileKind::of(format!("a.{extension}").as_ref()) };
        let place = match kind {
            FileKind::Image => &mut sample.image,
            _ if texts.contains(&extension) => &mut sample.text,
            _ if extension == FIELDS => &mut sample.fields,
            FileKind::OtherImage => {
                sample.others.push((LeftOut::UnreadableFormat, name));
                return Ok(());
            }
            _ => {
                sample.others.push((LeftOut::Other, name));
                return Ok(());
            }
        };
        if place.is_some() {
            sample.others.push((if kind == FileKind::Image { LeftOut::Other } else { LeftOut::SecondText }, name));
        } else {
            *place = Some(member);
        }
        Ok(())
    })?;
    sample.pass_on(visit)
}

impl Sample {
    /// Returns true if it has a member of this name, so that the next one is of another sample.
    fn has(&self, member: &Member) -> bool {
        [&self.image, &self.text, &self.fields].into_iter().flatten().any(|known| known.name == member.name)
    }

    fn pass_on<E>(mut self, visit: &mut dyn FnMut(Visit) -> Result<(), E>) -> Result<(), E> {
        for (reason, name) in std::mem::take(&mut self.others) {
            visit(Visit::LeftOut(reason, name))?;
        }
        if self.image.is_some() {
            return visit(Visit::Sample(Box::new(self)));
        }
        let texts = self.text.into_iter().chain(self.fields).filter_map(|member| member.name);
        texts.into_iter().try_for_each(|name| visit(Visit::LeftOut(LeftOut::TextWithoutImage, name)))
    }
}

/// Splits the path of a member into its key and its extension. Names that begin with a dot have none, as in `webdataset`.
fn split(path: &str) -> Option<(&str, &str)> {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = path[name..].find('.').filter(|dot| *dot > 0)?;
    Some((&path[..name + dot], &path[name + dot + 1..]))
}

/// Reads a text. Returns why it cannot be used, if so.
pub(super) fn read_text(file: &SharedFile, member: &Member) -> io::Result<Result<String, &'static str>> {
    let len = member.content.end - member.content.start;
    if len > MAX_LINE_BYTES as u64 {
        return Ok(Err("it is too long"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    file.reader(member.content.start).take(len).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).map_err(|_| "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_begins_at_the_first_dot_of_the_name() {
        for (path, expected) in [
            ("a.jpg", Some(("a", "jpg"))),
            ("in.x/a.seg.png", Some(("in.x/a", "seg.png"))),
            ("./0001.txt", Some(("./0001", "txt"))),
            ("._a.jpg", None),
            ("in/.a.jpg", None),
            ("README", None),
        ] {
            assert_eq!(split(path), expected, "{path}");
        }
    }
}
