"""WeChat Pay and the WeChat mini-program APIs for tongfu."""

from .account import WeixinAccount
from .client import Weixin

__all__ = ["Weixin", "WeixinAccount"]
