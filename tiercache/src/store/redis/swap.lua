-- KEYS[1]: a key. ARGV: what it must begin with, the new value, its life in ms. Never makes a key that is gone.
if #ARGV[1] == 0 or redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
