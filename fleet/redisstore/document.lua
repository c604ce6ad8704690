#!lua
-- Puts or deletes one document and counts the change.
--
-- KEYS     g:{kind}, g:{kind}:log
-- ARGV     nonce of the call, document id, revision it must have ("0" none, "" any but none), new data, "put" or "delete",
--          how many changes to remember
-- Returns  1, 0 conflict, -1 not found
local docs, log = KEYS[1], KEYS[2]
local nonce, id, expect, data, what, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if newest and newest[2][2] == nonce then return 1 end -- this very call, sent again because the answer was lost

local old = redis.call('HGET', docs, id)
local revision = old and string.match(old, '^%d+') or '0'
if what == 'delete' then
  if not old then return -1 end
  redis.call('HDEL', docs, id)
else
  if revision ~= expect then return 0 end
  redis.call('HSET', docs, id, string.format('%.0f', tonumber(revision) + 1) .. ':' .. data)
end
local n = newest and tonumber(string.match(newest[1], '^%d+')) or 0
redis.call('XADD', log, 'MAXLEN', keep, string.format('%.0f', n + 1) .. '-0', 'nonce', nonce, 'id', id)
return 1
