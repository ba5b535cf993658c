"""Real processes on one tier: they wait for each other, and what one holds ends with it, however it ends."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def clone(template, tmp_path):
    return shutil.copytree(template, tmp_path / "home")


def test_a_lease_ends_with_its_process_also_by_kill(processes, template, tmp_path):
    home = clone(template, tmp_path)
    holder, answers = processes.start("hold", home)
    assert answers.recv() == "held"
    assert processes.run("demote", home) == (["leased"], 0)
    holder.kill()
    holder.join()
    assert processes.run("demote", home) == ([], 0)


def test_processes_that_promote_the_same_table_bring_it_once(processes, template, tmp_path):
    home = clone(template, tmp_path)
    running = [processes.start("promote_items", home) for _ in range(3)]
    brought = [answers.recv() for _, answers in running]
    assert [process.join() or process.exitcode for process, _ in running] == [0, 0, 0]
    assert sorted(brought) == [(0, 1), (0, 1), (1, 1)]


def test_processes_that_keep_the_same_answer_have_it_once(processes, template, tmp_path):
    home = clone(template, tmp_path)
    running = [processes.start("keep_one", home) for _ in range(3)]
    assert [answers.recv() for _, answers in running] == [1, 1, 1]
    assert [process.join() or process.exitcode for process, _ in running] == [0, 0, 0]
    assert processes.run("look", home) == ([], 0)


def test_readers_go_on_while_the_table_is_refreshed_again_and_again(processes, template, tmp_path):
    home = clone(template, tmp_path)
    readers = [processes.start("read_often", home, 40) for _ in range(2)]
    assert processes.run("refresh_often", home, 5) == ([], 0)
    for process, answers in readers:
        assert answers.recv() == []
        process.join()
        assert process.exitcode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_full(processes, template, tmp_path):
    home = clone(template, tmp_path)
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        wrong, code = processes.run("fill", home, disk / "tier")
        assert (wrong, code) == ([], 0)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="the directory is made unwritable for another user")
def test_a_directory_that_cannot_be_written(processes, template, tmp_path):
    home = clone(template, tmp_path)
    assert processes.run("unwritable", home) == ([], 0)
