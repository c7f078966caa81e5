"""The form of an upload: ``meta`` and ``file``."""

from __future__ import annotations

import re

from .wire import Refused


def parts(content_type: str, body: bytes) -> tuple[bytes, bytes]:
    """
    The JSON of ``meta``, and the file.

    :raises Refused: not such a form.
    """
    # wechatpayv3 names no boundary, and its users upload all the same: it stands at the body's beginning too.
    named = re.fullmatch(r'multipart/form-data(?:; ?boundary="?([^"\r\n]{1,70})"?)?', content_type)
    begun = re.match(rb"--([^\r\n]{1,70})\r\n", body)
    if named is None or begun is None or named[1] not in (None, begun[1].decode("latin-1")):
        raise Refused(415, "PARAM_ERROR", "Http头Content-Type不支持", explain="multipart/form-data with a boundary")
    found: dict[str, bytes] = {}
    for part in body.split(b"--" + begun[1])[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="(\w+)"', head)
        if name is None or not content.endswith(b"\r\n"):
            raise Refused(400, "PARAM_ERROR", "表单格式错误")
        found[name[1].decode()] = content[:-2]
        if name[1] == b"file" and b"filename=" not in head.lower():
            raise Refused(400, "PARAM_ERROR", "file缺少filename")
    if set(found) != {"meta", "file"}:
        raise Refused(400, "PARAM_ERROR", "表单应有meta和file两部分")
    return found["meta"], found["file"]
