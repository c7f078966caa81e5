from __future__ import annotations

from datetime import UTC, datetime

from tongfu.emulator.exchanges import KEPT, Exchanges, Secrets

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_secrets_are_masked_and_public_settings_are_not() -> None:
    secrets = Secrets()
    secrets.learn(
        {
            "key": "merchant-key-1",
            "api_v3_key": "merchant-key-123",
            "private_key": "MIIprivate",
            "pfx_base64": "MIIpfx",
            "secret": "app-secret",
            "public_key": "MIIpublic",
            "public_key_id": "PUB_KEY_ID_1",
            "app_id": "app-identity",
        }
    )

    assert (
        secrets.masked(
            "merchant-key-123 merchant-key-1 MIIprivate MIIpfx app-secret MIIpublic PUB_KEY_ID_1 app-identity"
        )
        == "*** *** *** *** *** MIIpublic PUB_KEY_ID_1 app-identity"
    )


def test_only_the_names_of_query_parameters_are_kept() -> None:
    exchanges = Exchanges(Secrets())
    exchange = exchanges.begin(NOW, "fake", "GET", "/a", ["access_token", "id", "id"])

    assert exchange.parameters == ("access_token", "id")


def test_the_oldest_exchanges_are_dropped() -> None:
    exchanges = Exchanges(Secrets())
    for _ in range(KEPT + 1):
        exchanges.begin(NOW, "fake", "GET", "/a", [])

    assert (len(exchanges.kept()), exchanges.kept()[0].id) == (KEPT, "request-2")
