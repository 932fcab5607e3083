-- Defines jobs, each only if its version is still the one that the definition was compared with (0: there is none).
local now = clock()
local ids, items = {}, {}
for job, expected, record, cursor, created in each(list.jobs) do
  ids[#ids + 1] = job
  items[#items + 1] = { id = job, expected = expected, record = record, cursor = cursor, created = created }
end
local states = redis.call('HMGET', key.state, unpack(ids))
local records = redis.call('HMGET', key.jobs, unpack(ids))
local done, soonest = {}, nil
for i, item in ipairs(items) do
  local version = string.match(states[i] or '0', '^%S+')
  if version ~= item.expected then
    done[i] = '0'
  else
    done[i] = '1'
    redis.call('HSET', key.state, item.id, string.match(item.record, '^%S+') .. ' ' .. item.created)
    redis.call('HSET', key.jobs, item.id, item.record)
    -- cursor: `keep`, `none`, or the first fire time of a trigger that is new
    if item.cursor ~= 'keep' then
      while records[i] and take_back(item.id, parse(records[i]).lane, now) == TAKE do end
      redis.call('ZREM', key.parked, item.id)
      if item.cursor == 'none' then redis.call('ZREM', key.due, item.id)
      else
        redis.call('ZADD', key.due, item.cursor, item.id)
        local time = tonumber(item.cursor)
        if not soonest or time < soonest then soonest = time end
      end
    end
  end
end
flush_lanes()
if soonest then redis.call('PUBLISH', key.wake, 'jobs ' .. int(soonest)) end
return { int(now), table.concat(done) }
