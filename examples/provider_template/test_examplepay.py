from __future__ import annotations

from types import MappingProxyType

from tongfu_examplepay import ExampleAccount, plugin

from tongfu import Notification
from tongfu.testing import ProviderContract

SHOP = ExampleAccount(shop_id="s-1", key="the-key-of-shop-1")
BODY = b'{"shop_id": "s-1", "state": "PAID", "out_trade_no": "A1", "total_fee": 100}'
PAID = Notification({"X-Sign": plugin.tongfu_sign(SHOP, BODY)}, BODY)
REFUND = {"out_trade_no": "A1", "out_refund_no": "R1", "refund_fee": 60}


class TestExamplePay(ProviderContract):
    platform = "examplepay"
    account = SHOP
    other_account = ExampleAccount(shop_id="s-2", key="the-key-of-shop-2")
    algorithms = ("HMAC-SHA256",)
    samples = MappingProxyType({"order_query": {"out_trade_no": "A1"}, "refund": REFUND})
    notices = MappingProxyType({"verify_payment_notify": PAID})
