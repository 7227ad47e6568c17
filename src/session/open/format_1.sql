PRAGMA application_id = 1919115632;
PRAGMA user_version = 1;
CREATE TABLE dataset (id INTEGER PRIMARY KEY CHECK (id = 1), path ANY NOT NULL, stamp TEXT NOT NULL, hash TEXT) STRICT;
CREATE TABLE subject (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647), file_name TEXT NOT NULL,
    occurrence INTEGER NOT NULL CHECK (occurrence >= 0), position INTEGER CHECK (position BETWEEN 0 AND 2147483647),
    original TEXT, ours TEXT
) STRICT;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY CHECK (seq > 0), at TEXT NOT NULL, kind TEXT NOT NULL,
    subject INTEGER REFERENCES subject (id), text TEXT, decision TEXT, actor TEXT, candidate INTEGER, base TEXT,
    flag INTEGER, path ANY, through INTEGER, hash TEXT
) STRICT;
CREATE TABLE candidate (
    seq INTEGER PRIMARY KEY REFERENCES event (seq), text TEXT NOT NULL, describer TEXT NOT NULL, model TEXT NOT NULL,
    parameters TEXT NOT NULL, stop TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE fate (
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL REFERENCES event (seq),
    subject INTEGER NOT NULL REFERENCES subject (id), fate TEXT NOT NULL, caption TEXT
) STRICT;
CREATE TABLE draft (
    subject INTEGER PRIMARY KEY REFERENCES subject (id), seq INTEGER NOT NULL, writes INTEGER NOT NULL,
    text TEXT, cursor INTEGER, base TEXT, candidate INTEGER
) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

INSERT INTO dataset VALUES (1, 'metadata.jsonl', '1', NULL);
INSERT INTO subject VALUES (1, 'b.jpg', 0, 1, 'two', NULL), (2, 'a.jpg', 0, 0, 'one', NULL);
INSERT INTO event (seq, at, kind, subject) VALUES (1, '2023-11-14T22:13:20Z', 'generated', 1);
INSERT INTO candidate VALUES (1, 'a proposed text', 'local', 'figure 1', 'detail: brief', 'end_turn',
    '2023-11-14T22:13:20.123456789Z');
INSERT INTO event (seq, at, kind, subject, text, decision, actor, candidate)
    VALUES (2, '2023-11-14T22:13:21Z', 'decided', 1, 'a proposed text', 'accepted', 'run', 1);
INSERT INTO event (seq, at, kind, subject, text, decision, actor, base)
    VALUES (3, '2023-11-14T22:13:22Z', 'decided', 2, 'own', 'edited', 'operator', 'current');
INSERT INTO event (seq, at, kind) VALUES (4, '2023-11-14T22:13:23Z', 'undone'), (5, '2023-11-14T22:13:24Z', 'redone');
INSERT INTO event (seq, at, kind, subject, flag) VALUES (6, '2023-11-14T22:13:25Z', 'flagged', 2, 1);
INSERT INTO event (seq, at, kind, subject, text) VALUES
    (7, '2023-11-14T22:13:26Z', 'noted', 2, 'ask'), (8, '2023-11-14T22:13:27Z', 'failed', 2, 'no picture');
INSERT INTO event (seq, at, kind, path, through, hash)
    VALUES (9, '2023-11-14T22:13:28Z', 'saved', 'out.jsonl', 8, '0000000000000000000000000000feed');
INSERT INTO draft VALUES (2, 11, 2, 'unfini', 6, 'original', NULL);
INSERT INTO setting VALUES ('cursor', 2), ('cursor_name', 'c.jpg');
