//! A text file for each image, as training scripts expect; or one for each caption, if they are in several fields or text
//! files. `--lines` puts all captions of an image into one file, a line for each.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::images::{Folder, Image, Images, NoImage, create_folder, hash};
use super::outcome::{LeftOut, Named, surrogate_note};
use super::place::{self, InTheWay};
use super::source::Source;
use super::{ExportError, Outcome, Transfer};
use crate::atomic_file::{Batch, BatchError, is_same_path};
use crate::command::imagefolder::is_picture;
use crate::console::Console;
use crate::dataset::{Dataset, Record, RecordId};
use crate::inputs::leads_out;
use crate::picture;
use crate::text::counted;

/// Extensions of text files, as `init` reads them. The first one that exists is written, else the first one.
const EXTENSIONS: [&str; 6] = ["txt", "TXT", "Txt", "caption", "CAPTION", "Caption"];

/// Text files beside the images, or in `folder`.
pub(super) struct Sidecars<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) folder: Option<&'a Path>,
    pub(super) extension: Option<&'a str>,
    /// Put all captions of an image into one file, each on a line.
    pub(super) lines: bool,
    pub(super) force: bool,
    /// Whether the images are put into the folder too.
    pub(super) images: Option<(&'a Images<'a>, Transfer)>,
}

/// A text file that will be written.
struct Planned {
    /// Line number of its record.
    line: u64,
    /// Hash of the path of its image.
    image: u64,
    /// The record after which another caption of the image may follow.
    last: RecordId,
}

/// A text file with the captions so far.
struct Open {
    path: PathBuf,
    text: String,
}

/// Warnings for the person who trains on the files.
#[derive(Default)]
struct Notes {
    several_lines: Named,
    joined: Named,
    surrogates: Named,
    second_file: Named,
    stale: Named,
    other_image: Named,
}

impl<'a> Sidecars<'a> {
    /// Returns the counts, and the number of images that were written.
    pub(super) fn write(&self, errors: &mut Console<'_>) -> Result<(Outcome, u64), ExportError> {
        if let Some(folder) = self.folder.filter(|folder| folder.exists() && !folder.is_dir()) {
            return Err(ExportError::Target { path: folder.to_owned(), why: "not a folder; txt needs one" });
        }
        let extensions = self.extensions()?;
        let mut notes = Notes::default();
        let mut folder = self.image_folder();
        let (mut outcome, planned) = self.check(&extensions, folder.as_ref(), &mut notes, errors)?;
        let mut batch = Batch::default();
        let (mut written, mut open) = (0, None::<Open>);
        self.source.scan_shown("writing", &mut |record| {
            let text =
                record.ok().and_then(|chosen| Some((self.path(&extensions, chosen.record).ok()?, chosen.text().ok()?)));
            let record = record.map_or_else(|record| record, |chosen| chosen.record);
            match (text, &mut folder) {
                (Some((path, text)), folder) => {
                    if let Some(folder) = folder
                        && let Ok(image) = folder.images.of(record)
                        && folder.put(record, &image, &mut batch)?.is_some()
                    {
                        return Ok(true);
                    }
                    written += 1;
                    match &mut open {
                        Some(open) if self.lines && open.path == path => open.text.push_str(&line(text)),
                        open => {
                            let text = if self.lines { line(text) } else { format!("{text}\n") };
                            let before = open.replace(Open { path, text });
                            before.map_or(Ok(()), |before| before.write(&mut batch, self.force))?;
                        }
                    }
                }
                // A folder for images and text files has no others.
                (None, Some(_)) => {}
                (None, None) => self.note_left_out(&extensions, record, &planned, &mut notes),
            }
            Ok::<_, ExportError>(true)
        })?;
        open.map_or(Ok(()), |open| open.write(&mut batch, self.force))?;
        super::warn(&batch.sync()?, errors)?;
        // Images that could not be read after all.
        outcome.without_image += outcome.exported - written;
        outcome.exported = written;
        outcome.doubtful = notes.other_image.count + notes.surrogates.count;
        notes.report(errors)?;
        let (images, notes) = folder.map(Folder::finish).unwrap_or_default();
        super::report(&notes, errors)?;
        Ok((outcome, images))
    }

    /// Returns the folder that the images are put into.
    fn image_folder(&self) -> Option<Folder<'a>> {
        let ((images, transfer), folder) = self.images.zip(self.folder)?;
        Some(Folder::new(images, folder, transfer, self.force))
    }

    /// Finds all problems before anything is written. Returns the counts, and the files to be written by their hash.
    fn check(
        &self,
        extensions: &[String],
        folder: Option<&Folder<'_>>,
        notes: &mut Notes,
        errors: &mut Console<'_>,
    ) -> Result<(Outcome, HashMap<u64, Planned>), ExportError> {
        let mut left_out = Vec::new();
        let mut planned: HashMap<u64, Planned> = HashMap::new();
        let mut in_the_way = InTheWay::default();
        let (mut leading_out, mut checked_folder) = (Named::default(), None::<PathBuf>);
        let dataset = self.source.dataset;
        let mut outcome = self.source.each(&mut |chosen| {
            let line = chosen.record.line;
            let path = match chosen.text().map(|_| self.path(extensions, chosen.record)) {
                Ok(Ok(path)) => path,
                Err(reason) => {
                    left_out.push(reason);
                    return Ok(());
                }
                Ok(Err(problem)) => {
                    left_out.push(problem.reason);
                    if let (LeftOut::NoImage, Some((images, _))) = (problem.reason, self.images) {
                        images.note(problem);
                        return Ok(());
                    }
                    return errors.message(dataset.message(line, &problem.why)).map_err(ExportError::output);
                }
            };
            let Ok(image) = self.image(chosen.record) else { return Ok(()) };
            let text = chosen.caption().cell();
            if self.lines && text.trim_end().contains(['\n', '\r']) {
                notes.joined.add(|| self.name(&path));
            }
            let own = Planned { line, image: hash(&image), last: chosen.record.id };
            if let Some(before) = planned.insert(hash(&path), own) {
                if self.lines && before.image == hash(&image) && is_next(dataset, before.last, chosen.record.id) {
                    return Ok(());
                }
                let what = format!("{} is the text file of line {} too", path.display(), before.line);
                return Err(ExportError::Shared { message: dataset.message(line, &what) });
            }
            if chosen.has_lone_surrogate() {
                notes.surrogates.add(|| self.name(&path));
            }
            if !self.lines && text.trim_end().contains(['\n', '\r']) {
                notes.several_lines.add(|| self.name(&path));
            }
            for other in existing(extensions, chosen.record, &image).iter().filter(|other| !is_same_path(other, &path))
            {
                notes.second_file.add(|| self.name(other));
            }
            self.source.inputs.check_known(&path)?;
            if path.parent().is_some_and(|folder| checked_folder.as_deref() != Some(folder)) || path.is_symlink() {
                if leads_out(&path, self.folder.unwrap_or(self.source.images)) {
                    leading_out.add(|| path.display().to_string());
                }
                checked_folder = path.parent().filter(|_| leading_out.count == 0).map(Path::to_owned);
            }
            let image = folder.and_then(|folder| Some((folder, folder.images.of(chosen.record).ok()?)));
            let image = image.map_or(Ok(()), |(folder, image)| folder.check(&image));
            in_the_way.count(place::check(&path, self.force))?;
            in_the_way.count(image)
        })?;
        if let Some(files) = leading_out.note(|count| counted(count, "text file", "text files")) {
            return Err(ExportError::LeadsOut { files });
        }
        outcome.exported -= left_out.len() as u64;
        for reason in left_out {
            outcome.leave_out(reason);
        }
        in_the_way.check().map(|()| (outcome, planned))
    }

    /// Returns the extension of the text files of each caption of an image, if there are several; else the one that was
    /// chosen, or none.
    fn extensions(&self) -> Result<Vec<String>, ExportError> {
        let names = if self.lines { Vec::new() } else { self.source.dataset.caption_names() };
        let chosen = self.extension.map(|list| list.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
        let wrong = |extension: &str, why| Err(ExportError::Extension { extension: extension.to_owned(), why });
        if let Some(list) = self.extension
            && chosen.as_ref().is_some_and(|all| all.len() != names.len().max(1))
        {
            return wrong(list, "give one for each caption of an image");
        }
        let of_name = |(number, name): (usize, &Arc<str>)| match number {
            _ if self.source.dataset.is_folder() => name.to_string(),
            0 => EXTENSIONS[0].to_owned(),
            _ => format!("{name}.{}", EXTENSIONS[0]),
        };
        let extensions = chosen.unwrap_or_else(|| names.iter().enumerate().map(of_name).collect());
        for extension in &extensions {
            if extension.is_empty() || extension.contains(['/', '\\', '\0']) || extension.starts_with('.') {
                return wrong(extension, "give an extension without a dot, such as txt or caption");
            }
            if is_picture(&Path::new("a").with_extension(extension)) {
                return wrong(extension, "this is an extension of images");
            }
        }
        Ok(extensions)
    }

    /// Notes the text files of a record that is not exported.
    fn note_left_out(
        &self,
        extensions: &[String],
        record: &Record,
        planned: &HashMap<u64, Planned>,
        notes: &mut Notes,
    ) {
        // A path that cannot be used has been reported, or is of a record that the user left out.
        let (Ok(path), Ok(image)) = (self.path(extensions, record), self.image(record)) else { return };
        match planned.get(&hash(&path)) {
            Some(other) if other.image != hash(&image) => {
                notes.other_image.add(|| format!("{} ({})", self.name(&path), record.file_name));
            }
            Some(_) => {}
            None => {
                for path in existing(extensions, record, &image) {
                    notes.stale.add(|| self.name(&path));
                }
            }
        }
    }

    /// Returns the path of an image, or in another folder that of its namesake.
    fn image(&self, record: &Record) -> Result<PathBuf, NoImage> {
        if let Some(((images, _), folder)) = self.images.zip(self.folder) {
            return images.of(record).map(|Image { name, .. }| folder.join(name));
        }
        let name = &record.file_name;
        // One in a Parquet file would be beside it, under its name.
        let picture = self.source.dataset.file_path(name);
        let picture = picture.map_err(|refused| NoImage::bad_path(format!("{name}: {refused}")))?;
        let picture = picture::actual_path(picture);
        let Some(folder) = self.folder else { return Ok(picture) };
        // --images allows reading outside of the folder, but not writing.
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        let inside = picture.strip_prefix(self.source.images).ok();
        match inside.filter(|inside| inside.components().all(is_inside)) {
            Some(inside) => Ok(folder.join(inside)),
            None => Err(NoImage::bad_path(format!("{name}: the path leads out of {}", folder.display()))),
        }
    }

    /// Returns the text file of a record, or why it cannot have one.
    fn path(&self, extensions: &[String], record: &Record) -> Result<PathBuf, NoImage> {
        let image = self.image(record)?;
        // `init` passes over an empty text file if there is another.
        let is_used = |path: &&PathBuf| path.metadata().is_ok_and(|found| found.len() > 0);
        let known = existing(extensions, record, &image);
        let extension = extension_of(extensions, record).unwrap_or(EXTENSIONS[0]);
        let path = known.iter().find(is_used).or(known.first());
        let path = path.cloned().unwrap_or_else(|| image.with_extension(extension));
        if (self.folder.is_none() || self.images.is_some()) && path == image {
            return Err(NoImage::bad_path(format!("{}: the image itself ends in .{extension}", record.file_name)));
        }
        Ok(path)
    }

    /// Returns a path for a message: without the folder.
    fn name(&self, path: &Path) -> String {
        let folder = self.folder.unwrap_or(self.source.images);
        path.strip_prefix(folder).unwrap_or(path).display().to_string()
    }
}

impl Notes {
    fn report(&self, errors: &mut Console<'_>) -> Result<(), ExportError> {
        let files = |count| counted(count, "text file", "text files");
        let notes = [
            surrogate_note(&self.surrogates),
            self.several_lines.note(|count| {
                format!("{} with several lines; kohya's scripts read only the first", files(count))
            }),
            self.joined.note(|count| {
                format!("{} with line breaks, which are spaces now", counted(count, "caption", "captions"))
            }),
            self.second_file.note(|count| {
                format!("{} not written, because the image has another one; --ext selects the extension", files(count))
            }),
            self.stale.note(|count| {
                let files = files(count);
                format!(
                    "{files} of records that were not exported stay, and trainers read them; delete them, or export to a \
                     new folder with -o"
                )
            }),
            self.other_image.note(|count| {
                let files = files(count);
                format!(
                    "{files} also read for an image that was not exported; rename it, or export to a folder without it \
                     with -o"
                )
            }),
        ];
        super::report(&notes.into_iter().flatten().collect::<Vec<_>>(), errors)
    }
}

/// Returns the text files of a record that exist: with the stem of its image (`a.txt`), then with the whole name
/// (`a.jpg.txt`).
fn existing(extensions: &[String], record: &Record, image: &Path) -> Vec<PathBuf> {
    let own = extension_of(extensions, record);
    let extensions = own.as_ref().map_or(&EXTENSIONS[..], std::slice::from_ref);
    let bases = [image.with_extension(""), image.to_owned()];
    let bases = if own.is_some() { &bases[..1] } else { &bases[..] };
    let path = |base: &Path, extension: &str| {
        let mut path = base.as_os_str().to_owned();
        path.push(".");
        path.push(extension);
        PathBuf::from(path)
    };
    let paths = bases.iter().flat_map(|base| extensions.iter().map(|extension| path(base, extension)));
    let mut found: Vec<PathBuf> = paths.filter(|path| path != image && path.is_file()).collect();
    // Some file systems ignore case.
    found.dedup_by(|one, other| is_same_path(one, other));
    found
}

/// Returns the chosen extension of a record's text file.
fn extension_of<'a>(extensions: &'a [String], record: &Record) -> Option<&'a str> {
    let number = record.sibling.as_ref().filter(|sibling| sibling.field.is_some()).map_or(0, |sibling| sibling.number);
    extensions.get(number as usize).or(extensions.first()).map(String::as_str)
}

/// Returns true if a record is the first after another that is not excluded, or has the image of one before it.
fn is_next(dataset: &Dataset, before: RecordId, record: RecordId) -> bool {
    before.0 + 1 == record.0 || dataset.siblings(record).contains(&before.0)
}

/// Returns a caption as one line.
fn line(caption: &str) -> String {
    let words: Vec<&str> = caption.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect();
    format!("{}\n", words.join(" "))
}

impl Open {
    fn write(self, batch: &mut Batch, force: bool) -> Result<(), ExportError> {
        create_folder(&self.path, batch)?;
        Ok(batch.write(&self.path, force, self.text.as_bytes())?)
    }
}

impl From<BatchError> for ExportError {
    fn from(BatchError { path, written, source }: BatchError) -> Self {
        match place::failed(&path, source) {
            Self::Write { path, source, .. } => Self::Write { path, written, source },
            error => error,
        }
    }
}
