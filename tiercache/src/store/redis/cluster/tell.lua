#!lua flags=allow-oom
-- KEYS[1]: the log. ARGV: a channel, a message, the length of the log. Answers how many heard it.
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[2])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
