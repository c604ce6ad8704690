#!lua
-- Changes the index of the working cells below one parent, and the parent's directory of occupied cells with it.
--
-- KEYS[1]  the directory, d:{parent}; the cells' keys are c:{parent}:cell
-- ARGV     of each change: what, cell, unit, value
--          + comes in by the step of version value; - left by that step; ? is removed if the entry still is value
-- A change never undoes one of a later version, whatever the order in which they come.
local prefix = 'c' .. string.sub(KEYS[1], 2) .. ':'
for p = 1, #ARGV, 4 do
  local what, cell, unit, value = ARGV[p], ARGV[p + 1], ARGV[p + 2], ARGV[p + 3]
  local key = prefix .. cell
  local old = redis.call('HGET', key, unit)
  if what == '+' then
    if not old or tonumber(old) < tonumber(value) then redis.call('HSET', key, unit, value) end
    redis.call('SADD', KEYS[1], cell)
  elseif old and (what == '-' and tonumber(old) < tonumber(value) or what == '?' and old == value) then
    redis.call('HDEL', key, unit)
    if redis.call('EXISTS', key) == 0 then redis.call('SREM', KEYS[1], cell) end
  end
end
return 1
