-- KEYS: the hash of stamps, and tags. ARGV: what is to be left of the tags' lives in ms, a fresh stamp for each tag, and pairs of field and
-- fresh stamp. Answers the stamps that hold now, of the fields and then of the tags.
local stamps = {}
for i = #KEYS + 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    stamps[#stamps + 1] = ARGV[i + 1]
  else
    stamps[#stamps + 1] = redis.call('HGET', KEYS[1], ARGV[i])
  end
end
for i = 2, #KEYS do
  if redis.call('SET', KEYS[i], ARGV[i], 'NX', 'PX', ARGV[1]) then
    stamps[#stamps + 1] = ARGV[i]
  else
    if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[1]) then
      redis.call('PEXPIRE', KEYS[i], ARGV[1])
    end
    stamps[#stamps + 1] = redis.call('GET', KEYS[i])
  end
end
return stamps
