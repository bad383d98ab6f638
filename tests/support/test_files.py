"""Files are written whole or not at all, one at a time; folders are where the variables say."""

import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import CourseError
from course_utils.support import files
from course_utils.support.files import locked, read_json, write_bytes, write_json


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_what_is_written_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    write_bytes(path, b"first")
    write_bytes(str(path), b"second")
    assert path.read_bytes() == b"second" and list(path.parent.iterdir()) == [path]
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(CourseError, match=r"cannot write .*file: No space left on device. Nothing was changed"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_keeps_the_old_file_and_stays_an_interrupt(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    path = tmp_path / "file"
    write_bytes(path, b"old")
    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CourseError, match="cannot write .*choose a folder that you may write to"):
        write_bytes(tmp_path / "file" / "x", b"")


def test_what_a_killed_process_left_goes_after_an_hour_and_not_before(tmp_path):
    path = tmp_path / "a[b].json"  # brackets are no pattern
    old, new, other = (tmp_path / f".{name}.part" for name in ("a[b].json.old", "a[b].json.new", "c.json.old"))
    for part, age in ((old, files.ABANDONED + 60), (new, 60), (other, files.ABANDONED + 60)):
        part.write_bytes(b"half")
        os.utime(part, (time.time() - age,) * 2)
    write_bytes(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, new, other])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=30)
@given(JSON)
def test_any_json_value_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path, "default") == value == json.loads(path.read_bytes())


def test_json_that_is_missing_or_damaged(tmp_path):
    assert read_json(tmp_path / "nowhere.json", default := []) is default
    for content in (b'[{"notebook": ', b"\xff\xfe", b"[" * 100_000):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(CourseError, match=r"cannot read .*x.json.* delete it to start afresh"):
            read_json(tmp_path / "x.json", [])
    with pytest.raises(CourseError, match="cannot read"):
        read_json(tmp_path, [])


def test_a_lock_is_held_by_one_and_leaves_no_file(tmp_path):
    path = tmp_path / ".lock"
    with locked(path):
        assert path.exists()
        with pytest.raises(CourseError, match="^wait for the other$"), locked(path, busy="wait for the other"):
            pass
    assert not path.exists()
    with locked(path, busy="wait for the other"):
        pass


def test_without_a_word_for_the_busy_a_lock_is_waited_for(tmp_path):
    path, order = tmp_path / ".lock", []

    def second():
        with locked(path):
            order.append("second")

    with locked(path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def hold(path, ready):
    with locked(path):
        ready.set()
        time.sleep(60)


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path / ".lock", ready))
    process.start()
    try:
        assert ready.wait(30)
        with pytest.raises(CourseError, match="busy"), locked(tmp_path / ".lock", busy="busy"):
            pass
    finally:
        process.kill()
        process.join()
    with locked(tmp_path / ".lock", busy="busy"):
        pass


def test_a_lock_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CourseError, match="cannot make the lock .*choose a folder"), locked(tmp_path / "file" / "x"):
        pass


def test_folders_are_where_the_variables_say(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "~/somewhere")
    monkeypatch.setenv("COURSE_STATE", "here")
    assert files.data_dir() == Path.home() / "somewhere" and files.state_dir() == Path("here")
    monkeypatch.chdir(tmp_path)
    files.settle_folders()
    monkeypatch.chdir("/")
    assert files.data_dir() == Path.home() / "somewhere" and files.state_dir() == tmp_path / "here"
    for name in files.FOLDERS:
        monkeypatch.delenv(name)
    files.settle_folders()
    assert files.data_dir() == files.OWN / "data" and files.state_dir() == files.OWN / ".course"
    assert files.given("~/x") == Path.home() / "x" and files.given("x").is_absolute()


def test_what_the_course_brings_along_is_there():
    assert (files.PACKAGE / "support" / "files.py").is_file() and files.PACKAGE.name == "course_utils"
    for path in (files.NOTEBOOKS, files.WEIGHTS, files.ASSETS, files.REFERENCE):
        assert path.exists(), path
