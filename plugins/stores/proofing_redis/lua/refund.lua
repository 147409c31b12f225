-- refund: take one attempt back, never below 0; DECR leaves the window as it is.
-- KEYS: counter. Returns count, milliseconds left.
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count > 0 then
  count = redis.call('DECR', KEYS[1])
end
return {count, redis.call('PTTL', KEYS[1])}
