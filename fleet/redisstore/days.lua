#!lua
-- The days of a unit's track, after forgetting those that expired.
--
-- KEYS[1]  l:{s}:unit; the tracks' keys are t:{s}:unit:day
local track = 't' .. string.sub(KEYS[1], 2) .. ':'
local days = {}
for _, day in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', track .. day) == 1 then
    days[#days + 1] = day
  else
    redis.call('SREM', KEYS[1], day)
  end
end
return days
