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

local let_go = {} -- job -> whether this step has let its held runs go on

-- Whether fire times before this one are still held back though no pause holds their job any more: nobody has looked since it ended. They go first,
-- where runs take turns or cut each other short.
local function comes_after_held(run, job, record)
  if record.overlap == 'a' or own_overlap_of(run) then return false end
  if any_held == nil then any_held = redis.call('EXISTS', key.paused) == 1 end
  if not let_go[job] then
    if not any_held or not redis.call('ZRANGEBYLEX', key.paused, '[' .. job .. '@', '(' .. run, 'LIMIT', 0, 1)[1] then return false end
    if is_behind(job) then
      redis.call('ZADD', key.paused, 0, run) -- with them, until the leader has caught up
      return true
    end
    let_go[job] = true
    unhold(job, record)
    more = 1
  end
  make_ready(record.lane, record.priority, fire_time_of(run), run)
  return true
end
