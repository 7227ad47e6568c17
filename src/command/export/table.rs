//! All records in one file: CSV or JSON Lines.

use std::io::Write;

use super::{Chosen, Format, Outcome, Source, Stopped};
use crate::dataset::Amendment;
use crate::session::{Actor, Decision};

/// The columns. Hugging Face's loader requires `file_name`.
const HEADING: [&str; 7] = ["file_name", "text", "decision", "by", "flagged", "note", "original"];

/// Writes the selected records to `out` and flushes it.
pub(super) fn write(source: &Source<'_>, format: Format, out: &mut dyn Write) -> Result<Outcome, Stopped> {
    let mut exported = 0;
    let failed = if format == Format::Csv {
        let mut table = csv::Writer::from_writer(&mut *out);
        table.write_record(HEADING).map_err(std::io::Error::from)?;
        let failed = source.each(&mut |chosen| {
            exported += 1;
            Ok::<_, Stopped>(table.write_record(row(chosen)).map_err(std::io::Error::from)?)
        })?;
        table.flush()?;
        failed
    } else {
        source.each(&mut |chosen| {
            exported += 1;
            out.write_all(&line(chosen))?;
            Ok::<_, Stopped>(out.write_all(b"\n")?)
        })?
    };
    out.flush()?;
    Ok(Outcome { exported, without_caption: 0, failed })
}

fn row<'a>(chosen: &'a Chosen<'_>) -> [&'a str; HEADING.len()] {
    let Chosen { record, state, .. } = chosen;
    let by = match (&state.decision, state.by) {
        (Decision::Undecided, _) => "",
        (_, Actor::Operator) => "operator",
        (_, Actor::Run) => "run",
    };
    [
        &record.file_name,
        chosen.caption().unwrap_or_default(),
        state.decision.kind().name(),
        by,
        if state.flagged { "true" } else { "false" },
        &state.note,
        state.original_caption(record.caption.text()).unwrap_or_default(),
    ]
}

/// Returns the line as a save would write it. The line of an excluded record is unchanged.
fn line<'a>(chosen: &Chosen<'a>) -> std::borrow::Cow<'a, [u8]> {
    match chosen.state.amendment() {
        Some(Amendment::Caption(caption)) => chosen.line.with_caption(&caption),
        Some(Amendment::Exclude) | None => chosen.line.bytes().into(),
    }
}
