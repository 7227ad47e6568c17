//! The commands: one row each. Dispatch, the validation of keymaps, the help, the footer, the dialogs and the palette
//! all derive from this table.

use super::edit::Then;
use super::{
    collect, decide, describe, edit, fields, file, filter, help, layers, navigate, panes, reject, replace, search,
    select, settings, sheet, sort, tags, undo, verify, zoom,
};
use crate::describe::Reason;
use crate::review::command_line::{Argument, DESCRIBERS, FORMATS, Kind, Parameter, THEMES};
use crate::review::{Change, Context, EditorKind, Effect, Mode, Model, RecordAction, SortBy, Tab};

/// A section of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Move,
    Find,
    Sort,
    Select,
    Decide,
    Edit,
    Describe,
    Replace,
    View,
    File,
}

impl Group {
    /// Every group, in the order of the help.
    pub const ALL: [Self; 10] = [
        Self::Move,
        Self::Find,
        Self::Sort,
        Self::Select,
        Self::Decide,
        Self::Edit,
        Self::Describe,
        Self::View,
        Self::File,
        Self::Replace,
    ];

    /// Returns the group's place in the palette: first the commands that are not a key away.
    pub(in crate::review) fn palette_place(self) -> Option<usize> {
        let order = [
            Self::Replace,
            Self::Find,
            Self::Sort,
            Self::Describe,
            Self::File,
            Self::View,
            Self::Decide,
            Self::Edit,
            Self::Select,
            Self::Move,
        ];
        order.iter().position(|group| *group == self)
    }

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Find => "Find",
            Self::Sort => "Sort (again: reverse)",
            Self::Select => "Select several, then act on them",
            Self::Decide => "Decide",
            Self::Edit => "Edit",
            Self::Describe => "Describe",
            Self::Replace => "Change many captions (% for all records)",
            Self::View => "View",
            Self::File => "Save and quit",
        }
    }
}

type Run = fn(&mut Model, Argument, &mut Vec<Effect>);

/// What a command does in some contexts.
struct Meaning {
    contexts: &'static [Context],
    /// One to three words for the footer and the dialogs. Empty if neither mentions the command.
    label: &'static str,
    run: Run,
}

struct Row {
    command: Command,
    name: &'static str,
    group: Group,
    help: &'static str,
    /// The description in the palette, if the help is too short without the title of its group.
    palette: &'static str,
    in_palette: bool,
    /// Names for the command line only.
    abbreviations: &'static [&'static str],
    /// Former names, accepted in keymaps and on the command line.
    aliases: &'static [&'static str],
    parameter: Option<Parameter>,
    meanings: &'static [Meaning],
}

impl Row {
    const DEFAULT: Self = Self {
        command: Command::Down,
        name: "",
        group: Group::Move,
        help: "",
        palette: "",
        in_palette: true,
        abbreviations: &[],
        aliases: &[],
        parameter: None,
        meanings: &[],
    };
}

macro_rules! commands {
    ($($group:ident { $(
        $variant:ident $name:literal $help:literal
        $(($($field:ident: $value:expr),+))? {
            $($contexts:expr, $label:literal => $run:expr;)+
        }
    )+ })+) => {
        /// A command of the reviewer. Keys are bound to commands by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Command {
            $($($variant,)+)+
        }

        static ROWS: &[Row] = &[$($(Row {
            command: Command::$variant,
            name: $name,
            group: Group::$group,
            help: $help,
            $($($field: $value,)+)?
            meanings: &[$(Meaning { contexts: &$contexts, label: $label, run: $run },)+],
            ..Row::DEFAULT
        },)+)+];
    };
}

use Context::{
    Browse, Command as Line, ConfirmMany, ConfirmOverwrite, ConfirmQuit, ConfirmSpending, Edit, Entry, Fields, Filter,
    Help, HelpSearch, Replace, Search, Sheet, Statistics, TagSearch, Tags, Zoom,
};

const ANY_BUT_DIALOGS: [Context; 10] = [Browse, Edit, Fields, Entry, Line, Search, Filter, Help, Tags, Replace];

const NUMBER: Option<Parameter> = Some(Parameter { usage: "NUMBER", kind: Kind::Number, prompt: "go-to " });
const SEED: Option<Parameter> = Some(Parameter { usage: "sort random [N]", kind: Kind::Number, prompt: "" });
const REPORT: Option<Parameter> = Some(Parameter { usage: "report [FILE]", kind: Kind::Path, prompt: "" });
const FORCE_REPORT: Option<Parameter> = Some(Parameter { usage: "report! [FILE]", kind: Kind::Path, prompt: "" });
const DESCRIBER: Option<Parameter> =
    Some(Parameter { usage: "describer NAME [MODEL]", kind: Kind::Choice(&DESCRIBERS), prompt: "describer " });
const AHEAD: Option<Parameter> = Some(Parameter { usage: "ahead N", kind: Kind::Number, prompt: "ahead " });
const THEME: Option<Parameter> = Some(Parameter { usage: "theme NAME", kind: Kind::Choice(&THEMES), prompt: "theme " });
const EXPORT: Option<Parameter> =
    Some(Parameter { usage: "export FORMAT [PATH]", kind: Kind::Choice(&FORMATS), prompt: "export " });
const FORCE_EXPORT: Option<Parameter> =
    Some(Parameter { usage: "export! FORMAT [PATH]", kind: Kind::Choice(&FORMATS), prompt: "export! " });
const SUBSTITUTION: Option<Parameter> = Some(Parameter { usage: "s/OLD/NEW/", kind: Kind::Change, prompt: "s/" });
const PREFIX: Option<Parameter> = Some(Parameter { usage: "prefix TEXT", kind: Kind::Change, prompt: "prefix " });
const RENAME_TAG: Option<Parameter> =
    Some(Parameter { usage: "rename-tag OLD, NEW", kind: Kind::Change, prompt: "rename-tag " });
const REMOVE_TAG: Option<Parameter> =
    Some(Parameter { usage: "remove-tag TAG", kind: Kind::Change, prompt: "remove-tag " });
const SUFFIX: Option<Parameter> = Some(Parameter { usage: "suffix TEXT", kind: Kind::Change, prompt: "suffix " });

commands! {
    Move {
        Down "down" "next record" {
            [Browse], "next" => |model, _, _| navigate::step(model, 1);
            [Sheet], "next row" => |model, _, _| sheet::step_rows(model, 1);
            [Help, HelpSearch], "down" => |model, _, _| navigate::scroll_page(model, 1);
            [Line], "next" => |model, _, _| layers::select_command(model, 1);
            [Tags, TagSearch], "next" => |model, _, _| tags::step(model, 1);
            [Fields], "next" => |model, _, _| fields::step(model, 1);
            [Replace], "next" => |model, _, _| replace::step(model, 1);
        }
        Up "up" "previous record" {
            [Browse], "previous" => |model, _, _| navigate::step(model, -1);
            [Sheet], "previous row" => |model, _, _| sheet::step_rows(model, -1);
            [Help, HelpSearch], "up" => |model, _, _| navigate::scroll_page(model, -1);
            [Line], "previous" => |model, _, _| layers::select_command(model, -1);
            [Tags, TagSearch], "previous" => |model, _, _| tags::step(model, -1);
            [Fields], "previous" => |model, _, _| fields::step(model, -1);
            [Replace], "previous" => |model, _, _| replace::step(model, -1);
        }
        Left "left" "neighbouring picture" (in_palette: false) {
            [Browse], "previous" => |model, _, _| navigate::step(model, -1);
        }
        Right "right" "neighbouring picture" (in_palette: false) {
            [Browse], "next" => |model, _, _| navigate::step(model, 1);
        }
        HalfPageDown "half-page-down" "half a page down" {
            [Browse], "" => |model, _, _| navigate::page(model, 1, 2);
            [Sheet], "" => |model, _, _| sheet::page(model, 1, 2);
            [Help], "" => |model, _, _| navigate::scroll_page(model, navigate::rows_of_page(model, 2));
            [Tags], "" => |model, _, _| tags::step(model, 10);
            [Replace], "" => |model, _, _| replace::step(model, 10);
        }
        HalfPageUp "half-page-up" "half a page up" {
            [Browse], "" => |model, _, _| navigate::page(model, -1, 2);
            [Sheet], "" => |model, _, _| sheet::page(model, -1, 2);
            [Help], "" => |model, _, _| navigate::scroll_page(model, -navigate::rows_of_page(model, 2));
            [Tags], "" => |model, _, _| tags::step(model, -10);
            [Replace], "" => |model, _, _| replace::step(model, -10);
        }
        PageDown "page-down" "page down" {
            [Browse], "" => |model, _, _| navigate::page(model, 1, 1);
            [Sheet], "" => |model, _, _| sheet::page(model, 1, 1);
            [Help], "" => |model, _, _| navigate::scroll_page(model, navigate::rows_of_page(model, 1));
            [Tags], "" => |model, _, _| tags::step(model, 20);
            [Replace], "" => |model, _, _| replace::step(model, 20);
        }
        PageUp "page-up" "page up" {
            [Browse], "" => |model, _, _| navigate::page(model, -1, 1);
            [Sheet], "" => |model, _, _| sheet::page(model, -1, 1);
            [Help], "" => |model, _, _| navigate::scroll_page(model, -navigate::rows_of_page(model, 1));
            [Tags], "" => |model, _, _| tags::step(model, -20);
            [Replace], "" => |model, _, _| replace::step(model, -20);
        }
        Top "top" "first record" {
            [Browse], "" => |model, _, _| navigate::top(model);
            [Tags], "" => |model, _, _| tags::step(model, isize::MIN);
            [Fields], "" => |model, _, _| fields::step(model, isize::MIN);
            [Help], "top" => |model, _, _| navigate::scroll_page(model, isize::MIN);
        }
        Bottom "bottom" "last record" {
            [Browse], "" => |model, _, _| navigate::bottom(model);
            [Tags], "" => |model, _, _| tags::step(model, isize::MAX);
            [Fields], "" => |model, _, _| fields::step(model, isize::MAX);
            [Help], "bottom" => |model, _, _| navigate::scroll_page(model, isize::MAX);
        }
        NextToReview "next-to-review" "next record to review" {
            [Browse], "" => |model, _, _| navigate::to_review(model, true);
        }
        PreviousToReview "previous-to-review" "previous record to review" {
            [Browse], "" => |model, _, _| navigate::to_review(model, false);
        }
        PreviousCaption "previous-caption" "previous caption of the image" {
            [Browse], "" => |model, _, _| navigate::to_sibling(model, false);
        }
        NextCaption "next-caption" "next caption of the image" {
            [Browse], "" => |model, _, _| navigate::to_sibling(model, true);
        }
        GoTo "go-to" "go to a record by number" (parameter: NUMBER) {
            [Browse], "" => |model, argument, _| navigate::to_number(model, argument.number());
        }
    }
    Find {
        Search "search" "search captions and file names" {
            [Browse], "" => |model, _, _| search::open(model);
            [Help], "search" => |model, _, _| help::open_search(model);
            [Tags], "search" => |model, _, _| tags::open_search(model);
        }
        NextMatch "next-match" "next match" {
            [Browse, Search], "" => |model, _, _| search::next(model, true);
        }
        PreviousMatch "previous-match" "previous match" {
            [Browse, Search], "" => |model, _, _| search::next(model, false);
        }
        Filter "filter" "filter the list by a query" {
            [Browse], "" => |model, _, out| filter::open(model, out);
        }
        ClearFilter "clear-filter" "clear the filter" {
            [Browse], "" => |model, _, out| filter::clear(model, out);
        }
        Complete "complete" "next completion" {
            [Filter], "" => |model, _, out| filter::complete_word(model, true, out);
            [Edit], "complete" => |model, _, out| tags::complete(model, true, out);
        }
        CompleteBack "complete-back" "previous completion" {
            [Filter], "" => |model, _, out| filter::complete_word(model, false, out);
            [Edit], "complete back" => |model, _, out| tags::complete(model, false, out);
        }
    }
    Sort {
        SortFile "sort-file" "file order" (palette: "sort in file order", abbreviations: &["sort file"]) {
            [Browse], "" => |model, _, out| sort::in_file_order(model, out);
        }
        SortName "sort-name" "name" (palette: "sort by name", abbreviations: &["sort name"]) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Name, out);
        }
        SortWords "sort-words" "words, most first" (
            palette: "sort by words, most first", abbreviations: &["sort words"]
        ) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Words, out);
        }
        SortFindings "sort-findings" "findings, worst first" (
            palette: "sort by findings, worst first", abbreviations: &["sort findings"]
        ) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Findings, out);
        }
        SortStatus "sort-status" "status, to review first" (
            palette: "sort by status", abbreviations: &["sort status"]
        ) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Status, out);
        }
        SortChange "sort-change" "last change, newest first" (
            palette: "sort by last change", abbreviations: &["sort change"]
        ) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Change, out);
        }
        SortEdits "sort-edits" "edit distance from the original" (
            palette: "sort by edit distance", abbreviations: &["sort edits"]
        ) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Edits, out);
        }
        SortVerifier "sort-verifier" "verifier, worst first" (
            palette: "sort by findings of the verifier", abbreviations: &["sort verifier"]
        ) {
            [Browse], "" => |model, _, out| sort::by(model, SortBy::Verdict, out);
        }
        SortRandom "sort-random" "random (again: reshuffle)" (
            palette: "shuffle (N is the seed)", abbreviations: &["sort random"], parameter: SEED
        ) {
            [Browse], "" => |model, argument, out| sort::randomly(model, argument.number(), out);
        }
        SortAgain "sort-again" "sort again" (abbreviations: &["sort again"]) {
            [Browse], "" => |model, _, out| sort::again(model, out);
        }
    }
    Select {
        Select "select" "select or deselect, next" (aliases: &["mark"]) {
            [Browse], "select" => |model, _, _| select::toggle(model);
        }
        SelectRange "select-range" "select a range: start, then end" (aliases: &["mark-range"]) {
            [Browse], "range" => |model, _, _| select::range(model);
        }
        SelectAll "select-all" "select all in view (again: none)" (aliases: &["mark-all"]) {
            [Browse], "all" => |model, _, _| select::all(model);
        }
    }
    Decide {
        Accept "accept" "accept the caption shown, next" {
            [Browse], "accept" => |model, _, out| decide::request(model, RecordAction::Accept, out);
        }
        Keep "keep" "keep the original, next" {
            [Browse], "keep" => |model, _, out| decide::request(model, RecordAction::Keep, out);
        }
        Skip "skip" "skip for now, next" {
            [Browse], "skip" => |model, _, out| decide::request(model, RecordAction::Skip, out);
        }
        Exclude "exclude" "exclude from the output, next" {
            [Browse], "exclude" => |model, _, out| decide::request(model, RecordAction::Exclude, out);
        }
        Reject "reject" "spot check: not acceptable, next" {
            [Browse], "bad" => |model, _, _| reject::choose_reason(model);
        }
        Flag "flag" "flag or unflag" {
            [Browse], "flag" => |model, _, out| decide::request(model, RecordAction::Flag, out);
        }
        Note "note" "write a note" {
            [Browse], "note" => |model, _, out| edit::open(model, EditorKind::Note, out);
        }
        Undo "undo" "undo" {
            [Browse], "undo" => |model, _, out| undo::undo(model, out);
        }
        Redo "redo" "redo" {
            [Browse], "redo" => |model, _, out| undo::redo(model, out);
        }
    }
    Edit {
        Edit "edit" "edit the caption" {
            [Browse], "edit" => |model, _, out| edit::open(model, EditorKind::Caption, out);
            [Fields], "edit all as JSON" => |model, _, out| edit::open(model, EditorKind::Whole, out);
        }
        EditExternally "edit-externally" "edit in $VISUAL or $EDITOR" {
            [Browse, Fields], "" => |model, _, out| edit::open(model, EditorKind::External, out);
        }
        DropUnsupported "drop-unsupported" "edit without unsupported phrases" {
            [Browse], "" => |model, _, out| edit::drop_unsupported(model, out);
        }
        AcceptEdit "accept-edit" "accept the edit, next" (aliases: &["take-and-advance"]) {
            [Edit], "accept" => |model, _, out| edit::take(model, Then::Advance, out);
        }
        AcceptEditStay "accept-edit-stay" "accept the edit, stay" (aliases: &["take-and-stay"]) {
            [Edit], "accept, stay" => |model, _, out| edit::take(model, Then::Stay, out);
        }
        AcceptEditNext "accept-edit-next" "accept, edit the next" (aliases: &["take-and-next"]) {
            [Edit], "accept, edit next" => |model, _, out| edit::take(model, Then::EditNext, out);
        }
        AcceptEditPrevious "accept-edit-previous" "accept, edit the previous" (aliases: &["take-and-previous"]) {
            [Edit], "accept, edit previous" => |model, _, out| edit::take(model, Then::EditPrevious, out);
        }
        DiscardDraft "discard-draft" "discard the draft" {
            [Edit], "discard" => |model, _, out| edit::discard(model, out);
        }
    }
    Describe {
        Regenerate "regenerate" "describe, or regenerate" (palette: "describe, or regenerate the caption") {
            [Browse], "regenerate" => |model, _, out| describe::regenerate(model, None, out);
        }
        RegenerateWithReason "regenerate-with-reason" "regenerate with a reason" {
            [Browse], "reason" => |model, _, _| describe::choose_reason(model);
        }
        ReasonTooLong "reason-too-long" "too long" {
            [Context::Reason], "too long" => |model, _, out| describe::regenerate_for(model, Reason::TooLong, out);
        }
        ReasonMissedItem "reason-missed-item" "misses something" {
            [Context::Reason], "misses something" =>
                |model, _, out| describe::regenerate_for(model, Reason::MissedItem, out);
        }
        ReasonWrongColour "reason-wrong-colour" "wrong colour" {
            [Context::Reason], "wrong colour" =>
                |model, _, out| describe::regenerate_for(model, Reason::WrongColour, out);
        }
        ReasonWrongPerson "reason-wrong-person" "wrong about the person" {
            [Context::Reason], "wrong about the person" =>
                |model, _, out| describe::regenerate_for(model, Reason::WrongPerson, out);
        }
        ReasonOwnWords "reason-own-words" "other" {
            [Context::Reason], "other …" => |model, _, _| describe::own_reason(model);
        }
        ReasonFindings "reason-findings" "what the verifier found" {
            [Context::Reason], "the findings" => |model, _, out| describe::regenerate_for_findings(model, out);
        }
        Verify "verify" "verify with a second model" {
            [Browse], "" => |model, _, out| verify::request(model, out);
        }
        Confirm "confirm" "yes" (aliases: &["agree"]) {
            [ConfirmSpending], "yes" => |model, _, out| match model.mode {
                Mode::ConfirmVerifying { .. } => verify::consent(model, out),
                _ => describe::consent(model, out),
            };
            [ConfirmMany], "yes" => |model, _, out| decide::confirmed(model, out);
        }
        GenerateAll "generate-all" "describe all in view that need it" {
            [Browse], "" => |model, _, out| describe::all_in_view(model, out);
        }
        Collect "collect" "collect batch results" {
            [Browse], "" => |model, _, out| collect::start(model, out);
        }
        PreviousCandidate "previous-candidate" "previous candidate, then original" {
            [Browse], "" => |model, _, _| navigate::version(model, false);
        }
        NextCandidate "next-candidate" "next candidate" {
            [Browse], "" => |model, _, _| navigate::version(model, true);
        }
        Describer "describer" "choose the describer" (
            palette: "use bedrock, openai, local or none", parameter: DESCRIBER
        ) {
            [Browse], "" => |model, argument, out| settings::choose_describer(model, argument, out);
        }
        Ahead "ahead" "describe the next N records ahead" (parameter: AHEAD) {
            [Browse], "" => |model, argument, out| settings::describe_ahead(model, argument.number(), out);
        }
        Stop "stop" "stop running work (twice: quit)" {
            ANY_BUT_DIALOGS, "" => |model, _, out| {
                let is_second_press = std::mem::take(&mut model.stop_pressed);
                describe::stop(model, is_second_press, out);
            };
        }
    }
    View {
        TabAll "tab-all" "all records" (palette: "show all records") {
            [Browse], "" => |model, _, _| navigate::show_tab(model, Tab::All);
        }
        TabToReview "tab-to-review" "records to review" (palette: "show the records to review") {
            [Browse], "" => |model, _, _| navigate::show_tab(model, Tab::ToReview);
        }
        TabReady "tab-ready" "records with an unseen candidate" (palette: "show records with unseen candidates") {
            [Browse], "" => |model, _, _| navigate::show_tab(model, Tab::Ready);
        }
        TabDecided "tab-decided" "decided records" (palette: "show the decided records") {
            [Browse], "" => |model, _, _| navigate::show_tab(model, Tab::Decided);
        }
        TabSkipped "tab-skipped" "skipped records" (
            palette: "show the skipped records", aliases: &["tab-aside"]
        ) {
            [Browse], "" => |model, _, _| navigate::show_tab(model, Tab::Skipped);
        }
        TabProblems "tab-problems" "problems and findings" (palette: "show problems and findings") {
            [Browse], "" => |model, _, _| navigate::show_tab(model, Tab::Problems);
        }
        ScrollDown "scroll-down" "scroll the caption down" {
            [Browse], "" => |model, _, _| navigate::scroll(model, 1);
        }
        ScrollUp "scroll-up" "scroll the caption up" {
            [Browse], "" => |model, _, _| navigate::scroll(model, -1);
        }
        ListPane "list-pane" "list, narrow or none" {
            [Browse], "list" => |model, _, out| panes::cycle_list(model, out);
        }
        SplitLeft "split-left" "smaller picture pane" {
            [Browse], "" => |model, _, out| panes::move_split(model, false, out);
        }
        SplitRight "split-right" "larger picture pane" {
            [Browse], "" => |model, _, out| panes::move_split(model, true, out);
        }
        Sheet "sheet" "contact sheet" (palette: "show or hide the contact sheet") {
            [Browse], "sheet" => |model, _, _| sheet::toggle(model);
            [Sheet], "back" => |model, _, _| sheet::toggle(model);
        }
        Zoom "zoom" "full-screen picture" {
            [Browse], "full screen" => |model, _, _| zoom::toggle(model);
        }
        ZoomIn "zoom-in" "zoom in, larger pictures" (palette: "larger pictures") {
            [Zoom], "zoom in" => |model, _, _| zoom::closer(model);
            [Sheet], "larger" => |model, _, _| sheet::resize(model, true);
        }
        ZoomOut "zoom-out" "zoom out, smaller pictures" (palette: "smaller pictures") {
            [Zoom], "zoom out" => |model, _, _| zoom::further(model);
            [Sheet], "smaller" => |model, _, _| sheet::resize(model, false);
        }
        ZoomFit "zoom-fit" "fit the picture to the screen" {
            [Zoom], "fit" => |model, _, _| zoom::fit(model);
        }
        PanLeft "pan-left" "pan the picture" {
            [Zoom], "" => |model, _, _| zoom::pan(model, -1, 0);
        }
        PanDown "pan-down" "pan the picture" {
            [Zoom], "" => |model, _, _| zoom::pan(model, 0, 1);
        }
        PanUp "pan-up" "pan the picture" {
            [Zoom], "" => |model, _, _| zoom::pan(model, 0, -1);
        }
        PanRight "pan-right" "pan the picture" {
            [Zoom], "" => |model, _, _| zoom::pan(model, 1, 0);
        }
        Texts "texts" "captions with the picture" {
            [Zoom], "captions" => |model, _, _| zoom::texts(model);
        }
        Theme "theme" "auto, dark, light, high-contrast" (
            palette: "colours: auto, dark, light …", parameter: THEME
        ) {
            [Browse], "" => |model, argument, out| settings::choose_theme(model, argument, out);
        }
        Copy "copy" "copy the caption" {
            [Browse], "copy" => |model, _, out| navigate::copy(model, out);
        }
        Statistics "statistics" "session statistics" (abbreviations: &["stats"]) {
            [Browse, Help], "" => |model, _, out| file::statistics(model, out);
        }
        Tags "tags" "tags with counts" (palette: "list the tags with counts") {
            [Browse], "" => |model, _, out| tags::open(model, out);
        }
        Messages "messages" "recent messages" (palette: "show the recent messages") {
            [Browse, Help], "" => |model, _, _| model.mode = crate::review::Mode::Messages(0);
        }
        Help "help" "this help" (palette: "list the keys") {
            ANY_BUT_DIALOGS, "help" => |model, _, _| help::toggle(model);
        }
        Submit "submit" "confirm the input" {
            [Entry], "save" => |model, _, out| layers::submit_text(model, out);
            [Line], "run" => |model, _, out| layers::run_line(model, out);
            [Search], "keep" => |model, _, _| layers::submit_search(model);
            [Filter], "keep" => |model, _, out| filter::submit(model, out);
            [HelpSearch], "keep" => |model, _, _| help::submit_search(model);
            [TagSearch], "keep" => |model, _, _| tags::submit_search(model);
            [Tags], "list these records" => |model, _, out| tags::list(model, out);
            [Fields], "edit the field" => |model, _, out| fields::edit(model, out);
            [Statistics], "list these records" => |model, _, out| file::show_counted(model, out);
            [Replace], "change them" => |model, _, out| replace::apply(model, out);
        }
        Close "close" "close; in the editor: keep the draft" (in_palette: false) {
            [Browse], "deselect" => |model, _, out| layers::clear(model, out);
            [Sheet], "back" => |model, _, _| sheet::toggle(model);
            [Zoom], "back" => |model, _, _| layers::close(model);
            [Edit], "close, keep draft" => |model, _, out| edit::leave(model, out);
            [Search], "cancel" => |model, _, out| search::cancel(model, out);
            [Filter], "cancel" => |model, _, out| filter::cancel(model, out);
            [Entry, Line, Context::Reason], "cancel" => |model, _, _| layers::close(model);
            [Help, HelpSearch], "close" => |model, _, _| help::close(model);
            [Tags, TagSearch], "close" => |model, _, out| tags::close(model, out);
            [Fields], "close" => |model, _, _| fields::close(model);
            [Replace], "cancel" => |model, _, out| replace::leave(model, out);
            [ConfirmQuit, ConfirmOverwrite], "cancel" => |model, _, _| layers::cancel_save(model);
            [ConfirmSpending, ConfirmMany], "no" => |model, _, _| layers::close(model);
        }
    }
    File {
        Save "save" "save the updated dataset" (abbreviations: &["w"]) {
            ANY_BUT_DIALOGS, "save" => |model, _, out| file::save(model, false, out);
        }
        Overwrite "overwrite" "overwrite the file" (
            palette: "save, overwriting an existing file", abbreviations: &["w!"]
        ) {
            [Browse, ConfirmOverwrite], "overwrite" => |model, _, out| file::overwrite(model, out);
        }
        Report "report" "write the spot check report" (parameter: REPORT) {
            [Browse], "" => |model, argument, out| file::write_report(model, argument.path(), false, out);
        }
        ForceReport "force-report" "overwrite the spot check report" (
            abbreviations: &["report!"], parameter: FORCE_REPORT
        ) {
            [Browse], "" => |model, argument, out| file::write_report(model, argument.path(), true, out);
        }
        Export "export" "export the captions" (palette: "export as txt, csv, jsonl or parquet", parameter: EXPORT) {
            [Browse], "" => |model, argument, out| file::export(model, argument, false, out);
        }
        ForceExport "force-export" "export, overwriting files" (
            abbreviations: &["export!"], parameter: FORCE_EXPORT
        ) {
            [Browse], "" => |model, argument, out| file::export(model, argument, true, out);
        }
        Command "command" "command line and palette" (in_palette: false) {
            [Browse, Help], "commands" => |model, _, _| {
                let context = if model.shows_sheet() { Context::Sheet } else { Context::Browse };
                layers::open_command_line(model, "", context);
            };
        }
        Redraw "redraw" "redraw the screen" {
            *Context::ALL, "" => |_, _, out| out.push(Effect::Redraw);
        }
        Suspend "suspend" "suspend to the shell" {
            *Context::ALL, "" => |_, _, out| out.push(Effect::Suspend);
        }
        Reopen "reopen" "open the dataset again" {
            [Browse], "" => |model, _, out| file::reopen(model, out);
        }
        SaveAndQuit "save-and-quit" "save and quit" (abbreviations: &["wq", "x"]) {
            *Context::ALL, "save and quit" => |model, _, out| file::save_and_quit(model, out);
        }
        Quit "quit" "quit (asks if unsaved)" (abbreviations: &["q"]) {
            *Context::ALL, "quit" => |model, _, out| file::quit(model, out);
        }
        QuitNow "quit-now" "quit without saving" (abbreviations: &["q!"]) {
            *Context::ALL, "quit" => |model, _, out| file::leave(model, out);
        }
    }
    Replace {
        Substitute "substitute" "replace a regular expression" (
            abbreviations: &["s"], parameter: SUBSTITUTION
        ) {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, None, out);
        }
        Prefix "prefix" "prepend text" (palette: "prepend text to captions", parameter: PREFIX) {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, None, out);
        }
        Suffix "suffix" "append text" (palette: "append text to captions", parameter: SUFFIX) {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, None, out);
        }
        Trim "trim" "trim white space at the ends" {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, Some(Change::Trim), out);
        }
        SentenceCase "sentence-case" "capitalise the first letter" {
            [Browse], "" =>
                |model, argument, out| layers::preview_change(model, argument, Some(Change::SentenceCase), out);
        }
        FinalStop "final-stop" "end with a full stop" {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, Some(Change::FinalStop), out);
        }
        RenameTag "rename-tag" "rename a tag" (palette: "rename a tag in captions", parameter: RENAME_TAG) {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, None, out);
        }
        RemoveTag "remove-tag" "remove a tag" (palette: "remove a tag from captions", parameter: REMOVE_TAG) {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, None, out);
        }
        UniqueTags "unique-tags" "remove repeated tags" {
            [Browse], "" => |model, argument, out| layers::preview_change(model, argument, Some(Change::UniqueTags), out);
        }
        Rename "rename" "rename the tag" {
            [Tags], "rename" => |model, _, out| tags::rename(model, out);
        }
        Remove "remove" "remove the tag" {
            [Tags], "remove" => |model, _, out| tags::remove(model, out);
        }
        Toggle "toggle" "include or omit this caption" {
            [Replace], "include or omit" => |model, _, _| replace::toggle(model);
        }
        ToggleAll "toggle-all" "include all, or none" {
            [Replace], "all or none" => |model, _, _| replace::toggle_all(model);
        }
    }
}

/// Runs a command in the current context. A command that lacks its argument opens the command line for it.
pub(super) fn run(model: &mut Model, command: Command, argument: Argument, out: &mut Vec<Effect>) {
    model.notice = None;
    model.is_summary_shown = false;
    if command != Command::Submit {
        search::cancel_jump(model);
    }
    if command != Command::Stop {
        model.stop_pressed = false;
    }
    let Some(meaning) = command.meaning(Context::of(model)) else { return };
    match command.row().parameter {
        Some(parameter) if command.needs_argument(&argument) => {
            layers::open_command_line(model, parameter.prompt, Context::of(model));
        }
        _ => (meaning.run)(model, argument, out),
    }
}

impl Command {
    /// Every command, in the order of the help.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.command)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The name in the keymap and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    #[must_use]
    pub fn help(self) -> &'static str {
        self.row().help
    }

    #[must_use]
    pub fn group(self) -> Group {
        self.row().group
    }

    /// The description in the palette: unlike the help, it makes sense without the title of its group.
    #[must_use]
    pub fn description(self) -> &'static str {
        if self.row().palette.is_empty() { self.help() } else { self.row().palette }
    }

    pub(in crate::review) fn parameter(self) -> Option<Parameter> {
        self.row().parameter
    }

    /// Returns true if the command cannot run without another argument.
    pub(in crate::review) fn needs_argument(self, argument: &Argument) -> bool {
        *argument == Argument::None && self.row().parameter.is_some_and(Parameter::is_required)
    }

    /// What to type on the command line, as in `report [FILE]`.
    #[must_use]
    pub fn usage(self) -> &'static str {
        self.row().parameter.map_or(self.name(), |parameter| parameter.usage)
    }

    /// Names that only the command line accepts.
    #[must_use]
    pub fn abbreviations(self) -> &'static [&'static str] {
        self.row().abbreviations
    }

    /// Former names.
    #[must_use]
    pub fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// Returns the command with this name or former name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|command| command.name() == name || command.aliases().contains(&name))
    }

    /// The command in the footer or a dialog, in one to three words. Empty if it is not mentioned there.
    #[must_use]
    pub fn label(self, context: Context) -> &'static str {
        self.meaning(context).map_or("", |meaning| meaning.label)
    }

    /// Returns true if the command does something in a context.
    #[must_use]
    pub fn acts_in(self, context: Context) -> bool {
        self.meaning(context).is_some()
    }

    /// Returns true if a key of a context can be bound to the command: it acts there, or in a context that inherits the
    /// key.
    #[must_use]
    pub fn is_bindable_in(self, context: Context) -> bool {
        let inherits = |other: &&Context| other.fallback() == Some(context);
        self.acts_in(context) || Context::ALL.iter().filter(inherits).any(|other| self.acts_in(*other))
    }

    /// Returns true if the palette of a context lists the command.
    #[must_use]
    pub fn is_in_palette(self, context: Context) -> bool {
        self.row().in_palette && self.acts_in(context)
    }

    fn meaning(self, context: Context) -> Option<&'static Meaning> {
        let here = self.row().meanings.iter().find(|meaning| meaning.contexts.contains(&context));
        here.or_else(|| self.meaning(context.fallback()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for command in Command::all() {
            assert_eq!(Command::from_name(command.name()), Some(command));
            for name in [&[command.name()][..], command.abbreviations(), command.aliases()].concat() {
                assert!(names.insert(name), "{name} names two commands");
            }
        }
        assert_eq!(Command::from_name("no-such-command"), None);
    }

    #[test]
    fn rows_are_in_the_order_of_the_commands() {
        for (place, command) in Command::all().enumerate() {
            assert_eq!(command as usize, place);
        }
    }

    #[test]
    fn every_command_has_a_help_text_and_a_context() {
        for command in Command::all() {
            assert!(!command.help().is_empty(), "{}", command.name());
            assert!(Context::ALL.iter().any(|context| command.acts_in(*context)), "{}", command.name());
        }
    }

    #[test]
    fn a_context_falls_back_to_another() {
        assert!(Command::Accept.acts_in(Context::Zoom) && Command::Accept.acts_in(Context::Sheet));
        assert_eq!(Command::Down.label(Context::Sheet), "next row");
        assert_eq!(Command::Down.label(Context::Zoom), "next");
        assert!(!Command::ZoomIn.acts_in(Context::Browse));
        assert!(Command::ZoomIn.is_bindable_in(Context::Browse), "the zoom and the contact sheet inherit the key");
        assert!(!Command::Accept.is_bindable_in(Context::Edit));
    }
}
