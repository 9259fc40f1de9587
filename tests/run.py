"""The test command: `python3 tests/run.py [arguments for pytest]`, from a fresh clone, with nothing but Python 3.11.

With `--long` alone it also runs the tests that take long by nature, as continuous integration does.

It makes `.venv` and installs requirements.txt and tests/requirements.txt into it, looks for what the tests need from
the machine (Chromium, PostgreSQL, node), and then runs ruff, mypy, the contracts of import-linter, the JavaScript tests
and pytest. A failure ends it, and its exit code is that of the failed command.

What the machine lacks is installed if this runs as root on a system with apt-get. What still cannot be had is named in
a sentence and its tests are skipped; with `CI=true` it is an error instead, because a skipped test proves nothing.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python")
STAMP = VENV / "requirements.sha256"
REQUIREMENTS = [ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"]


def main(pytest_arguments: list[str]) -> int:
    """Run everything. Returns the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python may be asked to run
        print(f"Python {sys.version.split()[0]} is too old: tests/run.py must be run with Python 3.11 or newer.")
        return 1
    os.chdir(ROOT)
    os.environ.update(PYTHONUNBUFFERED="1", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")

    missing = _complete_machine()
    for name, consequence in missing.items():
        print(f"{name} not found: {consequence}.", flush=True)
    if missing and in_ci():
        print("With CI=true that is an error: a skipped test proves nothing.")
        return 1

    for heading, command in [] if _venv_is_current() else _venv_steps():
        code = _step(heading, command)
        if code:
            return code
    pytest = [PYTHON, "-m", "pytest"]
    if pytest_arguments not in ([], ["--long"]):
        return _check() or _run("pytest", [*pytest, *pytest_arguments])
    # Side by side, each process with a PostgreSQL, a browser and an app of its own. The library's tests wait a third of
    # their time for children and servers, so two a core; a browser test is two processes by itself, so one.
    pytest += [*pytest_arguments, "--dist", "worksteal"]
    cores = os.cpu_count() or 1
    library = [*pytest, "tests/core", "tests/app", "-n", str(2 * cores)]
    code = _check() or _step("pytest: library, pages and routes", library)
    # pytest counts its own time, and its summary is to be the last line.
    return code or _run("pytest: browser", [*pytest, "tests/browser", "-n", str(cores)])


def _check() -> int:
    """What needs no test to run: style, types, arrows, JavaScript; mypy, which takes longest, beside the others."""
    mypy = subprocess.Popen(
        [PYTHON, "-m", "mypy"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    steps = [
        ("ruff check", [PYTHON, "-m", "ruff", "check", "."]),
        ("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        ("import-linter", [str(Path(PYTHON).with_name("lint-imports")), "--no-cache", "--no-logo"]),
    ]
    scripts, node = _javascript_tests(), find_node()
    if scripts and node:
        steps.append(("node", [node, "--test", *scripts]))
    codes = [_step(heading, command) for heading, command in steps]
    started = time.monotonic()
    printed, _ = mypy.communicate()
    print(f"\n=== mypy\n{printed}    waited {time.monotonic() - started:.1f} s for it", flush=True)
    return next(filter(None, [*codes, mypy.returncode]), 0)


# What the machine has


def in_ci() -> bool:
    """Whether continuous integration runs this, where what is missing is an error."""
    return os.environ.get("CI", "").lower() in ("true", "1")


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    return _first_on_path("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_postgres() -> Path | None:
    """The folder that holds `initdb` and `postgres`, of the newest version if there are several."""
    # Debian keeps them off PATH. A link on PATH points into the folder that we want.
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if not found and on_path:
        found = [Path(on_path).resolve()]
    return found[-1].parent if found and (found[-1].parent / "postgres").exists() else None


def find_node() -> str | None:
    """The path of node on this machine."""
    return _first_on_path("node", "nodejs")


def _first_on_path(*names: str) -> str | None:
    return next((path for path in map(shutil.which, names) if path), None)


def _version(initdb: Path) -> int:
    folder = initdb.parent.parent.name
    return int(folder) if folder.isdigit() else 0


def _has_venv() -> bool:
    # Debian's python3 comes without ensurepip, and venv fails half-way.
    return _venv_is_current() or subprocess.run([sys.executable, "-c", "import ensurepip"], **QUIET).returncode == 0


# name: (is it here, its Debian packages, what happens without it)
NEEDED = {
    "Python's venv": (_has_venv, ["python3-venv"], "install python3-venv, or use a Python that brings it"),
    "Chromium": (find_chromium, ["chromium"], "its tests will be skipped"),
    "PostgreSQL": (find_postgres, ["postgresql"], "its tests will be skipped"),
    "node": (find_node, ["nodejs"], "the JavaScript tests will be skipped"),
}
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _complete_machine() -> dict[str, str]:
    """Install what is missing if that is possible. Returns what is missing still, with the consequence."""
    packages = [p for is_here, needed, _ in NEEDED.values() if not is_here() for p in needed]
    can_install = shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0
    if packages and can_install:
        apt = ["apt-get", "-q", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300"]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        # A failure is no end: what is missing afterwards is named below.
        _step("apt-get update", [*apt, "update"], environment)
        for package in packages:  # one by one, so that one that is unknown here does not cost the others
            _step(package, [*apt, "install", "-y", "--no-install-recommends", package], environment)
    return {name: consequence for name, (is_here, _, consequence) in NEEDED.items() if not is_here()}


# The virtual environment


def _venv_is_current() -> bool:
    runs = Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", ""], **QUIET).returncode == 0
    return runs and STAMP.exists() and STAMP.read_text() == _fingerprint()


def _venv_steps() -> list[tuple[str, list[str]]]:
    listed = [argument for path in REQUIREMENTS for argument in ("-r", str(path))]
    # Made anew, not updated: a requirement that was taken out must be gone. The stamp comes last, so that a broken
    # installation is not taken for a finished one.
    stamp = f"import pathlib; pathlib.Path({str(STAMP)!r}).write_text({_fingerprint()!r})"
    return [
        ("new .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)]),
        ("install", [PYTHON, "-m", "pip", "install", "-q", *listed]),
        ("stamp", [PYTHON, "-c", stamp]),
    ]


def _fingerprint() -> str:
    content = b"\0".join(path.read_bytes() for path in REQUIREMENTS)
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


# The steps


def _javascript_tests() -> list[str]:
    """The files that `node --test tests/js/` finds in node 20; newer ones take no folder, all take files."""
    is_test = re.compile(r"(test|test-.+|.+[.\-_]test)\.[cm]?js")
    return sorted(str(path) for path in Path("tests/js").rglob("*") if is_test.fullmatch(path.name))


def _step(heading: str, command: list[str], environment: dict[str, str] | None = None) -> int:
    started = time.monotonic()
    code = _run(heading, command, environment)
    print(f"    {'failed' if code else 'passed'} after {time.monotonic() - started:.1f} s", flush=True)
    return code


def _run(heading: str, command: list[str], environment: dict[str, str] | None = None) -> int:
    print(f"\n=== {heading}", flush=True)
    return subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
