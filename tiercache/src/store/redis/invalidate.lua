-- KEYS: the log, the hash of stamps, and the keys and tags to remove. ARGV: a channel, a message, the length of the log, and the fields of the hash to
-- remove. The first call is one that Redis allows when it is out of memory; then it allows the later ones in the same script too.
redis.call('UNLINK', KEYS[3] or KEYS[1] .. ':none')
for i = 4, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
for i = 4, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[i])
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[2])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
