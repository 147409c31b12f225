-- drop_members: delete a set and return how many members it had.
-- KEYS: set.
local count = redis.call('SCARD', KEYS[1])
redis.call('DEL', KEYS[1])
return count
