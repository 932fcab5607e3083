local forget_paused -- in lib/pauses.lua

-- Of runs that are taken back, those that had an attempt already are added to `ended`, with what is known of it.
local function note_begun(runs, ended)
  local texts = redis.call('HMGET', key.attempts, unpack(runs))
  for i, run in ipairs(runs) do
    local attempt, _, earlier = attempt_of(texts[i])
    if earlier and earlier ~= '' then ended[#ended + 1] = { run = run, attempt = attempt, earlier = earlier } end
  end
end

-- What has begun does not vanish with its job: that it has no further attempt is recorded.
local function end_begun(ended, task, now)
  for _, item in ipairs(ended) do
    local text = entry(at_of(item.run), 0, now, 'c', item.attempt, 0, '-', '{"reason":"removed"}')
    finish(item.run, task, text, item.earlier, '', now)
  end
end

-- Removes a job and what was to run of it. A run of it that runs goes on. Answers whether there was such a job.
local function remove_job(job)
  local record = redis.call('HGET', key.jobs, job)
  if not record then return false end
  local parsed = parse(record)
  while take_back(job, parsed and parsed.lane, 0) == TAKE do end
  -- Further attempts, and runs by hand. One that the job was held by, waiting for its next attempt, holds it no more.
  local first, last, ended, now = '[' .. job .. '@', '(' .. job .. '@~', {}, clock()
  local holder = string.match(redis.call('HGET', key.running, job) or '', '^%S+')
  if holder and redis.call('ZSCORE', key.requeued, holder) then redis.call('HDEL', key.running, job) end
  repeat
    local runs = redis.call('ZRANGEBYLEX', key.requeued, first, last, 'LIMIT', 0, TAKE)
    if #runs > 0 then
      redis.call('ZREM', key.requeued, unpack(runs))
      redis.call('ZREM', key.waiting, unpack(runs))
      redis.call('ZREM', key.blocked, unpack(runs))
      redis.call('ZREM', key.paused, unpack(runs))
      leave_queue_of_key(runs)
      note_begun(runs, ended)
      redis.call('HDEL', key.attempts, unpack(runs))
      if parsed then for _, run in ipairs(runs) do leave_lane(parsed.lane, run) end end
    end
  until #runs < TAKE
  redis.call('HDEL', key.jobs, job)
  redis.call('HDEL', key.state, job)
  former.forget(job)
  redis.call('HDEL', key.counts, job)
  redis.call('HDEL', key.paced, job)
  redis.call('HDEL', key.exhaustion, job, job .. '@')
  failing.forget(job)
  if parsed then forget_paused(job, parsed) end
  redis.call('ZREMRANGEBYLEX', key.calledOff, first, last)
  if not parsed or extra(parsed, 'rf') then redis.call('SREM', key.resumeNow, job) end
  redis.call('HDEL', key.setOf, job)
  redis.call('ZREM', key.due, job)
  redis.call('ZREM', key.frozen, job)
  redis.call('ZREM', key.parked, job)
  untie(job, now)
  end_begun(ended, parsed and parsed.task or '-', now)
  if not parsed or extra(parsed, 'rt') then redis.call('HDEL', key.retention, job) end
  return true
end
