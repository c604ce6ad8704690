#!lua
-- The vehicle step, for one or several units of the same slot (any units where there is no Cluster).
--
-- KEYS[i]  the record key of step i; all other keys of the unit differ from it in the first letter only, so share its slot
-- ARGV     now, track retention (seconds, 0 for ever), most bytes an outbox entry may have; then of each step:
--          version it expects, or version and mark ("" no record), new record, what follows ("" nothing, else "events closed opened"), segments;
--          of each segment: day, data;
--          where something follows: the outbox frame, if there are events; of each event: id, revision, time (s), data;
--          fences closed; fences opened
--
-- Returns of each step: 0 conflict, 1 stored, -1 outbox full, or (stored) the outbox entry that is now to be carried out.
local now, retain, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local call, sub = redis.call, string.sub
local VERSION, HEAD = 8, 16 -- bytes: version; version and mark
local p = 4

local function segments(own, n)
  for _ = 1, n do
    local day, data = ARGV[p], ARGV[p + 1]
    p = p + 2
    local key = 't' .. own .. ':' .. day
    if call('APPEND', key, data) == #data then -- the day's first
      call('SADD', 'l' .. own, day)
      if retain > 0 then
        local DAY = 86400
        call('EXPIREAT', key, math.max((tonumber(day) + 1) * DAY + retain, now + DAY))
      end
    end
  end
end

local function event(own)
  local id, revision, at, data = ARGV[p], tonumber(ARGV[p + 1]), ARGV[p + 2], ARGV[p + 3]
  p = p + 4
  local old = call('HGET', 'x' .. own, id)
  if not old or struct.unpack('>I4', old, 13) < revision then -- the revision stands behind twelve bytes of time
    call('HSET', 'x' .. own, id, data)
    call('ZADD', 'y' .. own, at, id)
  end
end

local function forget(own) -- events older than the track is kept, a few at a time
  if retain == 0 then return end
  local old = call('ZRANGE', 'y' .. own, '-inf', now - retain, 'BYSCORE', 'LIMIT', 0, 100)
  if #old > 0 then
    call('HDEL', 'x' .. own, unpack(old))
    call('ZREM', 'y' .. own, unpack(old))
  end
end

local function counts(more)
  local events, closed, opened = string.match(more, '(%d+) (%d+) (%d+)')
  return tonumber(events), tonumber(closed), tonumber(opened)
end

local function post(tag, unit, frame, version)
  local box = call('HGET', 'o:' .. tag, unit)
  local entry = version .. (box and sub(box, VERSION + 1) or '') .. frame
  call('HSET', 'o:' .. tag, unit, entry)
  return entry
end

local function follow(own, tag, unit, more, version)
  local events, closed, opened = counts(more)
  local result = 1
  if events > 0 then
    result = post(tag, unit, ARGV[p], version)
    p = p + 1
    for _ = 1, events do event(own) end
    forget(own)
  end
  for _ = 1, closed do call('SREM', 'f' .. own, ARGV[p]); p = p + 1 end
  for _ = 1, opened do call('SADD', 'f' .. own, ARGV[p]); p = p + 1 end
  return result
end

local function skip(more, n)
  p = p + 2 * n
  if more ~= '' then
    local events, closed, opened = counts(more)
    p = p + (events > 0 and 1 or 0) + 4 * events + closed + opened
  end
end

local results = {}
for i = 1, #KEYS do
  local key = KEYS[i]
  local expect, record, more, n = ARGV[p], ARGV[p + 1], ARGV[p + 2], tonumber(ARGV[p + 3])
  p = p + 4
  local own = sub(key, 2)
  local head = call('GETRANGE', key, 0, HEAD - 1)
  local tag, unit
  if more ~= '' or expect == '' then
    tag, unit = string.match(own, '^:(%b{}):(.*)$')
  end
  if expect == '' and head ~= '' or sub(head, 1, #expect) ~= expect then
    results[i] = 0
    if head == sub(record, 1, HEAD) then -- this very step, sent again because the answer was lost
      results[i] = more ~= '' and call('HGET', 'o:' .. tag, unit) or 1
    end
    skip(more, n)
  elseif more ~= '' and call('HSTRLEN', 'o:' .. tag, unit) > most then
    results[i] = -1
    skip(more, n)
  else
    call('SET', key, record)
    if expect == '' then call('SADD', 'u:' .. tag, unit) end
    segments(own, n)
    results[i] = 1
    if more ~= '' then
      results[i] = follow(own, tag, unit, more, sub(record, 1, VERSION))
    end
  end
end
return results
