"""A WeixinAccount of plain data, for ``Tongfu.from_config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load, validates_schema

from tongfu.fields import AccountSchema

from .account import WeixinAccount


class WeixinAccountSchema(AccountSchema):
    """Certificates and keys are base64, PEM text or a path; ``ca_pem`` is PEM text."""

    account: ClassVar[type[Any]] = WeixinAccount

    app_id = fields.String(required=True)
    secret = fields.String()
    access_token = fields.String()
    mch_id = fields.String()
    key = fields.String()
    pfx = fields.String()
    pfx_base64 = fields.String()  # its name in what `tongfu emulate --json` prints
    timeout = fields.Float()
    sign_type = fields.String()
    sandbox = fields.Boolean()
    client_type = fields.String()
    api_v3_key = fields.String()
    private_key = fields.String()
    cert_serial = fields.String()
    public_key_id = fields.String()
    public_key = fields.String()
    base_url = fields.String()
    api_base_url = fields.String()
    sub_app_id = fields.String()
    sub_mch_id = fields.String()
    protocol = fields.String()
    push_token = fields.String()
    push_aes_key = fields.String()
    push_mode = fields.String()
    api_aes_key = fields.String()
    api_aes_key_sn = fields.String()
    api_private_key = fields.String()
    api_platform_cert = fields.String()
    api_platform_cert_sn = fields.String()
    ca_pem = fields.String()
    stable_token = fields.Boolean()

    @validates_schema(pass_original=True)
    def _one_pfx(self, loaded: Mapping[str, Any], given: Mapping[str, Any], **kwargs: Any) -> None:
        if "pfx" in given and "pfx_base64" in given:
            raise ValidationError("pfx is given already", "pfx_base64")

    @post_load
    def _pfx(self, loaded: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        if "pfx_base64" in loaded:
            loaded["pfx"] = loaded.pop("pfx_base64")
        return loaded
