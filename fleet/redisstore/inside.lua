#!lua
-- Changes the index of one fence: who has an open visit.
--
-- KEYS[1]  the fence's hash, i:fence
-- ARGV     of each change: what, unit, value; as in cells.lua
for p = 1, #ARGV, 3 do
  local what, unit, value = ARGV[p], ARGV[p + 1], ARGV[p + 2]
  local old = redis.call('HGET', KEYS[1], unit)
  if what == '+' then
    if not old or tonumber(old) < tonumber(value) then redis.call('HSET', KEYS[1], unit, value) end
  elseif old and (what == '-' and tonumber(old) < tonumber(value) or what == '?' and old == value) then
    redis.call('HDEL', KEYS[1], unit)
  end
end
return 1
