#!lua flags=allow-oom
-- KEYS[1]: the log. ARGV: a channel, a message, the length of the log. Answers the id in the log. A user who may not publish has told it
-- all the same: the others read the log.
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[2])
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return id
