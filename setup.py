"""
The compile step; everything else about the package stands in pyproject.toml.

Floors 0 to 2 are compiled with mypyc from the same files that run interpreted. Its modules need each other, so it is
all of them or none: when anything fails we say so and install the plain files. TXMQTT_COMPILE decides:

    auto  compile when a C compiler is there, go on without when it is not or fails (the default)
    yes   compile, or fail
    no    do not compile
"""

import os
import shutil
import sys
import tempfile
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
FLOORS = ("codec", "session", "broker")


def wish() -> str:
    """
    What TXMQTT_COMPILE asks for.
    """
    value = os.environ.get("TXMQTT_COMPILE", "auto")
    if value not in ("no", "yes", "auto"):
        raise SystemExit(f"TXMQTT_COMPILE is {value!r}; expected no, yes or auto")
    return value


def compiler_works() -> bool:
    """
    Can C be compiled here, with Python's own headers?
    """
    from setuptools._distutils.ccompiler import new_compiler
    from setuptools._distutils.sysconfig import customize_compiler, get_python_inc

    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.c")
        probe.write_text("#include <Python.h>\nint main(void) { return 0; }\n")
        try:
            compiler = new_compiler()
            customize_compiler(compiler)
            compiler.compile([str(probe)], output_dir=folder, include_dirs=[get_python_inc()])
        except Exception as error:
            print(f"txmqtt: no working C compiler with Python's headers: {error}", file=sys.stderr)
            return False
    return True


class BuildFresh(build_py):
    """
    Starts from an empty build folder: modules renamed or removed since the last build would stay in the wheel.
    """

    def run(self) -> None:
        for stale in glob("build/lib*"):
            shutil.rmtree(stale)
        super().run()


class CompileFloors(build_ext):
    """
    Compiles floors 0 to 2, or leaves no trace of having tried.
    """

    def run(self) -> None:
        if self.inplace and wish() != "yes":  # compiled files in a checkout would hide every later edit
            self.extensions = []
            return
        try:
            self._compile()
        except (Exception, SystemExit) as error:  # mypyc reports a type error by leaving
            if wish() == "yes":
                raise
            for half_made in Path(self.build_lib).rglob("*.so"):
                half_made.unlink()
            self.extensions = []
            why = "mypyc found errors" if isinstance(error, SystemExit) else error
            print(f"txmqtt: not compiled, the plain files are installed: {why}", file=sys.stderr)

    def _compile(self) -> None:
        from mypyc.build import mypycify

        files = [str(path) for floor in FLOORS for path in sorted(Path("txmqtt", floor).rglob("*.py"))]
        # An empty --config-file: with pyproject's, mypy looks for the zope plugin, which a build does not install.
        # Silent about what lies above: txmqtt/__init__.py leads there, and a build has no Twisted to look things up in.
        arguments = ["--config-file=", "--strict", "--follow-imports=silent", *files]
        modules = mypycify(arguments, opt_level="3", debug_level="0", group_name="txmqtt")
        if os.name == "posix":
            # Nobody reads those 43 megabytes of C, and to see whether they are indented well takes gcc 50 of 140 s.
            for module in modules:
                module.extra_compile_args = [*module.extra_compile_args, "-Wno-misleading-indentation"]
        self.distribution.ext_modules = modules
        command = build_ext(self.distribution)  # a fresh one: a command settles its list of modules only once
        command.inplace = self.inplace
        command.ensure_finalized()
        command.run()
        self.extensions = command.extensions


os.chdir(HERE)
compiles = wish() == "yes" or (wish() == "auto" and compiler_works())

setup(
    cmdclass={"build_py": BuildFresh, "build_ext": CompileFloors},
    # A stand-in until build_ext asks mypyc, which is slow and not yet installed when pip only reads our metadata.
    ext_modules=[Extension("txmqtt.floors", [])] if compiles else [],
    setup_requires=["mypy>=2.4"] if compiles else [],
)
