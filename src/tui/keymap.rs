//! Keys to actions. The defaults are a file in the users' own format; the help and the footer are derived from it.

mod file;
mod key;

use std::collections::BTreeMap;
use std::path::Path;

use file::clash;
pub use file::{KeymapError, Mistake};
pub use key::Key;
use serde::Deserialize;

use crate::review::{Action, Mode, Model};

const DEFAULTS: &str = include_str!("../../assets/keymap.toml");

/// A set of keys people know from elsewhere, laid over recaption's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// recaption's own keys.
    #[default]
    Default,
    /// Those of Prodigy, where they differ.
    Prodigy,
    /// Those of vim, where they differ.
    Vim,
}

impl Preset {
    const fn file(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Default => None,
            Self::Prodigy => Some(("assets/keymap-prodigy.toml", include_str!("../../assets/keymap-prodigy.toml"))),
            Self::Vim => Some(("assets/keymap-vim.toml", include_str!("../../assets/keymap-vim.toml"))),
        }
    }
}

/// What a key means depends on where it is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Going through records.
    Browse,
    /// Looking at the picture alone; keys not bound here mean what they mean in [`Context::Browse`].
    Zoom,
    /// Going through small pictures; keys not bound here mean what they mean in [`Context::Browse`].
    Sheet,
    /// Writing a caption.
    Edit,
    /// Writing a note.
    Entry,
    /// Writing a command, or looking for one.
    Command,
    /// Writing what to search for.
    Search,
    /// Writing what to filter by.
    Filter,
    /// Reading the help.
    Help,
    /// Reading the figures; keys not bound here mean what they mean in [`Context::Help`].
    Statistics,
    /// Asked whether to save before leaving.
    ConfirmQuit,
    /// Asked whether to overwrite.
    ConfirmOverwrite,
    /// Asked what is wrong with a text.
    Reason,
    /// Looking at what a change to many captions would change.
    Replace,
    /// Asked whether descriptions may cost what they cost.
    ConfirmSpending,
    /// Asked whether many records are meant.
    ConfirmMany,
}

impl Context {
    /// The context the keys are pressed in.
    #[must_use]
    pub const fn of(model: &Model) -> Self {
        match &model.mode {
            Mode::Browse if model.sheet.open => Self::Sheet,
            Mode::Browse => Self::Browse,
            Mode::Zoom(_) => Self::Zoom,
            Mode::Edit(_) => Self::Edit,
            Mode::Note(_) | Mode::OwnReason(..) => Self::Entry,
            Mode::Command(_) => Self::Command,
            Mode::Help(_) => Self::Help,
            Mode::Figures(_) => Self::Statistics,
            Mode::Search(_) => Self::Search,
            Mode::Filter(_) => Self::Filter,
            Mode::ConfirmQuit => Self::ConfirmQuit,
            Mode::ConfirmOverwrite(_) => Self::ConfirmOverwrite,
            Mode::ChooseReason(_) => Self::Reason,
            Mode::Replace(_) => Self::Replace,
            Mode::ConfirmSpending { .. } => Self::ConfirmSpending,
            Mode::ConfirmMany { .. } => Self::ConfirmMany,
        }
    }

    /// The context that says what a key means that means nothing here.
    const fn under(self) -> Option<Self> {
        match self {
            Self::Zoom | Self::Sheet => Some(Self::Browse),
            Self::Statistics => Some(Self::Help),
            _ => None,
        }
    }

    /// Its table in a keymap.
    const fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Zoom => "zoom",
            Self::Sheet => "sheet",
            Self::Edit => "edit",
            Self::Entry => "entry",
            Self::Command => "command",
            Self::Search => "search",
            Self::Filter => "filter",
            Self::Help => "help",
            Self::Statistics => "statistics",
            Self::ConfirmQuit => "confirm-quit",
            Self::ConfirmOverwrite => "confirm-overwrite",
            Self::Reason => "reason",
            Self::Replace => "replace",
            Self::ConfirmSpending => "confirm-spending",
            Self::ConfirmMany => "confirm-many",
        }
    }

    /// Whether keys that mean nothing here are text.
    #[must_use]
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Edit | Self::Entry | Self::Command | Self::Search | Self::Filter)
    }
}

type Binding = (Vec<Key>, Action);

/// The keys in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    bindings: BTreeMap<Context, Vec<Binding>>,
}

/// What the keys pressed so far mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// An action.
    Action(Action),
    /// The beginning of some.
    Prefix,
    /// Nothing.
    Unbound,
}

impl Keymap {
    /// The keys recaption comes with.
    ///
    /// # Errors
    /// Never in a release: a test reads the embedded file.
    pub fn defaults() -> Result<Self, KeymapError> {
        file::parse(DEFAULTS, "assets/keymap.toml").map(|bindings| Self { bindings })
    }

    /// The defaults with a preset's keys over them, and over those the operator's own, where there is such a file.
    ///
    /// # Errors
    /// Where the file cannot be read, is not a keymap, or binds a key twice.
    pub fn load(preset: Preset, path: Option<&Path>) -> Result<Self, KeymapError> {
        let mut keymap = Self::defaults()?;
        if let Some((file, text)) = preset.file() {
            keymap.merge(file::parse(text, file)?);
        }
        let Some(path) = path else { return Ok(keymap) };
        match std::fs::read_to_string(path) {
            Ok(text) => keymap.merge(file::parse(&text, &path.display().to_string())?),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(KeymapError::Read { path: path.to_owned(), source }),
        }
        Ok(keymap)
    }

    /// Puts bindings over these. An action that is bound anew loses its old keys; a key that is bound anew loses its
    /// old action.
    fn merge(&mut self, over: BTreeMap<Context, Vec<Binding>>) {
        for (context, bound) in over {
            let under = self.bindings.entry(context).or_default();
            under.retain(|(keys, action)| !bound.iter().any(|(over, bound)| bound == action || clash(over, keys)));
            under.extend(bound);
        }
    }

    /// What keys mean in a context.
    #[must_use]
    pub fn lookup(&self, context: Context, pressed: &[Key]) -> Lookup {
        match (self.find(context, pressed), context.under()) {
            (Lookup::Unbound, Some(under)) => self.find(under, pressed),
            (found, _) => found,
        }
    }

    fn find(&self, context: Context, pressed: &[Key]) -> Lookup {
        let mut lookup = Lookup::Unbound;
        for (keys, action) in self.bindings.get(&context).into_iter().flatten() {
            if keys == pressed {
                return Lookup::Action(*action);
            }
            if keys.starts_with(pressed) {
                lookup = Lookup::Prefix;
            }
        }
        lookup
    }

    /// The keys of an action in a context, as one would write them, the first bound first.
    #[must_use]
    pub fn keys(&self, context: Context, action: Action) -> Vec<String> {
        let bound = self.bindings.get(&context).into_iter().flatten();
        bound.filter(|(_, known)| *known == action).map(|(keys, _)| Key::sequence_name(keys)).collect()
    }

    /// How keys pressed so far can go on: the keys that are left, and what they do, in the order of the help.
    #[must_use]
    pub fn continuations(&self, context: Context, pressed: &[Key]) -> Vec<(String, Action)> {
        let contexts = std::iter::once(context).chain(context.under());
        let bound = contexts.filter_map(|context| self.bindings.get(&context)).flatten();
        let begun = bound.filter(|(keys, _)| keys.len() > pressed.len() && keys.starts_with(pressed));
        let mut rest: Vec<_> =
            begun.map(|(keys, action)| (Key::sequence_name(&keys[pressed.len()..]), *action)).collect();
        rest.sort_by_key(|(_, action)| Action::ALL.iter().position(|known| known == action));
        rest
    }

    /// The shortest way to write an action's key in a context, for the footer.
    #[must_use]
    pub fn hint(&self, context: Context, action: Action) -> Option<String> {
        let here = self.keys(context, action).into_iter().next();
        here.or_else(|| self.keys(context.under()?, action).into_iter().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(keys: &str) -> Vec<Key> {
        Key::parse_sequence(keys).expect("the test writes keys that exist")
    }

    #[test]
    fn every_action_is_bound_somewhere() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        for action in Action::ALL {
            let bound = keymap.bindings.values().flatten().any(|(_, bound)| bound == action);
            assert!(bound, "{} has no key", action.name());
        }
    }

    #[test]
    fn a_prefix_waits_for_the_rest() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        assert_eq!(keymap.lookup(Context::Browse, &pressed("g")), Lookup::Prefix);
        assert_eq!(keymap.lookup(Context::Browse, &pressed("g a")), Lookup::Action(Action::GenerateAll));
        assert_eq!(keymap.lookup(Context::Browse, &pressed("g x")), Lookup::Unbound);
    }

    #[test]
    fn presets_lay_known_keys_over_the_defaults() {
        let prodigy = Keymap::load(Preset::Prodigy, None).expect("the embedded preset is valid");
        assert_eq!(prodigy.lookup(Context::Browse, &pressed("Space")), Lookup::Action(Action::Skip));
        let vim = Keymap::load(Preset::Vim, None).expect("the embedded preset is valid");
        assert_eq!(vim.lookup(Context::Browse, &pressed("Z Z")), Lookup::Action(Action::SaveAndQuit));
        assert_eq!(vim.lookup(Context::Browse, &pressed("d d")), Lookup::Action(Action::Exclude));
        for keymap in [prodigy, vim] {
            assert_eq!(keymap.lookup(Context::Browse, &pressed("a")), Lookup::Action(Action::Accept));
            for action in [Action::Down, Action::Undo, Action::Regenerate, Action::Save, Action::Copy] {
                assert!(!keymap.keys(Context::Browse, action).is_empty(), "{}", action.name());
            }
        }
    }

    #[test]
    fn a_prefix_tells_how_it_can_go_on() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        let rest = keymap.continuations(Context::Browse, &pressed("g"));
        assert!(rest.contains(&("g".to_owned(), Action::Top)) && rest.contains(&("a".to_owned(), Action::GenerateAll)));
        for (keys, action) in rest {
            assert_eq!(keymap.lookup(Context::Browse, &pressed(&format!("g {keys}"))), Lookup::Action(action));
        }
        assert_eq!(keymap.continuations(Context::Browse, &pressed("a")), []);
    }

    #[test]
    fn pictures_know_the_keys_of_the_list() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        assert_eq!(keymap.lookup(Context::Sheet, &pressed("Enter")), Lookup::Action(Action::Sheet));
        assert_eq!(keymap.lookup(Context::Sheet, &pressed("g g")), Lookup::Action(Action::Top));
        assert_eq!(keymap.hint(Context::Sheet, Action::Keep), keymap.hint(Context::Browse, Action::Keep));
        assert_eq!(
            keymap.continuations(Context::Sheet, &pressed("g")),
            keymap.continuations(Context::Browse, &pressed("g"))
        );
        assert_eq!(keymap.lookup(Context::Zoom, &pressed("q")), Lookup::Action(Action::Close));
        assert_eq!(keymap.lookup(Context::Zoom, &pressed("a")), Lookup::Action(Action::Accept));
    }

    #[test]
    fn own_keys_replace_the_defaults() {
        let mut keymap = Keymap::defaults().expect("the embedded keymap is valid");
        keymap.merge(file::parse("[browse]\nskip = \"x\"\naccept = \"Space\"", "mine.toml").expect("valid"));
        assert_eq!(keymap.lookup(Context::Browse, &pressed("x")), Lookup::Action(Action::Skip));
        assert_eq!(keymap.lookup(Context::Browse, &pressed("s")), Lookup::Unbound);
        assert_eq!(keymap.lookup(Context::Browse, &pressed("a")), Lookup::Unbound);
        assert_eq!(keymap.lookup(Context::Browse, &pressed("Space")), Lookup::Action(Action::Accept));
    }
}
