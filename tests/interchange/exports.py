"""Reads every export with the programs that read it next: pyarrow, polars, pandas, Hugging Face's datasets, and the rules by
which trainers find images and captions.

Usage: exports.py BINARY FOLDER TABLES [SEED]
"""

import datetime
import decimal
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

RECAPTION = sys.argv[1]
SCRATCH = pathlib.Path(sys.argv[2])
TABLES = int(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 0
os.environ.update(HF_HOME=str(SCRATCH / "hf"), HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HOME=str(SCRATCH))

import datasets
import numpy
import pandas
import polars
import polars.testing
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

datasets.disable_progress_bars()


def recaption(*arguments, code=0):
    done = subprocess.run([RECAPTION, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def folder():
    return pathlib.Path(tempfile.mkdtemp(dir=SCRATCH))


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def write_images(where, names):
    for name in names:
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(where / name)


def load(where):
    return datasets.load_dataset("imagefolder", data_dir=str(where), split="train", cache_dir=str(folder()))


# ---- Parquet, from JSON values ----

INTS = [0, 1, -1, 2**31, -(2**63), 2**63 - 1]
FLOATS = [0.0, -0.0, 0.1, 1e300, 5e-324, 0.30000000000000004, 3, 2**53]
TEXTS = ["", "A hat.", "null", "NA", "007", '"quoted"', "빨간 모자", "two\nlines", "\u2028", "😀", "[1]"]
BIG = [2**63, 2**64 - 1]
HUGE = [2**64, -(2**70), 10**400]

# Each returns a value; the second is the test of the Arrow type of a column of such values.
KINDS = {
    "ints": (lambda r: r.choice(INTS), lambda t: t == pa.int64()),
    "unsigned": (lambda r: r.choice(BIG + [0, 1]), lambda t: t in (pa.uint64(), pa.int64())),
    "huge": (lambda r: r.choice(HUGE), pa.types.is_string),
    "floats": (lambda r: r.choice(FLOATS) + 0.5, lambda t: t == pa.float64()),
    "numbers": (lambda r: r.choice(FLOATS), lambda t: t in (pa.float64(), pa.int64())),
    "lossy": (lambda r: r.choice([2**53 + 1, 0.5]), lambda t: t in (pa.float64(), pa.int64(), pa.string())),
    "bools": (lambda r: r.random() < 0.5, lambda t: t == pa.bool_()),
    "texts": (lambda r: r.choice(TEXTS), pa.types.is_string),
    "lists": (lambda r: [r.choice(TEXTS) for _ in range(r.randrange(4))], lambda t: t.value_type == pa.string()),
    "embedding": (lambda r: [r.choice(FLOATS) + 0.5 for _ in range(3)], lambda t: t.value_type == pa.float64()),
    "boxes": (
        lambda r: [[r.choice(INTS) for _ in range(r.randrange(3))] + [1] for _ in range(r.randrange(3))],
        lambda t: pa.types.is_list(t) and (t.value_type == pa.string() or pa.types.is_list(t.value_type)),
    ),
    "objects": (
        lambda r: {"x": r.choice(INTS + [None]), "tags": [r.choice(TEXTS + [None])], "in": {"ok": r.random() < 0.5}},
        pa.types.is_struct,
    ),
    "mixed": (lambda r: r.choice([1, "one", [1], True, {"a": 1}, None]), lambda t: True),
    "ragged": (lambda r: r.choice([{"a": 1}, {"b": 1}, {}]), lambda t: True),
    "lone": (lambda r: None, pa.types.is_string),
}


def same(value, cell):
    if type(value) is float or type(cell) is float:
        return cell is not None and type(cell) is not str and float(cell) == float(value) and repr(float(cell)) == repr(float(value))
    if isinstance(value, list) and isinstance(cell, list):
        return len(value) == len(cell) and all(map(same, value, cell))
    if isinstance(value, dict) and isinstance(cell, dict):
        return value.keys() == cell.keys() and all(same(value[key], cell[key]) for key in value)
    return type(value) is type(cell) and value == cell


def check_rows(reader, lines, rows, as_json):
    assert len(lines) == len(rows), (reader, len(rows))
    for at, (line, row) in enumerate(zip(lines, rows)):
        for name in row:
            value, cell = line.get(name), row[name]
            if name in as_json and value is not None:
                cell = json.loads(cell)
            assert same(value, cell), f"{reader}, seed {SEED}: row {at}, {name}: {value!r} became {cell!r}"


def parquet_of_json(r):
    names = r.sample(list(KINDS), 6)
    lines = []
    for at in range(r.randrange(1, 30)):
        line = {"file_name": f"{at}.jpg", "text": r.choice(TEXTS)}
        for name in names:
            if r.random() < 0.8:
                line[name] = KINDS[name][0](r) if r.random() < 0.8 else None
        lines.append(line)
    where = folder()
    write_lines(where / "d.jsonl", lines)
    recaption("export", where / "d.jsonl", "--to", "parquet", "-o", where / "d.parquet")
    table = pq.read_table(where / "d.parquet")
    as_json = set()
    for name in names:
        values = [line[name] for line in lines if line.get(name) is not None]
        if name not in table.column_names:
            assert not any(name in line for line in lines), name
            continue
        kind = table.schema.field(name).type
        assert not values or KINDS[name][1](kind), f"seed {SEED}: {name} has type {kind}: {values!r}"
        if pa.types.is_string(kind) and any(type(value) is not str for value in values):
            as_json.add(name)
    check_rows("pyarrow", lines, table.to_pylist(), as_json)
    check_rows("polars", lines, polars.read_parquet(where / "d.parquet").to_dicts(), as_json)
    frame = pandas.read_parquet(where / "d.parquet", dtype_backend="pyarrow")
    check_rows("pandas", lines, pa.Table.from_pandas(frame, preserve_index=False).to_pylist(), as_json)


# ---- Parquet, from a typed table and back ----

DAY = datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999)


def moments(r):
    return DAY - datetime.timedelta(microseconds=r.randrange(10**16))


def zoned(r):
    return moments(r).replace(tzinfo=datetime.timezone.utc)


def typed(r):
    digits = lambda count, scale: decimal.Decimal(r.randrange(-(10**count) + 1, 10**count)).scaleb(-scale, decimal.Context(prec=80))
    in_range = lambda bits, signed: (lambda: r.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else r.randrange(2**bits))
    text = lambda: r.choice(TEXTS)
    return r.choice(
        [
            *[(getattr(pa, f"int{bits}")(), in_range(bits, True)) for bits in (8, 16, 32, 64)],
            *[(getattr(pa, f"uint{bits}")(), in_range(bits, False)) for bits in (8, 16, 32, 64)],
            (pa.float16(), lambda: numpy.float16(r.randrange(-2000, 2000) / 8)),
            (pa.float32(), lambda: r.choice([0.1, 1.5, -0.0, 3e38, 1e-45])),
            (pa.float64(), lambda: r.choice(FLOATS) + 0.5),
            (pa.bool_(), lambda: r.random() < 0.5),
            (pa.string(), text),
            (pa.binary(), lambda: text().encode()),
            (pa.binary(3), lambda: r.choice([b"abc", b"xyz"])),
            (pa.date32(), lambda: moments(r).date()),
            (pa.time32("ms"), lambda: datetime.time(1, 2, 3, r.randrange(1000) * 1000)),
            (pa.time64("us"), lambda: moments(r).time()),
            (pa.timestamp("ms"), lambda: moments(r).replace(microsecond=r.randrange(1000) * 1000)),
            (pa.timestamp("us"), lambda: moments(r)),
            (pa.timestamp("ns"), lambda: r.randrange(-(2**62), 2**62)),
            (pa.timestamp("us", "UTC"), lambda: zoned(r)),
            (pa.timestamp("ns", "UTC"), lambda: r.randrange(-(2**62), 2**62)),
            (pa.decimal128(9, 3), lambda: digits(9, 3)),
            (pa.decimal128(38, 0), lambda: digits(38, 0)),
            (pa.decimal128(20, 20), lambda: digits(20, 20)),
            (pa.decimal256(60, 10), lambda: digits(60, 10)),
            (pa.list_(pa.int64()), lambda: [r.choice(INTS + [None]) for _ in range(r.randrange(4))]),
            (pa.list_(pa.list_(pa.string())), lambda: [r.choice([None, [], [text(), None]]) for _ in range(r.randrange(4))]),
            (pa.list_(pa.timestamp("us")), lambda: [moments(r) for _ in range(r.randrange(3))]),
            (pa.struct({"x": pa.uint64(), "when": pa.date32(), "tags": pa.list_(pa.string())}), lambda: {"x": r.choice(BIG + [None]), "when": moments(r).date(), "tags": r.choice([None, [], [text()]])}),
            (pa.map_(pa.string(), pa.int32()), lambda: [(name, r.choice([1, None])) for name in r.sample("abc", r.randrange(4))]),
            (pa.map_(pa.int64(), pa.list_(pa.float32())), lambda: [(at, [0.5, None]) for at in r.sample(range(9), r.randrange(4))]),
            (pa.null(), lambda: None),
        ]
    )


def parquet_there_and_back(r):
    rows = r.randrange(1, 30)
    columns = {"file_name": pa.array([f"{at}.jpg" for at in range(rows)]), "text": pa.array([r.choice(TEXTS[1:]) for _ in range(rows)])}
    for at in range(8):
        kind, value = typed(r)
        columns[f"c{at} {kind}"] = pa.array([value() if r.random() < 0.8 else None for _ in range(rows)], kind)
    names = list(columns)
    r.shuffle(names)
    where = folder()
    # Without the Arrow schema in the metadata, which has types that Parquet has not.
    pq.write_table(pa.table({name: columns[name] for name in names}), where / "t.parquet", store_schema=False)
    recaption("init", where / "t.parquet")
    recaption("export", where / "t.jsonl", "--to", "parquet", "-o", where / "back.parquet")
    one, other = pq.read_table(where / "t.parquet"), pq.read_table(where / "back.parquet")
    assert one.schema.equals(other.schema), f"seed {SEED}: {one.schema}\nbecame\n{other.schema}"
    for name in names:
        assert one[name].equals(other[name]), f"seed {SEED}: {name}: {one[name].to_pylist()}\nbecame {other[name].to_pylist()}"
    # polars cannot read decimals of more than 38 digits.
    readable = [name for name in names if "decimal256" not in name]
    read = lambda name: polars.read_parquet(where / name, columns=readable)
    polars.testing.assert_frame_equal(read("t.parquet"), read("back.parquet"))
    read = lambda name: pandas.read_parquet(where / name, dtype_backend="pyarrow")
    pandas.testing.assert_frame_equal(read("t.parquet"), read("back.parquet"))
    # The second import is that of the first.
    recaption("init", where / "back.parquet")
    assert (where / "t.jsonl").read_bytes() == (where / "back.jsonl").read_bytes(), f"seed {SEED}"


# ---- What the loaders of training data see ----


def image_folder(r):
    """Captions of all kinds in each format."""
    captions = [r.choice(TEXTS) for _ in range(12)] + ["A hat, \"new\".", "last"]
    lines = [{"file_name": f"in/{at}.jpg", "text": text, "k": at, "tags": ["a"] * (at % 3)} for at, text in enumerate(captions)]
    where = folder()
    write_lines(where / "captions.jsonl", lines)
    for to in ("jsonl", "parquet", "csv"):
        out = folder()
        write_images(out, [line["file_name"] for line in lines])
        recaption("export", where / "captions.jsonl", "--to", to, "-o", out / f"metadata.{to}")
        loaded = load(out)
        if to == "csv":
            read = pandas.read_csv(out / "metadata.csv", keep_default_na=False, dtype=str)
            assert list(read["text"]) == captions, f"seed {SEED}: {list(read['text'])}"
            # pandas reads some words as missing, which docs/files.md mentions.
            assert all(text in (captions[at], None) for at, text in enumerate(loaded["text"])), loaded["text"][:]
            continue
        assert loaded["text"][:] == captions, (to, SEED, loaded["text"][:])
        assert loaded["k"][:] == list(range(len(captions))), (to, loaded["k"][:])
        assert loaded["tags"][:] == [line["tags"] for line in lines], (to, loaded["tags"][:])


def captions_in_lists(_):
    lines = [{"file_name": f"{at}.jpg", "text": [f"A hat {at}."] * (at + 1)} for at in range(3)]
    where = folder()
    write_lines(where / "captions.jsonl", lines)
    out = folder()
    write_images(out, [line["file_name"] for line in lines])
    recaption("export", where / "captions.jsonl", "--to", "parquet", "-o", out / "metadata.parquet")
    assert load(out)["text"][:] == [line["text"] for line in lines]


def captions_for_trainers(r):
    """Several captions of an image, as diffusion-pipe (`DirectoryDataset` with captions.json), OneTrainer (`LoadMultipleTexts`)
    and kohya's scripts with `enable_wildcard` (`read_caption`) read them."""
    where = folder()
    lists = [[f"A hat {at}.", f"{r.choice(TEXTS[1:])} {at}"][: at % 3] for at in range(12)]
    lines = [{"file_name": f"{at}.png", "text": texts} for at, texts in enumerate(lists)]
    write_images(where, [line["file_name"] for line in lines])
    write_lines(where / "captions.jsonl", [{"file_name": "0.png", "text": [""]}, *lines])
    captions = {f"{at}.png": texts for at, texts in enumerate(lists) if texts}
    recaption("export", where / "captions.jsonl", "--to", "captions-json", "-o", where / "captions.json")
    read = json.loads((where / "captions.json").read_text(encoding="utf-8"))
    for path in where.glob("*.png"):
        found = read.get(path.name)
        assert found == captions.get(path.name) and (found is None or isinstance(found, list)), (SEED, path, found)
    assert read == captions, (SEED, read)
    recaption("export", where / "captions.jsonl", "--to", "txt", "--lines")
    for name, texts in captions.items():
        text = (where / name).with_suffix(".txt").read_text(encoding="utf-8")
        one_line = [" ".join(part.strip() for part in text.splitlines() if part.strip()) for text in texts]
        assert [line.strip() for line in text.split("\n") if line.strip()] == one_line, (SEED, text, texts)
    # The folder is the dataset again.
    out = folder() / "out.jsonl"
    recaption("export", where, "--to", "jsonl", "-o", out)
    again = {line["file_name"]: line["text"] for line in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert again == captions, (SEED, again)


def csv_of_many_rows(r):
    """Types are inferred from the first 10,000 rows."""
    count, last = 10_010, 10_005
    lines = [{"file_name": "in/0.jpg", "text": "" if at < last else f"A hat {at}."} for at in range(count)]
    where = folder()
    write_lines(where / "captions.jsonl", lines)
    out = folder()
    write_images(out, ["in/0.jpg"])
    recaption("export", where / "captions.jsonl", "--to", "csv", "-o", out / "metadata.csv")
    texts = load(out)["text"]
    assert len(texts) == count and sorted(text or "" for text in texts) == sorted(line["text"] for line in lines)


def kohya_caption(image, extension):
    """Returns the caption of an image as `read_caption` in kohya-ss/sd-scripts, library/train_util.py, reads it."""
    base = os.path.splitext(image)[0]
    tokens = base.split("_")
    paths = [base + extension] + (["_".join(tokens[:-4]) + extension] if len(tokens) >= 5 else [])
    for path in paths:
        if os.path.isfile(path):
            with open(path, "rt", encoding="utf-8") as file:
                lines = file.readlines()
            assert lines, "caption file is empty"
            return lines[0].strip()
    return None


def text_files(r):
    where = folder()
    lines = [{"file_name": f"{r.choice(['in/', ''])}{at}.png", "text": f"A hat {at}."} for at in range(20)]
    write_images(where, [line["file_name"] for line in lines])
    write_lines(where / "metadata.jsonl", lines)
    extension = r.choice([".txt", ".caption"])
    for line in lines:
        if r.random() < 0.9:
            (where / line["file_name"]).with_suffix(extension).write_text("old")
    existing = [line for line in lines if (where / line["file_name"]).with_suffix(extension).exists()]
    recaption("export", where, "--to", "txt", "--force")
    for line in existing:
        assert kohya_caption(str(where / line["file_name"]), extension) == line["text"], (SEED, line)
    recaption("export", where, "--to", "txt", "--force", "--ext", extension[1:])
    for line in lines:
        assert kohya_caption(str(where / line["file_name"]), extension) == line["text"], (SEED, line)
    # A folder of text files is a dataset again, without the files of the first export that have another extension.
    for path in where.rglob("*.txt"):
        if path.suffix != extension:
            path.unlink()
    (where / "metadata.jsonl").unlink()
    recaption("init", where)
    again = [json.loads(line) for line in (where / "metadata.jsonl").read_text().splitlines()]
    assert {line["file_name"]: line["text"] for line in again} == {line["file_name"]: line["text"] for line in lines}


# ---- Exports with the images ----


def trained(where):
    """Returns the captions that trainers read for the images of a folder, by its relative path, after checking that they
    agree.

    The rules are those of sd-scripts (`read_caption`), OneTrainer (`CollectPaths`, `ModifyPath`, `LoadMultipleTexts` of mgds),
    ai-toolkit (`AiToolkitDataset`, `load_caption`) and diffusion-pipe (`DirectoryDataset`).
    """
    kohya = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
    toolkit = {".jpg", ".jpeg", ".png", ".webp"}
    trainer = {".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".avif"}
    not_images = {".txt", ".npz", ".json", ".parquet", ".bak", ".db"}
    found = {}
    for path in sorted(where.rglob("*")):
        if not path.is_file():
            continue
        extension, beside = path.suffix, pathlib.Path(os.path.splitext(path)[0] + ".txt")
        masked = os.path.splitext(path)[0].endswith(("-masklabel", "-condlabel"))
        captions = set()
        if extension in kohya:
            captions.add(kohya_caption(str(path), ".txt"))
        if extension.lower() in trainer and not masked:
            lines = [line.strip() for line in open(beside, encoding="utf-8")]
            captions.add([line for line in lines if line][0])
        if extension.lower() in toolkit and not path.name.startswith("."):
            captions.add(beside.read_text(encoding="utf-8").strip())
        if extension not in not_images:
            captions.add(path.with_suffix(".txt").read_text(encoding="utf-8").strip())
        if captions:
            assert len(captions) == 1, (path, captions)
            found[path.relative_to(where).as_posix()] = captions.pop()
    return found


def picture(number):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 40 + number, 250 - number)).save(out, "PNG")
    return out.getvalue()


def pictures_in_parquet(paths):
    """Shards with images inside, as `datasets` writes them."""
    where = folder()
    rows = [{"image": {"bytes": picture(at), "path": path}, "text": f"A hat {at}.", "n": at} for at, path in enumerate(paths)]
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string"), "n": datasets.Value("int32")})
    made = datasets.Dataset.from_list(rows, features=features)
    half = len(rows) // 2
    for number, part in enumerate([made.select(range(half)), made.select(range(half, len(rows)))]):
        part.to_parquet(str(where / f"train-{number:05}-of-00002.parquet"))
    return where


def images_of_parquet(r):
    paths = [r.choice([f"in/{at}.png", f"{at}.png", f"/srv/{at}.x.png", None]) for at in range(12)]
    where = pictures_in_parquet(paths)
    expected = {at: f"A hat {at}." for at in range(12)}
    number = lambda image: image.convert("RGB").getpixel((0, 0))[0]

    texts = folder() / "texts"
    recaption("export", where, "--to", "txt", "--copy-images", "-o", texts)
    captions = trained(texts)
    assert {number(Image.open(texts / name)): text for name, text in captions.items()} == expected, captions
    assert {(texts / name).read_bytes() for name in captions} == {picture(at) for at in range(12)}

    images = folder() / "images"
    recaption("export", where, "--to", "imagefolder", "-o", images)
    loaded = load(images)
    assert {number(row["image"]): row["text"] for row in loaded} == expected
    assert {number(row["image"]): row["n"] for row in loaded} == {at: at for at in range(12)}

    table = folder() / "all.parquet"
    recaption("export", where, "--to", "parquet", "--copy-images", "-o", table)
    embedded(table, expected)

    archive = folder() / "all.tar"
    recaption("export", where, "--to", "webdataset", "-o", archive)
    loaded = datasets.load_dataset("webdataset", data_files=str(archive), split="train", cache_dir=str(folder()))
    assert {number(row["png"]): row["txt"] for row in loaded} == expected
    assert {number(row["png"]): row["json"]["n"] for row in loaded} == {at: at for at in range(12)}


def embedded(table, expected):
    """A table with images is one for Hugging Face's `datasets`, and plain bytes for others."""
    number = lambda image: image.convert("RGB").getpixel((0, 0))[0]
    loaded = datasets.load_dataset("parquet", data_files=str(table), split="train", cache_dir=str(folder()))
    assert isinstance(loaded.features["image"], datasets.Image), loaded.features
    assert {number(row["image"]): row["text"] for row in loaded} == expected
    images = {picture(at): text for at, text in expected.items()}
    for rows in (pq.read_table(table).to_pylist(), polars.read_parquet(table).to_dicts(), pandas.read_parquet(table).to_dict("records")):
        assert {row["image"]["bytes"]: row["text"] for row in rows} == images
    # It is a dataset again, with its images.
    out = folder() / "out.jsonl"
    recaption("export", table, "--to", "jsonl", "-o", out)
    assert len(out.read_text(encoding="utf-8").splitlines()) == len(expected)
    recaption("check", table)


def images_of_files(r):
    where = folder()
    names = [f"{r.choice(['in/', ''])}{at}.{r.choice(['png', 'x.png'])}" for at in range(12)]
    for at, name in enumerate(names):
        (where / name).parent.mkdir(exist_ok=True)
        (where / name).write_bytes(picture(at))
        (where / name).with_suffix(".txt").write_text(f"A hat {at}.")
    expected = {at: f"A hat {at}." for at in range(12)}
    texts, images, table = folder() / "texts", folder() / "images", folder() / "all.parquet"
    recaption("export", where, "--to", "txt", "--link-images", "-o", texts)
    assert trained(texts) == {name: expected[at] for at, name in enumerate(names)} == trained(where)
    assert all((texts / name).samefile(where / name) for name in names)
    recaption("export", where, "--to", "imagefolder", "--link-images", "-o", images)
    number = lambda image: image.convert("RGB").getpixel((0, 0))[0]
    assert {number(row["image"]): row["text"] for row in load(images)} == expected
    recaption("export", where, "--to", "parquet", "--embed-images", "-o", table)
    embedded(table, expected)
    recaption("export", where, "--to", "tsv", "-o", where / "all.tsv")
    assert dict(pandas.read_csv(where / "all.tsv", sep="\t")[["file_name", "text"]].values) == {name: expected[at] for at, name in enumerate(names)}
    # `FineTuningDataset` of sd-scripts needs no image folder if the keys are absolute paths.
    recaption("export", where, "--to", "kohya", "-o", where / "meta_cap.json")
    metadata = json.loads((where / "meta_cap.json").read_text(encoding="utf-8"))
    found = {number(Image.open(path)): about["caption"] for path, about in metadata.items() if os.path.isabs(path)}
    assert found == expected


def columns_of_other_names(_):
    where = folder()
    columns = {"path": ["a.png", "b.png"], "prompt": ["A hat.", "A coat."], "at": pa.array([1, 2], pa.timestamp("us"))}
    pq.write_table(pa.table(columns), where / "t.parquet", store_schema=False)
    recaption("init", where / "t.parquet", "--file-column", "path", "--caption-column", "prompt")
    recaption("export", where / "t.jsonl", "--to", "parquet", "-o", where / "back.parquet")
    back = pq.read_table(where / "back.parquet")
    assert back.rename_columns(["path", "prompt", "at"]).equals(pq.read_table(where / "t.parquet")), back


def folders_in_place(r):
    """A folder of images has the captions that kohya's scripts train on, and saving without decisions changes nothing."""
    where = folder()
    names = [f"{r.choice(['in/', 'a b/c/', ''])}{at}.{r.choice(['png', 'x.png'])}" for at in range(30)]
    write_images(where, names)
    for name in names:
        if r.random() < 0.8:
            mark, end = r.choice(["", "\ufeff"]), r.choice(["", "\n", "\r\n", "  "])
            (where / name).with_suffix(".txt").write_bytes((mark + f"모자 {name}." + end).encode())
    before = {path: path.read_bytes() for path in where.rglob("*.txt")}
    out = folder() / "out.jsonl"
    recaption("export", where, "--to", "jsonl", "-o", out)
    read = {line["file_name"]: line["text"] for line in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    trained = {name: (kohya_caption(str(where / name), ".txt") or "").lstrip("\ufeff") for name in names}
    assert read == trained, (SEED, read, trained)
    recaption("save", where)
    assert {path: path.read_bytes() for path in where.rglob("*.txt")} == before


def main():
    r = random.Random(SEED)
    for _ in range(TABLES):
        parquet_of_json(r)
        parquet_there_and_back(r)
    for check in (
        image_folder,
        captions_in_lists,
        captions_for_trainers,
        csv_of_many_rows,
        text_files,
        text_files,
        images_of_parquet,
        images_of_files,
        columns_of_other_names,
        folders_in_place,
    ):
        check(r)
    print("ok")


main()
