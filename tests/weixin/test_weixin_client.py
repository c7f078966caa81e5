"""What ``tf.open`` gives imports its namespaces with their first use."""

from __future__ import annotations

import subprocess
import sys

from tongfu import Tongfu
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.client import Lazy, Weixin

SCRIPT = """
import sys, tongfu
from tongfu_weixin import WeixinAccount
account = WeixinAccount(app_id="wx0123456789abcdef")
weixin = tongfu.Tongfu({"w": account}).open(account)
def there():
    return [name for name in ("analysis", "img") if f"tongfu_weixin.api.{name}" in sys.modules]
print(there())
weixin.img
print(there())
"""


def test_a_namespace_is_imported_with_its_first_use() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)

    assert told.stdout.splitlines() == ["[]", "['img']"]


def test_it_is_made_once_for_each_account_and_is_no_part_of_the_class() -> None:
    account = WeixinAccount(app_id="wx0123456789abcdef")
    tf = Tongfu({"w": account}, transport=FakeTransport())
    one, other = tf.open(account), tf.open(account)

    first = one.img
    assert one.img is first
    assert one.img is not other.img
    assert isinstance(Weixin.img, Lazy)
