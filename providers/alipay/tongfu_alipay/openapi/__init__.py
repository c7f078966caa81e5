"""The mini-program's and the ISV's methods beyond payment, each in a namespace named as its method ends."""

from .auth import AppAuthToken, Auth, Session
from .qrcode import Qrcode, QrcodeCreated
from .risk_content import ContentRisk, RiskContent
from .templatemessage import Templatemessage, TemplatemessageSent
from .user_info import User, UserInfo

__all__ = [
    "AppAuthToken",
    "Auth",
    "ContentRisk",
    "Qrcode",
    "QrcodeCreated",
    "RiskContent",
    "Session",
    "Templatemessage",
    "TemplatemessageSent",
    "User",
    "UserInfo",
]
