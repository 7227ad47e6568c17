"""Describes and saves Parquet files with images in place, and compares them with pyarrow: types, values and metadata of all
columns but the captions are identical, and Hugging Face's datasets restores the images.

Usage: parquet_review.py BINARY FOLDER
"""

import base64
import datetime
import decimal
import http.server
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import threading

RECAPTION = sys.argv[1]
SCRATCH = pathlib.Path(sys.argv[2])
os.environ.update(HF_HOME=str(SCRATCH / "hf"), HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HOME=str(SCRATCH))

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

datasets.disable_progress_bars()

# The colour of each picture, which tells which one was sent.
COLOURS = [(7 * n % 256, 40 + n, 250 - 3 * n) for n in range(20)]


class Model(http.server.BaseHTTPRequestHandler):
    """Describes a picture by its colour."""

    def do_GET(self):
        self.reply("application/json", json.dumps({"data": [{"id": "model"}]}).encode())

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        parts = [part for message in request["messages"] for part in message["content"] if isinstance(part, dict)]
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        picture = Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))).convert("RGB")
        found = picture.getpixel((1, 1))
        nearest = min(range(len(COLOURS)), key=lambda n: sum(abs(a - b) for a, b in zip(COLOURS[n], found)))
        chunks = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": f"Square of paint, sample {nearest}."}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self.reply("text/event-stream", events.encode())

    def reply(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


SERVER = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()


def recaption(*arguments):
    done = subprocess.run([RECAPTION, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode in (0, 1), (arguments, done.returncode, done.stdout, done.stderr)
    return done


def png(colour):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


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
    base = f"http://127.0.0.1:{SERVER.server_port}/v1"
    model = ["--describer", "openai", "--base-url", base, "--model", "model", "--yes"]
    done = recaption("generate", folder, *model, "-n", 9, "--accept", "--save")
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
print(f"{len(CODECS) * len(CAPTIONS)} datasets are saved with all other columns as they were")
