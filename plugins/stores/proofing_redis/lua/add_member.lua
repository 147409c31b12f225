-- add_member: add to a set, all of which lives at least so long from now.
-- KEYS: set. ARGV: member, life (ms).
redis.call('SADD', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
