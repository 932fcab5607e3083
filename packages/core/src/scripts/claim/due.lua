-- Runs whose time has come stand in their lanes.

local orphans = {} -- those of which nothing is known any more: their jobs have been removed

-- When the next one is due.
local function next_waiting() return tonumber(redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]) end

local function make_due_ready()
  local due = redis.call('ZRANGE', key.waiting, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, tonumber(arg.batch), 'WITHSCORES')
  if #due == 0 then return end
  local runs = {}
  for i = 1, #due, 2 do runs[#runs + 1] = due[i] end
  local records = records_of(runs)
  for i, run in ipairs(runs) do
    local record = records[run]
    if record then make_ready(record.lane, record.priority, fire_time_of(run) or tonumber(due[2 * i]), run) else orphans[#orphans + 1] = run end
  end
  redis.call('ZREM', key.waiting, unpack(runs))
end
