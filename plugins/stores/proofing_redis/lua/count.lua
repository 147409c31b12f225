-- count: add one and restart the window, or change nothing when the maximum is reached.
-- KEYS: counter. ARGV: maximum, window (ms).
-- Returns count, milliseconds left, 1 when this call counted.
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 and count > 0 then
    -- A counter without an end would hold forever; Proofing makes none, so give it a window.
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    left = tonumber(ARGV[2])
  end
  return {count, left, 0}
end
count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {count, tonumber(ARGV[2]), 1}
