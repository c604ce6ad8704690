#!lua
-- Appends events to the log, each revision of each id once.
--
-- KEYS     {e}:log, {e}:ids
-- ARGV     how many entries to keep (0 all), mark of the entries; then of each event: id, revision, data
local log, ids = KEYS[1], KEYS[2]
local cap, mark = tonumber(ARGV[1]), ARGV[2]
local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
local last = newest[1] and tonumber(string.match(newest[1][1], '^%d+')) or 0
local function int(n) return string.format('%.0f', n) end

for p = 3, #ARGV, 3 do
  local id, revision, data = ARGV[p], ARGV[p + 1], ARGV[p + 2]
  local known = redis.call('HGET', ids, id) -- "first:last: r r r "
  if not known or not string.find(known, ' ' .. revision .. ' ', 1, true) then
    last = last + 1
    local first, revisions = int(last), ' '
    if known then first, revisions = string.match(known, '^(%d+):%d+:(.*)$') end
    redis.call('XADD', log, int(last) .. '-' .. mark, id, data)
    redis.call('HSET', ids, id, first .. ':' .. int(last) .. ':' .. revisions .. revision .. ' ')
  end
end

-- A few more than came are removed each time, so that a lowered cap is reached without one long pause. An id is forgotten
-- with its last entry.
local over = cap > 0 and redis.call('XLEN', log) - cap or 0
if over > 0 then
  local old = redis.call('XRANGE', log, '-', '+', 'COUNT', math.min(over, #ARGV + 100))
  for _, entry in ipairs(old) do
    local n, id = string.match(entry[1], '^%d+'), entry[2][1]
    local known = redis.call('HGET', ids, id)
    if known and string.match(known, '^%d+:(%d+):') == n then redis.call('HDEL', ids, id) end
    redis.call('XDEL', log, entry[1])
  end
end
return int(last)
