"""The scripts that run inside Redis, each in one step. Source: https://redis.io/docs/latest/commands/eval."""

#: Keeps jobs. KEYS: for each job its queue, its own key, its unique key (its own key again for none).
#: ARGV: for each job member, id, and life of its keys in milliseconds. Returns how many were accepted.
PUT_ALL = """
local accepted = 0
for i = 1, #KEYS / 3 do
    local queue, job, unique = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
    local member, holder, life = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
    if not redis.call('set', job, holder, 'px', life, 'nx') then
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

#: Frees a key if ARGV[1] holds it.
RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
end
return 0
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
