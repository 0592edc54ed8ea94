-- KEYS: the log, and the keys to write. ARGV: a channel, a message, the length of the log, and for each key its value and its life in ms.
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], ARGV[2 * i], 'PX', ARGV[2 * i + 1])
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[2])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
