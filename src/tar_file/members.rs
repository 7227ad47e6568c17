//! The members of an archive in their order, and members with another content or name.

use std::io;
use std::ops::Range;

use crate::shared_file::SharedFile;

/// The size of a header. The content of a member is padded to a multiple of it.
pub(crate) const BLOCK: u64 = 512;
/// The longest name in a header.
const NAME: usize = 100;
/// Where the first part of a long name is in a header of the POSIX format.
const PREFIX: Range<usize> = 345..500;

/// Why the members of an archive cannot be read, or not all of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MembersError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The archive is damaged from here on.
    #[error("{0}")]
    Broken(String),
}

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The path in the archive; `None` if it is not UTF-8.
    pub(crate) name: Option<String>,
    /// A regular file.
    pub(crate) is_file: bool,
    /// The place of its header, which is followed by its content.
    pub(crate) header: u64,
    pub(crate) content: Range<u64>,
    /// With all headers and the padding.
    pub(crate) whole: Range<u64>,
    /// The header that precedes its own has its size, so that the content cannot be replaced.
    pub(crate) has_other_size: bool,
}

/// Visits the members in their order.
///
/// # Errors
/// Returns the error of `visit`, or of the archive.
pub(crate) fn members<E: From<MembersError>>(
    file: &SharedFile,
    visit: &mut dyn FnMut(Member) -> Result<(), E>,
) -> Result<(), E> {
    let broken = |error: io::Error| match error.kind() {
        // The crate has only this kind for what is wrong with the archive.
        io::ErrorKind::Other | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            MembersError::Broken(error.to_string())
        }
        _ => error.into(),
    };
    let mut archive = tar::Archive::new(file.reader(0));
    let mut start = 0;
    for entry in archive.entries_with_seek().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        // The size of a sparse file is not that of its content in the archive.
        let size =
            if entry.header().entry_type().is_gnu_sparse() { entry.header().entry_size() } else { Ok(entry.size()) };
        let at = entry.raw_file_position();
        let end = size.ok().and_then(|size| at.checked_add(size)).filter(|end| *end <= file.len());
        let end = end.ok_or_else(|| MembersError::Broken("the archive ends before its last member".to_owned()))?;
        let has_other_size = entry
            .pax_extensions()
            .map_err(broken)?
            .is_some_and(|pairs| pairs.flatten().any(|pair| pair.key_bytes() == b"size"));
        let whole = start..end.next_multiple_of(BLOCK).min(file.len());
        start = whole.end;
        visit(Member {
            name: String::from_utf8(entry.path_bytes().into_owned()).ok(),
            is_file: entry.header().entry_type().is_file(),
            header: at.saturating_sub(BLOCK),
            content: at..end,
            whole,
            has_other_size,
        })?;
    }
    Ok(())
}

/// Returns a header for a content of another size.
pub(crate) fn with_content(header: &[u8], len: u64) -> Vec<u8> {
    let mut header = tar::Header::from_byte_slice(header).clone();
    header.set_size(len);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// Returns the headers of a new member like another one: with its owner, mode and time.
pub(crate) fn with_name(header: &[u8], name: &str, len: u64) -> Vec<u8> {
    let mut own = tar::Header::from_byte_slice(header).clone();
    let is_posix = own.as_ustar().is_some();
    let bytes = own.as_mut_bytes();
    let short = &name.as_bytes()[..name.len().min(NAME)];
    bytes[..NAME].fill(0);
    bytes[..short.len()].copy_from_slice(short);
    if is_posix {
        bytes[PREFIX].fill(0);
    }
    own.set_size(len);
    own.set_cksum();
    let mut headers = Vec::new();
    if name.len() > NAME {
        // As GNU tar writes names that do not fit, with a NUL at the end.
        let mut long = tar::Header::new_gnu();
        long.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
        long.set_entry_type(tar::EntryType::GNULongName);
        long.set_mode(0o644);
        long.set_uid(0);
        long.set_gid(0);
        long.set_mtime(0);
        long.set_size(name.len() as u64 + 1);
        long.set_cksum();
        headers.extend_from_slice(long.as_bytes());
        headers.extend_from_slice(name.as_bytes());
        headers.push(0);
        headers.resize(headers.len() + padding(name.len() as u64 + 1), 0);
    }
    headers.extend_from_slice(own.as_bytes());
    headers
}

/// Returns the number of bytes that follow a content of this size.
pub(crate) fn padding(len: u64) -> usize {
    usize::try_from(len.next_multiple_of(BLOCK) - len).unwrap_or_default()
}
