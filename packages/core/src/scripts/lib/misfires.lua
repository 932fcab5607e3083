-- Fire times that could not start in time, and what is taken back before it starts.

local function padded(time) return string.format('%013.0f', time) end

-- Takes runs of a job that have not started out of wherever they wait.
local function withdraw(runs, lane)
  redis.call('ZREM', key.unstarted, unpack(runs))
  redis.call('ZREM', key.waiting, unpack(runs))
  redis.call('ZREM', key.blocked, unpack(runs))
  redis.call('ZREM', key.paused, unpack(runs))
  leave_queue_of_key(runs)
  forget_held(runs)
  redis.call('HDEL', key.attempts, unpack(runs))
  if lane then for _, run in ipairs(runs) do leave_lane(lane, run) end end
end

-- The due runs of a job that have not started, once the first of them is later than its grace: keeps those that the
-- job's catch-up asks for, records the others as missed in one entry. Repeating it changes nothing. Looks at 1000 of them
-- and answers whether there may be more.
local function settle_misfires(job, record, now)
  if not record.grace then return false end
  local from, to = '[' .. job .. '@', '[' .. job .. '@' .. padded(now)
  local first = redis.call('ZRANGEBYLEX', key.unstarted, from, to, 'LIMIT', 0, 1)[1]
  if not first or now - fire_time_of(first) <= record.grace then return false end
  give_up_overdue(job, record, now)
  first = redis.call('ZRANGEBYLEX', key.unstarted, from, to, 'LIMIT', 0, 1)[1]
  if not first or now - fire_time_of(first) <= record.grace then return false end
  local due = redis.call('ZRANGEBYLEX', key.unstarted, from, to, 'LIMIT', 0, TAKE)
  local low, high = 1, 0 -- those kept
  local most = tonumber(string.match(record.catch_up, '^all:(%d+)$'))
  if most then low, high = #due - most + 1, #due
  elseif #due == TAKE then low, high = 1, 0
  elseif record.catch_up == 'latest' then low, high = #due, #due end
  if record.catch_up == 'earliest' then low, high = 1, 1 end
  local gone = {}
  for i, run in ipairs(due) do if i < low or i > high then gone[#gone + 1] = run end end
  if #gone == 0 then return false end
  withdraw(gone, record.lane)
  local detail = '{"reason":"misfire","count":' .. #gone .. ',"to":' .. at_of(gone[#gone]) .. '}'
  remember_job(job, entry(at_of(gone[1]), 0, now, 'm', 0, 0, '-', detail), '', '', now)
  unblock(job) -- the one that those kept wait for may be among those gone
  return #due == TAKE
end

-- Takes back the runs of a job that were materialised for after `time` and have not started.
local function take_back(job, lane, time)
  local from = '(' .. job .. '@' .. padded(time)
  local runs = redis.call('ZRANGEBYLEX', key.unstarted, from, '(' .. job .. '@~', 'LIMIT', 0, TAKE)
  if #runs == 0 then return 0 end
  withdraw(runs, lane)
  for _, run in ipairs(runs) do dropped[run] = true end
  return #runs
end
