-- KEYS: a key, the log, and the tags that the value carries. ARGV: the new value, its life in ms, what is to be left of the tags' lives, a
-- channel, a message, the length of the log, and what the key must begin with, if not everything is fine. Else it is removed, whatever it is (a key of another type cannot be read). Either way it is told. Answers whether it
-- was stored, and the id in the log. Out of memory the SET is refused, and nothing after it is done.
local expected = ARGV[7]
local holds = not expected or (#expected > 0 and redis.pcall('GETRANGE', KEYS[1], 0, #expected - 1) == expected)
if holds then
  for i = 3, #KEYS do
    if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[3]) then
      redis.call('PEXPIRE', KEYS[i], ARGV[3])
    end
  end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else
  redis.call('UNLINK', KEYS[1])
end
local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'm', ARGV[5])
redis.pcall('PUBLISH', ARGV[4], ARGV[5])
return {holds and 1 or 0, id}
