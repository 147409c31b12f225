-- update: keep a record that is in progress, unless there is a terminal record. KEYS: status. ARGV: record, its life (ms).
-- Returns 1 when it was kept, else 0.
local standing = redis.call('GET', KEYS[1])
if standing and string.sub(standing, 1, 1) == '1' then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
