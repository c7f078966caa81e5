from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tongfu.emulator import Emulator
from tongfu.emulator.control import _known_host

Create = Callable[..., Any]
Client = aiohttp.ClientSession


async def ask(client: Client, method: str, path: str, **options: Any) -> tuple[int, Any]:
    async with client.request(method, f"/_emulator{path}", **options) as response:
        return response.status, await response.json()


ORDER = {
    "platform": "fake",
    "out_trade_no": "A1",
    "total_fee": 100,
    "created": "2026-01-02T03:04:05+00:00",
    "state": "open",
    "openid": "",
    "paid": None,
    "closed": None,
    "expires": None,
    "notify_url": "",
    "refunds": [],
    "refunded_fee": 0,
}


async def test_orders_are_told_without_the_halfs_own_memory(client: Client, create: Create) -> None:
    order = ORDER | {"transaction_id": (await create("A1"))["id"]}

    assert await ask(client, "GET", "/orders") == (200, {"orders": [order]})
    assert await ask(client, "GET", "/orders/A1") == (200, order)
    assert await ask(client, "GET", "/orders/A2") == (404, {"error": "there is no order A2"})


async def test_an_order_is_asked_for_by_its_platform_where_several_may_have_it(client: Client, create: Create) -> None:
    order = ORDER | {"transaction_id": (await create("A1"))["id"]}
    _, document = await ask(client, "GET", "/openapi.json")
    parameters = document["paths"]["/_emulator/orders/{out_trade_no}"]["get"]["parameters"]

    assert await ask(client, "GET", "/orders/A1?platform=fake") == (200, order)
    assert await ask(client, "GET", "/orders/A1?platform=other") == (404, {"error": "there is no order A1 on other"})
    assert [("path", "out_trade_no", True), ("query", "platform", None)] == [
        (parameter["in"], parameter["name"], parameter.get("required")) for parameter in parameters
    ]


async def test_the_buyer_pays_and_the_notification_is_told(client: Client, create: Create, merchant: Any) -> None:
    await create("A1", notify_url=merchant.url)
    status, order = await ask(client, "POST", "/orders/A1/pay", json={"outcome": "success"})

    assert (status, order["state"], order["paid"]) == (200, "paid", "2026-01-02T03:04:05+00:00")
    assert await ask(client, "GET", "/notifications") == (
        200,
        {
            "notifications": [
                {
                    "id": "notification-1",
                    "platform": "fake",
                    "kind": "payment",
                    "out_trade_no": "A1",
                    "url": merchant.url,
                    "created": "2026-01-02T03:04:05+00:00",
                    "state": "accepted",
                    "next_attempt": None,
                    "attempts": [
                        {
                            "at": "2026-01-02T03:04:05+00:00",
                            "status": 200,
                            "verdict": "accepted",
                            "corrupt": None,
                            "redelivery": False,
                            "error": "",
                        }
                    ],
                }
            ]
        },
    )


async def test_success_is_the_outcome_where_none_is_said(client: Client, create: Create) -> None:
    await create("A1")

    assert (await ask(client, "POST", "/orders/A1/pay"))[1]["state"] == "paid"


async def test_an_outcome_the_order_cannot_take_is_a_conflict(client: Client, create: Create) -> None:
    await create("A1")

    assert await ask(client, "POST", "/orders/A1/pay", json={"outcome": "cancel"}) == (
        409,
        {"error": "an order that is open cannot take cancel"},
    )


async def test_a_notification_is_redelivered_broken(client: Client, create: Create, merchant: Any) -> None:
    await create("A1", notify_url=merchant.url)
    await ask(client, "POST", "/orders/A1/pay")
    path = "/notifications/notification-1/redeliver"
    status, answer = await ask(client, "POST", path, json={"corrupt": "timestamp", "times": 2})
    again = await ask(client, "POST", path, json={"corrupt": None})

    assert (status, [attempt["corrupt"] for attempt in answer["attempts"]]) == (200, ["timestamp", "timestamp"])
    assert [attempt["corrupt"] for attempt in again[1]["attempts"]] == [None]
    assert merchant.signatures == ["signed 1", "corrupt timestamp", "corrupt timestamp", "signed 2"]


async def test_the_clock_moves_and_settles(client: Client, create: Create, merchant: Any) -> None:
    merchant.answers = [(500, "")]
    await create("A1", notify_url=merchant.url)
    await ask(client, "POST", "/orders/A1/pay")
    moved = await ask(client, "POST", "/clock", json={"advance": 15})

    assert moved == (200, {"now": "2026-01-02T03:04:20+00:00", "frozen": True})
    assert await ask(client, "GET", "/clock") == moved
    assert merchant.signatures == ["signed 1", "signed 2"]


async def test_faults_are_set_told_and_forgotten(client: Client) -> None:
    wanted = {"match": {"path": "/echo", "nth": 2, "out_trade_no": "A1"}, "fault": "status:503", "times": 3}
    fault = {
        "id": "fault-1",
        "fault": "status:503",
        "path": "/echo",
        "nth": 2,
        "out_trade_no": "A1",
        "times": 3,
        "seen": 0,
        "left": 3,
    }

    assert await ask(client, "POST", "/faults", json=wanted) == (200, fault)
    assert (await ask(client, "GET", "/faults"))[1]["faults"] == [fault]
    assert await ask(client, "DELETE", "/faults") == (200, {"faults": []})
    assert (await ask(client, "GET", "/faults"))[1]["faults"] == []


async def test_a_fault_whose_match_is_null_hits_whatever_comes_first(client: Client) -> None:
    nulls = {"path": None, "nth": None, "out_trade_no": None}
    for match in (None, nulls, {}):
        status, fault = await ask(client, "POST", "/faults", json={"match": match, "fault": "reset"})

        assert (status, nulls) == (200, {name: fault[name] for name in nulls})


async def test_an_unknown_fault_is_answered_with_the_list(client: Client) -> None:
    status, answer = await ask(client, "POST", "/faults", json={"fault": "meteor"})

    assert status == 400
    assert answer["error"].startswith("there is no fault 'meteor'; there are: timeout_before, timeout_after_commit,")


async def test_exchanges_are_told(client: Client, create: Create) -> None:
    await create("A1")
    _, answer = await ask(client, "GET", "/exchanges")

    assert [(exchange["path"], exchange["out_trade_no"]) for exchange in answer["exchanges"]] == [
        ("/orders/create", "A1")
    ]


async def test_reset_forgets_everything(emu: Emulator, client: Client, create: Create, merchant: Any) -> None:
    first = await create("A1", notify_url=merchant.url)
    await ask(client, "POST", "/orders/A1/pay")
    await ask(client, "POST", "/clock", json={"advance": 100})
    await ask(client, "POST", "/faults", json={"fault": "reset"})
    status, answer = await ask(client, "POST", "/reset")

    assert (status, answer) == (200, {"now": "2026-01-02T03:04:05+00:00"})
    assert (emu.orders(), emu.notifications, emu.faults, emu.exchanges) == ([], [], [], [])
    assert await create("A1") == first


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/clock", b"{", "the body is not JSON"),
        ("/clock", b"[" * 100_000, "the body is not JSON"),
        ("/clock", b"\xff", "the body is not JSON"),
        ("/clock", b"[]", "the body is a JSON object"),
        ("/clock", b"{}", "advance is a number of seconds"),
        ("/clock", b'{"advance": true}', "advance is a number of seconds"),
        ("/clock", b'{"advance": -1}', "the clock moves on by 0 to 3162240000 seconds, not -1"),
        ("/clock", b'{"advance": NaN}', "the clock moves on by 0 to 3162240000 seconds, not nan"),
        ("/clock", b'{"advanced": 1}', "unknown: advanced; there are: advance"),
        ("/faults", b'{"fault": "reset", "match": []}', "match is an object"),
        ("/faults", b'{"fault": "reset", "match": {"host": 1}}', "unknown: host; there are: path, nth, out_trade_no"),
        ("/faults", b'{"fault": 1}', "fault is a text that is not empty"),
        ("/faults", b'{"fault": "reset", "times": 0}', "times is an integer, at least 1"),
        ("/orders/A1/pay", b'{"outcome": 1}', "outcome and platform are texts"),
    ],
)
async def test_what_a_route_does_not_take_is_a_400_that_says_why(
    client: Client, path: str, body: bytes, message: str
) -> None:
    assert await ask(client, "POST", path, data=body) == (400, {"error": message})


async def test_a_platforms_control_route_is_served_and_described(client: Client) -> None:
    _, document = await ask(client, "GET", "/openapi.json")

    assert await ask(client, "POST", "/fake/login") == (200, {"code": "c1"})
    assert await ask(client, "POST", "/fake/login", data=b"bad") == (400, {"error": "no such openid"})
    described = document["paths"]["/_emulator/fake/login"]["post"]
    assert (described["summary"], described["description"]) == ("Give a login code.", "It takes nothing.")


async def test_every_control_route_is_in_the_description(emu: Emulator, client: Client) -> None:
    _, document = await ask(client, "GET", "/openapi.json")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert emu._runner is not None
    served = {
        (route.method, route.resource.canonical)
        for route in emu._runner.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/_emulator") and route.method != "*"
    }

    assert document["openapi"] == "3.1.0"
    assert described == served
    assert len(served) == 15


async def test_control_has_no_other_routes_and_leaves_no_exchange(emu: Emulator, client: Client) -> None:
    assert await ask(client, "GET", "/nothing") == (
        404,
        {"error": "no control route GET /_emulator/nothing; see /_emulator/openapi.json"},
    )
    assert emu.exchanges == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "10.0.0.1"},
        {"Host": "[::1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/reset", "/fake/login"])
async def test_web_pages_of_others_cannot_control(
    client: Client, create: Create, headers: dict[str, str], path: str
) -> None:
    await create("A1")
    status, _ = await ask(client, "POST", path, headers=headers)

    assert (status, len((await ask(client, "GET", "/orders"))[1]["orders"])) == (403, 1)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:99", "[::1]:99", "LOCALHOST:1", "127.8.8.8"])
async def test_loopback_by_any_name_can_control(client: Client, host: str) -> None:
    assert (await ask(client, "POST", "/reset", headers={"Host": host}))[0] == 200


@pytest.mark.parametrize(
    ("header", "bound", "known"),
    [
        ("192.0.2.7:80", "0.0.0.0", True),
        ("[2001:db8::1]", "::", True),
        ("evil.example", "0.0.0.0", False),
        ("pay.test:80", "pay.test", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.8", "192.0.2.7", False),
        ("", "127.0.0.1", False),
        ("user@127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1@evil.example", "127.0.0.1", False),
    ],
)
def test_a_host_is_known_by_the_address_it_is_bound_to(header: str, bound: str, *, known: bool) -> None:
    assert _known_host(header, bound) is known


async def test_the_emulators_own_pages_can_control(emu: Emulator, client: Client) -> None:
    origins = [emu.url, emu.https_url, emu.url.replace("127.0.0.1", "localhost")]

    assert [(await ask(client, "POST", "/reset", headers={"Origin": origin}))[0] for origin in origins] == [200] * 3
