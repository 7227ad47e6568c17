//! The images of a folder and the text files beside them, as in training sets.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::caption_map::{CAPTIONS, is_caption_map};
use super::file_kind::{FileKind, TEXTS};
use crate::parallel::{self, Beside};
use crate::text::trim;

/// Synology's folders of thumbnails.
const THUMBNAILS: &str = "@eaDir";
/// The beginning of our own file names.
const OWN: &[u8] = b".recaption";
const BOM: char = '\u{feff}';

/// Why a file or folder is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOut {
    UnreadableFormat,
    NameNotUtf8,
    Unreadable,
    TextNotUtf8,
    SharedText,
    SecondText,
    TextWithoutImage,
    Table,
    FolderLink,
    BrokenLink,
    Thumbnails,
    Mask,
    Hidden,
    Other,
    /// A saved shard beside the one it was saved from.
    Output,
    /// An image without captions in `captions.json`.
    NoEntry,
    /// A text file with a caption of an image, beside a `captions.json`.
    TextBesideMap,
    /// A shard that the numbers of the others imply.
    MissingShard,
}

impl LeftOut {
    /// Returns the singular and the plural.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::UnreadableFormat => {
                ("image in a format that cannot be read", "images in formats that cannot be read")
            }
            Self::NameNotUtf8 => ("image whose name is not UTF-8", "images whose names are not UTF-8"),
            Self::Unreadable => ("file or folder that cannot be read", "files or folders that cannot be read"),
            Self::TextNotUtf8 => ("text file that is not UTF-8", "text files that are not UTF-8"),
            Self::SharedText => ("text file shared by several images", "text files shared by several images"),
            Self::SecondText => {
                ("text file of an image that has another one", "text files of images that have another one")
            }
            Self::TextWithoutImage => ("text file beside no image", "text files beside no image"),
            Self::Table => ("dataset in the folder, not read", "datasets in the folder, not read"),
            Self::FolderLink => ("link to a folder, not followed", "links to folders, not followed"),
            Self::BrokenLink => ("broken link", "broken links"),
            Self::Thumbnails => ("folder of thumbnails", "folders of thumbnails"),
            Self::Mask => ("mask of an image", "masks of images"),
            Self::Hidden => ("hidden file or folder", "hidden files or folders"),
            Self::NoEntry => ("image that is not in captions.json", "images that are not in captions.json"),
            Self::TextBesideMap => (
                "text file of an image, not read because of captions.json (--sidecar-ext txt reads it instead)",
                "text files of images, not read because of captions.json (--sidecar-ext txt reads them instead)",
            ),
            Self::MissingShard => ("missing shard", "missing shards"),
            Self::Output => ("output of an earlier save", "outputs of earlier saves"),
            Self::Other => ("file that is neither image nor text", "files that are neither images nor text"),
        }
    }

    /// Returns true if it may have been meant to be included.
    #[must_use]
    pub const fn is_finding(self) -> bool {
        !matches!(
            self,
            Self::TextWithoutImage | Self::Thumbnails | Self::Mask | Self::Hidden | Self::Other | Self::Output
        )
    }
}

/// An image and the text file with its caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderImage {
    /// Relative to the folder.
    pub path: String,
    /// One for each of the kinds of text files that are read.
    pub texts: Vec<FolderText>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderText {
    /// No text file belongs to the image. `is_shared` is true if another image has the same name without the extension.
    Missing { is_shared: bool },
    /// The path of the text file, relative to the folder, and its content.
    Found { path: PathBuf, content: String },
    /// The path of the text file, which cannot be read.
    Unreadable { path: PathBuf },
}

impl FolderImage {
    /// Returns its path as a dataset names it: with `/` on every system.
    #[must_use]
    pub fn file_name(&self) -> Cow<'_, str> {
        if cfg!(windows) { self.path.replace('\\', "/").into() } else { self.path.as_str().into() }
    }

    /// Returns its first caption.
    #[must_use]
    pub fn caption(&self) -> &str {
        self.texts.first().map_or("", FolderText::caption)
    }
}

impl FolderText {
    /// Returns the caption, without a byte order mark and white space at both ends.
    #[must_use]
    pub fn caption(&self) -> &str {
        match self {
            Self::Found { content, .. } => caption(content),
            Self::Missing { .. } | Self::Unreadable { .. } => "",
        }
    }
}

/// The extensions of text files with captions. Each kind is a caption of its own; of several extensions of a kind, the
/// first one is preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextKinds(Vec<Vec<String>>);

impl TextKinds {
    /// Returns the kinds that are named, such as `txt,short.txt`; by default one kind, `.txt` and `.caption`.
    #[must_use]
    pub fn of(extensions: Option<&str>) -> Self {
        match extensions {
            None => Self(vec![TEXTS.map(str::to_owned).to_vec()]),
            Some(names) => Self(names.split(',').map(|name| vec![name.to_owned()]).collect()),
        }
    }

    /// Returns the number of captions of an image.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the name of a kind.
    pub(super) fn name(&self, kind: usize) -> &str {
        self.0.get(kind).and_then(|extensions| extensions.first()).map_or("", String::as_str)
    }

    /// Returns the extensions of each kind.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Vec<String>> {
        self.0.iter()
    }

    /// Returns all extensions, each with its kind.
    fn all(&self) -> Vec<(usize, &str)> {
        let of_kind = |(kind, names)| std::iter::repeat(kind).zip(names as &Vec<String>);
        self.0.iter().enumerate().flat_map(of_kind).map(|(kind, name)| (kind, name.as_str())).collect()
    }
}

/// Returns the caption in the content of a text file.
pub(super) fn caption(content: &str) -> &str {
    trim(content.trim_start_matches(BOM))
}

/// What the first files of a folder and its subfolders are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// There are no images in all of it.
    NoImages,
    /// Most of the files may be images and what belongs to them, or there are few files.
    Images,
    /// Of many files, few are images.
    Few { images: u64, files: u64 },
}

/// Looks at a limited number of files in a folder and its subfolders, those nearest to it first.
///
/// # Errors
/// Returns an error if the folder itself cannot be read.
pub(super) fn extent(folder: &Path) -> io::Result<Extent> {
    const MOST: u64 = 20_000;
    /// A folder with that many images is one of images, if they are no smaller part of its files than a tenth: beside an
    /// image may be texts, masks and what trainers cache.
    const ENOUGH: u64 = 100;
    fs::read_dir(folder)?;
    let mut folders = VecDeque::from([folder.to_owned()]);
    let (mut seen, mut files, mut images) = (0, 0, 0);
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            let name = entry.file_name();
            let kind = FileKind::of(&name);
            if kind == FileKind::Hidden {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.extend((name != THUMBNAILS).then(|| entry.path()));
                continue;
            }
            files += 1;
            images += u64::from(kind == FileKind::Image);
            if images >= ENOUGH && images * 10 >= files {
                return Ok(Extent::Images);
            }
            if seen >= MOST {
                return Ok(Extent::Few { images, files });
            }
        }
    }
    Ok(if images == 0 { Extent::NoImages } else { Extent::Images })
}

/// A text file's name and the rank of its extension.
struct Text {
    name: String,
    rank: usize,
    /// The length of the name without the extension.
    stem: usize,
}

impl Text {
    fn stem(&self) -> &str {
        self.name.get(..self.stem).unwrap_or_default()
    }
}

/// A scan of a folder and its subfolders.
pub struct FolderScan<'a> {
    root: &'a Path,
    /// The extensions of text files, each with its kind, the preferred one first, in lower case.
    extensions: Vec<(usize, &'a str)>,
    kinds: usize,
    on_left_out: &'a mut dyn FnMut(LeftOut, &str),
    /// In the order in which they were found.
    images: Vec<ListedImage>,
    /// The number of files seen, those left out included.
    read: u64,
}

/// An image whose text files have not been read.
struct ListedImage {
    /// Relative to the folder, as are those of the text files.
    path: String,
    /// The text files of each kind, the preferred one first.
    texts: Vec<Vec<PathBuf>>,
    /// Another image has the same name without the extension.
    is_shared: bool,
}

impl<'a> FolderScan<'a> {
    /// Finds all images in a folder and its subfolders, and reads their text files. `on_left_out` is called for everything
    /// that is left out.
    ///
    /// # Errors
    /// Returns an error if the folder itself cannot be read.
    pub fn run(
        root: &'a Path,
        texts: &'a TextKinds,
        on_left_out: &'a mut dyn FnMut(LeftOut, &str),
    ) -> io::Result<(Vec<FolderImage>, u64)> {
        let (extensions, kinds) = (texts.all(), texts.len());
        let mut scan = FolderScan { root, extensions, kinds, on_left_out, images: Vec::new(), read: 0 };
        let mut folders = vec![PathBuf::new()];
        while let Some(inside) = folders.pop() {
            let entries = fs::read_dir(root.join(&inside)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            match entries {
                Ok(entries) => scan.gather(&inside, entries, &mut folders),
                Err(error) if inside.as_os_str().is_empty() => return Err(error),
                Err(error) => {
                    scan.read += 1;
                    (scan.on_left_out)(LeftOut::Unreadable, &unreadable(&inside, &error));
                }
            }
        }
        let read = scan.read;
        Ok((scan.read_texts(), read))
    }

    /// Sorts the entries of the folder `inside` into subfolders, images with their captions, and what is left out.
    fn gather(&mut self, inside: &Path, mut entries: Vec<DirEntry>, folders: &mut Vec<PathBuf>) {
        entries.sort_unstable_by_key(DirEntry::file_name);
        let (mut names, mut texts): (Vec<String>, Vec<Text>) = (Vec::new(), Vec::new());
        let extensions: Vec<&str> = self.extensions.iter().map(|(_, extension)| *extension).collect();
        for entry in entries {
            let name = entry.file_name();
            let path = inside.join(&name);
            if name.as_encoded_bytes().starts_with(OWN) {
                continue;
            }
            let kind = FileKind::among(&name, &extensions);
            let listed = entry.file_type();
            let is_link = listed.as_ref().is_ok_and(fs::FileType::is_symlink);
            // Most file systems list the types, so that nothing has to be read for each file.
            let found = if is_link { fs::metadata(entry.path()).map(|found| found.file_type()) } else { listed };
            let reason = match found {
                _ if kind == FileKind::Hidden => LeftOut::Hidden,
                Err(_) if is_link => LeftOut::BrokenLink,
                Err(error) => {
                    self.read += 1;
                    (self.on_left_out)(LeftOut::Unreadable, &unreadable(&path, &error));
                    continue;
                }
                // It may lead back to a folder that contains it.
                Ok(found) if found.is_dir() && is_link => LeftOut::FolderLink,
                Ok(found) if found.is_dir() && name == THUMBNAILS => LeftOut::Thumbnails,
                Ok(found) if found.is_dir() => {
                    folders.push(path);
                    continue;
                }
                Ok(found) if !found.is_file() => LeftOut::Other,
                Ok(_) => match (kind, name.to_str(), path.to_str()) {
                    (FileKind::Image, Some(name), Some(_)) => {
                        self.read += 1;
                        names.push(name.to_owned());
                        continue;
                    }
                    (FileKind::Text(rank), Some(name), _) => {
                        self.read += 1;
                        let stem = name.len().saturating_sub(extensions[rank].len() + 1);
                        texts.push(Text { name: name.to_owned(), rank, stem });
                        continue;
                    }
                    (FileKind::Image, ..) => LeftOut::NameNotUtf8,
                    (FileKind::OtherImage, ..) => LeftOut::UnreadableFormat,
                    (FileKind::Mask, ..) => LeftOut::Mask,
                    (FileKind::Metadata, ..) => LeftOut::Table,
                    (FileKind::Text(_), ..) => LeftOut::TextWithoutImage,
                    (FileKind::Other, ..) if name == CAPTIONS && is_caption_map(&entry.path()).unwrap_or(true) => {
                        LeftOut::Table
                    }
                    (FileKind::Hidden | FileKind::Other, ..) => LeftOut::Other,
                },
            };
            self.read += 1;
            (self.on_left_out)(reason, &path.to_string_lossy());
        }
        self.add(inside, &names, texts);
    }

    /// Adds the images of a folder. A text file belongs to the image of its name without the extension (`a.txt` to
    /// `a.jpg`), or with it (`a.jpg.txt`). If there are several images, it is used for none.
    fn add(&mut self, inside: &Path, images: &[String], mut texts: Vec<Text>) {
        let mut owners: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, image) in images.iter().enumerate() {
            owners.entry(stem(image)).or_default().push(at);
            owners.entry(image).or_default().push(at);
        }
        // The preferred text file of an image is the first: `a.txt`, `a.TXT`, `a.caption`, `a.jpg.txt`, `a.jpg.caption`.
        texts.sort_by_cached_key(|text| (text.stem, text.rank, has_capitals(&text.name)));
        let mut texts_of: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
        for text in texts {
            let shown = inside.join(&text.name).to_string_lossy().into_owned();
            let (kind, _) = self.extensions[text.rank];
            match owners.get(text.stem()).map(Vec::as_slice) {
                None => (self.on_left_out)(LeftOut::TextWithoutImage, &shown),
                Some([image]) => texts_of.entry((*image, kind)).or_default().push(text.name),
                Some(several) => {
                    let several: Vec<&str> = several.iter().map(|at| images[*at].as_str()).collect();
                    (self.on_left_out)(LeftOut::SharedText, &format!("{shown} ({})", several.join(", ")));
                }
            }
        }
        for (at, image) in images.iter().enumerate() {
            let is_shared = owners.get(stem(image)).is_some_and(|images| images.len() > 1);
            let path_of = |name: String| inside.join(name);
            let texts = (0..self.kinds)
                .map(|kind| texts_of.remove(&(at, kind)).into_iter().flatten().map(path_of).collect())
                .collect();
            let path = inside.join(image).to_string_lossy().into_owned();
            self.images.push(ListedImage { path, texts, is_shared });
        }
    }

    /// Reads the text files of all images.
    fn read_texts(self) -> Vec<FolderImage> {
        /// Images that a thread reads the texts of in one piece of work.
        const AT_ONCE: usize = 64;
        let Self { root, images: listed, on_left_out, .. } = self;
        let read = |chunk: usize| {
            let listed = listed.chunks(AT_ONCE).nth(chunk).unwrap_or_default();
            listed.iter().map(|image| image.read_texts(root)).collect::<Vec<_>>()
        };
        let mut images = Vec::with_capacity(listed.len());
        let chunks = listed.len().div_ceil(AT_ONCE);
        let Ok(()) = parallel::in_order(chunks, Beside::Screen, read, |chunk| {
            for (image, left_out) in chunk {
                images.push(image);
                for (reason, what) in left_out {
                    on_left_out(reason, &what);
                }
            }
            Ok::<(), Infallible>(())
        });
        images
    }
}

impl ListedImage {
    /// Reads its text files. Returns what is left out, too.
    fn read_texts(&self, root: &Path) -> (FolderImage, Vec<(LeftOut, String)>) {
        let mut left_out = Vec::new();
        let texts = self.texts.iter().map(|paths| self.read_text(root, paths, &mut left_out)).collect();
        (FolderImage { path: self.path.clone(), texts }, left_out)
    }

    /// Reads the text files of a kind and chooses the first that has a caption.
    fn read_text(&self, root: &Path, paths: &[PathBuf], left_out: &mut Vec<(LeftOut, String)>) -> FolderText {
        let (mut readable, mut broken) = (Vec::new(), None);
        for path in paths {
            match fs::read(root.join(path)).map(String::from_utf8) {
                Ok(Ok(content)) => readable.push((path, content)),
                Ok(Err(_)) => {
                    left_out.push((LeftOut::TextNotUtf8, path.to_string_lossy().into_owned()));
                    broken = broken.or(Some(path));
                }
                Err(error) => {
                    left_out.push((LeftOut::Unreadable, unreadable(path, &error)));
                    broken = broken.or(Some(path));
                }
            }
        }
        let chosen = readable.iter().position(|(_, content)| !caption(content).is_empty()).unwrap_or(0);
        let used = readable.get(chosen).and_then(|(path, _)| path.file_name()).unwrap_or_default();
        let mut found = match broken {
            Some(path) => FolderText::Unreadable { path: path.clone() },
            None => FolderText::Missing { is_shared: self.is_shared },
        };
        for (at, (path, content)) in readable.into_iter().enumerate() {
            if at == chosen {
                found = FolderText::Found { path: path.clone(), content };
            } else {
                let shown = format!("{} ({} is used)", path.to_string_lossy(), used.to_string_lossy());
                left_out.push((LeftOut::SecondText, shown));
            }
        }
        found
    }
}

pub(super) fn stem(name: &str) -> &str {
    Path::new(name).file_stem().and_then(OsStr::to_str).unwrap_or(name)
}

/// Returns true if the extension has capitals.
fn has_capitals(name: &str) -> bool {
    Path::new(name).extension().and_then(OsStr::to_str).is_some_and(|extension| extension != extension.to_lowercase())
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} ({error})", path.to_string_lossy())
}
