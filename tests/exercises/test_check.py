"""What ``check`` says of answers of every kind, and that it cannot be talked round."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from llm_nb.exercises import check as module
from llm_nb.exercises.check import check, judge
from llm_nb.exercises.comparing import difference
from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.exercises.running import OutOfTime, call, time_limit


def halves(x):
    return x / 2


EXERCISE = Exercise(
    number="00.2",
    title="Halves",
    points=1,
    minutes=1,
    difficulty=1,
    inputs=lambda draw: (draw.normal(2, 3),),
    expected=halves,
    wrong=(
        WrongAnswer("doubled", "you double", lambda x: 2 * x),
        WrongAnswer("crash", "you use an axis that is not there", lambda x: x.sum(7)),
    ),
    hints=("Look.", "Divide.", "Divide by two."),
    seconds=1.0,
)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """``check`` finds this exercise, and no hint has been given yet."""
    monkeypatch.setattr(module, "find_exercise", lambda number, variant=None: EXERCISE)
    monkeypatch.setattr(module, "_hints_given", {})


def said(answer) -> str:
    result = judge(EXERCISE, answer, 0)
    assert not result.passed
    return result.message


def test_a_right_answer_passes_and_says_what_was_compared(known, capsys) -> None:
    assert check("00.2", halves)
    line = "✓ 00.2 Halves: right on 6 random inputs, in type, shape, dtype and value\n"
    assert capsys.readouterr().out == line


def test_a_known_mistake_is_named_with_the_input_that_shows_it(known, capsys) -> None:
    result = check("00.2", lambda x: 2 * x)
    assert not result
    assert result.mistake == "doubled"
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "✗ 00.2 Halves: you double"
    assert re.match(
        r"  input 1 of 6, called with \(float32 \(2, 3\)\): at \[0, 0\] .+, exp", second
    )
    assert third == '  for a hint: check("00.2", …, hint=True)'


def test_a_mistake_may_be_an_error() -> None:
    assert said(lambda x: x.sum(9)) == "you use an axis that is not there"


def test_hints_go_from_a_nudge_to_almost_there(known) -> None:
    hints = [check("00.2", str, hint=True).hint for _ in range(4)]
    assert hints[:2] == ["hint 1 of 3: Look.", "hint 2 of 3: Divide."]
    assert hints[2] == hints[3] == "hint 3 of 3, the last: Divide by two."
    assert check("00.2", str, hint=2).hint == "hint 2 of 3: Divide."
    assert check("00.2", str, hint=9).hint.startswith("hint 3 of 3")
    assert check("00.2", halves, hint=True).hint == ""


def test_other_faults_are_described() -> None:
    assert said(lambda x: x[0] / 2) == "shape (3,), expected (2, 3)"
    assert said(lambda x: (x / 2).double()) == "dtype float64, expected float32"
    assert said(lambda x: (x / 2).tolist()) == "a list, expected a tensor"
    assert said(lambda x: (x / 2).numpy()) == "a NumPy array, expected a tensor"
    assert said(lambda x: None) == "it returns nothing: is a `return` missing?"
    assert said(3) == "the answer is a function, and this is int: pass it uncalled"
    assert re.fullmatch(
        r"at \[0, 0\] \S+, expected \S+ \(6 of 6 values differ\)", said(lambda x: x)
    )


def test_an_error_names_the_line_of_the_answers_own_code() -> None:
    def answer(x):
        y = x.reshape(2, 3)
        return torch.matmul(y, y)

    message = said(answer)
    assert re.match(r"RuntimeError in line \d+, `return torch.matmul\(y, y\)`: mat1 and", message)
    error = ValueError("elsewhere")
    error.where = "line 2, `x`"  # as a sandbox may say
    assert call(_raising(error), (), 1).where == "line 2, `x`"


def _raising(error):
    def answer(*args):
        raise error

    return answer


class Mute(ValueError):
    def __str__(self):
        raise TypeError


def test_an_error_that_cannot_speak_is_reported_all_the_same() -> None:
    assert re.fullmatch(r"Mute in line \d+, `raise error`", said(_raising(Mute())))


def test_leaving_python_is_an_error_like_others() -> None:
    assert said(_raising(SystemExit(0))).startswith("SystemExit")


def test_the_stub_is_told_from_a_wrong_answer() -> None:
    assert said(_raising(NotImplementedError())) == "not written yet"


def test_an_argument_that_is_changed_is_noticed() -> None:
    message = "it changes its own argument number 1: work on a copy of it"
    assert said(lambda x: x.div_(2)) == message


def endless(x):
    while True:
        pass


def test_time_is_bounded() -> None:
    start = time.perf_counter()
    assert said(endless) == "stopped after 1 s for 6 inputs: does a loop never end?"
    assert time.perf_counter() - start < 3
    assert said(_raising(TimeoutError())).startswith("stopped after")  # as a sandbox may say


def test_time_is_bounded_in_other_threads() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(said(endless)), daemon=True)
    thread.start()
    thread.join(10)
    assert found == ["stopped after 1 s for 6 inputs: does a loop never end?"]


def test_a_limit_that_is_kept_leaves_nothing_behind() -> None:
    for _ in range(3):
        with time_limit(0.05):
            pass
    time.sleep(0.1)
    with pytest.raises(OutOfTime), time_limit(0.05):
        time.sleep(1)


def test_an_unknown_number_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"no exercise '11.1' has a check: there are 11.2"):
        check("11.1", halves)
    with pytest.raises(ValueError, match="chapter '99' has no exercises"):
        check("99.1", halves)
    with pytest.raises(ValueError, match="write it as text"):
        check(11.2, halves)  # type: ignore[arg-type]


def test_inputs_follow_from_seed_variant_and_case() -> None:
    def first(seed, variant=None):
        return EXERCISE.draw_cases(seed, variant)[0][0]

    torch.testing.assert_close(first(1), first(1), rtol=0, atol=0)
    others = [first(2), first(1, 2027), EXERCISE.draw_cases(1, None)[1][0]]
    assert not any(torch.equal(first(1), other) for other in others)
    state = torch.get_rng_state()
    Draw("a", 1).normal(3)
    assert torch.equal(state, torch.get_rng_state())


class Agreeable:
    """Equal to everything, and whatever else one may ask of it."""

    shape, dtype = torch.Size([2, 3]), torch.float32

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def __getattr__(self, name):
        return lambda *args, **kwargs: self


class AgreeableTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True


def test_an_object_that_equals_everything_is_of_a_wrong_type() -> None:
    assert said(lambda x: Agreeable()) == "an object of class Agreeable, expected a tensor"
    assert said(lambda x: x.as_subclass(AgreeableTensor)).startswith(
        "an object of class AgreeableTensor"
    )
    number = replace(EXERCISE, inputs=lambda draw: (4,), expected=lambda x: 2.0, wrong=())
    assert not judge(number, lambda x: Agreeable(), 0)
    assert not judge(number, lambda x: type("F", (float,), {"__eq__": lambda s, o: True})(), 0)


@pytest.mark.parametrize(
    ("actual", "expected", "found"),
    [
        (2.0, 2.0 + 1e-7, None),
        (2, 2.0, None),
        (np.float64(2), 2.0, None),
        (True, 1.0, "True or False, expected a number (float)"),
        (float("nan"), 2.0, "nan, expected 2"),
        (float("inf"), float("inf"), None),
        ("a", "b", "'a', expected 'b'"),
        ([1, 2], [1, 3], "at [1]: 2, expected 3"),
        ([1], [1, 3], "length 1, expected 2"),
        ((1,), [1], "a tuple, expected a list"),
        ({"a": 1}, {"b": 1}, "the key 'b' is missing"),
        ({"a": 1, "b": 2}, {"a": 1}, "a key too many, 'b'"),
        ({"a": [1]}, {"a": [2]}, "at ['a']: at [0]: 1, expected 2"),
        ({None: 1}, {"a": 1}, "a key that is None, expected text or whole numbers"),
        (None, None, None),
        (nn.Parameter(torch.ones(2)), torch.ones(2), None),
        (torch.ones(2).requires_grad_(), torch.ones(2), None),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "at [1] 2, expected 3 (1 of 2 values differ)"),
        (torch.tensor(1.0), torch.tensor(2.0), "1, expected 2 (1 of 1 values differ)"),
        (np.ones(2), np.ones(2), None),
        (np.arange(3)[::-1], np.array([2, 1, 0]), None),
        (torch.ones(2).to_sparse(), torch.ones(2), "a tensor that is sparse_coo on cpu, expected"),
        (torch.ones(2, device="meta"), torch.ones(2), "a tensor that is strided on meta, expected"),
        (np.ones(2, np.float32), np.ones(2), "dtype float32, expected float64"),
        (torch.tensor([-torch.inf]), torch.tensor([-torch.inf]), None),
        (
            torch.tensor([10**9]),
            torch.tensor([10**9 + 1]),
            "at [0] 1000000000, expected 1000000001",
        ),
    ],
)
def test_differences(actual, expected, found) -> None:
    said = difference(actual, expected, 1e-4, 1e-5)
    assert said == found or (found and said.startswith(found))
