//! Gives a new file the owner, mode and extended attributes of the file it replaces. On Linux, the attributes include
//! access control lists.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use super::WriteWarning;

/// Signatures of the old content. The system creates new ones itself.
#[cfg(unix)]
const SIGNATURES: [&str; 2] = ["security.ima", "security.evm"];

/// Copies owner, mode and attributes, with a warning for each that cannot be copied.
#[cfg(unix)]
pub(super) fn carry(from: &Path, metadata: &Metadata, to: &File, warnings: &mut Vec<WriteWarning>) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if metadata.nlink() > 1 {
        warnings.push(WriteWarning::HardLinks { path: from.into(), links: metadata.nlink() });
    }
    // The owner comes first, because a change of owner clears mode bits; the mode last, because an access control list
    // contains it too.
    let keeps_owner = carry_owner(metadata, to)?;
    if !keeps_owner {
        warnings.push(WriteWarning::Owner { path: from.into() });
    }
    carry_attributes(from, to, warnings);
    // With another owner, a setuid bit would grant that user's rights.
    let bits = if keeps_owner { 0o7777 } else { 0o777 };
    to.set_permissions(Permissions::from_mode(metadata.mode() & bits))
}

#[cfg(not(unix))]
pub(super) fn carry(_: &Path, metadata: &Metadata, to: &File, _: &mut Vec<WriteWarning>) -> io::Result<()> {
    to.set_permissions(metadata.permissions())
}

#[cfg(unix)]
fn carry_owner(metadata: &Metadata, to: &File) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let now = to.metadata()?;
    if (now.uid(), now.gid()) == (metadata.uid(), metadata.gid()) {
        return Ok(true);
    }
    if fchown(to, Some(metadata.uid()), Some(metadata.gid())).is_ok() {
        return Ok(true);
    }
    // Only root can change the owner, but members of a group can change the group.
    Ok(fchown(to, None, Some(metadata.gid())).is_ok() && now.uid() == metadata.uid())
}

#[cfg(unix)]
fn carry_attributes(from: &Path, to: &File, warnings: &mut Vec<WriteWarning>) {
    use std::ffi::OsString;

    use xattr::FileExt;

    let mut warn = |which| warnings.push(WriteWarning::Attributes { path: from.into(), which });
    let names = match xattr::list_deref(from) {
        Ok(names) => names,
        // The file system has no attributes.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
        Err(error) => return warn(format!("they cannot be listed: {error}")),
    };
    let carried = |name: &OsString| !SIGNATURES.iter().any(|signature| name.as_os_str() == *signature);
    let names: Vec<OsString> = names.filter(carried).collect();
    // Attributes inherited from the folder, such as a default access control list, are not the old file's.
    let inherited: Vec<OsString> = to.list_xattr().map(|names| names.filter(carried).collect()).unwrap_or_default();
    let extra = inherited.into_iter().filter(|name| !names.contains(name));
    let mut lost: Vec<OsString> = extra.filter(|name| to.remove_xattr(name).is_err()).collect();
    for name in names {
        let Ok(Some(value)) = xattr::get_deref(from, &name) else {
            lost.push(name);
            continue;
        };
        let is_there = matches!(to.get_xattr(&name), Ok(Some(now)) if now == value);
        if !is_there && to.set_xattr(&name, &value).is_err() {
            lost.push(name);
        }
    }
    if !lost.is_empty() {
        let names: Vec<_> = lost.iter().map(|name| name.to_string_lossy()).collect();
        warn(names.join(", "));
    }
}
