//! Indexing, reading, saving and checking a dataset of a million records, each as a ratio to a reference measured in the same run.
//! Ratios are comparable between machines; times are not. The best of several runs counts.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use recaption::dataset::{
    Amendment, Dataset, DatasetError, Expected, OpenOptions, RecordId, SaveError, SaveOptions, save,
};

const RECORDS: u32 = 1_000_000;
const RUNS: usize = 5;
/// Rows of a tall terminal.
const ROWS: u32 = 47;
const PAGES: u32 = 2_000;

#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Save(#[from] SaveError),
}

fn main() -> Result<(), BenchError> {
    // The build output is on a real disk; the temporary folder may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = folder.path().join("d.jsonl");
    generate(&path)?;
    println!("{RECORDS} records, {} MB\n", fs::metadata(&path)?.len() / 1_000_000);

    let dataset = indexing(&path)?;
    reading(&dataset)?;
    surveying(&dataset)?;
    saving(&dataset, folder.path())?;
    checking(folder.path())
}

/// Lines of about 335 bytes, like those of real datasets; some with escapes.
fn generate(path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..RECORDS {
        let quote = if number % 17 == 0 { "\\\"vintage\\\"" } else { "vintage" };
        writeln!(
            file,
            "{{\"file_name\": \"images/street_{number:020}.jpg\", \"text\": \"Young person with long black hair, wearing \
             a white beanie, beige {quote} puffer jacket, white t-shirt, light blue wide-leg pants and sneakers. \
             Standing confidently on an urban street, brick wall background. Casual street style for cool weather, \
             layered and relaxed.\"}}"
        )?;
    }
    file.into_inner()?.sync_all()
}

/// Words for captions without near-duplicates.
const WORDS: [&str; 32] = [
    "woman", "man", "person", "wearing", "holding", "standing", "sitting", "young", "red", "blue", "black", "white",
    "beige", "striped", "wool", "cotton", "leather", "coat", "jacket", "dress", "shirt", "jeans", "skirt", "sneakers",
    "boots", "scarf", "bag", "hat", "street", "park", "studio", "window",
];

/// Lines with a caption of 40 words, of `captions` different ones.
fn generate_words(path: &Path, captions: u32) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..RECORDS {
        let mut state = u64::from(number % captions);
        let mut word = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            WORDS[usize::try_from(state >> 59).unwrap_or_default()]
        };
        let text: Vec<&str> = (0..40).map(|_| word()).collect();
        writeln!(file, "{{\"file_name\": \"images/{number:020}.jpg\", \"text\": \"A {}.\"}}", text.join(" "))?;
    }
    file.into_inner()?.sync_all()
}

fn timed<T, E>(run: impl FnOnce() -> Result<T, E>) -> Result<(Duration, T), E> {
    let start = Instant::now();
    let value = run()?;
    Ok((start.elapsed(), value))
}

fn report(what: &str, ours: Duration, reference: &str, theirs: Duration, target: f64) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("{what}: {ours:.1?}; {reference}: {theirs:.1?}; ratio {ratio:.2} (target {target})");
}

fn open(path: &Path) -> Result<Dataset, DatasetError> {
    Dataset::open(path, &OpenOptions::default())
}

/// Counts newlines like `wc -l`.
fn count_lines(path: &Path) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 256 * 1024];
    let mut lines = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(lines),
            read => lines += memchr::memchr_iter(b'\n', &block[..read]).count(),
        }
    }
}

fn indexing(path: &Path) -> Result<Dataset, BenchError> {
    let (mut best, mut wc, mut opening, mut first) = (Duration::MAX, Duration::MAX, Duration::MAX, Duration::MAX);
    let mut last = open(path)?;
    for _ in 0..RUNS {
        wc = wc.min(timed(|| count_lines(path))?.0);
        let start = Instant::now();
        let dataset = open(path)?;
        opening = opening.min(start.elapsed());
        let mut published = None;
        dataset.build_index(&mut |_| {
            published.get_or_insert_with(|| start.elapsed());
            ControlFlow::Continue(())
        })?;
        best = best.min(start.elapsed());
        first = first.min(published.unwrap_or(Duration::MAX));
        last = dataset;
    }
    println!("open: {opening:.1?}; first records can be read after {first:.1?}");
    report("open and index all", best, "wc -l", wc, 1.2);
    Ok(last)
}

fn reading(dataset: &Dataset) -> Result<(), BenchError> {
    let step = RECORDS / PAGES;
    let (took, ()) = timed(|| {
        (0..PAGES).try_for_each(|page| {
            dataset.lines(page * step..page * step + ROWS, &mut |line| {
                std::hint::black_box((line.entry(), line.texts()));
                ControlFlow::Continue(())
            })
        })
    })?;
    println!("{ROWS} records read and parsed: {:.1?}", took / PAGES);
    let (took, ()) = timed(|| {
        dataset.scan(&mut |entry| {
            std::hint::black_box(entry);
            ControlFlow::Continue(())
        })
    })?;
    println!("all records read and parsed: {took:.1?}");
    Ok(())
}

fn surveying(dataset: &Dataset) -> Result<(), BenchError> {
    let (took, survey) = timed(|| dataset.survey(&mut || ControlFlow::Continue(())))?;
    let repeats = survey.map_or(0, |survey| survey.namesakes.names.len());
    println!("survey: {took:.1?}, {repeats} repeated names");
    Ok(())
}

fn saving(dataset: &Dataset, folder: &Path) -> Result<(), BenchError> {
    let options = SaveOptions { target: folder.join("saved"), expected: Expected::Nothing, force: true, backup: false };
    let copy = folder.join("copy");
    let every = |step: usize| {
        (0..RECORDS).step_by(step).map(|record| (RecordId(record), Amendment::Caption("A new caption.".into())))
    };
    let (mut cp, mut few, mut some, mut all) = (Duration::MAX, Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        let copied = timed(|| fs::copy(dataset.path(), &copy).and_then(|_| File::open(&copy)?.sync_all()))?;
        cp = cp.min(copied.0);
        fs::remove_file(&copy)?;
        few = few.min(timed(|| save(dataset, &mut every(100), &options))?.0);
        fs::remove_file(&options.target)?;
        some = some.min(timed(|| save(dataset, &mut every(10), &options))?.0);
        fs::remove_file(&options.target)?;
        all = all.min(timed(|| save(dataset, &mut every(1), &options))?.0);
        fs::remove_file(&options.target)?;
    }
    report("save, one caption in a hundred changed", few, "cp and fsync", cp, 1.3);
    report("save, one caption in ten changed", some, "cp and fsync", cp, 1.3);
    report("save, every caption changed", all, "cp and fsync", cp, 1.3);
    Ok(())
}

/// `recaption check`, whose images are missing, as a ratio to reading and parsing the records once on one processor.
fn checking(folder: &Path) -> Result<(), BenchError> {
    let path = folder.join("check.jsonl");
    let mut first = None;
    for (name, captions) in
        [("distinct captions", RECORDS), ("ten records a caption", RECORDS / 10), ("one caption", 1)]
    {
        generate_words(&path, captions)?;
        let checked = open(&path)?;
        let read = timed(|| {
            checked.scan(&mut |entry| {
                std::hint::black_box(entry);
                ControlFlow::Continue(())
            })
        })?;
        let mut check = Command::new(env!("CARGO_BIN_EXE_recaption"));
        check.arg("check").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let (took, _) = timed(|| check.status())?;
        report(&format!("check, {name}"), took, "read and parse", read.0, 10.0);
        report(&format!("check, {name}"), took, "check of distinct captions", *first.get_or_insert(took), 1.0);
    }
    Ok(())
}
