"""What ``tf.open`` gives for a WeChat account."""

from __future__ import annotations

from tongfu.call import Caller
from tongfu.payments import AccountPayments


class Weixin:
    """WeChat for one account."""

    def __init__(self, caller: Caller) -> None:
        self.payment = AccountPayments(caller.payment)
