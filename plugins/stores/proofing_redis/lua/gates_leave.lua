-- gates_leave: release the leases of a call and let its outcome act on the breaker.
-- KEYS: breaker, then the leases of each limit. ARGV: entrant, outcome, faults that open or '' without a breaker,
-- seconds that it stays open, memory of faults (s).
-- Returns the state into which the breaker has come, or '' when it has not changed.
local entrant, outcome = ARGV[1], ARGV[2]
for place = 2, #KEYS do
  redis.call('ZREM', KEYS[place], entrant)
end
if ARGV[3] == '' then
  return ''
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local memory = tonumber(ARGV[5])

local function open(faults)
  redis.call('HSET', KEYS[1], 'faults', faults, 'until', string.format('%.6f', now + ARGV[4]))
  redis.call('HDEL', KEYS[1], 'probe', 'probe_until')
  redis.call('PEXPIRE', KEYS[1], math.ceil((ARGV[4] + memory) * 1000))
  return 'open'
end

local faults, until_, probe = unpack(redis.call('HMGET', KEYS[1], 'faults', 'until', 'probe'))
if until_ then
  if probe ~= entrant then
    return ''
  end
  if outcome == 'answered' then
    redis.call('DEL', KEYS[1])
    return 'closed'
  end
  if outcome == 'fault' then
    return open(faults)
  end
  redis.call('HDEL', KEYS[1], 'probe', 'probe_until')
  return ''
end
if outcome == 'answered' then
  redis.call('DEL', KEYS[1])
elseif outcome == 'fault' then
  -- Each entrant counts once: a report may come again.
  local known = ' ' .. (faults or '') .. ' '
  if not string.find(known, ' ' .. entrant .. ' ', 1, true) then
    faults = faults and faults .. ' ' .. entrant or entrant
    local _, count = string.gsub(faults, '%S+', '')
    if count >= tonumber(ARGV[3]) then
      return open(faults)
    end
    redis.call('HSET', KEYS[1], 'faults', faults)
  end
  redis.call('PEXPIRE', KEYS[1], math.ceil(memory * 1000))
end
return ''
