"""The kernel of the course's JupyterLab: ipykernel, which calls itself the same on every machine.

JupyterLab writes the kernel's name and its Python's version into a notebook that it opens; where they are others than
the file's, the lesson counts as changed before anybody has typed a letter.
"""

import sys

sys.path.pop(0)  # this folder: it belongs to no lesson

from ipykernel.ipkernel import IPythonKernel  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402

IPythonKernel.language_info = {**IPythonKernel.language_info, "version": "3"}
IPKernelApp.launch_instance()
