#!lua
-- Takes what was carried out from an outbox, unless a later step added to it meanwhile.
--
-- KEYS[1]  the outbox, o:{s}
-- ARGV     of each unit: unit, version of the last step that was carried out (8 bytes)
for p = 1, #ARGV, 2 do
  local entry = redis.call('HGET', KEYS[1], ARGV[p])
  if entry and string.sub(entry, 1, 8) == ARGV[p + 1] then redis.call('HDEL', KEYS[1], ARGV[p]) end
end
return 1
