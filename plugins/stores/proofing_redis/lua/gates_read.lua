-- gates_read: the state of a gate, changing nothing.
-- KEYS: breaker, then for each limit the counts and the leases.
-- ARGV: seconds that the breaker stays open, '' without one; for each limit: calls a second, burst, whether calls at once and calls an
-- hour are limited ('' for no such limit).
-- Returns {faults, end of the open time or '', 1 when it has opened and not closed, 1 when its probe is on its way, then
-- for each limit running calls, calls of this hour, seconds to wait as text}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local answer = {0, '', 0, 0}
if ARGV[1] ~= '' then
  local faults, until_, probe_until = unpack(redis.call('HMGET', KEYS[1], 'faults', 'until', 'probe_until'))
  local _, count = string.gsub(faults or '', '%S+', '')
  local left = (tonumber(until_ or '') or 0) - now
  local is_open = left > 0 and left <= ARGV[1] + 1
  local is_probed = not is_open and (tonumber(probe_until or '') or 0) > now
  answer = {count, is_open and until_ or '', until_ and 1 or 0, is_probed and 1 or 0}
end
for place = 1, (#KEYS - 1) / 2 do
  local counts, leases = KEYS[place * 2], KEYS[place * 2 + 1]
  local rate, burst, concurrent, budget = unpack(ARGV, place * 4 - 2, place * 4 + 1)
  local running, calls, wait = 0, 0, 0
  if concurrent ~= '' then
    running = redis.call('ZCOUNT', leases, string.format('(%.6f', now), '+inf')
  end
  local kept = redis.call('HMGET', counts, 'tokens', 'at', 'hour', 'calls')
  if budget ~= '' and tonumber(kept[3] or '') == math.floor(now / 3600) then
    calls = tonumber(kept[4])
  end
  if rate ~= '' and kept[1] and now - kept[2] >= -1 then
    local tokens = math.min(burst, kept[1] + math.max(0, now - kept[2]) * rate)
    wait = math.max(0, (1 - tokens) / rate)
  end
  answer[#answer + 1] = running
  answer[#answer + 1] = calls
  answer[#answer + 1] = string.format('%.6f', wait)
end
return answer
