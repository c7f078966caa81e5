"""Alipay and the Alipay mini-program APIs for tongfu."""

from .account import AlipayAccount
from .client import Alipay

__all__ = ["Alipay", "AlipayAccount"]
