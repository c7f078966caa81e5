"""The few words that the emulator takes for bad, and the labels that the platform gives such."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "加微信领红包": 10001,
    "代开发票": 10001,
    "反动口号": 20001,
    "色情小说": 20002,
    "你这混蛋": 20003,
    "出售枪支": 20006,
    "刷单返利": 20008,
    "低俗段子": 20012,
    "盗版下载": 20013,
    "违规内容": 21000,
}
DOUBTFUL: Final = {"最便宜": 10001, "稳赚": 20008}  # for a person to look at


def sensitive(text: str) -> str | None:
    """The first bad word in *text*."""
    return next((word for word in WORDS if word in text), None)


def doubtful(text: str) -> str | None:
    return next((word for word in DOUBTFUL if word in text), None)
