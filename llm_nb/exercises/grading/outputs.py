"""What a student's process says it has put out, made harmless to store and to show."""

from __future__ import annotations

import base64
import re
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

MAX_TEXT = 200_000  # characters of text in the outputs of one cell
MAX_OUTPUTS = 200
MAX_IMAGES = 8 << 20
_IMAGES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
# What no terminal needs: control characters but for tab, line feed, return and escape.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")


def clean_text(value: Any, limit: int = MAX_TEXT) -> str:
    """Text that can be written as UTF-8, at most so long; "" for anything but text."""
    if type(value) is not str:
        return ""
    kept = value[:limit].encode("utf-8", "replace").decode("utf-8")
    kept = _CONTROL.sub("�", kept)
    return kept + " … cut" if len(value) > limit else kept


def clean_outputs(outputs: Any) -> list[NotebookNode]:
    """Outputs of a notebook out of a claim: text and pictures only, in bounds."""
    if type(outputs) is not list:
        return []
    kept, text, images = [], MAX_TEXT, MAX_IMAGES
    for output in outputs[:MAX_OUTPUTS]:
        if type(output) is not dict or text <= 0:
            continue
        kind = output.get("output_type")
        if kind == "stream":
            words = clean_text(output.get("text"), text)
            text -= len(words)
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            kept.append(new_output("stream", name=name, text=words))
        elif kind == "error":
            lines = output.get("traceback")
            joined = "\n".join(clean_text(x) for x in lines) if type(lines) is list else ""
            words = clean_text(joined, text)
            text -= len(words)
            named = {key: clean_text(output.get(key), 2000) for key in ("ename", "evalue")}
            kept.append(new_output("error", **named, traceback=words.split("\n")))
        elif kind in ("display_data", "execute_result") and type(output.get("data")) is dict:
            data = {}
            if plain := clean_text(output["data"].get("text/plain"), text):
                text -= len(plain)
                data["text/plain"] = plain
            for mime, start in _IMAGES.items():
                picture = output["data"].get(mime)
                if type(picture) is str and len(picture) <= images and _is(picture, start):
                    images -= len(picture)
                    data[mime] = "".join(picture.split())
            if data:
                kept.append(new_output(kind, data=data))
    return kept


def _is(picture: str, start: bytes) -> bool:
    try:
        return base64.b64decode("".join(picture.split()), validate=True).startswith(start)
    except ValueError:
        return False
