"""Describes and saves WebDataset archives that Python's tarfile wrote in each of its formats, and compares them: only the
members with changed captions differ, and Hugging Face's datasets loads the result.

Usage: archive_review.py BINARY FOLDER
"""

import io
import json
import random
import tarfile

from describer import COLOURS, SCRATCH, model, png, recaption

import datasets

datasets.disable_progress_bars()

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def write(path, samples, kind, folder, r):
    with tarfile.open(path, "w", format=FORMATS[kind]) as archive:
        for n, members in samples:
            for extension, content in members:
                info = tarfile.TarInfo(f"{folder}{n:06}.{extension}")
                info.size, info.mode, info.uid, info.uname = len(content), 0o640, 1234, "üser" if kind == "pax" else "user"
                # A time with a fraction is in a header of its own.
                info.mtime = 1_700_000_000 + (r.random() if kind == "pax" else 0)
                archive.addfile(info, io.BytesIO(content))


def read(path):
    with tarfile.open(path) as archive:
        members = [(info.name, info.mode, info.uid, info.uname, info.mtime, archive.extractfile(info).read()) for info in archive]
    return {member[0]: member[1:] for member in members}, [member[0] for member in members]


def check(number, kind, caption, folder):
    """`caption` is where the caption is: in the text, in the fields, in both, or nowhere."""
    r = random.Random(number)
    where = SCRATCH / f"set-{number}"
    where.mkdir()
    samples = []
    for n, colour in enumerate(COLOURS):
        fields = {"n": n, **({"text": f"old {n}"} if caption in ("fields", "both") else {})}
        members = [("png", png(colour)), ("json", json.dumps(fields, indent=2).encode())]
        if caption in ("text", "both"):
            members.append(("txt", f"old {n}".encode()))
        samples.append((n, r.sample(members, len(members))))
    cut = r.randrange(1, len(samples))
    shards = {"s-9.tar": samples[:cut], "s-10.tar": samples[cut:]}
    for name, part in shards.items():
        write(where / name, part, kind, folder, r)
    what = (number, kind, caption, folder)
    done = recaption("generate", where, *model(), "-n", 9, "--accept", "--save")
    changed = set()
    for name in shards:
        before, order = read(where / name)
        after, new_order = read(where / name.replace(".tar", "_updated.tar"))
        assert [name for name in new_order if name in before] == order, what
        for name in new_order:
            n = int(name.rsplit("/", 1)[-1].split(".")[0])
            text = f"Square of paint, sample {n}."
            if name not in before:
                assert caption == "nowhere" and name.endswith(".txt") and after[name][-1] == text.encode(), (what, name)
                changed.add(n)
            elif after[name][-1] != before[name][-1]:
                assert after[name][:-1] == before[name][:-1], (what, name, after[name][:-1], before[name][:-1])
                old, new = before[name][-1].decode(), after[name][-1].decode()
                assert new == old.replace(f"old {n}", text) and name.endswith((".txt", ".json")), (what, name, new)
                changed.add(n)
    assert len(changed) == 9, (what, changed, done.stdout, done.stderr)
    if caption != "nowhere":
        files = [str(where / name.replace(".tar", "_updated.tar")) for name in shards]
        loaded = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(SCRATCH / f"c{number}"))
        rows = {row["json"]["n"]: row for row in loaded}
        for n, colour in enumerate(COLOURS):
            expected = f"Square of paint, sample {n}." if n in changed else f"old {n}"
            found = [rows[n][at] for at in ("txt",) if at in rows[n]] + [rows[n]["json"].get("text", expected)]
            assert set(found) == {expected} and rows[n]["png"].getpixel((0, 0)) == colour, (what, n, found)
    # The result is a dataset again, with the same captions.
    recaption("check", where / "s-9_updated.tar")


number = 0
for kind in FORMATS:
    for caption in ("text", "fields", "both", "nowhere"):
        folder = {"ustar": "", "gnu": "d" * 90 + "/" + "e" * 60 + "/", "pax": "사진/"}[kind]
        check(number, kind, caption, folder)
        number += 1
print(f"{number} archives are saved with all other members as they were")
