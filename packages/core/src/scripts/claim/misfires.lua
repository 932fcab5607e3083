local settled = {} -- job -> whether its misfires need another look

-- Whether fire times of a job have passed that the leader has yet to write: those that were written are settled together with them.
local function is_behind(job)
  local cursor = redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
  return cursor and tonumber(cursor) <= now
end

-- Whether this step has taken a run for missed, with others of its job, since it was read.
local function was_settled(run, job)
  return settled[job] ~= nil and not redis.call('ZSCORE', key.unstarted, run)
end

local any_held -- whether anything is held back, read when first asked for

-- Whether the first fire time of a job that waits is held until the leader has caught up: what came after it is part of the same.
local function is_first_held(job, record)
  if any_held == nil then any_held = redis.call('EXISTS', key.paused) == 1 end
  if not any_held or not is_behind(job) then return false end
  local first = redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 1)[1]
  return first and now - fire_time_of(first) > record.grace and redis.call('ZSCORE', key.paused, first)
end

-- What becomes of a run by its job's catch-up: nil: it may start; 'missed': it is not made up for; 'held': until the leader has caught up.
local function misfire_of(run, job, record)
  if not record.grace then return nil end
  if now - fire_time_of(run) <= record.grace then
    return is_first_held(job, record) and 'held' or nil
  end
  if settled[job] == nil then
    if is_behind(job) then
      any_held = true
      return 'held'
    end
    settled[job] = settle_misfires(job, record, now)
  end
  while redis.call('ZSCORE', key.unstarted, run) do
    if not settled[job] then return nil end
    settled[job] = settle_misfires(job, record, now)
  end
  return 'missed'
end
