-- gates_enter: count a call on the first gate that admits it, or change nothing.
-- KEYS: for each gate its breaker, then for each of its limits the counts and the leases.
-- ARGV: entrant, longest wait (s), memory of faults (s), number of gates; for each gate: whether it has a breaker
-- ('1' or ''), open time (s), probe (s), lease (s), number of limits; for each limit: calls a second, burst, calls at once, calls an
-- hour ('' for no such limit). Times are seconds of this server.
-- Returns {number of the gate or 0, wait (s, as text), 1 for a probe, 1 with faults, why each other gate refused}.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local hour = math.floor(now / 3600)
local entrant, longest, memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local key, argument = 0, 4

local function next_key()
  key = key + 1
  return KEYS[key]
end

local function next_argument()
  argument = argument + 1
  return ARGV[argument]
end

local function number(value)
  return string.format('%.6f', value)
end

-- Read one gate; its tables say what there is and why it refuses, nil when it admits.
local function read_gate()
  local gate = {breaker = next_key(), has_breaker = next_argument() == '1', wait = 0, limits = {}}
  local open_seconds = tonumber(next_argument())
  gate.probe_seconds, gate.lease_seconds = tonumber(next_argument()), tonumber(next_argument())
  if gate.has_breaker then
    local kept = redis.call('HMGET', gate.breaker, 'faults', 'until', 'probe_until')
    gate.has_faults = kept[1] and true
    gate.is_probe = kept[2] and true
    local left = (tonumber(kept[2] or '') or 0) - now
    -- More is left than the terms give: they were shortened, or the clock was set back.
    if (left > 0 and left <= open_seconds + 1) or (tonumber(kept[3] or '') or 0) > now then
      gate.why = 'breaker_open'
    end
  end
  for place = 1, tonumber(next_argument()) do
    local limit = {counts = next_key(), leases = next_key(), rate = tonumber(next_argument())}
    limit.burst, limit.concurrent = tonumber(next_argument()), tonumber(next_argument())
    limit.budget = tonumber(next_argument())
    gate.limits[place] = limit
    if not gate.why and limit.concurrent
        and redis.call('ZCOUNT', limit.leases, '(' .. number(now), '+inf') >= limit.concurrent then
      gate.why = 'concurrency_limit'
    end
    if not gate.why and (limit.rate or limit.budget) then
      local kept = redis.call('HMGET', limit.counts, 'tokens', 'at', 'hour', 'calls')
      limit.calls = tonumber(kept[3] or '') == hour and tonumber(kept[4]) or 0
      if limit.budget and limit.calls >= limit.budget then
        gate.why = 'budget'
      end
      if limit.rate then
        -- Below 0 are the places of those who wait. After a clock was set back they are forgotten.
        local passed = now - (tonumber(kept[2] or '') or now)
        local tokens = passed >= -1 and tonumber(kept[1] or '') or limit.burst
        limit.tokens = math.min(limit.burst, tokens + math.max(0, passed) * limit.rate)
        gate.wait = math.max(gate.wait, (1 - limit.tokens) / limit.rate)
      end
    end
  end
  if not gate.why and gate.wait > longest then
    gate.why = 'rate_limit'
  end
  return gate
end

-- Count the call on all limits of the gate, and make it the probe of a half-open breaker.
local function admit(gate)
  local begin = now + gate.wait
  if gate.is_probe then
    local over = begin + gate.probe_seconds
    redis.call('HSET', gate.breaker, 'probe', entrant, 'probe_until', number(over))
    redis.call('PEXPIRE', gate.breaker, math.ceil((over - now + memory) * 1000))
  end
  for _, limit in ipairs(gate.limits) do
    if limit.concurrent then
      redis.call('ZREMRANGEBYSCORE', limit.leases, '-inf', number(now))
      redis.call('ZADD', limit.leases, number(begin + gate.lease_seconds), entrant)
      local last = redis.call('ZREVRANGE', limit.leases, 0, 0, 'WITHSCORES')[2]
      redis.call('PEXPIRE', limit.leases, math.ceil((last - now) * 1000))
    end
    local life = 3600
    if limit.budget then
      redis.call('HSET', limit.counts, 'hour', hour, 'calls', limit.calls + 1)
    end
    if limit.rate then
      redis.call('HSET', limit.counts, 'tokens', number(limit.tokens - 1), 'at', number(now))
      life = math.max(life, (limit.burst - limit.tokens + 1) / limit.rate)
    end
    if limit.budget or limit.rate then
      redis.call('PEXPIRE', limit.counts, math.ceil(life * 1000))
    end
  end
end

local refused = {}
for place = 1, tonumber(ARGV[4]) do
  local gate = read_gate()
  if not gate.why then
    admit(gate)
    return {place, number(gate.wait), gate.is_probe and 1 or 0, gate.has_faults and 1 or 0, unpack(refused)}
  end
  refused[place] = gate.why
end
return {0, '0', 0, 0, unpack(refused)}
