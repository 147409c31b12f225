"""The scripts that run inside Redis, each in one step. Source: https://redis.io/docs/latest/commands/eval."""

#: Keeps jobs. KEYS: for each job its queue, its own key, its unique key (its own key again for none).
#: ARGV: for each job member, id, and life of each key in milliseconds. Returns how many were accepted.
PUT_ALL = """
local accepted = 0
for i = 1, #KEYS / 3 do
    local queue, job, unique = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
    local member, holder, job_life, life = unpack(ARGV, 4 * i - 3, 4 * i)
    if not redis.call('set', job, holder, 'px', job_life, 'nx') then
        accepted = accepted + 1
    elseif unique ~= job and not redis.call('set', unique, holder, 'px', life, 'nx') then
        redis.call('del', job)
    else
        redis.call('zadd', queue, 0, member)
        accepted = accepted + 1
    end
end
return accepted
"""

#: What `FINISH` and `DROP` do. KEYS: the job's own key, its unique key (its own key again for none), its
#: notes, where it is parked, Huey's values. ARGV: id, who holds the key of an ended job, for how many
#: milliseconds, the name of the revocation.
_FINISH = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
end
if KEYS[2] ~= KEYS[1] and redis.call('get', KEYS[2]) == ARGV[1] then
    redis.call('del', KEYS[2])
end
redis.call('del', KEYS[3], KEYS[4])
redis.call('hdel', KEYS[5], ARGV[4])
return 1
"""

#: Forgets a job that has ended.
FINISH = _FINISH

#: Deletes the member ARGV[5] of KEYS[6], and forgets its job; does nothing if it is not there anymore.
DROP = f"""
if redis.call('zrem', KEYS[6], ARGV[5]) == 0 then
    return 0
end
{_FINISH}
"""

#: Keeps a job that is parked. KEYS as for `FINISH`, then queue and schedule. ARGV: id, life of the job's own
#: key and of the others in milliseconds, the name of the revocation, blob, time, the member to queue if there
#: are notes that were not read, how many were read, the name of the queue. Returns 0 for a canceled one.
PARK = """
if redis.call('hexists', KEYS[5], ARGV[4]) == 1 then
    return 0
end
redis.call('ltrim', KEYS[3], ARGV[8], -1)
redis.call('pexpire', KEYS[2], ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[2])
if redis.call('pexpire', KEYS[3], ARGV[2]) == 1 then
    redis.call('zadd', KEYS[6], 0, ARGV[7])
    redis.call('del', KEYS[4])
else
    redis.call('zadd', KEYS[7], ARGV[6], ARGV[5])
    redis.call('hset', KEYS[4], 'queue', ARGV[9], 'blob', ARGV[5])
    redis.call('pexpire', KEYS[4], ARGV[2])
end
return 1
"""

#: Keeps a note for a job, and makes a parked one ready. KEYS: the job's own key, its notes, where it is
#: parked, its queue and schedule (anything, when it is not parked), then Huey's values of each queue. ARGV:
#: id, note, the most notes, the most bytes, the name of the revocation, the blob it is parked with (empty
#: when it is not), the member to queue (empty for none). Returns kept, full or gone; or again, when it was
#: parked or woken since the blob was read.
WAKE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then
    return 'gone'
end
for i = 6, #KEYS do
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
    if redis.call('zrem', KEYS[5], blob) == 1 then
        redis.call('zadd', KEYS[4], 0, ARGV[7])
    end
end
return 'kept'
"""

#: Makes ready what is due. KEYS: queue, schedule. ARGV: now in seconds and in microseconds since the epoch.
#: Members of a queue begin with the time, by which they are sorted.
MOVE_DUE = """
local due = redis.call('zrangebyscore', KEYS[2], '-inf', ARGV[1])
for i, blob in ipairs(due) do
    redis.call('zadd', KEYS[1], 0, struct.pack('>I8', tonumber(ARGV[2]) + i) .. blob)
    redis.call('zrem', KEYS[2], blob)
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
