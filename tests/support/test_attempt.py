"""A reader's function may return, raise or never end: the page goes on, and hears what happened."""

import contextlib
import contextvars
import os
import signal
import threading
import time

import pytest

from course_utils.support.attempt import TimeUp, attempt


def test_a_result_comes_back():
    assert attempt(5, lambda a, b: a + b, 1, 2) == (3, None)
    assert attempt(5, lambda: None) == (None, None)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_whatever_it_raises_comes_back(kind):
    def fail():
        raise kind("why")

    result, error = attempt(5, fail)
    assert result is None and type(error) is kind and error.args == ("why",)


def test_a_loop_without_end_is_stopped():
    def loop():
        while True:
            with contextlib.suppress(Exception):  # which does not catch what ends it
                len([])

    threads, started = threading.active_count(), time.monotonic()
    result, error = attempt(0.2, loop)
    assert result is None and isinstance(error, TimeUp) and error.stopped
    assert threading.active_count() == threads and time.monotonic() - started < 5


def test_what_cannot_be_stopped_is_said_to_go_on():
    release = threading.Event()
    _, error = attempt(0.1, release.wait, 20)
    assert isinstance(error, TimeUp) and not error.stopped
    release.set()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not interrupt a thread that waits")
def test_the_readers_own_interrupt_arrives_and_ends_the_function():
    rounds = [0]

    def loop():
        while True:
            rounds[0] += 1

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in what a shell starts with &
    timer = threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            attempt(30, loop)
        stopped_at = rounds[0]
        time.sleep(0.1)
        assert rounds[0] == stopped_at > 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_runs_in_the_callers_context():
    cell = contextvars.ContextVar("cell", default="none")
    cell.set("this one")
    assert attempt(5, cell.get) == ("this one", None)
