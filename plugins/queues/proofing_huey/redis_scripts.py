"""The scripts that run inside Redis, each in one step. Source: https://redis.io/docs/latest/commands/eval."""

#: Has an idle thread look for the job that was put into a queue: its *bell*. Threads look by themselves, too,
#: so that a ring may be missing, or be one too many.
_RING = """
local function ring(bell)
    redis.call('lpush', bell, 1)
    redis.call('ltrim', bell, 0, 999)
end
"""

#: Seconds since the epoch by the clock of Redis: those of the hosts may differ by more than a lease.
_NOW = """
local function now()
    local time = redis.call('time')
    return tonumber(time[1]) + tonumber(time[2]) / 1000000
end
"""

#: Keeps jobs. KEYS: for each job its queue, its bell, its schedule, its own key, its unique key (its own key
#: again for none). ARGV: for each job member, blob, id, life of each key in milliseconds, and when it may run
#: (empty for now). Returns how many were accepted.
PUT_ALL = f"""
{_RING}
local accepted = 0
for i = 0, #KEYS / 5 - 1 do
    local queue, bell, schedule, job, unique = unpack(KEYS, 5 * i + 1, 5 * i + 5)
    local member, blob, holder, job_life, life, ready_at = unpack(ARGV, 6 * i + 1, 6 * i + 6)
    if not redis.call('set', job, holder, 'px', job_life, 'nx') then
        accepted = accepted + 1
    elseif unique ~= job and not redis.call('set', unique, holder, 'px', life, 'nx') then
        redis.call('del', job)
    else
        if ready_at == '' then
            redis.call('zadd', queue, 0, member)
            ring(bell)
        else
            redis.call('zadd', schedule, ready_at, blob)
        end
        accepted = accepted + 1
    end
end
return accepted
"""

#: Takes the first job out of a queue that is not paused, and has it started. KEYS: queue, bell, the pause,
#: started jobs. ARGV: seconds of the lease. Members of a queue begin with 8 bytes of time.
TAKE = f"""
{_NOW}
if redis.call('exists', KEYS[3]) == 1 then
    return false
end
local popped = redis.call('zpopmin', KEYS[1])
if #popped == 0 then
    return false
end
redis.call('lpop', KEYS[2])
local blob = string.sub(popped[1], 9)
redis.call('zadd', KEYS[4], now() + ARGV[1], blob)
return blob
"""

#: Keeps a job in place of one that was started. KEYS: queue, bell, schedule, started jobs. ARGV: the one that
#: was started, member, blob, and when it may run (empty for now).
PUT_BACK = f"""
{_RING}
redis.call('zrem', KEYS[4], ARGV[1])
if ARGV[4] == '' then
    redis.call('zadd', KEYS[1], 0, ARGV[2])
    ring(KEYS[2])
else
    redis.call('zadd', KEYS[3], ARGV[4], ARGV[3])
end
"""

#: Begins the leases of started jobs again. KEYS: started jobs. ARGV: seconds of the lease, then jobs.
RENEW = f"""
{_NOW}
for i = 2, #ARGV do
    redis.call('zadd', KEYS[1], 'xx', now() + ARGV[1], ARGV[i])
end
"""

#: Returns the started jobs of KEYS[1] whose lease is over, and begins it again, for ARGV[1] seconds.
TAKE_LOST = f"""
{_NOW}
local lost = redis.call('zrangebyscore', KEYS[1], '-inf', now())
for _, blob in ipairs(lost) do
    redis.call('zadd', KEYS[1], now() + ARGV[1], blob)
end
return lost
"""

#: What `FINISH` and `DROP` do. KEYS: the job's own key, its unique key (its own key again for none), its
#: notes, where it is parked, Huey's values, started jobs. ARGV: id, who holds the key of an ended job, for
#: how many milliseconds, the name of the revocation, the blob it was started with (empty for none).
_FINISH = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
end
if KEYS[2] ~= KEYS[1] and redis.call('get', KEYS[2]) == ARGV[1] then
    redis.call('del', KEYS[2])
end
redis.call('del', KEYS[3], KEYS[4])
redis.call('hdel', KEYS[5], ARGV[4])
redis.call('zrem', KEYS[6], ARGV[5])
return 1
"""

#: Forgets a job that has ended.
FINISH = _FINISH

#: Deletes the member ARGV[6] of KEYS[7], and forgets its job; does nothing if it is not there anymore.
DROP = f"""
if redis.call('zrem', KEYS[7], ARGV[6]) == 0 then
    return 0
end
{_FINISH}
"""

#: Keeps a job that is parked. KEYS as for `FINISH`, then queue, bell and schedule. ARGV: id, life of the
#: job's own key and of the others in milliseconds, the name of the revocation, blob, time, the member to
#: queue if there are notes that were not read, how many were read, the name of the queue, the blob it was
#: started with. Returns 0 for a canceled one; changes nothing for one that is not started anymore.
PARK = f"""
{_RING}
if not redis.call('zscore', KEYS[6], ARGV[10]) then
    return 1
end
if redis.call('hexists', KEYS[5], ARGV[4]) == 1 then
    return 0
end
redis.call('ltrim', KEYS[3], ARGV[8], -1)
redis.call('pexpire', KEYS[2], ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[2])
if redis.call('pexpire', KEYS[3], ARGV[2]) == 1 then
    redis.call('zadd', KEYS[7], 0, ARGV[7])
    ring(KEYS[8])
    redis.call('del', KEYS[4])
else
    redis.call('zadd', KEYS[9], ARGV[6], ARGV[5])
    redis.call('hset', KEYS[4], 'queue', ARGV[9], 'blob', ARGV[5])
    redis.call('pexpire', KEYS[4], ARGV[2])
end
redis.call('zrem', KEYS[6], ARGV[10])
return 1
"""

#: Keeps a note for a job, and makes a parked one ready. KEYS: the job's own key, its notes, where it is
#: parked, its queue, bell and schedule (anything, when it is not parked), then Huey's values of each queue.
#: ARGV: id, note, the most notes, the most bytes, the name of the revocation, the blob it is parked with
#: (empty when it is not), the member to queue (empty for none). Returns kept, full or gone; or again, when it
#: was parked or woken since the blob was read.
WAKE = f"""
{_RING}
if redis.call('get', KEYS[1]) ~= ARGV[1] then
    return 'gone'
end
for i = 7, #KEYS do
    if redis.call('hexists', KEYS[i], ARGV[5]) == 1 then
        return 'gone'
    end
end
local blob = redis.call('hget', KEYS[3], 'blob') or ''
if blob ~= ARGV[6] then
    return 'again'
end
local notes = redis.call('lrange', KEYS[2], 0, -1)
local bytes = #ARGV[2]
for _, note in ipairs(notes) do
    bytes = bytes + #note
end
if #notes >= tonumber(ARGV[3]) or bytes > tonumber(ARGV[4]) then
    return 'full'
end
redis.call('rpush', KEYS[2], ARGV[2])
redis.call('pexpire', KEYS[2], redis.call('pttl', KEYS[1]))
if ARGV[7] ~= '' then
    redis.call('del', KEYS[3])
    if redis.call('zrem', KEYS[6], blob) == 1 then
        redis.call('zadd', KEYS[4], 0, ARGV[7])
        ring(KEYS[5])
    end
end
return 'kept'
"""

#: Makes ready what is due. KEYS: queue, bell, schedule. ARGV: now in seconds and in microseconds since the
#: epoch. Members of a queue begin with the time, by which they are sorted.
MOVE_DUE = f"""
{_RING}
local due = redis.call('zrangebyscore', KEYS[3], '-inf', ARGV[1])
for i, blob in ipairs(due) do
    redis.call('zadd', KEYS[1], 0, struct.pack('>I8', tonumber(ARGV[2]) + i) .. blob)
    redis.call('zrem', KEYS[3], blob)
    ring(KEYS[2])
end
"""

#: Ends the open pause of KEYS[1] at ARGV[1], and remembers it in KEYS[2] among the last ARGV[2].
RESUME = """
local since = redis.call('get', KEYS[1])
if not since then
    return 0
end
redis.call('del', KEYS[1])
redis.call('rpush', KEYS[2], since .. ':' .. ARGV[1])
redis.call('ltrim', KEYS[2], -ARGV[2], -1)
return 1
"""
