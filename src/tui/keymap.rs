//! Keys to commands. The default keymap is a file in the format of the user's own.

mod file;
mod key;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use file::clash;
pub use file::{BindingError, KeymapError};
pub use key::Key;

use crate::config::Preset;
use crate::review::{Command, Context, Group};
use crate::text;

const DEFAULTS: &str = include_str!("../../assets/keymap.toml");

impl Preset {
    const fn file(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Default => None,
            Self::Prodigy => Some(("assets/keymap-prodigy.toml", include_str!("../../assets/keymap-prodigy.toml"))),
            Self::Vim => Some(("assets/keymap-vim.toml", include_str!("../../assets/keymap-vim.toml"))),
        }
    }
}

type Binding = (Vec<Key>, Command);

/// The key bindings by context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    bindings: BTreeMap<Context, Vec<Binding>>,
}

/// The result of looking up a sequence of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    Command(Command),
    /// The beginning of at least one binding.
    Prefix,
    Unbound,
}

impl Keymap {
    /// Returns the default bindings.
    ///
    /// # Errors
    /// Returns an error if the embedded file is invalid, which a test rules out.
    pub fn defaults() -> Result<Self, KeymapError> {
        file::parse(DEFAULTS, "assets/keymap.toml").map(|bindings| Self { bindings })
    }

    /// Merges a preset over the defaults, and the user's keymap over both. A missing file is not an error.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not a valid keymap.
    pub fn load(preset: Preset, path: Option<&Path>) -> Result<Self, KeymapError> {
        let mut keymap = Self::defaults()?;
        if let Some((file, text)) = preset.file() {
            keymap.merge(file::parse(text, file)?);
        }
        let Some(path) = path else { return Ok(keymap) };
        match std::fs::read(path).and_then(|bytes| Ok(text::from_file(bytes)?)) {
            Ok(text) => keymap.merge(file::parse(&text, &path.display().to_string())?),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(KeymapError::Read { path: path.to_owned(), source }),
        }
        Ok(keymap)
    }

    /// Merges bindings over these. A command that is bound again loses its old keys; a key that is bound again loses its
    /// old command.
    fn merge(&mut self, over: BTreeMap<Context, Vec<Binding>>) {
        for (context, bound) in over {
            let under = self.bindings.entry(context).or_default();
            under.retain(|(keys, command)| !bound.iter().any(|(over, bound)| bound == command || clash(over, keys)));
            under.extend(bound);
        }
    }

    /// Looks up a sequence of keys in a context and, if it is unbound there, in the fallback of the context.
    #[must_use]
    pub fn lookup(&self, context: Context, pressed: &[Key]) -> Lookup {
        match (self.find(context, pressed), context.fallback()) {
            (Lookup::Unbound, Some(fallback)) => self.find(fallback, pressed),
            (found, _) => found,
        }
    }

    fn find(&self, context: Context, pressed: &[Key]) -> Lookup {
        let mut lookup = Lookup::Unbound;
        for (keys, command) in self.bindings.get(&context).into_iter().flatten() {
            if keys == pressed {
                return Lookup::Command(*command);
            }
            if keys.starts_with(pressed) {
                lookup = Lookup::Prefix;
            }
        }
        lookup
    }

    /// Returns the keys bound to a command in exactly this context, in the order of the keymap.
    #[must_use]
    pub fn keys(&self, context: Context, command: Command) -> Vec<String> {
        let bound = self.bindings.get(&context).into_iter().flatten();
        bound.filter(|(_, known)| *known == command).map(|(keys, _)| Key::sequence_name(keys)).collect()
    }

    /// Returns the ways to complete a key sequence: the remaining keys and their command, in the order of the help.
    #[must_use]
    pub fn continuations(&self, context: Context, pressed: &[Key]) -> Vec<(String, Command)> {
        let contexts = std::iter::once(context).chain(context.fallback());
        let bound = contexts.filter_map(|context| self.bindings.get(&context)).flatten();
        let begun = bound.filter(|(keys, _)| keys.len() > pressed.len() && keys.starts_with(pressed));
        let mut rest: Vec<_> =
            begun.map(|(keys, command)| (Key::sequence_name(&keys[pressed.len()..]), *command)).collect();
        rest.sort_by_key(|(_, command)| *command);
        rest
    }

    /// Returns the first key that runs a command in a context.
    #[must_use]
    pub fn hint(&self, context: Context, command: Command) -> Option<String> {
        let contexts = std::iter::once(context).chain(context.fallback());
        let mut bound = contexts.filter_map(|context| self.bindings.get(&context)).flatten();
        // The context may bind a key of its fallback to something else.
        let runs = |keys: &[Key]| self.lookup(context, keys) == Lookup::Command(command);
        bound.find(|(keys, known)| *known == command && runs(keys)).map(|(keys, _)| Key::sequence_name(keys))
    }

    /// Renders the bindings as Markdown tables: the list by groups of commands, then every other context. Commands that
    /// only the command line runs are listed with their syntax.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = String::new();
        for group in Group::ALL {
            let commands = Command::all().filter(|command| command.group() == group);
            let rows = commands.filter_map(|command| {
                let keys = self.keys(Context::Browse, command);
                let keys = if keys.is_empty() && command.is_in_palette(Context::Browse) {
                    format!("`:{}`", command.usage())
                } else {
                    code(&keys)
                };
                (!keys.is_empty()).then(|| (keys, command, command.description()))
            });
            push_table(&mut page, group.title(), rows);
        }
        for context in Context::ALL.iter().copied().filter(|context| *context != Context::Browse) {
            let rows = Command::all().filter_map(|command| {
                let keys = self.keys(context, command);
                let label = Some(command.label(context)).filter(|label| !label.is_empty());
                (!keys.is_empty()).then(|| (code(&keys), command, label.unwrap_or_else(|| command.description())))
            });
            push_table(&mut page, &format!("`[{}]`: {}", context.name(), context.title()), rows);
        }
        page
    }
}

fn code(keys: &[String]) -> String {
    keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect::<Vec<_>>().join(" ")
}

/// Appends a table under a heading, unless it has no rows.
fn push_table(page: &mut String, title: &str, rows: impl Iterator<Item = (String, Command, &'static str)>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let gap = if page.is_empty() { "" } else { "\n" };
    let _ = writeln!(page, "{gap}### {title}\n\n| Keys | Command | Meaning |\n|---|---|---|");
    for (keys, command, meaning) in rows {
        let _ = writeln!(page, "| {keys} | `{}` | {meaning} |", command.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(keys: &str) -> Vec<Key> {
        Key::parse_sequence(keys).expect("the test writes keys that exist")
    }

    #[test]
    fn every_command_has_a_key_or_is_in_the_palette() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        for command in Command::all() {
            let is_bound = keymap.bindings.values().flatten().any(|(_, bound)| *bound == command);
            let is_in_palette = command.is_in_palette(Context::Browse);
            assert!(is_bound || is_in_palette, "{} cannot be reached", command.name());
        }
    }

    #[test]
    fn every_binding_of_version_0_1_is_kept() {
        let fixture = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0.1").join(name);
            let text = std::fs::read_to_string(path).expect("a fixture");
            file::parse(&text, name).expect("keymaps of 0.1 are valid")
        };
        let lost = |old: Keymap, new: &Keymap| {
            let bound =
                old.bindings.into_iter().flat_map(|(context, bound)| bound.into_iter().map(move |one| (context, one)));
            let is_lost = |(context, (keys, command)): &(Context, Binding)| {
                new.lookup(*context, keys) != Lookup::Command(*command)
            };
            bound.filter(is_lost).collect::<Vec<_>>()
        };
        let old = Keymap { bindings: fixture("keymap.toml") };
        assert_eq!(lost(old, &Keymap::defaults().expect("the embedded keymap is valid")), []);
        for preset in [Preset::Prodigy, Preset::Vim] {
            let (file, _) = preset.file().expect("a preset");
            let mut old = Keymap { bindings: fixture("keymap.toml") };
            old.merge(fixture(file.trim_start_matches("assets/")));
            assert_eq!(lost(old, &Keymap::load(preset, None).expect("the preset is valid")), []);
        }
    }

    #[test]
    fn bindings_are_rendered_as_markdown() {
        let page = Keymap::defaults().expect("the embedded keymap is valid").to_markdown();
        assert!(page.contains("\n| `j` `↓` | `down` | next record |\n"), "{page}");
        assert!(page.contains("| `:report [FILE]` | `report` |") && page.contains("| `:NUMBER` | `go-to` |"), "{page}");
        assert!(page.contains("\n### `[sheet]`: contact sheet\n") && page.contains("| `+` `=` | `zoom-in` | larger |"));
        assert!(page.lines().all(|line| line.is_empty() || line.starts_with(['|', '#'])));
    }

    #[test]
    fn a_hint_is_a_key_that_runs_the_command() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        assert_eq!(keymap.hint(Context::Browse, Command::Quit).as_deref(), Some("q"));
        assert_eq!(keymap.hint(Context::Zoom, Command::Quit), None, "q leaves the zoom");
        assert_eq!(keymap.hint(Context::Zoom, Command::Accept).as_deref(), Some("a"));
    }

    #[test]
    fn a_prefix_waits_for_the_rest() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        assert_eq!(keymap.lookup(Context::Browse, &pressed("g")), Lookup::Prefix);
        assert_eq!(keymap.lookup(Context::Browse, &pressed("g a")), Lookup::Command(Command::GenerateAll));
        assert_eq!(keymap.lookup(Context::Browse, &pressed("g x")), Lookup::Unbound);
    }

    #[test]
    fn presets_override_the_defaults() {
        let prodigy = Keymap::load(Preset::Prodigy, None).expect("the embedded preset is valid");
        assert_eq!(prodigy.lookup(Context::Browse, &pressed("Space")), Lookup::Command(Command::Skip));
        let vim = Keymap::load(Preset::Vim, None).expect("the embedded preset is valid");
        assert_eq!(vim.lookup(Context::Browse, &pressed("Z Z")), Lookup::Command(Command::SaveAndQuit));
        assert_eq!(vim.lookup(Context::Browse, &pressed("d d")), Lookup::Command(Command::Exclude));
        for keymap in [prodigy, vim] {
            assert_eq!(keymap.lookup(Context::Browse, &pressed("a")), Lookup::Command(Command::Accept));
            for command in [Command::Down, Command::Undo, Command::Regenerate, Command::Save, Command::Copy] {
                assert!(!keymap.keys(Context::Browse, command).is_empty(), "{}", command.name());
            }
        }
    }

    #[test]
    fn a_prefix_has_continuations() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        let rest = keymap.continuations(Context::Browse, &pressed("g"));
        assert!(
            rest.contains(&("g".to_owned(), Command::Top)) && rest.contains(&("a".to_owned(), Command::GenerateAll))
        );
        for (keys, command) in rest {
            assert_eq!(keymap.lookup(Context::Browse, &pressed(&format!("g {keys}"))), Lookup::Command(command));
        }
        assert_eq!(keymap.continuations(Context::Browse, &pressed("a")), []);
    }

    #[test]
    fn the_sheet_and_the_zoom_inherit_the_keys_of_the_list() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        assert_eq!(keymap.lookup(Context::Sheet, &pressed("Enter")), Lookup::Command(Command::Sheet));
        assert_eq!(keymap.lookup(Context::Sheet, &pressed("g g")), Lookup::Command(Command::Top));
        assert_eq!(keymap.hint(Context::Sheet, Command::Keep), keymap.hint(Context::Browse, Command::Keep));
        assert_eq!(
            keymap.continuations(Context::Sheet, &pressed("g")),
            keymap.continuations(Context::Browse, &pressed("g"))
        );
        assert_eq!(keymap.lookup(Context::Zoom, &pressed("q")), Lookup::Command(Command::Close));
        assert_eq!(keymap.lookup(Context::Zoom, &pressed("a")), Lookup::Command(Command::Accept));
    }

    #[test]
    fn user_keys_override_the_defaults() {
        let mut keymap = Keymap::defaults().expect("the embedded keymap is valid");
        keymap.merge(file::parse("[browse]\nskip = \"x\"\naccept = \"Space\"", "mine.toml").expect("valid"));
        assert_eq!(keymap.lookup(Context::Browse, &pressed("x")), Lookup::Command(Command::Skip));
        assert_eq!(keymap.lookup(Context::Browse, &pressed("s")), Lookup::Unbound);
        assert_eq!(keymap.lookup(Context::Browse, &pressed("a")), Lookup::Unbound);
        assert_eq!(keymap.lookup(Context::Browse, &pressed("Space")), Lookup::Command(Command::Accept));
    }
}
