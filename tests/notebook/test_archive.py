"""An archive as a person meets it: what is said when it is made, and under an answer from it."""

from __future__ import annotations

from datetime import timedelta

from bigpato_magic import BigPato
from bigpato_magic.notebook.footnote import clock

COUNT = "SELECT COUNT(*) AS n FROM orders"


def test_it_says_what_is_in_it_and_an_answer_from_it_of_when_it_is(cell, client, shell, tmp_path):
    client.promote(["orders", "items"])
    client.warehouse.clock_offset += timedelta(minutes=5)
    client.warehouse.execute("DELETE FROM shop.items WHERE true")
    client.warehouse.clock_offset += timedelta(minutes=5)
    path = tmp_path / "a b.bigpato"
    said = " ".join(str(cell(f'%bp_archive "{path}"').result).split())
    assert said.startswith(f"{path}: 1 table and 0 kept answers as of ")
    assert "Not in it: what is here of items is not known to be the table of " in said
    shell.user_ns["theirs"] = opened = BigPato.open_archive(path, directory=tmp_path / "opened")
    cell("%bp_use theirs")
    ran = cell(f"%%bpsql\n{COUNT}")
    assert f" · archive, as of {clock(opened.archived)}" in ran.text.splitlines()[-1]
    assert f"archive: as of {clock(opened.archived)}" in str(cell("%bp_status").result)
    assert "only what is in it answers" in str(cell("%%bpsql\nSELECT * FROM items").error)
    opened.close()


def test_without_a_file_it_asks_for_one(cell):
    assert "which file?" in str(cell("%bp_archive").error)
