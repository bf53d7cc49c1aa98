"""`llm-nb generate`, as a user calls it."""

import pytest

from llm_nb.cli import main


def test_generate_continues_the_prompt(trained, capsys):
    argv = ["generate", "Ann gave", "--model", str(trained), "--tokens", "8"]
    assert main(argv) == 0
    first = capsys.readouterr().out
    assert first.startswith("Ann gave")
    assert main(argv) == 0
    assert capsys.readouterr().out == first
    assert main([*argv, "--seed", "1"]) == 0
    assert capsys.readouterr().out != first


def test_generate_by_beams_in_int8_and_up_to_a_text(trained, capsys):
    argv = ["generate", "Ann gave", "--model", str(trained), "--tokens", "8"]
    outputs = []
    for options in (["--beams", "3"], ["--int8"], ["--temperature", "0"]):
        assert main([*argv, *options]) == 0
        outputs.append(capsys.readouterr().out)
        assert outputs[-1].startswith("Ann gave")
    greedy = outputs[-1]
    new = greedy.removeprefix("Ann gave").rstrip("\n")
    stop = new[1:3]
    assert main([*argv, "--temperature", "0", "--stop", stop]) == 0
    assert capsys.readouterr().out.rstrip("\n").endswith(stop)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tokens", "99"], "over the context of 16"),
        (["--model", "nowhere"], "nowhere"),
        (["--beams", "2", "--stop", "x"], "leave out --stop"),
        (["--tokens", "4", "--repetition-penalty", "-1"], "repetition_penalty is -1"),
    ],
)
def test_bad_input_is_one_line_and_status_2(options, message, trained, capsys):
    assert main(["generate", "hello", "--model", str(trained), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
