"""Access tokens, by sections A0, A2 and A3 of the wire's description."""

from __future__ import annotations

from typing import Any

import pytest


async def fetch(shop: Any, **other: str) -> Any:
    query = {"grant_type": "client_credential", "appid": shop.line["app_id"], "secret": shop.line["secret"]}
    return await shop.ask("GET", "/cgi-bin/token", query={**query, **other})


async def stable(shop: Any, **other: Any) -> Any:
    body = {"grant_type": "client_credential", "appid": shop.line["app_id"], "secret": shop.line["secret"]}
    return await shop.ask("POST", "/cgi-bin/stable_token", json={**body, **other})


async def works(shop: Any, token: str) -> int:
    got = await shop.ask("GET", "/cgi-bin/getcallbackip", query={"access_token": token})
    return int(got.errcode)


async def test_each_fetch_gives_a_new_token_and_the_old_one_lasts_five_minutes_more(shop: Any) -> None:
    first, second = (await fetch(shop)).told, (await fetch(shop)).told
    old, new = first["access_token"], second["access_token"]
    both = [await works(shop, old), await works(shop, new)]
    await shop.emu.clock.advance(299)
    still = await works(shop, old)
    await shop.emu.clock.advance(1)
    after = [await works(shop, old), await works(shop, new)]

    assert {"access_token": old, "expires_in": 7200} == first
    assert old != new
    assert ([0, 0], 0, [40001, 0]) == (both, still, after)


async def test_a_token_expires_after_two_hours(shop: Any) -> None:
    token = (await fetch(shop)).told["access_token"]
    await shop.emu.clock.advance(7199)
    before = await works(shop, token)
    await shop.emu.clock.advance(1)

    assert (0, 42001) == (before, await works(shop, token))


async def test_the_stable_token_is_the_same_until_five_minutes_before_its_end(shop: Any) -> None:
    first = (await stable(shop)).told
    await shop.emu.clock.advance(6855)
    again = (await stable(shop)).told
    await shop.emu.clock.advance(45)
    renewed = (await stable(shop)).told
    old = await works(shop, first["access_token"])
    await shop.emu.clock.advance(300)

    assert {"access_token": first["access_token"], "expires_in": 345} == again
    assert renewed["expires_in"] == 7200
    assert first["access_token"] != renewed["access_token"]
    assert (0, 42001) == (old, await works(shop, first["access_token"]))


async def test_the_two_families_leave_each_other_alone(shop: Any) -> None:
    kept = (await stable(shop)).told["access_token"]
    await fetch(shop)
    await fetch(shop)
    await shop.emu.clock.advance(400)
    plain = (await fetch(shop)).told["access_token"]
    await stable(shop, force_refresh=True)

    assert [40001, 0] == [await works(shop, kept), await works(shop, plain)]


async def test_a_forced_refresh_ends_the_old_one_at_once_and_comes_every_thirty_seconds_twenty_times(shop: Any) -> None:
    first = (await stable(shop)).told["access_token"]
    codes = [(await stable(shop, force_refresh=True)).errcode]
    ended = await works(shop, first)
    await shop.emu.clock.advance(29)
    codes.append((await stable(shop, force_refresh=True)).errcode)
    for _ in range(19):
        await shop.emu.clock.advance(30)
        codes.append((await stable(shop, force_refresh=True)).errcode)
    await shop.emu.clock.advance(30)
    codes.append((await stable(shop, force_refresh=True)).errcode)
    await shop.emu.clock.advance(86400)
    codes.append((await stable(shop, force_refresh=True)).errcode)

    assert ended == 40001
    assert [0, 45011, *[0] * 19, 45009, 0] == codes


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"grant_type": "password"}, 40002),
        ({"appid": ""}, 41002),
        ({"appid": "wx0"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "wrong"}, 40125),
    ],
)
async def test_wrong_credentials_are_told_apart(shop: Any, changed: dict[str, str], errcode: int) -> None:
    assert [errcode, errcode] == [(await fetch(shop, **changed)).errcode, (await stable(shop, **changed)).errcode]


@pytest.mark.parametrize(
    ("token", "errcode"),
    [("", 41001), ("no token!", 40014), ("x" * 513, 40014), ("97_" + "x" * 100, 40001)],
)
async def test_a_business_call_needs_a_token_that_was_issued(shop: Any, token: str, errcode: int) -> None:
    assert errcode == await works(shop, token)


@pytest.mark.parametrize(
    ("method", "body", "errcode"),
    [
        ("GET", b"", 43002),
        ("POST", b"", 44002),
        ("POST", b"a=1", 47001),
        ("POST", b"[1]", 47001),
        ("POST", b"\xff", 47001),
    ],
)
async def test_a_json_endpoint_takes_a_json_object_by_post(shop: Any, method: str, body: bytes, errcode: int) -> None:
    got = await shop.ask(method, "/wxa/generatescheme", query={"access_token": await shop.a_token()}, data=body)

    assert errcode == got.errcode


async def test_another_server_can_invalidate_every_token_and_fetches_are_counted(shop: Any) -> None:
    plain, steady = (await fetch(shop)).told["access_token"], (await stable(shop)).told["access_token"]
    before = await shop.control("GET", "tokens")
    await shop.control("POST", "tokens", invalidate=True)
    codes = [await works(shop, plain), await works(shop, steady)]
    renewed = (await stable(shop)).told["access_token"]

    assert {
        "fetches": {"token": 1, "stable_token": 1, "forced": 0},
        "valid": {"token": 1, "stable_token": 1},
    } == before
    assert [40001, 40001] == codes
    assert steady != renewed
    assert {"token": 1, "stable_token": 2, "forced": 0} == (await shop.control("GET", "tokens"))["fetches"]


async def test_tokens_fit_the_512_characters_that_callers_reserve(shop: Any) -> None:
    assert 100 < len((await fetch(shop)).told["access_token"]) <= 512
