"""The kernel in which `course run` executes notebooks: this very Python, whatever else is installed."""

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default


class ThisPython(AsyncKernelManager):
    """Starts this Python's own kernel under the name python3.

    Jupyter would look among the kernels of the user and of the machine first, where an old or broken one may have the
    same name.
    """

    @default("kernel_spec_manager")
    def _only_this_python(self):
        return KernelSpecManager(kernel_dirs=[])
