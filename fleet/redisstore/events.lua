#!lua flags=no-writes
-- A unit's events from a time on, in no order.
--
-- KEYS     y:{s}:unit, x:{s}:unit
-- ARGV[1]  earliest time in seconds
local MOST = 1000 -- arguments of one call
local found = {}
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1], '+inf', 'BYSCORE')
for from = 1, #ids, MOST do
  local part = {}
  for i = from, math.min(from + MOST - 1, #ids) do part[#part + 1] = ids[i] end
  for _, event in ipairs(redis.call('HMGET', KEYS[2], unpack(part))) do
    if event then found[#found + 1] = event end
  end
end
return found
