-- finish: keep a terminal record and its result, unless there is a terminal record; wake all waiters.
-- KEYS: status, result. ARGV: record, its life (ms), sealed result or '', its life (ms), channel, result id,
-- '1' to overwrite whatever is stored. The message is result id, blank, record.
-- Returns the effective record, as "1" + JSON.
local standing = redis.call('GET', KEYS[1])
if standing and string.sub(standing, 1, 1) == '1' and ARGV[7] ~= '1' then
  return standing
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if ARGV[3] == '' then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
redis.call('PUBLISH', ARGV[5], ARGV[6] .. ' ' .. ARGV[1])
return ARGV[1]
