"""WeChat Pay APIv2: flat XML, signed with MD5 or HMAC-SHA256 under the merchant's key."""
