//! Taking the output of an older run in: its captions become candidates of the records they are about.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::{Dataset, DatasetError, Entry, OpenOptions, RecordId};
use crate::review::Msg;
use crate::text;

/// Candidates in one message: enough to be quick, few enough for the screen to stay alive.
const PORTION: usize = 256;

/// Reads `file` and sends what it says of the records of `dataset`, matched by file name and, where several records
/// have the same, by their order.
pub(super) fn take_in(
    dataset: &Dataset,
    file: &Path,
    messages: &UnboundedSender<Msg>,
    go_on: &dyn Fn() -> ControlFlow<()>,
) {
    if let Err(error) = send(dataset, file, messages, go_on) {
        let _ = messages.send(Msg::Notice(format!("no candidates taken in: {error}")));
    }
}

fn send(
    dataset: &Dataset,
    file: &Path,
    messages: &UnboundedSender<Msg>,
    go_on: &dyn Fn() -> ControlFlow<()>,
) -> Result<(), DatasetError> {
    let options = OpenOptions { caption_field: dataset.caption_field().to_owned(), ..OpenOptions::default() };
    let older = Dataset::open(file, &options)?;
    let source = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let mut captions: HashMap<String, Vec<Option<String>>> = HashMap::new();
    older.scan(&mut |entry| {
        if let Entry::Record(line) = entry {
            captions.entry(line.file_name).or_default().push(line.caption);
        }
        go_on()
    })?;
    for captions in captions.values_mut() {
        captions.reverse();
    }
    let mut portion: Vec<(RecordId, String)> = Vec::new();
    let mut total = 0;
    let mut unmatched: usize = captions.values().map(Vec::len).sum();
    dataset.scan(&mut |entry| {
        let Entry::Record(line) = entry else { return go_on() };
        let Some(caption) = captions.get_mut(&line.file_name).and_then(Vec::pop) else { return go_on() };
        unmatched -= 1;
        let news = caption.filter(|caption| line.caption.as_ref() != Some(caption) && !text::trim(caption).is_empty());
        if let Some(caption) = news {
            total += 1;
            portion.push((line.id, caption));
        }
        if portion.len() >= PORTION {
            let captions = std::mem::take(&mut portion);
            let _ = messages.send(Msg::Imported { source: source.clone(), captions, done: None, at: Timestamp::now() });
        }
        go_on()
    })?;
    let rest = if unmatched == 0 { String::new() } else { format!(", {unmatched} of other records left aside") };
    let candidates = text::counted(total, "candidate", "candidates");
    let done = Some(format!("{candidates} from {source}{rest}"));
    let _ = messages.send(Msg::Imported { source, captions: portion, done, at: Timestamp::now() });
    Ok(())
}
