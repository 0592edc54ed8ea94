-- KEYS[1]: the hash of stamps. ARGV: pairs of field and fresh stamp. Answers the stamps that hold now.
local stamps = {}
for i = 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    stamps[#stamps + 1] = ARGV[i + 1]
  else
    stamps[#stamps + 1] = redis.call('HGET', KEYS[1], ARGV[i])
  end
end
return stamps
