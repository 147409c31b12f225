-- compare_and_set: keep a value in place of one that begins as expected; then delete the consumed result.
-- KEYS: value, and optionally the sealed result that is consumed. ARGV: expected beginning, value, life (ms).
-- Returns the stored value, or false when there is none.
local standing = redis.call('GET', KEYS[1])
if not standing or string.sub(standing, 1, #ARGV[1]) ~= ARGV[1] then
  return standing
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if KEYS[2] then
  redis.call('DEL', KEYS[2])
end
return ARGV[2]
