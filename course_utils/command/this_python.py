"""The kernel in which pages are executed: this very Python, whatever else is installed."""

from pathlib import Path
from typing import Any

import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default

TRIES = 3
START_SECONDS = 180  # that a kernel may take until it answers: thirty that start at once need more than one


class NoKernel(Exception):
    """No kernel could be started; the message says why."""


def kernel_manager(words: Path) -> type[AsyncKernelManager]:
    """A class that starts this Python's own kernel under the name python3.

    Jupyter would look among the kernels of the user and of the machine first, where an old or broken one may have the
    same name.

    Args:
        words: path of a file for what the kernel's process says, which would stand between our lines on the terminal.
    """

    class ThisPython(AsyncKernelManager):
        @default("kernel_spec_manager")
        def _only_this_python(self):
            return KernelSpecManager(kernel_dirs=[])

        async def start_kernel(self, **options):  # type: ignore[override]  # the base class's is a coroutine as well
            with open(words, "wb") as file:
                await super().start_kernel(stderr=file, **options)

    return ThisPython


def execute(notebook: Path, out: Path, parameters: dict[str, Any], **options: Any) -> None:
    """`papermill.execute_notebook` in this Python's kernel.

    Jupyter chooses free ports before a kernel starts, and where many start at once another may take them meanwhile
    (nteract/papermill#511): such a start is tried again.

    Raises:
        NoKernel: where no kernel answers at its start; and what papermill raises later.
    """
    words = out.with_suffix(".words")
    for left in reversed(range(TRIES)):
        try:
            papermill.execute_notebook(
                notebook,
                out,
                parameters,
                kernel_name="python3",
                kernel_manager_class=kernel_manager(words),
                start_timeout=START_SECONDS,
                progress_bar=False,
                store_widget_state=False,
                coalesce_streams=True,  # or the same text comes in parts that change from run to run
                **options,
            )
            return
        except RuntimeError as error:
            died, silent = (str(error).startswith(f"Kernel {how}") for how in ("died before", "didn't respond"))
            if not died and not silent:  # something else, or later: inside a cell
                raise
            if silent or not left:
                said = words.read_text(errors="replace").split("\n") if words.exists() else []
                raise NoKernel(([line for line in said if line.strip()] or [str(error)])[-1]) from error
