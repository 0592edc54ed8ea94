-- KEYS[1]: a key. ARGV: a lease, its life in ms. Answers what is there; nothing, if the lease is there now.
-- (A script, as `SET .. NX GET` is not in Redis 6.2.)
local found = redis.call('GET', KEYS[1])
if not found then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return found
