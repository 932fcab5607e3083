-- Jobs of which no further fire time starts. `exhaustion` has, by job: `ending` while what was written of its last fire times has
-- not ended, `full` while as many runs as its `maxRuns` have started and one of them has not ended, then `done`. By `<job>@`, `beside`: of
-- such a job runs by hand have started that may run beside the one that `running` names.

local exhausted = {} -- by this step: job, then `removed` or nothing, then the first of its fire times that were missed with it, or nothing

-- `several`: runs of it may run that `running` does not name.
local function is_held_anywhere(job, several)
  if redis.call('HEXISTS', key.running, job) == 1 then return true end
  if not several then return false end
  for _, node in ipairs(holders()) do
    for _, run in ipairs(redis.call('HKEYS', arg.prefix .. 'active:' .. node)) do
      if job_of(run) == job then return true end
    end
  end
  return false
end

local function has_any(index, job)
  return redis.call('ZRANGEBYLEX', index, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 1)[1] ~= nil
end

local exhaust
do
  -- What was due and will not start is missed, in one entry: what was written, and the next fire time that was not, behind which there may be
  -- more, which a script cannot compute. Answers the first of them, or nothing.
  local function miss_due(job, lane, now)
    local first, last, count = nil, nil, 0
    repeat
      local runs = redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '[' .. job .. '@' .. padded(now), 'LIMIT', 0, TAKE)
      if #runs > 0 then
        withdraw(runs, lane)
        for _, run in ipairs(runs) do dropped[run] = true end
        first, last, count = first or at_of(runs[1]), at_of(runs[#runs]), count + #runs
      end
    until #runs < TAKE
    local cursor = redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
    local behind = cursor and tonumber(cursor) <= now
    local at = behind and padded(tonumber(cursor))
    if at and not redis.call('ZSCORE', key.calledOff, job .. '@' .. at) then first, last, count = first or at, at, count + 1 end
    if count == 0 then return '' end
    local detail = '{"reason":"exhausted","count":' .. int(count) .. ',"to":' .. last .. (behind and ',"exact":false}' or '}')
    remember_job(job, entry(first, 0, now, 'm', 0, 0, '-', detail), '', '', now)
    return job .. '@' .. first
  end

  function exhaust(job, how, beside)
    local record = parse(redis.call('HGET', key.jobs, job) or '')
    if not record or has_any(key.requeued, job) then return end
    -- A job that has been changed may have allowed overlap before.
    if is_held_anywhere(job, record.overlap == 'a' or record.overlap == 'r' or record.version ~= '1' or beside) then return end
    local most = how == 'full' and tonumber(extra(record, 'mr') or nil)
    local missed = ''
    if most and tonumber(redis.call('HGET', key.counts, job) or 0) >= most then
      missed = miss_due(job, record.lane, clock())
      while take_back(job, record.lane, 0) == TAKE do end
      redis.call('ZREM', key.due, job)
      redis.call('ZREM', key.frozen, job)
    elseif has_any(key.unstarted, job) or redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job) then
      if how == 'full' then redis.call('HDEL', key.exhaustion, job) end -- its maxRuns were raised meanwhile
      return
    end
    if beside then redis.call('HDEL', key.exhaustion, job .. '@') end
    tell('jobExhausted ' .. job)
    local goes = extra(record, 'we') == 'r'
    exhausted[#exhausted + 1] = job
    exhausted[#exhausted + 1] = goes and 'removed' or ''
    exhausted[#exhausted + 1] = missed
    if goes then
      remove_job(job)
      tell('jobRemoved ' .. job)
    else
      redis.call('HSET', key.exhaustion, job, 'done')
    end
  end
end

-- Looks at the jobs of which a run has ended in this step, after all that the step does to runs.
local function settle_exhausted()
  local jobs = {}
  for job in pairs(ended_jobs) do
    jobs[#jobs + 1] = job
    jobs[#jobs + 1] = job .. '@'
  end
  ended_jobs = {}
  if #jobs == 0 or redis.call('EXISTS', key.exhaustion) == 0 then return end
  for from = 1, #jobs, TAKE do
    local states = redis.call('HMGET', key.exhaustion, unpack(jobs, from, math.min(from + TAKE - 1, #jobs)))
    for i = 1, #states, 2 do
      if states[i] and states[i] ~= 'done' then exhaust(jobs[from + i - 1], states[i], states[i + 1]) end
    end
  end
end
