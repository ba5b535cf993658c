"""A file that is not what was published answers nothing, whatever DuckDB's own checksum says of it."""

from __future__ import annotations

import errno
import os
import random
import threading
import time

import pytest

from bigpato_magic import system
from bigpato_magic.errors import DamagedCopy, TierError
from bigpato_magic.status import Cancel
from bigpato_magic.tier.files import digests, disk
from tests.tier.conftest import DAYS, ITEMS, ORDERS

PAGE = 4096


@pytest.fixture
def copy(house):
    house.tier.promote([ORDERS])
    copy = house.tier.copies()[ORDERS]
    age(copy)
    return copy


def age(copy):
    """A change within the same tick of the clock could not be seen; these files are old."""
    for part in copy.parts:
        os.utime(part.path, (1_600_000_000, 1_600_000_000))
    time.sleep(2 * digests._GRAIN)


def settle():
    for thread in [t for t in threading.enumerate() if t.name == "bigpato-digest"]:
        thread.join()


def compare(house, copy):
    house.tier.queries.compare([copy]).outcome(Cancel())


def lost_page(content, generator):
    pages = [o for o in range(0, len(content) - PAGE + 1, PAGE) if content[o : o + PAGE] != bytes(PAGE)]
    at = generator.choice(pages)
    return content[:at] + bytes(PAGE) + content[at + PAGE :]


def swapped_words(content, generator):
    while True:
        at = 8 * generator.randrange(len(content) // 8 - 1)
        if content[at : at + 8] != content[at + 8 : at + 16]:
            return content[:at] + content[at + 8 : at + 16] + content[at : at + 8] + content[at + 16 :]


def swapped_pages(content, generator):
    while True:
        a, b = sorted(PAGE * generator.randrange(len(content) // PAGE) for _ in range(2))
        if content[a : a + PAGE] != content[b : b + PAGE]:
            between = content[a + PAGE : b]
            return content[:a] + content[b : b + PAGE] + between + content[a : a + PAGE] + content[b + PAGE :]


def flipped_bit(content, generator):
    at = generator.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("damage", [lost_page, swapped_words, swapped_pages, flipped_bit])
@pytest.mark.parametrize("seed", range(3))
def test_damage_of_any_kind_is_found_before_the_answer(house, copy, damage, seed):
    path = copy.parts[0].path
    path.write_bytes(damage(path.read_bytes(), random.Random(seed)))
    with pytest.raises(DamagedCopy):
        compare(house, copy)
    settle()
    assert house.tier.copies() == {}
    assert "damaged" in house.tier.status.message


def test_a_pipe_in_place_of_a_file_holds_nothing_up(house, copy):
    path = copy.parts[0].path
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DamagedCopy):
        compare(house, copy)


def test_a_file_is_read_once_and_other_kernels_know(house, copy, another, monkeypatch):
    read = []
    real = disk.checksum
    monkeypatch.setattr(disk, "checksum", lambda path, *more, **how: read.append(path) or real(path, *more, **how))
    for _ in range(3):
        compare(house, copy)
    assert len(read) == 1
    house.tier.open().database.settle()
    compare(another(), copy)
    assert len(read) == (1 if system.boot() else 2)


def test_after_a_new_start_of_the_machine_it_is_read_again(house, copy, another, monkeypatch):
    compare(house, copy)
    house.tier.open().database.settle()
    read = []
    real = disk.checksum
    monkeypatch.setattr(disk, "checksum", lambda path, *more, **how: read.append(path) or real(path, *more, **how))
    kernel = another()
    kernel.tier.open().digests._boot = "another"
    compare(kernel, copy)
    assert len(read) == 1


def test_what_was_just_written_need_not_be_read(house, monkeypatch):
    house.tier.promote([ORDERS])
    monkeypatch.setattr(disk, "checksum", lambda *args, **how: pytest.fail("it was read"))
    compare(house, house.tier.copies()[ORDERS])


def test_a_file_that_changes_while_it_is_read_gives_no_answer(house, copy):
    files = house.tier.queries.compare([copy])
    os.utime(copy.parts[0].path, (1_700_000_000, 1_700_000_000))
    with pytest.raises((DamagedCopy, TierError)):  # seen beside the query, or after it
        files.outcome(Cancel())


def test_a_large_copy_answers_at_once_and_what_it_answered_is_said_once(house, copy, monkeypatch):
    house.tier.compared_first = 0
    hold = threading.Event()
    real = disk.checksum
    monkeypatch.setattr(disk, "checksum", lambda *args, **how: hold.wait(60) and real(*args, **how))
    path = copy.parts[0].path
    path.write_bytes(flipped_bit(path.read_bytes(), random.Random(0)))
    messages = []
    house.tier.status.observe(lambda change: messages.append(change.new), "message")
    compare(house, copy)
    compare(house, copy)
    hold.set()
    settle()
    assert house.tier.copies() == {}
    (message,) = messages
    assert "orders is damaged" in message
    assert "The last 2 answers that it gave in this notebook may be wrong" in message


def test_answers_whose_files_turned_out_whole_are_not_called_in_question_later(house, copy, monkeypatch):
    house.tier.compared_first = 0
    hold = threading.Event()
    real = disk.checksum
    monkeypatch.setattr(disk, "checksum", lambda *args, **how: hold.wait(60) and real(*args, **how))
    compare(house, copy)
    hold.set()
    settle()
    path = copy.parts[0].path
    path.write_bytes(flipped_bit(path.read_bytes(), random.Random(0)))
    house.tier.compared_first = 1 << 30
    with pytest.raises(DamagedCopy):
        compare(house, copy)
    settle()
    assert "orders is damaged" in house.tier.status.message
    assert "may be wrong" not in house.tier.status.message


def test_each_kernel_says_what_it_has_answered_though_another_took_the_copy_away(house, copy, another, monkeypatch):
    kernel = another()
    house.tier.compared_first = kernel.tier.compared_first = 0
    answered, both_have_read = threading.Event(), threading.Barrier(2)
    real = disk.checksum

    def checksum(*args, **how):
        answered.wait(60)
        found = real(*args, **how)
        both_have_read.wait(60)
        return found

    monkeypatch.setattr(disk, "checksum", checksum)
    path = copy.parts[0].path
    path.write_bytes(flipped_bit(path.read_bytes(), random.Random(0)))
    compare(house, copy)
    compare(kernel, copy)
    answered.set()
    settle()
    assert house.tier.copies() == {}
    for one in (house, kernel):
        assert "The last answer that it gave in this notebook may be wrong" in one.tier.status.message


def test_a_copy_that_another_kernel_takes_away_meanwhile_is_not_called_damaged(house, copy, monkeypatch):
    house.tier.compared_first = 0
    hold = threading.Event()
    real = disk.checksum
    monkeypatch.setattr(disk, "checksum", lambda *args, **how: hold.wait(60) and real(*args, **how))
    compare(house, copy)
    house.tier.open().store.discard(copy.id)
    hold.set()
    settle()
    assert house.tier.status.message == ""


def test_a_copy_whose_file_is_missing_goes(house, copy):
    copy.parts[0].path.unlink()
    with pytest.raises(DamagedCopy):
        compare(house, copy)
    settle()
    assert house.tier.copies() == {}
    assert "damaged" in house.tier.status.message


def test_a_large_copy_that_is_whole_is_compared_once_in_the_background(house, copy):
    house.tier.compared_first = 0
    compare(house, copy)
    settle()
    assert house.tier.open().digests._is_known(copy.parts[0], disk.identity(copy.parts[0].path))
    assert house.tier.status.message == ""


def test_damage_is_not_written_into_a_new_file(house):
    house.tier.promote([DAYS])
    copy = house.tier.copies()[DAYS]
    path = copy.parts[0].path
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)
    house.warehouse.execute("DELETE FROM shop.days WHERE day = DATE '2024-01-03'")
    house.tier.refresh([DAYS])
    assert house.rows(DAYS) == house.truth(DAYS)
    settle()
    assert house.tier.verify_files() == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.ENOLCK])
def test_a_file_that_is_out_of_reach_is_not_taken_for_damaged(house, copy, number, monkeypatch):
    def refuse(*args, **how):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "checksum", refuse)
        with pytest.raises(TierError):
            compare(house, copy)
        assert house.tier.verify_files() == []
    settle()
    assert house.tier.copies().keys() == {ORDERS}
    compare(house, copy)


def test_a_copy_with_a_digest_of_an_earlier_kind_still_counts(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(b"abc")
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert disk.checksum(path, like=sha) == sha
    assert disk.checksum(path) == "xxh3:06b05ab6733a618578af5f94892f3950"  # XXH3-128 of "abc", by xxhsum


def test_a_damaged_copy_goes_though_another_kernel_leases_it(house, copy, another):
    kernel = another()
    with kernel.tier.queries.lease([copy]):
        kernel.engine.rows(copy)
        copy.parts[0].path.write_bytes(b"")
        with pytest.raises(DamagedCopy):
            compare(house, copy)
        settle()
        assert kernel.tier.copies() == {}


def test_nothing_is_remembered_for_ever(house, monkeypatch):
    monkeypatch.setattr(digests, "_KEPT", 3)
    for _ in range(6):
        house.tier.demote([ITEMS])
        house.tier.promote([ITEMS])
    with house.tier.open().database.transaction() as db:
        assert db.execute("SELECT count(*) FROM verified").fetchone()[0] <= 3
