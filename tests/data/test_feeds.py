"""Batch n is the same whoever makes it and whenever."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from llm_nb.data.feeds import Feed, RandomWindows, TokenFile, fingerprint  # noqa: E402

IDS = np.arange(103, dtype=np.int32)


def source(ids=IDS, context=10, batch_size=4, seed=3):
    return RandomWindows(ids, context, batch_size, seed)


def test_random_windows_are_shifted_by_one_and_repeatable():
    x, y = source()[5]
    assert x.shape == y.shape == (4, 10)
    assert torch.equal(y, x + 1)
    assert torch.equal(x, source()[5][0])
    assert not torch.equal(x, source()[6][0])
    assert not torch.equal(x, source(seed=4)[5][0])


def test_random_windows_reach_both_ends():
    x, y = source(IDS[:12], 10, 64)[0]
    assert (int(x.min()), int(y.max())) == (0, 11)


def test_text_shorter_than_the_context_is_refused():
    with pytest.raises(ValueError, match="103 tokens, shorter than one window of 103"):
        source(context=103)
    with pytest.raises(ValueError, match="batch_size 0"):
        source(batch_size=0)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_and_breaks_change_no_batch(workers):
    feed = Feed(source(), workers)
    first = [next(feed)[0] for _ in range(3)]
    state = feed.state_dict()
    assert state["position"] == 3  # not what workers have made ahead
    rest = [next(feed)[0] for _ in range(3)]
    again = Feed(source(), 2 - workers)
    again.load_state_dict(state)
    found = first + [next(again)[0] for _ in range(3)]
    for n, x in enumerate(found):
        assert torch.equal(x, source()[n][0])
    assert all(torch.equal(a, b) for a, b in zip(rest, found[3:], strict=True))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    for workers in (0, 1):
        next(Feed(source(), workers))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "other",
    [{"ids": IDS[::-1].copy()}, {"context": 9}, {"batch_size": 5}, {"seed": 4}],
    ids=lambda other: next(iter(other)),
)
def test_other_data_or_settings_are_refused(other):
    feed = Feed(source(**other), position=7)
    with pytest.raises(ValueError, match="is not the one that the run began with"):
        feed.load_state_dict(Feed(source()).state_dict())
    assert feed.position == 7
    feed.load_state_dict(Feed(source(**other), position=1).state_dict())
    assert feed.position == 1


def test_of_a_large_array_the_length_and_blocks_are_read():
    ids = np.zeros(40_000_000, np.uint16)
    before = fingerprint(ids)
    ids[20_000_000:30_000_000] = 1
    assert fingerprint(ids) != before
    assert fingerprint(ids[:-1]) != fingerprint(ids)


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "ids.npy", IDS)
    return TokenFile(tmp_path / "ids.npy")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_of_tokens_gives_the_batches_of_its_array(file, workers):
    assert (len(file), file.dtype) == (103, np.int32)
    assert RandomWindows(file, 10, 4, 3).fingerprint == source().fingerprint
    feed = Feed(RandomWindows(file, 10, 4, 3), workers)
    for n in range(3):
        assert torch.equal(next(feed)[1], source()[n][1])


def test_a_file_of_tokens_goes_to_a_worker_by_its_name(file):
    np.save(file.path, np.zeros(1_000_000, np.int32))
    assert len(pickle.dumps(TokenFile(file.path))) < 1000


def test_what_is_no_file_of_tokens_is_refused(file, tmp_path):
    file.path.write_bytes(file.path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="mmap length"):
        TokenFile(file.path)
    np.save(tmp_path / "square.npy", IDS[:100].reshape(10, 10))
    with pytest.raises(ValueError, match=r"has shape \(10, 10\): needed \(N,\)"):
        TokenFile(tmp_path / "square.npy")


RESIDENT = """
import sys
import numpy as np
from llm_nb.data.feeds import Feed, RandomWindows, TokenFile

def resident():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

path, kind = sys.argv[1:]
ids = TokenFile(path) if kind == "file" else np.load(path, mmap_mode="r")
feed = Feed(RandomWindows(ids, 64, 256))
next(feed)
before = resident()
for _ in range(100):
    next(feed)
print((resident() - before) // 1024, len(ids) * 2 // 2**20)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells this way")
def test_a_long_run_over_a_file_does_not_grow(tmp_path):
    """25,600 windows from 128 MB; a map that is kept open holds most of it in the end."""
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, "w+", np.uint16, (64 << 20,)).flush()  # holes take no disk
    grown = {}
    for kind in ("file", "map"):
        done = subprocess.run(
            [sys.executable, "-c", RESIDENT, str(path), kind],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        grown[kind], size = map(int, done.stdout.split())
    assert size == 128
    assert grown["file"] < 8
    assert grown["map"] > 64  # so this test can fail
