-- usage: how far a counter has come.
-- KEYS: counter. Returns count, milliseconds left.
return {tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])}
