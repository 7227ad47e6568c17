//! `recaption man`: one man page for all commands.

use std::io::{self, Write};

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::exit::ExitCode;

const FILES: &[(&str, &str)] = &[
    ("metadata.jsonl", "The dataset, in the given folder. Only --in-place changes it."),
    ("metadata_updated.jsonl", "The updated dataset, unless --output names another file."),
    (".recaption/metadata.sqlite", "The session, beside the dataset: decisions, candidates, drafts."),
    ("~/.config/recaption/config.toml", "Settings."),
    ("~/.config/recaption/keymap.toml", "Key bindings."),
];

/// Writes the man page of `command`.
///
/// # Errors
/// Returns an error if `out` is closed or full.
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
        let mut page = Vec::new();
        man.render_extra_section(&mut page)?;
        copy(&page, "SH", out)?;
    }
    let codes = ExitCode::MEANINGS.map(|(code, meaning)| ((code as u8).to_string(), meaning));
    list("EXIT STATUS", &codes, out)?;
    list("FILES", FILES, out)?;
    out.flush()
}

/// Writes the man page of a subcommand as a section of this one, without the options that `command` itself documents.
fn section(command: &Command, subcommand: &Command, out: &mut dyn Write) -> io::Result<()> {
    let title = format!("{} {}", command.get_name(), subcommand.get_name()).to_uppercase();
    Roff::new().control("SH", [title.as_str()]).to_writer(out)?;
    let man = Man::new(subcommand.clone());
    let mut page = Vec::new();
    man.render_description_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let own = subcommand.clone().mut_args(|argument| {
        let is_documented = is_documented(command, &argument);
        argument.hide(is_documented)
    });
    if own.get_arguments().any(|argument| !argument.is_hide_set()) {
        Man::new(own).render_options_section(&mut page)?;
    }
    let after_help = |command: &Command| command.get_after_help().map(ToString::to_string);
    if after_help(subcommand).is_some_and(|help| Some(help) != after_help(command)) {
        man.render_extra_section(&mut page)?;
    }
    copy(&page, "SS", out)
}

/// Copies rendered sections at the level of `heading`. The description needs no heading of its own, and the extra
/// section has the examples.
fn copy(page: &[u8], heading: &str, out: &mut dyn Write) -> io::Result<()> {
    for line in String::from_utf8_lossy(page).lines().filter(|line| *line != ".SH DESCRIPTION") {
        match line.strip_prefix(".SH ") {
            Some("EXTRA") => writeln!(out, ".{heading} EXAMPLES")?,
            Some(title) => writeln!(out, ".{heading} {title}")?,
            None if line == "Examples:" => {}
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Returns true if the command itself has an argument with the same name and help.
fn is_documented(command: &Command, argument: &Arg) -> bool {
    let is_same = |other: &Arg| {
        let help = |argument: &Arg| argument.get_help().map(ToString::to_string);
        other.get_id() == argument.get_id() && help(other) == help(argument)
    };
    argument.get_id() == "help" || command.get_arguments().any(is_same)
}

fn list(title: &str, entries: &[(impl AsRef<str>, &str)], out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []).text([bold(name.as_ref())]).text([roman(*meaning)]);
    }
    roff.to_writer(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let session = || Arg::new("session").long("session").help("Which session");
        let json = Arg::new("json").long("json").help("Print JSON");
        let check = Command::new("check").about("Check a dataset").args([json, session()]);
        let check = check.after_help("Examples:\n  recaption check captions.jsonl");
        let command = Command::new("recaption").about("Review captions").version("1.2.3");
        let command = command.arg(session()).subcommand(check);
        let mut page = Vec::new();
        run(command, &mut page).unwrap();
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn each_command_has_a_section_with_its_options_and_examples() {
        let page = page();
        let (_, section) = page.split_once("RECAPTION CHECK").expect("a section");
        for part in
            ["Check a dataset", ".SS SYNOPSIS", ".SS OPTIONS", "Print JSON", ".SS EXAMPLES", "recaption check captions"]
        {
            assert!(section.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn an_option_of_several_commands_is_documented_once() {
        let page = page();
        assert_eq!(page.matches("Which session").count(), 1, "{page}");
        let (_, section) = page.split_once("RECAPTION CHECK").expect("a section");
        assert!(section.contains("session"), "the synopsis names it: {page}");
    }

    #[test]
    fn there_is_one_title() {
        let page = page();
        assert_eq!(page.matches(".TH ").count(), 1);
        assert!(!page.contains("check(1)"), "{page}");
        for section in ["EXIT STATUS", "FILES"] {
            assert!(page.contains(&format!(".SH \"{section}\"")) || page.contains(&format!(".SH {section}")), "{page}");
        }
    }
}
