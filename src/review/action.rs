//! The vocabulary of the keymap: everything an operator can do, with its name and its line in the help.

/// The chapter of the help an action stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Going from record to record.
    Move,
    /// Finding records.
    Find,
    /// In which order they are listed.
    Sort,
    /// Choosing several records.
    Mark,
    /// Saying what becomes of a record.
    Decide,
    /// Writing one's own text.
    Edit,
    /// Having texts written.
    Describe,
    /// What is on the screen.
    View,
    /// Saving and leaving.
    File,
}

impl Group {
    /// Every group, in the order of the help.
    pub const ALL: [Self; 9] = [
        Self::Move,
        Self::Find,
        Self::Sort,
        Self::Mark,
        Self::Decide,
        Self::Edit,
        Self::Describe,
        Self::View,
        Self::File,
    ];

    /// The chapter's title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Find => "Find",
            Self::Sort => "Sort (the same again: the other way round)",
            Self::Mark => "Mark, then decide of all marked",
            Self::Decide => "Decide",
            Self::Edit => "Edit",
            Self::Describe => "Describe",
            Self::View => "View",
            Self::File => "Save and leave",
        }
    }
}

macro_rules! actions {
    ($($group:ident { $($variant:ident $name:literal $help:literal),+ $(,)? })+) => {
        /// Something an operator can do. Keys are bound to these by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $help] $variant,)+)+
        }

        impl Action {
            /// Every action, in the order of the help.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)+)+];

            /// The name the keymap knows it by.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)+)+ }
            }

            /// What it does, in a few words.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $($(Self::$variant => $help,)+)+ }
            }

            /// The chapter of the help it stands in.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $($(Self::$variant => Group::$group,)+)+ }
            }

            /// The action of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.name() == name)
            }
        }
    };
}

actions! {
    Move {
        Down "down" "next record",
        Up "up" "previous record",
        Left "left" "the picture beside it",
        Right "right" "the picture beside it",
        HalfPageDown "half-page-down" "half a page down",
        HalfPageUp "half-page-up" "half a page up",
        PageDown "page-down" "a page down",
        PageUp "page-up" "a page up",
        Top "top" "first record",
        Bottom "bottom" "last record",
        NextToReview "next-to-review" "next record to review",
        PreviousToReview "previous-to-review" "previous record to review",
    }
    Find {
        Search "search" "search captions and file names",
        NextMatch "next-match" "next match",
        PreviousMatch "previous-match" "previous match",
        Filter "filter" "filter the list by a query",
        ClearFilter "clear-filter" "take the filter off",
        Complete "complete" "complete the word",
        CompleteBack "complete-back" "complete it with the choice before",
    }
    Sort {
        SortFile "sort-file" "in file order",
        SortName "sort-name" "by name",
        SortWords "sort-words" "by words, most first",
        SortFindings "sort-findings" "by findings, worst first",
        SortStatus "sort-status" "by status, to review first",
        SortChange "sort-change" "by last change, newest first",
        SortEdits "sort-edits" "by distance from the original",
        SortRandom "sort-random" "by chance; again: anew",
        SortAgain "sort-again" "as it is, anew",
    }
    Mark {
        Mark "mark" "mark, or take the mark away, go on",
        MarkRange "mark-range" "mark from here; again: to there",
        MarkAll "mark-all" "mark all in view; again: none",
    }
    Decide {
        Accept "accept" "accept what is shown, go on",
        Keep "keep" "keep the original, go on",
        Skip "skip" "skip for now, go on",
        Exclude "exclude" "leave out of the output, go on",
        Flag "flag" "flag, or take the flag away",
        Note "note" "write a note",
        Undo "undo" "undo",
        Redo "redo" "redo",
    }
    Edit {
        Edit "edit" "edit here",
        EditExternally "edit-externally" "edit in $VISUAL or $EDITOR",
        TakeAndAdvance "take-and-advance" "take the text, go on",
        TakeAndStay "take-and-stay" "take the text, stay",
        TakeAndNext "take-and-next" "take the text, edit the next",
        TakeAndPrevious "take-and-previous" "take the text, edit the previous",
        DiscardDraft "discard-draft" "throw the draft away",
        Submit "submit" "done",
    }
    Describe {
        Regenerate "regenerate" "describe this record (again)",
        RegenerateWithReason "regenerate-with-reason" "again, and say what is wrong",
        ReasonTooLong "reason-too-long" "it says too much",
        ReasonMissedItem "reason-missed-item" "something is left out",
        ReasonWrongColour "reason-wrong-colour" "a colour is wrong",
        ReasonWrongPerson "reason-wrong-person" "the person is wrong",
        ReasonOwnWords "reason-own-words" "in your own words",
        Agree "agree" "yes",
        GenerateAll "generate-all" "describe all in view that need it",
        PreviousCandidate "previous-candidate" "earlier candidate, then the original",
        NextCandidate "next-candidate" "later candidate",
        Stop "stop" "stop running work (twice: quit)",
    }
    View {
        Toggle "toggle" "leave this one out, or take it in",
        ToggleAll "toggle-all" "all of them, or none",
        TabAll "tab-all" "all records",
        TabToReview "tab-to-review" "records to review",
        TabReady "tab-ready" "records with an unseen candidate",
        TabDecided "tab-decided" "decided records",
        TabAside "tab-aside" "skipped and excluded records",
        TabProblems "tab-problems" "records with a problem",
        ScrollDown "scroll-down" "scroll the caption down",
        ScrollUp "scroll-up" "scroll the caption up",
        Sheet "sheet" "contact sheet: many small pictures",
        Zoom "zoom" "picture full screen",
        ZoomIn "zoom-in" "closer, or larger pictures",
        ZoomOut "zoom-out" "further away, or smaller ones",
        ZoomFit "zoom-fit" "whole picture",
        PanLeft "pan-left" "move over the picture",
        PanDown "pan-down" "move over the picture",
        PanUp "pan-up" "move over the picture",
        PanRight "pan-right" "move over the picture",
        Texts "texts" "texts below the picture",
        Copy "copy" "copy the caption",
        Statistics "statistics" "what this session has come to",
        Help "help" "show or hide this help",
        Close "close" "close, or leave and keep the draft",
    }
    File {
        Save "save" "save the updated dataset",
        Overwrite "overwrite" "overwrite the file",
        Command "command" "command line and all commands",
        Suspend "suspend" "suspend to the shell",
        Quit "quit" "quit (asks if unsaved)",
        SaveAndQuit "save-and-quit" "save and quit",
        QuitNow "quit-now" "quit without saving",
    }
}

impl Action {
    /// Whether it means something in the list, and not only while something is written or asked.
    #[must_use]
    pub const fn is_for_the_list(self) -> bool {
        !matches!(
            self,
            Self::TakeAndAdvance
                | Self::TakeAndStay
                | Self::TakeAndNext
                | Self::TakeAndPrevious
                | Self::DiscardDraft
                | Self::Submit
                | Self::ReasonTooLong
                | Self::ReasonMissedItem
                | Self::ReasonWrongColour
                | Self::ReasonWrongPerson
                | Self::ReasonOwnWords
                | Self::Agree
                | Self::Left
                | Self::Right
                | Self::Toggle
                | Self::ToggleAll
                | Self::Overwrite
                | Self::Close
                | Self::Command
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(*action));
        }
        assert_eq!(Action::from_name("no-such-action"), None);
    }
}
