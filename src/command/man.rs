//! `recaption man`: the manual page, one for all commands.

use std::io::{self, Write};

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What the command line cannot tell of itself: the sections at the end.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Everything was done."),
    ("1", "There are findings, or some records failed."),
    ("2", "The command or its input makes no sense."),
    ("3", "Credentials, access or model: a describer cannot be used."),
    ("4", "Nothing could be written: a full disk, a file in the way, or another process has the session."),
    ("5", "Stopped before the end; the same command goes on from there."),
    ("130", "Interrupted."),
];
const FILES: &[(&str, &str)] = &[
    ("metadata.jsonl", "The dataset, in the folder that is named. It is never changed, unless by --in-place."),
    ("metadata_updated.jsonl", "What is saved, unless --output names another file."),
    (".recaption/metadata.sqlite", "The session, beside the dataset: decisions, candidates, drafts."),
    ("~/.config/recaption/config.toml", "The user's settings."),
    ("~/.config/recaption/keymap.toml", "The user's keys."),
];

/// Writes the manual page of `command`.
///
/// # Errors
/// When `out` is closed or full.
pub fn run(command: Command, out: &mut dyn Write) -> io::Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        section(&command, subcommand, out)?;
    }
    if command.get_after_help().is_some() {
        man.render_extra_section(out)?;
    }
    list("EXIT STATUS", EXIT_STATUS, out)?;
    list("FILES", FILES, out)?;
    out.flush()
}

/// The section of one command: its own page's sections as parts of this one, without what is explained above.
fn section(command: &Command, subcommand: &Command, out: &mut dyn Write) -> io::Result<()> {
    let title = format!("{} {}", command.get_name(), subcommand.get_name()).to_uppercase();
    Roff::new().control("SH", [title.as_str()]).to_writer(out)?;
    let man = Man::new(subcommand.clone());
    let mut page = Vec::new();
    man.render_description_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let own = subcommand.clone().mut_args(|argument| {
        let is_known = is_explained(command, &argument);
        argument.hide(is_known)
    });
    if own.get_arguments().any(|argument| !argument.is_hide_set()) {
        Man::new(own).render_options_section(&mut page)?;
    }
    let page = String::from_utf8(page).map_err(io::Error::other)?;
    for line in page.lines().filter(|line| *line != ".SH DESCRIPTION") {
        match line.strip_prefix(".SH ") {
            Some(title) => writeln!(out, ".SS {title}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Whether the command itself has the same argument, with the same meaning.
fn is_explained(command: &Command, argument: &Arg) -> bool {
    let is_same = |other: &Arg| {
        let help = |argument: &Arg| argument.get_help().map(ToString::to_string);
        other.get_id() == argument.get_id() && help(other) == help(argument)
    };
    argument.get_id() == "help" || command.get_arguments().any(is_same)
}

fn list(title: &str, entries: &[(&str, &str)], out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
    }
    roff.to_writer(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let session = || Arg::new("session").long("session").help("Which session");
        let json = Arg::new("json").long("json").help("Print JSON");
        let check = Command::new("check").about("Look for mistakes").args([json, session()]);
        let command = Command::new("recaption").about("Review captions").version("1.2.3");
        let command = command.arg(session()).subcommand(check);
        let mut page = Vec::new();
        run(command, &mut page).unwrap();
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn each_command_has_its_section_with_its_options() {
        let page = page();
        let (_, section) = page.split_once("RECAPTION CHECK").expect("a section");
        for part in ["Look for mistakes", ".SS SYNOPSIS", ".SS OPTIONS", "Print JSON"] {
            assert!(section.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn an_option_of_several_commands_is_explained_once() {
        let page = page();
        assert_eq!(page.matches("Which session").count(), 1, "{page}");
        let (_, section) = page.split_once("RECAPTION CHECK").expect("a section");
        assert!(section.contains("session"), "the synopsis names it: {page}");
    }

    #[test]
    fn there_is_one_title_and_no_page_of_another_name() {
        let page = page();
        assert_eq!(page.matches(".TH ").count(), 1);
        assert!(!page.contains("check(1)"), "{page}");
        for section in ["EXIT STATUS", "FILES"] {
            assert!(page.contains(&format!(".SH \"{section}\"")) || page.contains(&format!(".SH {section}")), "{page}");
        }
    }
}
