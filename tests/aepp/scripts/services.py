"""Runs the scripts of services in one process; tells what failed in each, and which public methods of aepp they called.

Nothing of aepp is patched: the interpreter tells which of its functions a script's own lines call.
"""

import importlib
import inspect
import sys
import traceback
from pathlib import Path

from journey import configure, found, given, tell

HERE = Path(__file__).parent


def public(module):
    """The public methods of a module's classes, by their names."""
    methods = {}
    for class_ in vars(module).values():
        if inspect.isclass(class_) and class_.__module__ == module.__name__:
            for name, method in vars(class_).items():
                if inspect.isfunction(method) and not name.startswith("_"):
                    methods[f"{class_.__name__}.{name}"] = method
    return methods


def watch(methods, called):
    """Note in *called* each of *methods* that lines of the scripts call."""
    names = {inspect.unwrap(method).__code__: name for name, method in methods.items()}

    def note(frame, event, _):
        if event == "call" and frame.f_code in names:
            caller = frame.f_back
            while Path(caller.f_code.co_filename).name == "deprecation.py":
                caller = caller.f_back
            if caller.f_code.co_filename.startswith(str(HERE)):
                called.add(names[frame.f_code])

    sys.setprofile(note)


configure()
methods, called = {}, set()
for name in given["modules"]:
    methods |= public(importlib.import_module(f"aepp.{name}"))
watch(methods, called)
failed = {}
for script in sorted((HERE / "service").glob("[a-z]*.py")):
    try:
        importlib.import_module(f"service.{script.stem}")
    except Exception:
        failed[script.stem] = traceback.format_exc()
sys.setprofile(None)
found.update(methods=sorted(methods), called=sorted(called), failed=failed)
tell()
