"""
Files: a form whose first part, ``meta``, is what is signed.

Source: https://pay.weixin.qq.com/docs/partner/apis/ecommerce-merchant-application/upload.html "图片上传"
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

LARGEST: Final = 10 << 20  # bytes; a picture may have 2 or 5 MiB by product, a video 5 MiB
# It stands in a header of the form: a quote or a line break in it would end that.
FILENAME: Final = re.compile(r"[\w.\-]{1,120}\.[A-Za-z0-9]{1,6}")


def problems(filename: object, content: object, meta: object) -> dict[str, str]:
    found = {}
    if not isinstance(filename, str) or FILENAME.fullmatch(filename) is None:
        found["filename"] = "expected letters, digits, '_', '-' and '.', with an ending such as .png"
    if not isinstance(content, bytes) or not 0 < len(content) <= LARGEST:
        found["content"] = f"expected bytes, at most {LARGEST}"
    if meta is not None and not isinstance(meta, Mapping):
        found["meta"] = "expected a mapping"
    elif meta and {"filename", "sha256"} & meta.keys():
        found["meta"] = "expected what is beside filename and sha256, which are made here"
    return found


def meta(filename: str, content: bytes, more: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"filename": filename, "sha256": hashlib.sha256(content).hexdigest(), **(more or {})}


def form(boundary: str, signed: bytes, content: bytes) -> tuple[str, bytes]:
    """The content type, and the body."""
    filename = json.loads(signed)["filename"]
    lines = (
        f"--{boundary}",
        'Content-Disposition: form-data; name="meta"',
        "Content-Type: application/json",
        f"\r\n{signed.decode()}",
        f"--{boundary}",
        f'Content-Disposition: form-data; name="file"; filename="{filename}"',
        "Content-Type: application/octet-stream",
        "\r\n",
    )
    body = "\r\n".join(lines).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
