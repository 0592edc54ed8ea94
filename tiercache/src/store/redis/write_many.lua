-- KEYS: the log, the keys to write, and the tags that their values carry. ARGV: a channel, a message, the length of the log, the number of
-- keys to write, for each its value and its life in ms, and for each tag what is to be left of its life. Answers the id in the log.
local written = tonumber(ARGV[4])
for i = written + 2, #KEYS do
  local life = ARGV[3 + written + i]
  if redis.call('PTTL', KEYS[i]) < tonumber(life) then
    redis.call('PEXPIRE', KEYS[i], life)
  end
end
for i = 2, written + 1 do
  redis.call('SET', KEYS[i], ARGV[2 * i + 1], 'PX', ARGV[2 * i + 2])
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[2])
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return id
