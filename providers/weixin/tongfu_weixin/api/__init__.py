"""The mini-program API: api.weixin.qq.com."""
