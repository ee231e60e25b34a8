"""Kernels that begin at once: real ones, each in a process of its own that is forked with the libraries imported."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from multiprocessing.context import ForkServerProcess
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from tests.behaviour import children

NAME, ORDINARY = "forked", "local-provisioner"


def use(*, forked: bool) -> None:
    """Let Jupyter start kernels this way in this process, or as it does for everybody."""
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:Forked", KernelProvisionerFactory.GROUP_NAME)
    factory.default_provisioner_name = NAME if forked else ORDINARY


class Forked(LocalProvisioner):  # type: ignore[misc]
    """What starts one kernel, and ends it."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Start a kernel for the connection file that the command names."""
        file = cmd[cmd.index("-f") + 1]
        self.process = _Process(children.start(_kernel, file, str(options.get("cwd") or "."), dict(options["env"])))
        self.pid = self.process.pid
        return self.connection_info


class _Process:
    """A child with the face of `subprocess.Popen`, as far as Jupyter looks at it."""

    def __init__(self, child: ForkServerProcess) -> None:
        assert child.pid is not None
        self._child, self.pid = child, child.pid
        self.stdin = self.stdout = self.stderr = None

    def poll(self) -> int | None:
        return self._child.exitcode

    def wait(self) -> int | None:
        self._child.join()
        return self._child.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self._child.terminate()

    def kill(self) -> None:
        self._child.kill()


def _kernel(file: str, folder: str, env: dict[str, str]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    os.chdir(folder)
    os.environ |= env
    IPKernelApp.launch_instance(["-f", file, f"--IPKernelApp.parent_handle={os.getppid()}"])
