-- KEYS: a key, and the tags that the value carries. ARGV: what the key must begin with, the new value, its life in ms, and what is to be
-- left of the tags' lives. Never makes a key that is gone, nor a tag.
if #ARGV[1] == 0 or redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
  return 0
end
for i = 2, #KEYS do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[4])
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
