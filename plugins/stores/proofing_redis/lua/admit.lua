-- admit: keep all marks and count all attempts, or change nothing.
-- KEYS: marks, then counters. ARGV: how many marks; for each mark value and life (ms); for each counter
-- maximum and window (ms).
-- Returns {1}; {0, number of each mark that existed}; or {2, number of the full counter, count, ms left}.
local marks = tonumber(ARGV[1])
local taken = {0}
for number = 1, marks do
  if redis.call('EXISTS', KEYS[number]) == 1 then
    taken[#taken + 1] = number
  end
end
if #taken > 1 then
  return taken
end
for number = marks + 1, #KEYS do
  local count = tonumber(redis.call('GET', KEYS[number]) or '0')
  if count >= tonumber(ARGV[number * 2]) then
    local left = redis.call('PTTL', KEYS[number])
    if left < 0 and count > 0 then
      -- As in count: a counter without an end would hold forever.
      redis.call('PEXPIRE', KEYS[number], ARGV[number * 2 + 1])
      left = tonumber(ARGV[number * 2 + 1])
    end
    return {2, number, count, left}
  end
end
for number = 1, marks do
  redis.call('SET', KEYS[number], ARGV[number * 2], 'PX', ARGV[number * 2 + 1])
end
for number = marks + 1, #KEYS do
  redis.call('INCR', KEYS[number])
  redis.call('PEXPIRE', KEYS[number], ARGV[number * 2 + 1])
end
return {1}
