"""
Pictures and videos: a form of two parts, of which the first alone is signed.

Source: https://pay.weixin.qq.com/docs/partner/apis/ecommerce-merchant-application/upload.html "图片上传"
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tongfu.emulator.half import World

from .gate import Endpoint, Request
from .shape import Members, Text
from .wire import Refused, wrong

PATHS: Final = {
    "/v3/merchant/media/upload": (("jpg", "jpeg", "bmp", "png"), 5 << 20),
    "/v3/merchant/media/video_upload": (
        ("avi", "wmv", "mpeg", "mp4", "mov", "mkv", "flv", "f4v", "m4v", "rmvb"),
        5 << 20,
    ),
}
META: Final = Members({"filename": Text(128, needed=True), "sha256": Text(64, needed=True, pattern="[0-9a-f]{64}")})


class Media:
    def __init__(self, world: World) -> None:
        self._world = world

    def endpoints(self) -> Iterable[Endpoint]:
        for path in PATHS:
            yield Endpoint("POST", path, self._upload, META, upload=True)

    def _upload(self, request: Request) -> Mapping[str, Any]:
        endings, most = PATHS[request.asked.path]
        if request.body["filename"].lower().rpartition(".")[2] not in endings:
            raise wrong("/filename", f"后缀应为{'、'.join(endings)}")
        if not 0 < len(request.file) <= most:
            raise Refused(400, "PARAM_ERROR", f"文件大小应在{most}字节以内")
        if hashlib.sha256(request.file).hexdigest() != request.body["sha256"]:
            raise wrong("/sha256", "与文件不一致")
        return {"media_id": f"DzE-{self._world.random.getrandbits(256):064x}"}
