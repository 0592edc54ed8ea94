-- KEYS[1]: a key. ARGV: the new value, its life in ms, and what the key must begin with, if not everything is fine. Else it is removed, whatever
-- it is (a key of another type cannot be read). Answers whether it was stored.
local expected = ARGV[3]
if not expected or (#expected > 0 and redis.pcall('GETRANGE', KEYS[1], 0, #expected - 1) == expected) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
redis.call('UNLINK', KEYS[1])
return 0
