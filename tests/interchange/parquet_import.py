"""Imports random Parquet tables and compares each value with the one that pyarrow reads.

Usage: parquet_import.py BINARY FOLDER TABLES [FIRST_SEED]
"""

import decimal
import json
import math
import pathlib
import random
import subprocess
import sys

import polars
import pyarrow as pa
import pyarrow.parquet as pq

NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
# 0001-01-01 and 9999-12-31 in seconds since 1970.
SECONDS = (-62135596800, 253402300799)


def text(r):
    return "".join(r.choice('aé漢🧥 "\\\n\t,;{}\u2028') for _ in range(r.randrange(6)))


def integers(r, bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return r.choice([low, high, 0, r.randint(low, high), r.randint(max(low, -9), 9)])


def leaf(r):
    """A type and a function that makes a value of it."""
    kind = r.randrange(15)
    if kind == 0:
        return pa.bool_(), lambda: r.random() < 0.5
    if kind <= 2:
        bits, signed = r.choice([8, 16, 32, 64]), r.random() < 0.5
        return getattr(pa, ("" if signed else "u") + f"int{bits}")(), lambda: integers(r, bits, signed)
    if kind == 3:
        return pa.float32(), lambda: r.choice([0.1, -0.0, math.inf, math.nan, r.uniform(-1e30, 1e30)])
    if kind == 4:
        return pa.float64(), lambda: r.choice([0.1, -math.inf, math.nan, 5e-324, 1.7e308, r.gauss(0, 1e9)])
    if kind == 5:
        return pa.float16(), lambda: pa.scalar(r.choice([1.5, -2.25, 0.0, 65504.0, math.inf]), pa.float16()).as_py()
    if kind == 6:
        precision = r.choice([1, 9, 10, 18, 19, 38])
        scale = r.randint(0, precision)
        make = lambda: decimal.Decimal(r.randint(-(10**precision) + 1, 10**precision - 1)).scaleb(-scale)
        with_digits = lambda: decimal.Context(prec=60).create_decimal(make())
        return pa.decimal128(precision, scale), with_digits
    if kind == 7:
        return pa.date32(), lambda: r.randint(SECONDS[0] // 86400, SECONDS[1] // 86400)
    if kind == 8:
        unit = r.choice(["ms", "us", "ns"])
        kind = pa.time32(unit) if unit == "ms" else pa.time64(unit)
        return kind, lambda: r.choice([0, r.randrange(86400 * 10**9 // NANOS[unit])])
    if kind <= 10:
        unit = r.choice(["s", "ms", "us", "ns"])
        limits = SECONDS if unit != "ns" else (-(2**63) // 10**9 + 1, 2**63 // 10**9 - 1)
        make = lambda: r.randint(*limits) * (10**9 // NANOS[unit]) + r.choice([0, r.randrange(10**9 // NANOS[unit])])
        return pa.timestamp(unit, r.choice([None, None, "UTC", "Asia/Seoul"])), make
    if kind == 11:
        return pa.binary(), lambda: text(r).encode() if r.random() < 0.8 else b"\xff" + text(r).encode()
    if kind == 12:
        return pa.null(), lambda: None
    if kind == 13:
        return pa.dictionary(pa.int32(), pa.string()), lambda: r.choice(["red", "blue", ""])
    return r.choice([pa.string(), pa.large_string()]), lambda: text(r)


def column(r, depth=0):
    kind = r.randrange(12)
    if depth > 2 or kind < 7:
        kind, make = leaf(r)
        # A dictionary inside of another type, and a list of nulls, cannot be written by pyarrow.
        if depth and (pa.types.is_dictionary(kind) or pa.types.is_null(kind) or pa.types.is_binary(kind)):
            kind, make = pa.string(), lambda: text(r)
    elif kind < 9:
        inner, value = column(r, depth + 1)
        kind = r.choice([pa.list_, pa.large_list])(inner)
        make = lambda: [value() for _ in range(r.choice([0, 1, 2, 3]))]
    elif kind < 11:
        fields = {name: column(r, depth + 1) for name in r.sample(["a", "b c", "é", "list"], r.randint(1, 3))}
        kind = pa.struct([(name, inner) for name, (inner, _) in fields.items()])
        make = lambda: {name: value() for name, (_, value) in fields.items()}
    else:
        inner, value = column(r, depth + 1)
        keys = r.choice([(pa.string(), lambda: text(r)), (pa.int64(), lambda: integers(r, 64, True))])
        kind = pa.map_(keys[0], inner)
        make = lambda: [(keys[1](), value()) for _ in range(r.randrange(4))]
    return kind, lambda: None if r.random() < 0.2 else make()


def clock(nanos):
    seconds, fraction = divmod(nanos, 10**9)
    shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction == 0:
        return shown
    return shown + (f".{fraction // 1000:06}" if fraction % 1000 == 0 else f".{fraction:09}")


def day(days):
    return pa.scalar(days, pa.int32()).cast(pa.date32()).as_py().isoformat()


def expected(scalar, int96):
    """The JSON value for a scalar, with floats and decimals as Decimal."""
    kind = scalar.type
    if not scalar.is_valid or pa.types.is_null(kind):
        return None
    if pa.types.is_dictionary(kind):
        return expected(scalar.value if hasattr(scalar, "value") else scalar, int96)
    if pa.types.is_floating(kind):
        value = scalar.as_py()
        return float(value) if math.isfinite(value) else None
    if pa.types.is_decimal(kind):
        return ("decimal", scalar.as_py())
    if pa.types.is_date(kind):
        return scalar.as_py().isoformat()
    if pa.types.is_time(kind):
        return clock(scalar.value * NANOS[kind.unit])
    if pa.types.is_timestamp(kind):
        days, nanos = divmod(scalar.value * NANOS[kind.unit], 86400 * 10**9)
        return f"{day(days)} {clock(nanos)}" + ("+00:00" if kind.tz and not int96 else "")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return scalar.as_py().decode()
        except UnicodeDecodeError:
            return None
    if pa.types.is_map(kind):
        entries = [(expected(entry["key"], int96), expected(entry["value"], int96)) for entry in scalar.values]
        if len({key for key, _ in entries}) == len(entries):
            return {str(key): value for key, value in entries}
        return [[key, value] for key, value in entries]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [expected(value, int96) for value in scalar.values]
    if pa.types.is_struct(kind):
        return {field.name: expected(scalar[field.name], int96) for field in kind}
    return scalar.as_py()


def same(want, found):
    if isinstance(want, tuple) and want[0] == "decimal":
        return type(found) in (int, decimal.Decimal) and decimal.Decimal(found).as_tuple() == want[1].as_tuple()
    if isinstance(want, float):
        return isinstance(found, (decimal.Decimal, int)) and float(found) == want
    if isinstance(want, list):
        return isinstance(found, list) and len(want) == len(found) and all(map(same, want, found))
    if isinstance(want, dict):
        return isinstance(found, dict) and list(want) == list(found) and all(same(want[key], found[key]) for key in want)
    return type(want) is type(found) and want == found


def write(r, table, path):
    """Returns true if timestamps are stored as INT96."""
    codec = r.choice(["snappy", "none", "gzip", "zstd", "brotli", "lz4"])
    if r.random() < 0.25:
        try:
            frame = polars.from_arrow(table)
            frame.write_parquet(path, compression="uncompressed" if codec == "none" else codec)
            return False
        except BaseException:  # a type that polars does not support, which may be a panic
            pass
    # pyarrow reads INT96 as nanoseconds, which overflow outside of the years 1677 to 2262.
    int96 = r.random() < 0.4 and not any(f"timestamp[{unit}" in str(table.schema) for unit in ("s", "ms", "us"))
    pq.write_table(
        table,
        path,
        compression=codec,
        use_dictionary=r.random() < 0.5,
        # Older versions have no nanoseconds.
        version="2.6" if "ns" in str(table.schema) else r.choice(["1.0", "2.4", "2.6"]),
        data_page_version=r.choice(["1.0", "2.0"]),
        data_page_size=r.choice([32, 1024, 1024 * 1024]),
        row_group_size=r.choice([1, 3, 1000]),
        store_schema=r.random() < 0.5,
        use_deprecated_int96_timestamps=int96,
    )
    return int96


def array(values, kind):
    # pyarrow makes an empty array of a list that contains nulls only.
    return pa.array(values, kind) if any(value is not None for value in values) else pa.nulls(len(values), kind)


def check(binary, folder, seed):
    r = random.Random(seed)
    rows = r.choice([1, 5, 40, 1500])
    columns = {"file_name": (pa.string(), [f"{row}.jpg" for row in range(rows)])}
    for at in range(r.randint(1, 6)):
        kind, make = column(r)
        columns[f"c {at}"] = (kind, [make() for _ in range(rows)])
    arrays = [array(values, kind) for kind, values in columns.values()]
    table = pa.table(arrays, names=list(columns))
    path = folder / f"{seed}.parquet"
    int96 = write(r, table, path)
    try:
        read = pq.read_table(path)
    except pa.ArrowInvalid:  # pyarrow 26 does not write the last list of some tables with tiny pages
        return False
    done = subprocess.run([binary, "init", path], capture_output=True, text=True)
    assert done.returncode in (0, 1), (seed, done.returncode, done.stderr)
    lines = path.with_suffix(".jsonl").read_text(encoding="utf8").split("\n")[:-1]
    assert len(lines) == rows, (seed, len(lines), rows, done.stderr)
    left_out = [line for line in done.stderr.splitlines() if "of binary data" in line]
    for name in read.column_names:
        if any(name in line for line in left_out):
            continue
        for row, (line, scalar) in enumerate(zip(lines, read[name])):
            found = json.loads(line, parse_float=decimal.Decimal)[name]
            want = expected(scalar, int96)
            assert same(want, found), (seed, name, str(scalar.type), row, want, found)
    return True


if __name__ == "__main__":
    binary, folder, tables = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    equal = sum(check(binary, folder, seed) for seed in range(first, first + tables))
    assert equal > tables * 0.8
    print(f"{equal} of {tables} tables equal; the others cannot be read by pyarrow")
