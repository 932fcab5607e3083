-- Queues runs. One whose id is known already, waiting, running or lately finished, is left as it is.
-- Those of a group stand side by side: as many of one lane, priority and time before which they do not start (-: at once).
local now = clock()
local before = answered_before(now)
if before then return before end
local refused = founded_otherwise()
if refused then return refused end
step.begin('runs')
found()
local ids, first, count = {}, list.runs.first, list.runs.count
for i = 1, count do ids[i] = ARGV[first + 2 * i - 2] end
local known = redis.call('HMGET', key.runs, unpack(ids))
local finished = redis.call('HMGET', key.finished, unpack(ids))
local head = redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]
local records, waiting, soonest, last = {}, {}, nil, 0
for lane, priority, not_before, size in each(list.groups) do
  local time, fresh = tonumber(not_before) or now, {}
  for i = last + 1, last + size do
    if not known[i] and not finished[i] then
      fresh[#fresh + 1] = ids[i]
      records[#records + 1] = ids[i]; records[#records + 1] = ARGV[first + 2 * i - 1]
    end
  end
  last = last + size
  if time > now then
    for _, run in ipairs(fresh) do waiting[#waiting + 1] = int(time); waiting[#waiting + 1] = run end
    if #fresh > 0 and (not soonest or time < soonest) then soonest = time end
  else
    place_all(lane, time - priority * PRIORITY, fresh)
  end
end
in_chunks('HSET', key.runs, records, 2000)
in_chunks('ZADD', key.waiting, waiting, 2000)
if flush_lanes() then publish(int(now))
elseif soonest and (not head or soonest < tonumber(head)) then publish(int(soonest)) end
return answer_once(now, int(#records / 2))
