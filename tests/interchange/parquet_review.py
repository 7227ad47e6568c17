"""Describes and saves Parquet files with images in place, and compares them with pyarrow: types, values and metadata of all
columns but the captions are identical, and Hugging Face's datasets restores the images.

Usage: parquet_review.py BINARY FOLDER
"""

import datetime
import decimal
import json
import random

from describer import COLOURS, SCRATCH, model, png, recaption

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

datasets.disable_progress_bars()

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CAPTIONS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


def table(caption, r):
    count = len(COLOURS)
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
    texts = [None if n % 7 == 3 else f"old caption {n}" for n in range(count)]
    columns = {
        "image": pa.array([{"bytes": png(colour), "path": f"{n}.png"} for n, colour in enumerate(COLOURS)], IMAGE),
        "n": pa.array([None if n == 3 else n for n in range(count)], pa.int16()),
        "text": pa.array(texts, pa.string()).cast(caption),
        "tags": pa.array([[f"t{n}", None] if n % 3 else None for n in range(count)], pa.list_(pa.string())),
        "at": pa.array([at] * count, pa.timestamp("us", "Asia/Seoul")),
        "ns": pa.array([r.randrange(2**62) for _ in range(count)], pa.timestamp("ns")),
        "price": pa.array([decimal.Decimal(n) / 100 for n in range(count)], pa.decimal128(20, 2)),
        "label": pa.array([["cat", "dog", None][n % 3] for n in range(count)]).dictionary_encode(),
        "embedding": pa.array([[r.random() for _ in range(4)] for _ in range(count)], pa.list_(pa.float32(), 4)),
        "deep": pa.array([[{"x": [n, None], "y": b"\xff"}, None] for n in range(count)]),
        "half": pa.array([0.5 * n for n in range(count)], pa.float16()),
        "nan": [float("nan"), float("inf")] * (count // 2),
    }
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    info = {"info": {"features": {name: feature for name, feature in features.to_dict().items()}}}
    made = pa.table(columns)
    fields = [field.with_metadata({"kept": field.name}) for field in made.schema]
    return made.cast(pa.schema(fields)).replace_schema_metadata({"huggingface": json.dumps(info), "own": "kept"})


def same(one, other, what):
    assert one.schema.equals(other.schema, check_metadata=True), (what, one.schema, other.schema)
    for name in one.column_names:
        if name != "text":
            left, right = one.column(name).combine_chunks(), other.column(name).combine_chunks()
            # NaN equals nothing; its text does.
            assert left.equals(right) or str(left.to_pylist()) == str(right.to_pylist()), (what, name)


def check(number, caption, codec, options):
    r = random.Random(number)
    folder = SCRATCH / f"set-{number}"
    folder.mkdir()
    whole = table(CAPTIONS[caption], r)
    cut = r.randrange(1, len(COLOURS))
    shards = {"part-9.parquet": whole.slice(0, cut), "part-10.parquet": whole.slice(cut)}
    for name, rows in shards.items():
        pq.write_table(rows, folder / name, compression=codec, row_group_size=r.randrange(3, 9), **options)
    what = (number, caption, codec, options)
    done = recaption("generate", folder, *model(), "-n", 9, "--accept", "--save")
    changed, seen = 0, 0
    for name in shards:
        saved = folder / name.replace(".parquet", "_updated.parquet")
        found = pq.read_table(saved)
        rows = pq.read_table(folder / name)
        same(rows, found, what)
        pairs = zip(rows.column("text").to_pylist(), found.column("text").to_pylist())
        for old, new in pairs:
            if old != new:
                changed += 1
                # The caption is that of the row's own picture.
                assert new == f"Square of paint, sample {seen}.", (what, seen, old, new)
            seen += 1
        assert pq.read_metadata(saved).num_row_groups == pq.read_metadata(folder / name).num_row_groups, what
        for group in range(pq.read_metadata(saved).num_row_groups):
            for column in range(pq.read_metadata(saved).num_columns):
                one, other = (pq.read_metadata(file).row_group(group).column(column) for file in (folder / name, saved))
                is_encoded_again = one.path_in_schema == "text" and one.compression == "BROTLI"
                assert other.compression == one.compression or is_encoded_again and other.compression == "SNAPPY", what
        assert pq.read_metadata(saved).created_by == pq.read_metadata(folder / name).created_by, what
    assert changed == 9, (what, changed, done.stdout, done.stderr)
    files = [str(folder / name.replace(".parquet", "_updated.parquet")) for name in shards]
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(SCRATCH / f"c{number}"))
    if caption == "string":
        assert isinstance(loaded.features["image"], datasets.Image), (what, loaded.features)
        assert loaded[0]["image"].getpixel((0, 0)) == COLOURS[0], what


LISTS = {
    "list": pa.list_(pa.string()),
    "large_list": pa.large_list(pa.string()),
    "large_strings": pa.list_(pa.large_string()),
    "not null": pa.list_(pa.field("item", pa.string(), nullable=False)),
}


def several(number, kind, codec, options):
    """Lists of captions, and a caption in each of two columns."""
    r = random.Random(number)
    folder = SCRATCH / f"several-{number}"
    folder.mkdir()
    whole = table(pa.string(), r)
    element = lambda n, at: None if kind != "not null" and (n + at) % 5 == 2 else f"caption {n} {at}"
    lists = [None if n == 0 else [element(n, at) for at in range(n % 4)] for n in range(len(COLOURS))]
    features = {"image": datasets.Image(), "text": datasets.Sequence(datasets.Value("string"))}
    info = {"info": {"features": datasets.Features(features).to_dict()}}
    at = whole.schema.get_field_index("text")
    whole = whole.set_column(at, pa.field("text", LISTS[kind], metadata={"kept": "text"}), pa.array(lists, LISTS[kind]))
    whole = whole.append_column("short", pa.array([f"short {n}" for n in range(len(COLOURS))]))
    whole = whole.replace_schema_metadata({"huggingface": json.dumps(info), "own": "kept"})
    pq.write_table(whole, folder / "set.parquet", compression=codec, row_group_size=r.randrange(3, 9), **options)
    what = (number, kind, codec, options)
    recaption("generate", folder / "set.parquet", *model(), "-n", 13, "--accept", "--save")
    # As the footer has it: pyarrow restores types from its own metadata only if those fit.
    before, found = pq.read_table(folder / "set.parquet"), pq.read_table(folder / "set_updated.parquet")
    same(before, found, what)
    assert before["short"].equals(found["short"]), what
    changed = 0
    for n, (old, new) in enumerate(zip(before["text"].to_pylist(), found["text"].to_pylist())):
        assert len(new or []) == len(old or []) or not old and new == [f"Square of paint, sample {n}."], (what, n, old, new)
        for one, other in zip(old or [None], new or [None]):
            assert other in (one, f"Square of paint, sample {n}."), (what, n, old, new)
            changed += one != other
    assert changed == 13, (what, changed)
    loaded = datasets.load_dataset("parquet", data_files=str(folder / "set_updated.parquet"), split="train", cache_dir=str(folder / "c"))
    assert [row or [] for row in loaded["text"][:]] == [row or [] for row in found["text"].to_pylist()], what
    if kind == "list":
        assert loaded[0]["image"].getpixel((0, 0)) == COLOURS[0], what

    fields = ["--caption-field", "short,label"]
    recaption("generate", folder / "set.parquet", *model(), *fields, "-n", 8, "--accept", "--save")
    found = pq.read_table(folder / "set.short+label_updated.parquet")
    assert before.drop(["short", "label"]).equals(found.drop(["short", "label"])) or "nan" in before.column_names, what
    assert before.schema.equals(found.schema, check_metadata=True), what
    pairs = [(n, one, other) for name in ("short", "label") for n, (one, other) in enumerate(zip(before[name].to_pylist(), found[name].to_pylist()))]
    changed = [(n, other) for n, one, other in pairs if one != other]
    assert len(changed) == 8 and all(other == f"Square of paint, sample {n}." for n, other in changed), (what, changed)


CODECS = ["zstd", "snappy", "gzip", "brotli", "lz4", "none"]
OPTIONS = [
    {},
    {"data_page_version": "2.0", "write_page_index": True, "data_page_size": 200},
    {"use_dictionary": False, "write_statistics": False, "store_schema": True},
    {"write_page_index": True, "data_page_size": 1000},
]
for number, codec in enumerate(CODECS):
    for offset, caption in enumerate(CAPTIONS):
        options = OPTIONS[(number + offset) % len(OPTIONS)]
        check(number * len(CAPTIONS) + offset, caption, codec, options)
for number, kind in enumerate(LISTS):
    for offset in range(2):
        at = number * 2 + offset
        several(at, kind, CODECS[at % 3], OPTIONS[(number + offset) % len(OPTIONS)])
print(f"{len(LISTS) * 2} datasets with several captions are saved in the form they had")
print(f"{len(CODECS) * len(CAPTIONS)} datasets are saved with all other columns as they were")
