"""An archive has all that is known of one instant, whole and proven; who opens it gets answers from it alone."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import sys
import zipfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from bigpato_magic import BigPato
from bigpato_magic.errors import Cancelled, ConfigurationError, RouteRefused, TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import archive as files
from bigpato_magic.types import RunLocal

COUNT = "SELECT COUNT(*) AS n FROM orders"
KINDS = "SELECT kind, COUNT(*) AS n FROM kinds GROUP BY kind ORDER BY kind"


@pytest.fixture
def later(warehouse):
    """Lets time go by on the server."""

    def go(**how):
        warehouse.clock_offset += timedelta(**how)
        return warehouse.now()

    for name in ("orders", "kinds"):
        rows = "SELECT n AS order_id, MOD(n, 3) AS kind FROM UNNEST(GENERATE_ARRAY(1, 50)) AS n"
        warehouse.execute(f"CREATE TABLE samples.{name} AS {rows}")
    go(minutes=5)
    return go


@pytest.fixture
def made(client, later, tmp_path):
    """An archive of a table and of an answer over another."""
    client.promote("orders")
    client.run(KINDS)
    client.tier.open().keeper.settle()
    later(minutes=5)
    return client.archive(tmp_path / "all.bigpato")


@pytest.fixture
def opened(made, tmp_path):
    client = BigPato.open_archive(made.path, directory=tmp_path / "opened")
    yield client
    client.close()


def test_it_answers_from_copies_and_kept_answers_as_of_its_instant(opened, made):
    copied, kept = opened.run(COUNT), opened.run(KINDS)
    assert copied.arrow.to_pylist() == [{"n": 50}]
    assert kept.arrow.to_pylist() == [{"kind": 0, "n": 16}, {"kind": 1, "n": 17}, {"kind": 2, "n": 17}]
    assert (copied.decision.where, kept.decision.where) == ("local", "kept")
    assert copied.as_of == kept.as_of == made.as_of
    assert copied.archived
    today = opened.run("SELECT CURRENT_TIMESTAMP() AS now")
    assert isinstance(today.decision, RunLocal)
    assert today.arrow.to_pylist() == [{"now": made.as_of}]


def test_a_change_after_it_does_not_matter(opened, warehouse):
    warehouse.execute("DELETE FROM samples.orders WHERE true")
    assert opened.run(COUNT).arrow.to_pylist() == [{"n": 50}]


@pytest.mark.parametrize("route", ["auto", "bigquery"])
def test_what_is_not_in_it_is_an_error_and_leaves_the_rest_as_it_is(opened, route):
    outside = (
        "SELECT MAX(order_id) AS m FROM kinds",
        "SELECT * FROM nothing",
        "DELETE FROM orders WHERE true",
        "SELECT 1; SELECT 2",
    )
    for sql in outside:
        with pytest.raises(RouteRefused, match="only what is in it answers"):
            opened.run(sql, route=route)
    assert opened.run(COUNT).arrow.to_pylist() == [{"n": 50}]


def test_nothing_is_promoted_or_frozen_in_it(opened):
    with pytest.raises(ConfigurationError, match="This is an archive"):
        opened.freeze("now")
    assert [refusal.table.table for refusal in opened.promote("kinds").refused] == ["kinds"]


def test_the_file_is_its_owners_alone_and_names_nobody(made, client):
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert client.warehouse.principal.encode() not in made.path.read_bytes()
    assert [path.name for path in made.path.parent.glob("*.bigpato*")] == ["all.bigpato"]


def test_opened_again_it_answers_from_what_is_there(opened, made, tmp_path):
    opened.close()
    again = BigPato.open_archive(made.path, directory=tmp_path / "opened")
    assert again.run(COUNT).arrow.to_pylist() == [{"n": 50}]
    again.close()


def test_two_archives_in_one_directory_do_not_answer_for_each_other(opened, client, later, warehouse, tmp_path):
    warehouse.execute("INSERT INTO samples.orders (order_id) VALUES (51)")
    client.rebalance(["orders"])
    later(minutes=5)
    second = client.archive(tmp_path / "second.bigpato")
    newer = BigPato.open_archive(second.path, directory=tmp_path / "opened")
    assert newer.run(COUNT).arrow.to_pylist() == [{"n": 51}]
    assert opened.run(COUNT).arrow.to_pylist() == [{"n": 50}]
    newer.close()


def test_what_is_not_known_to_be_of_the_instant_is_left_out_and_said(client, warehouse, later, tmp_path):
    client.promote(["orders", "kinds"])
    later(minutes=5)
    warehouse.execute("DELETE FROM samples.kinds WHERE kind = 1")
    later(minutes=5)
    done = client.archive(tmp_path / "some.bigpato")
    assert [copy.table.table for copy in done.copies] == ["orders"]
    assert [reason.code for reason in done.left_out] == ["as-of"]


def test_nothing_is_no_archive(client, later, tmp_path):
    with pytest.raises(ConfigurationError, match="Nothing here"):
        client.archive(tmp_path / "none.bigpato")
    assert list(tmp_path.glob("*bigpato")) == []


def test_a_file_that_is_there_is_left_alone(client, made):
    before = made.path.read_bytes()
    with pytest.raises(ConfigurationError, match="is there already"):
        client.archive(made.path)
    assert made.path.read_bytes() == before


def test_a_file_that_has_come_meanwhile_is_left_alone(client, made, tmp_path):
    target = tmp_path / "other.bigpato"
    copies = client.tier.open().catalog.copies().values()
    place = {"as_of": made.as_of, "project": "p", "dataset": "d"}
    with pytest.raises(ConfigurationError, match="is there already"):
        files.write(target, copies, **place, each=lambda: target.write_text("mine"))
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("path", ["", "."])
def test_what_is_no_name_of_a_new_file_is_said(client, made, path):
    with pytest.raises(ConfigurationError, match="is there already"):
        client.archive(path)


def test_a_name_that_is_too_long_is_said(client, made, tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be written"):
        client.archive(tmp_path / ("x" * 5000))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        BigPato.open_archive(tmp_path / ("x" * 5000), directory=tmp_path / "opened")


def test_a_link_is_left_alone_too(client, made, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(ConfigurationError, match="is there already"):
        client.archive(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="it has neither")
def test_a_pipe_and_a_device_are_no_archive_and_nobody_waits_for_them(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigurationError, match="is no file"):
            BigPato.open_archive(path, directory=tmp_path / "opened")


def test_a_stopped_one_is_not_there(client, made, tmp_path):
    stop = Cancel()
    stop.set()
    with pytest.raises(Cancelled):
        client.archive(tmp_path / "stopped.bigpato", cancel=stop)
    assert [path.name for path in tmp_path.glob("*stopped*")] == []
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_place_where_none_can_be_made_is_said(client, made, tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be written"):
        client.archive(tmp_path / "no" / "such.bigpato")


# --------------------------------------------------------------------------------- damaged and forged


def rewritten(path, change):
    """Another archive, made of the entries of this one after a change of them."""
    with zipfile.ZipFile(path) as bundle:
        entries = [(info.filename, bundle.read(info)) for info in bundle.infolist()]
    other = path.with_name("other.bigpato")
    with zipfile.ZipFile(other, "w") as bundle:
        for name, content in change(entries):
            bundle.writestr(name, content)
    return other


def index_with(**changes):
    def change(entries):
        return [(n, json.dumps(json.loads(c) | changes) if n == files.INDEX else c) for n, c in entries]

    return change


def a_part_changed(entries):
    return [(n, c if n == files.INDEX else c[:-1] + bytes([c[-1] ^ 1])) for n, c in entries]


def a_part_cut(entries):
    return [(n, c if n == files.INDEX else c[:-1]) for n, c in entries]


def renamed_to(name):
    def change(entries):
        first = next(n for n, _ in entries if n != files.INDEX)
        named = [(name if n == first else n, c) for n, c in entries]
        return [(n, c.replace(first.encode(), name.encode()) if n == files.INDEX else c) for n, c in named]

    return change


@pytest.mark.parametrize(
    "change",
    [
        a_part_changed,
        a_part_cut,
        lambda entries: entries[1:],
        lambda entries: [e for e in entries if e[0] != files.INDEX],
        lambda entries: [*entries, ("more.txt", b"more")],
        renamed_to("../../outside.duckdb"),
        renamed_to("/outside.duckdb"),
        index_with(format="another"),
        index_with(copies=[1]),
        index_with(copies=["{}"]),
        index_with(parts=None),
        index_with(as_of="yesterday"),
        index_with(as_of="0001-01-01T00:00:00+14:00"),
        index_with(copies=["[" * 100_000]),
        lambda entries: [(n, "[" * 100_000 if n == files.INDEX else c) for n, c in entries],
    ],
)
def test_what_is_not_what_was_put_in_is_refused(made, tmp_path, change):
    other = rewritten(made.path, change)
    with pytest.raises(ConfigurationError, match="is damaged, or no archive"):
        BigPato.open_archive(other, directory=tmp_path / "opened")
    assert list(tmp_path.rglob("outside*")) == []


def test_an_encrypted_file_is_no_archive(made, tmp_path):
    content = bytearray(made.path.read_bytes())
    for record, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(record)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(record, place + 4)
    locked = tmp_path / "locked.bigpato"
    locked.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is damaged, or no archive"):
        BigPato.open_archive(locked, directory=tmp_path / "unlocked")


def test_a_full_disk_is_said_of_where_it_is_unpacked(made, tmp_path, monkeypatch):
    def full(*_given, **_how):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bigpato_magic.tier.files.disk.write_private", full)
    with pytest.raises(TierError, match=r"opened.* cannot be (written|used): No space left"):
        BigPato.open_archive(made.path, directory=tmp_path / "opened")


def test_a_cut_file_and_a_text_are_no_archive(made, tmp_path):
    cut = tmp_path / "cut"
    cut.write_bytes(made.path.read_bytes()[:-100])
    for path in (cut, tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigurationError):
            BigPato.open_archive(path, directory=tmp_path / "opened")


def test_whatever_bit_of_its_directory_is_another_it_is_no_archive_or_the_same(made, tmp_path):
    """Python's own modules raise EOFError, RuntimeError (for what is called encrypted) and zlib.error then."""
    content, other, copies = made.path.read_bytes(), tmp_path / "flipped", files.read(made.path).copies
    directory = content.rindex(files.INDEX.encode(), 0, content.rindex(files.INDEX.encode()))
    begin = content.index(b"PK\x01\x02", directory)
    for place in range(begin * 8, len(content) * 8, 7):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        other.write_bytes(flipped)
        with suppress(ConfigurationError):
            assert files.read(other).copies == copies


def manifest_with(place, value):
    """A manifest of another hand, with its digest."""

    def change(entries):
        return [(n, with_copies(json.loads(c)) if n == files.INDEX else c) for n, c in entries]

    def with_copies(index):
        return json.dumps(index | {"copies": [signed(json.loads(text)["copy"]) for text in index["copies"]]})

    def signed(copy):
        *folders, last = place
        inner = copy
        for name in folders:
            inner = inner[name]
        inner[last] = value
        return json.dumps(
            {"copy": copy, "sha256": hashlib.sha256(json.dumps(copy, sort_keys=True).encode()).hexdigest()}
        )

    return change


@pytest.mark.parametrize("value", [None, "x", -1.5])
@pytest.mark.parametrize(
    "place",
    [("holding",), ("as_of",), ("parts", 0, "rows"), ("facts", "columns"), ("facts", "version", "rows"), ("stats",)],
)
def test_a_manifest_of_other_types_is_none(made, tmp_path, place, value):
    with pytest.raises(ConfigurationError, match="is damaged, or no archive"):
        files.read(rewritten(made.path, manifest_with(place, value)))
