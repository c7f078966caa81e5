"""An AlipayAccount of plain data, for ``Tongfu.from_config``."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import fields

from tongfu.fields import AccountSchema

from .account import AlipayAccount


class AlipayAccountSchema(AccountSchema):
    """Keys and certificates are base64, PEM text or a path."""

    account: ClassVar[type[Any]] = AlipayAccount

    app_id = fields.String(required=True)
    private_key = fields.String()
    alipay_public_key = fields.String()
    key_type = fields.String()
    access_token = fields.String()
    timeout = fields.Float()
    sign_type = fields.String()
    sandbox = fields.Boolean()
    client_type = fields.String()
    gateway = fields.String()
    seller_id = fields.String()
    app_auth_token = fields.String()
    app_cert = fields.String()
    alipay_cert = fields.String()
    alipay_root_cert = fields.String()
    encrypt_key = fields.String()
    protocol = fields.String()
    ca_pem = fields.String()
