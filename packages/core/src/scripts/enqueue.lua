-- Queues runs. One whose id is known already, waiting, running or lately finished, is left as it is.
local now = clock()
local before = answered_before(now)
if before then return before end
step.begin('runs')
local ids, items = {}, {}
for run, record, not_before in each(list.runs) do
  ids[#ids + 1] = run
  items[#items + 1] = { record = record, not_before = not_before }
end
local known = redis.call('HMGET', key.runs, unpack(ids))
local finished = redis.call('HMGET', key.finished, unpack(ids))
local records, waiting, done, soonest = {}, {}, {}, nil
local head = redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]
for i, item in ipairs(items) do
  if known[i] or finished[i] then
    done[i] = '0'
  else
    done[i] = '1'
    local time = item.not_before == '' and now or tonumber(item.not_before)
    records[#records + 1] = ids[i]; records[#records + 1] = item.record
    if time > now then
      waiting[#waiting + 1] = int(time); waiting[#waiting + 1] = ids[i]
      if not soonest or time < soonest then soonest = time end
    else
      local parsed = parse(item.record)
      make_ready(parsed.lane, parsed.priority, time, ids[i])
    end
  end
end
in_chunks('HSET', key.runs, records, 2000)
in_chunks('ZADD', key.waiting, waiting, 2000)
if flush_lanes() then publish(int(now))
elseif soonest and (not head or soonest < tonumber(head)) then publish(int(soonest)) end
return answer_once(now, table.concat(done))
