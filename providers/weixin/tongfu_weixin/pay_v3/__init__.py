"""WeChat Pay APIv3: JSON, signed with RSA both ways, notifications encrypted with AES-GCM."""
