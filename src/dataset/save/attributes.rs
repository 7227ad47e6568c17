//! Makes the new file like the one it replaces: owner, mode, extended attributes, and on Linux the access lists in them.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use super::SaveWarning;

/// Attributes that vouch for the content, which is another one now; the system sets them itself.
#[cfg(unix)]
const ABOUT_CONTENT: [&str; 2] = ["security.ima", "security.evm"];

/// Carries over what can be; what cannot is warned of.
#[cfg(unix)]
pub(super) fn carry(from: &Path, metadata: &Metadata, to: &File, warnings: &mut Vec<SaveWarning>) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if metadata.nlink() > 1 {
        warnings.push(SaveWarning::HardLinks { path: from.into(), links: metadata.nlink() });
    }
    // The owner first, because a change of owner takes away mode bits; the mode last, because it is part of an access
    // list too.
    let keeps_owner = carry_owner(metadata, to)?;
    if !keeps_owner {
        warnings.push(SaveWarning::Owner { path: from.into() });
    }
    carry_attributes(from, to, warnings);
    // Without its owner, a program's rights would be given by somebody else.
    let bits = if keeps_owner { 0o7777 } else { 0o777 };
    to.set_permissions(Permissions::from_mode(metadata.mode() & bits))
}

/// Carries over what can be.
#[cfg(not(unix))]
pub(super) fn carry(_: &Path, metadata: &Metadata, to: &File, _: &mut Vec<SaveWarning>) -> io::Result<()> {
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
    // Only root gives files away, but members may give a file to their group.
    Ok(fchown(to, None, Some(metadata.gid())).is_ok() && now.uid() == metadata.uid())
}

#[cfg(unix)]
fn carry_attributes(from: &Path, to: &File, warnings: &mut Vec<SaveWarning>) {
    use std::ffi::OsString;

    use xattr::FileExt;

    let mut warn = |which| warnings.push(SaveWarning::Attributes { path: from.into(), which });
    let names = match xattr::list_deref(from) {
        Ok(names) => names,
        // A file system that has no attributes has none to carry.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
        Err(error) => return warn(format!("they cannot be listed: {error}")),
    };
    let carried = |name: &OsString| !ABOUT_CONTENT.iter().any(|about| name.as_os_str() == *about);
    let names: Vec<OsString> = names.filter(carried).collect();
    // What the folder gave the new file, an access list say, is not the old one's.
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
