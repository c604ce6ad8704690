#!lua
-- Takes what was carried out from outboxes, unless a later step added to it meanwhile.
--
-- KEYS[i]  the outbox of unit i, o:{s}; all in one slot (any where there is no Cluster)
-- ARGV     of each unit: unit, version of the last step that was carried out (8 bytes)
for i = 1, #KEYS do
  local unit, version = ARGV[2 * i - 1], ARGV[2 * i]
  local entry = redis.call('HGET', KEYS[i], unit)
  if entry and string.sub(entry, 1, 8) == version then redis.call('HDEL', KEYS[i], unit) end
end
return 1
