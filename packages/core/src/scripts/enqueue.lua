-- Queues runs. One whose id is known already, waiting, running or lately finished, is left as it is.
-- A run is told as `<id> <time before which it does not start, or -> <which head> <body>`; a head is the first line of a record.
local now = clock()
local before = answered_before(now)
if before then return before end
step.begin('runs')
local heads, lines = {}, {}
for head in each(list.heads) do
  lines[#lines + 1] = head .. '\n'
  heads[#heads + 1] = parse(lines[#lines])
end
local ids, times, of, bodies = {}, {}, {}, {}
for run in each(list.runs) do
  local id, not_before, head, at = string.match(run, '^(%S+) (%S+) (%d+) ()')
  local i = #ids + 1
  ids[i], times[i], of[i], bodies[i] = id, tonumber(not_before) or now, tonumber(head), string.sub(run, at)
end
local known = redis.call('HMGET', key.runs, unpack(ids))
local finished = redis.call('HMGET', key.finished, unpack(ids))
local records, waiting, soonest = {}, {}, nil
local head_of_waiting = redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]
for i, id in ipairs(ids) do
  if not known[i] and not finished[i] then
    local time = times[i]
    records[#records + 1] = id; records[#records + 1] = lines[of[i]] .. bodies[i]
    if time > now then
      waiting[#waiting + 1] = int(time); waiting[#waiting + 1] = id
      if not soonest or time < soonest then soonest = time end
    else
      make_ready(heads[of[i]].lane, heads[of[i]].priority, time, id)
    end
  end
end
in_chunks('HSET', key.runs, records, 2000)
in_chunks('ZADD', key.waiting, waiting, 2000)
if flush_lanes() then publish(int(now))
elseif soonest and (not head_of_waiting or soonest < tonumber(head_of_waiting)) then publish(int(soonest)) end
return answer_once(now, int(#records / 2))
