-- Runs whose time has come stand in their lanes.

local orphans = {} -- those of which nothing is known any more: their jobs have been removed

-- When the next one is due.
local function next_waiting() return tonumber(redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]) end

local function make_due_ready()
  local runs = redis.call('ZRANGE', key.waiting, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, tonumber(arg.batch))
  if #runs == 0 then return end
  local records, others = records_of(runs), {} -- others: those whose id does not say when they are due
  for _, run in ipairs(runs) do
    local record, time = records[run], fire_time_of(run)
    if not record then orphans[#orphans + 1] = run
    elseif time then make_ready(record.lane, record.priority, time, run)
    else others[#others + 1] = run end
  end
  if #others > 0 then
    for i, score in ipairs(redis.call('ZMSCORE', key.waiting, unpack(others))) do
      local record = records[others[i]]
      make_ready(record.lane, record.priority, tonumber(score), others[i])
    end
  end
  redis.call('ZREMRANGEBYRANK', key.waiting, 0, #runs - 1) -- they are the first
end
