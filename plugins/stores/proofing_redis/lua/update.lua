-- update: keep a record that is in progress, unless there is a terminal record. KEYS: status. ARGV: record, its life (ms),
-- channel, result id. Waiters are woken when it needs its person, as the mark before the record says.
-- Returns 1 when it was kept, else 0.
local standing = redis.call('GET', KEYS[1])
if standing and string.sub(standing, 1, 1) == '1' then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if string.sub(ARGV[1], 1, 1) == '2' then
  redis.call('PUBLISH', ARGV[3], ARGV[4] .. ' ' .. ARGV[1])
end
return 1
