"""
Whole flows by alipay-sdk-python, Alipay's own, whose package has the name of another SDK that these tests install.

So this runs by itself, with that SDK alone on its path: settings come on stdin as JSON, what happened goes to stdout.
"""

from __future__ import annotations

import http.client
import json
import sys
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.request.AlipayTradeAppPayRequest import AlipayTradeAppPayRequest
from alipay.aop.api.request.AlipayTradeCloseRequest import AlipayTradeCloseRequest
from alipay.aop.api.request.AlipayTradeCreateRequest import AlipayTradeCreateRequest
from alipay.aop.api.request.AlipayTradeFastpayRefundQueryRequest import AlipayTradeFastpayRefundQueryRequest
from alipay.aop.api.request.AlipayTradePagePayRequest import AlipayTradePagePayRequest
from alipay.aop.api.request.AlipayTradePayRequest import AlipayTradePayRequest
from alipay.aop.api.request.AlipayTradePrecreateRequest import AlipayTradePrecreateRequest
from alipay.aop.api.request.AlipayTradeQueryRequest import AlipayTradeQueryRequest
from alipay.aop.api.request.AlipayTradeRefundRequest import AlipayTradeRefundRequest
from alipay.aop.api.util import WebUtils


def connection(url: str, query_string: str, timeout: float) -> tuple[str, http.client.HTTPConnection]:
    """The SDK's own adds a port to a URL as a number to a text, and connects to port 80 whatever it is."""
    return f"{url}?{query_string}", http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)


WebUtils.get_http_connection = connection


def client_of(settings: dict[str, Any]) -> Any:
    config = AlipayClientConfig()
    config.server_url = settings["gateway"]
    config.app_id = settings["app_id"]
    config.app_private_key = settings["pkcs1"]
    config.alipay_public_key = settings["alipay_public_key"]
    return DefaultAlipayClient(config)


def control(settings: dict[str, Any], path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{settings['control']}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    urllib.request.urlopen(request).read()


def flows(settings: dict[str, Any]) -> dict[str, Any]:
    client = client_of(settings)

    def ask(kind: Any, content: dict[str, Any]) -> Any:
        request = kind()
        request.biz_content = content
        request.notify_url = settings["notify_url"]
        return json.loads(client.execute(request))

    one, two, three, four, five, six = (f"A100{number}" for number in range(1, 7))
    order = {"total_amount": "88.88", "subject": "咖啡/茶 & more"}
    found: dict[str, Any] = {}
    found["create"] = ask(
        AlipayTradeCreateRequest,
        {**order, "out_trade_no": one, "product_code": "JSAPI_PAY", "buyer_id": "2088101117955611"},
    )
    found["unpaid"] = ask(AlipayTradeQueryRequest, {"out_trade_no": one})
    control(settings, f"orders/{one}/pay", {"outcome": "success"})
    found["paid"] = ask(AlipayTradeQueryRequest, {"out_trade_no": one})
    refund = {"out_trade_no": one, "refund_amount": "8.88", "out_request_no": "R1"}
    found["refund"] = ask(AlipayTradeRefundRequest, refund)
    found["again"] = ask(AlipayTradeRefundRequest, refund)
    found["refund_query"] = ask(AlipayTradeFastpayRefundQueryRequest, {"out_trade_no": one, "out_request_no": "R1"})
    found["precreate"] = ask(AlipayTradePrecreateRequest, {**order, "out_trade_no": two})
    found["absent"] = ask(AlipayTradeQueryRequest, {"out_trade_no": two})
    ask(
        AlipayTradeCreateRequest,
        {**order, "out_trade_no": three, "product_code": "JSAPI_PAY", "buyer_id": "2088101117955611"},
    )
    found["close"] = ask(AlipayTradeCloseRequest, {"out_trade_no": three})
    found["bar_code"] = ask(
        AlipayTradePayRequest, {**order, "out_trade_no": four, "scene": "bar_code", "auth_code": "28" * 9}
    )
    app = AlipayTradeAppPayRequest()
    app.biz_content = {**order, "out_trade_no": five, "product_code": "QUICK_MSECURITY_PAY"}
    found["order_string"] = client.sdk_execute(app)
    page = AlipayTradePagePayRequest()
    page.biz_content = {**order, "out_trade_no": six, "product_code": "FAST_INSTANT_TRADE_PAY"}
    found["page"] = client.page_execute(page, http_method="GET")
    return found


if __name__ == "__main__":
    json.dump(flows(json.load(sys.stdin)), sys.stdout)
