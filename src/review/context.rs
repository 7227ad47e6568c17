//! The contexts in which keys are pressed.

use super::{Mode, Model};

macro_rules! contexts {
    ($($(#[$doc:meta])* $variant:ident $name:literal $title:literal),+ $(,)?) => {
        /// The context of a key press. Each context is a table of the keymap.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Context {
            $($(#[$doc])* $variant,)+
        }

        impl Context {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the name of its table in a keymap.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Returns its name in the help.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

contexts! {
    Browse "browse" "list",
    /// Falls back to [`Context::Browse`].
    Zoom "zoom" "zoom",
    /// Falls back to [`Context::Browse`].
    Sheet "sheet" "contact sheet",
    Edit "edit" "editor",
    /// The fields of a structured caption.
    Fields "fields" "fields",
    /// The note, and a reason in the operator's own words.
    Entry "entry" "note",
    Command "command" "command line",
    Search "search" "search",
    Filter "filter" "filter",
    Help "help" "help",
    /// The search in the help.
    HelpSearch "help-search" "search in the help",
    /// Falls back to [`Context::Help`].
    Statistics "statistics" "statistics",
    Tags "tags" "tags",
    /// The search in the table of tags.
    TagSearch "tag-search" "search in the tags",
    /// The preview of a change to many captions.
    Replace "replace" "preview of a change",
    Reason "reason" "reason",
    ConfirmQuit "confirm-quit" "when asked",
    ConfirmOverwrite "confirm-overwrite" "when asked",
    ConfirmSpending "confirm-spending" "when asked",
    ConfirmMany "confirm-many" "when asked",
}

impl Context {
    #[must_use]
    pub fn of(model: &Model) -> Self {
        match &model.mode {
            Mode::Browse if model.shows_sheet() => Self::Sheet,
            Mode::Browse => Self::Browse,
            Mode::Zoom(_) => Self::Zoom,
            Mode::Edit(_) => Self::Edit,
            Mode::Fields(_) => Self::Fields,
            Mode::Note(_) | Mode::CustomReason(..) | Mode::RejectReason(..) => Self::Entry,
            Mode::Command(_) => Self::Command,
            Mode::Help(page) if page.typing => Self::HelpSearch,
            Mode::Help(_) | Mode::Messages(_) => Self::Help,
            Mode::Statistics(_) => Self::Statistics,
            Mode::Tags(page) if page.typing => Self::TagSearch,
            Mode::Tags(_) => Self::Tags,
            Mode::Search(_) => Self::Search,
            Mode::Filter(_) => Self::Filter,
            Mode::ConfirmQuit => Self::ConfirmQuit,
            Mode::ConfirmOverwrite(_) => Self::ConfirmOverwrite,
            Mode::ChooseReason(_) | Mode::Reject(_) => Self::Reason,
            Mode::Replace(_) => Self::Replace,
            Mode::ConfirmSpending { .. } | Mode::ConfirmVerifying { .. } => Self::ConfirmSpending,
            Mode::ConfirmMany { .. } => Self::ConfirmMany,
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|context| context.name() == name)
    }

    /// Returns the context that supplies the keys and the commands this one does not define.
    #[must_use]
    pub const fn fallback(self) -> Option<Self> {
        match self {
            Self::Zoom | Self::Sheet => Some(Self::Browse),
            Self::Statistics => Some(Self::Help),
            _ => None,
        }
    }

    /// Returns true if unbound keys are typed into a text field.
    #[must_use]
    pub const fn takes_text(self) -> bool {
        matches!(
            self,
            Self::Edit | Self::Entry | Self::Command | Self::Search | Self::HelpSearch | Self::TagSearch | Self::Filter
        )
    }

    /// Returns true if the screen lists the keys itself, so that the help omits them.
    #[must_use]
    pub const fn lists_its_keys(self) -> bool {
        matches!(
            self,
            Self::Command
                | Self::Replace
                | Self::Reason
                | Self::ConfirmSpending
                | Self::ConfirmMany
                | Self::HelpSearch
                | Self::TagSearch
        )
    }
}
