//! The schema of the database, and the migrations from older formats.

use rusqlite::{Connection, TransactionBehavior};

use super::error::Fault;

/// Marks a database as a session of recaption ("rcap").
const APPLICATION: i32 = i32::from_be_bytes(*b"rcap");

/// The migration to each format from the one before; the first one creates format 1. Released scripts never change.
pub(super) const MIGRATIONS: &[&str] =
    &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_5, FORMAT_6, FORMAT_7, FORMAT_8, FORMAT_9];

const FORMAT_1: &str = "
-- The dataset this session belongs to, as it was when its records were last found in it.
CREATE TABLE dataset (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    path  ANY NOT NULL,
    stamp TEXT NOT NULL,
    hash  TEXT
) STRICT;

-- The records something happened to. `position` is where the record is in the dataset now (NULL: nowhere);
-- `original` is the caption that counts as its original, `ours` the text of this session that an in-place save put in
-- its place (NULL: the original is there).
CREATE TABLE subject (
    id         INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
    file_name  TEXT NOT NULL,
    occurrence INTEGER NOT NULL CHECK (occurrence >= 0),
    position   INTEGER CHECK (position BETWEEN 0 AND 2147483647),
    original   TEXT,
    ours       TEXT
) STRICT;

-- Everything that happened, in order. Numbers missing here are those of drafts (see `draft`).
CREATE TABLE event (
    seq       INTEGER PRIMARY KEY CHECK (seq > 0),
    at        TEXT NOT NULL,
    kind      TEXT NOT NULL,
    subject   INTEGER REFERENCES subject (id),
    text      TEXT,
    decision  TEXT,
    actor     TEXT,
    candidate INTEGER,
    base      TEXT,
    flag      INTEGER,
    path      ANY,
    through   INTEGER,
    hash      TEXT
) STRICT;

-- The proposed texts, each with the event that brought it.
CREATE TABLE candidate (
    seq        INTEGER PRIMARY KEY REFERENCES event (seq),
    text       TEXT NOT NULL,
    describer  TEXT NOT NULL,
    model      TEXT NOT NULL,
    parameters TEXT NOT NULL,
    stop       TEXT NOT NULL,
    at         TEXT NOT NULL
) STRICT;

-- What became of records when the dataset had changed, each with the event that found it out.
CREATE TABLE fate (
    id      INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL REFERENCES event (seq),
    subject INTEGER NOT NULL REFERENCES subject (id),
    fate    TEXT NOT NULL,
    caption TEXT
) STRICT;

-- The newest unfinished edit of a record (NULL text: none any more). Drafts are events too, but a newer one replaces an
-- older; `writes` counts them, so that count(event) + sum(writes) is the number of the newest event.
CREATE TABLE draft (
    subject   INTEGER PRIMARY KEY REFERENCES subject (id),
    seq       INTEGER NOT NULL,
    writes    INTEGER NOT NULL,
    text      TEXT,
    cursor    INTEGER,
    base      TEXT,
    candidate INTEGER
) STRICT;

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
CREATE TRIGGER candidate_is_never_changed BEFORE UPDATE ON candidate
BEGIN SELECT RAISE(ABORT, 'candidates are only ever added'); END;
CREATE TRIGGER candidate_is_never_removed BEFORE DELETE ON candidate
BEGIN SELECT RAISE(ABORT, 'candidates are only ever added'); END;
CREATE TRIGGER fate_is_never_changed BEFORE UPDATE ON fate
BEGIN SELECT RAISE(ABORT, 'fates are only ever added'); END;
CREATE TRIGGER fate_is_never_removed BEFORE DELETE ON fate
BEGIN SELECT RAISE(ABORT, 'fates are only ever added'); END;
";

const FORMAT_2: &str = "
-- What a candidate was asked with, why another one was asked for, and what it took (cost: billionths of a dollar).
ALTER TABLE candidate ADD COLUMN prompt TEXT;
ALTER TABLE candidate ADD COLUMN reason TEXT;
ALTER TABLE candidate ADD COLUMN input INTEGER;
ALTER TABLE candidate ADD COLUMN output INTEGER;
ALTER TABLE candidate ADD COLUMN cost INTEGER;

-- Every answer paid for, whether or not it became a candidate (cost: billionths of a dollar). Where the answer broke
-- off, the amounts are the most they can be (estimated).
CREATE TABLE usage (
    id        INTEGER PRIMARY KEY,
    at        TEXT NOT NULL,
    model     TEXT NOT NULL,
    prompt    TEXT NOT NULL,
    input     INTEGER NOT NULL,
    output    INTEGER NOT NULL,
    cost      INTEGER NOT NULL,
    estimated INTEGER NOT NULL
) STRICT;

-- Who was at the keyboard, from the event after this one on.
CREATE TABLE sitting (
    id       INTEGER PRIMARY KEY,
    after    INTEGER NOT NULL,
    at       TEXT NOT NULL,
    reviewer TEXT NOT NULL
) STRICT;

-- Random parts of the dataset that were drawn to be judged: what was asked for, and the hash of the dataset they were
-- drawn from. Decisions after the event `after` count.
CREATE TABLE sample (
    id    INTEGER PRIMARY KEY,
    after INTEGER NOT NULL,
    at    TEXT NOT NULL,
    size  INTEGER NOT NULL,
    seed  INTEGER NOT NULL,
    by    TEXT,
    hash  TEXT NOT NULL
) STRICT;

CREATE TABLE stratum (
    sample     INTEGER NOT NULL REFERENCES sample (id),
    number     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    population INTEGER NOT NULL,
    drawn      INTEGER NOT NULL,
    PRIMARY KEY (sample, number)
) STRICT, WITHOUT ROWID;

-- Their records, in the order in which they are shown, each with the text decided on before (NULL: none).
CREATE TABLE sampled (
    sample  INTEGER NOT NULL REFERENCES sample (id),
    place   INTEGER NOT NULL,
    subject INTEGER NOT NULL REFERENCES subject (id),
    stratum INTEGER NOT NULL,
    text    TEXT,
    PRIMARY KEY (sample, place)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER sample_is_never_changed BEFORE UPDATE ON sample
BEGIN SELECT RAISE(ABORT, 'samples are only ever added'); END;
CREATE TRIGGER sample_is_never_removed BEFORE DELETE ON sample
BEGIN SELECT RAISE(ABORT, 'samples are only ever added'); END;
CREATE TRIGGER sampled_is_never_changed BEFORE UPDATE ON sampled
BEGIN SELECT RAISE(ABORT, 'samples are only ever added'); END;
CREATE TRIGGER sampled_is_never_removed BEFORE DELETE ON sampled
BEGIN SELECT RAISE(ABORT, 'samples are only ever added'); END;
CREATE TRIGGER sitting_is_never_changed BEFORE UPDATE ON sitting
BEGIN SELECT RAISE(ABORT, 'sittings are only ever added'); END;
CREATE TRIGGER sitting_is_never_removed BEFORE DELETE ON sitting
BEGIN SELECT RAISE(ABORT, 'sittings are only ever added'); END;
CREATE TRIGGER usage_is_never_changed BEFORE UPDATE ON usage
BEGIN SELECT RAISE(ABORT, 'usage is only ever added'); END;
CREATE TRIGGER usage_is_never_removed BEFORE DELETE ON usage
BEGIN SELECT RAISE(ABORT, 'usage is only ever added'); END;
";

const FORMAT_3: &str = "
-- Whether the texts of a sample were shown without saying which is which.
ALTER TABLE sample ADD COLUMN blind INTEGER NOT NULL DEFAULT 0 CHECK (blind IN (0, 1));
";

const FORMAT_4: &str = "
-- A row with `subjects` stands for the same change to each of them: for as many events as there are subjects, numbered
-- from `seq` on. Each subject takes 4 bytes, little-endian, and is its id less one.
ALTER TABLE event ADD COLUMN subjects BLOB;
";

const FORMAT_5: &str = "
-- What other records of the dataset shared with this one when it was last found: 0 nothing, 1 the file name, 2 the file
-- name and the caption. Then `occurrence` is the number of earlier records with the same file name and caption. NULL:
-- unknown.
ALTER TABLE subject ADD COLUMN shared INTEGER CHECK (shared BETWEEN 0 AND 2);
-- Set if there are records of its file name, but it is unknown which one it is, if any.
ALTER TABLE subject ADD COLUMN ambiguous INTEGER NOT NULL DEFAULT 0 CHECK (ambiguous IN (0, 1));
";

/// Without a change of the tables: earlier versions of the program must not open a file with an event they do not know.
const FORMAT_6: &str = "
-- Events of the kind `rejected`: a spot check found that the caption is not acceptable; `text` is the reason (NULL:
-- withdrawn).
";

const FORMAT_7: &str = "
-- The comparisons of captions with their images, each with the event of the kind `verified` that stored it. `judged` is the
-- XXH3-128 of the text; `unsupported` is a JSON array of [place in bytes, phrase], `missing` one of strings. The last
-- columns are as in `candidate`.
CREATE TABLE verification (
    seq         INTEGER PRIMARY KEY REFERENCES event (seq),
    judged      TEXT NOT NULL,
    unsupported TEXT NOT NULL,
    missing     TEXT NOT NULL,
    dropped     INTEGER NOT NULL CHECK (dropped >= 0),
    describer   TEXT NOT NULL,
    model       TEXT NOT NULL,
    parameters  TEXT NOT NULL,
    stop        TEXT NOT NULL,
    at          TEXT NOT NULL,
    prompt      TEXT,
    input       INTEGER,
    output      INTEGER,
    cost        INTEGER
) STRICT;

CREATE TRIGGER verification_is_never_changed BEFORE UPDATE ON verification
BEGIN SELECT RAISE(ABORT, 'verifications are only ever added'); END;
CREATE TRIGGER verification_is_never_removed BEFORE DELETE ON verification
BEGIN SELECT RAISE(ABORT, 'verifications are only ever added'); END;
";

const FORMAT_8: &str = "
-- Events of the kind `reworded`: another caption for each of the `subjects`. The captions are compressed in blocks, in the
-- order of the subjects: each `texts` is the size in bytes (4, little-endian) of what follows when it is decompressed, then
-- an LZ4 block: the lengths of `count` texts (4 bytes each, little-endian), then the texts in UTF-8.
CREATE TABLE text_block (
    id    INTEGER PRIMARY KEY,
    seq   INTEGER NOT NULL REFERENCES event (seq),
    count INTEGER NOT NULL CHECK (count > 0),
    texts BLOB NOT NULL
) STRICT;

CREATE TRIGGER text_block_is_never_changed BEFORE UPDATE ON text_block
BEGIN SELECT RAISE(ABORT, 'texts are only ever added'); END;
CREATE TRIGGER text_block_is_never_removed BEFORE DELETE ON text_block
BEGIN SELECT RAISE(ABORT, 'texts are only ever added'); END;
";

const FORMAT_9: &str = "
-- Batch inference: the steps of its parts, each stored before it is taken. A part is an input file and its job. `token`
-- names the part; the kind `planned` is its first step, with its plan as JSON. Of the kind `uploaded`, `data` has 29 bytes
-- (little-endian) for each record of the file, in order: the id of the subject less one (4), the index of its parameters in
-- `detail` (1), the XXH3-64 of its request (8) and the XXH3-128 of the verified text (16; zero: a description). Of the kind
-- `taken`, `data` is a Roaring bitmap of the positions in the file whose results were stored in the same transaction.
CREATE TABLE batch_step (
    id     INTEGER PRIMARY KEY,
    token  TEXT NOT NULL,
    at     TEXT NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT,
    data   BLOB
) STRICT;

CREATE INDEX batch_step_by_part ON batch_step (token, kind);

CREATE TRIGGER batch_step_is_never_changed BEFORE UPDATE ON batch_step
BEGIN SELECT RAISE(ABORT, 'steps of batches are only ever added'); END;
CREATE TRIGGER batch_step_is_never_removed BEFORE DELETE ON batch_step
BEGIN SELECT RAISE(ABORT, 'steps of batches are only ever added'); END;
";

/// The kind of a file, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Without tables: a new session.
    Empty,
    /// A session, with its format.
    Session(u32),
    /// A database of another program.
    Foreign,
}

pub(super) fn header(connection: &Connection) -> Result<Header, Fault> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, u32::try_from(version)) {
        (0, Ok(0)) if objects == 0 => Header::Empty,
        (APPLICATION, Ok(version)) if version > 0 => Header::Session(version),
        _ => Header::Foreign,
    })
}

/// Migrates a file to the newest format, in one transaction.
pub(super) fn migrate(connection: &mut Connection, from: u32, migrations: &[&str]) -> Result<(), Fault> {
    if from as usize >= migrations.len() {
        return Ok(());
    }
    // One transaction: each commit waits for the disk.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (script, version) in migrations.iter().zip(1_u32..).skip(from as usize) {
        transaction.execute_batch(script)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    #[test]
    fn each_migration_runs_once_and_in_order() {
        let steps = ["CREATE TABLE one (x)", "INSERT INTO one VALUES (2)", "INSERT INTO one VALUES (3)"];
        let mut connection = memory();
        assert_eq!(header(&connection).unwrap(), Header::Empty);
        migrate(&mut connection, 0, &steps[..1]).unwrap();
        assert_eq!(header(&connection).unwrap(), Header::Session(1));
        migrate(&mut connection, 1, &steps).unwrap();
        assert_eq!(header(&connection).unwrap(), Header::Session(3));
        migrate(&mut connection, 3, &steps).unwrap();
        let sum: i64 = connection.query_row("SELECT sum(x) FROM one", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 5);
    }

    #[test]
    fn a_failed_migration_is_rolled_back() {
        let steps = ["CREATE TABLE one (x)", "INSERT INTO one VALUES (2); INSERT INTO missing VALUES (1)"];
        let mut connection = memory();
        migrate(&mut connection, 0, &steps).unwrap_err();
        assert_eq!(header(&connection).unwrap(), Header::Empty);
        migrate(&mut connection, 0, &steps[..1]).unwrap();
        migrate(&mut connection, 1, &steps).unwrap_err();
        assert_eq!(header(&connection).unwrap(), Header::Session(1));
        let rows: i64 = connection.query_row("SELECT count(*) FROM one", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
    }

    #[test]
    fn a_database_of_another_program_is_foreign() {
        let connection = memory();
        connection.execute_batch("CREATE TABLE places (url)").unwrap();
        assert_eq!(header(&connection).unwrap(), Header::Foreign);
    }

    #[test]
    fn the_log_is_append_only() {
        let mut connection = memory();
        migrate(&mut connection, 0, MIGRATIONS).unwrap();
        connection
            .execute_batch(
                "INSERT INTO subject VALUES (1, 'a.jpg', 0, 0, 'a', NULL, NULL, 0);
                 INSERT INTO event (seq, at, kind, subject) VALUES (1, '', 'generated', 1);
                 INSERT INTO candidate VALUES (1, '', '', '', '', '', '', NULL, NULL, NULL, NULL, NULL);
                 INSERT INTO usage VALUES (1, '', '', '', 0, 0, 0, 0);
                 INSERT INTO sitting VALUES (1, 0, '', 'kim');
                 INSERT INTO sample VALUES (1, 0, '', 1, 7, NULL, '', 0);
                 INSERT INTO sampled VALUES (1, 0, 1, 0, NULL);
                 INSERT INTO verification VALUES (1, '', '', '', 0, '', '', '', '', '', NULL, NULL, NULL, NULL);
                 INSERT INTO text_block VALUES (1, 1, 1, x'00');
                 INSERT INTO batch_step VALUES (1, 'a', '', 'planned', NULL, NULL);
                 INSERT INTO fate VALUES (1, 1, 1, 'gone', NULL);",
            )
            .unwrap();
        let tables = [
            ("event", "seq"),
            ("candidate", "seq"),
            ("verification", "seq"),
            ("text_block", "count"),
            ("batch_step", "kind"),
            ("fate", "seq"),
            ("usage", "cost"),
            ("sitting", "after"),
            ("sample", "seed"),
            ("sampled", "stratum"),
        ];
        for (table, column) in tables {
            assert!(connection.execute(&format!("UPDATE {table} SET {column} = 7"), []).is_err(), "{table}");
            assert!(connection.execute(&format!("DELETE FROM {table}"), []).is_err(), "{table}");
        }
        connection.execute("UPDATE subject SET position = 5", []).unwrap();
    }
}
