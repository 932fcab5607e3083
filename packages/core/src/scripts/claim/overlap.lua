local function skip(run, job, reason)
  remember_job(job, entry(at_of(run), 0, now, 'k', 0, 0, '-', '{"reason":"' .. reason .. '"}'), run, '', now)
  redis.call('HDEL', key.attempts, run) -- left by a hand-back with voters
  pass(run, 'skipped', reason)
end

local overlap_of
do
  -- The runs of a job that wait for the end of its running one, at most 1000.
  local function blocked_of(job, count)
    return redis.call('ZRANGEBYLEX', key.blocked, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, count)
  end

  -- Cancels the run that holds a job, whether it runs, is being claimed, or waits for another attempt.
  local function cancel_holder(holder)
    if taken[holder] then
      to_cancel[#to_cancel + 1] = holder
      return
    end
    if ask_to_cancel(holder, 'overlap') then return end
    local record = records_of({ holder })[holder]
    if record then cancel_queued(holder, record, 'overlap', now) end
  end

  -- What becomes of a job's run while another may be running: nil: it may start; or 'skipped'; or 'blocked', until that one's end.
  function overlap_of(run, job, record, attempt)
    local own = own_overlap_of(run)
    local how = own or record.overlap
    -- It may run beside the one that holds the job: the job is not exhausted before it has ended.
    if own == 'a' or own == 'r' then redis.call('HSET', key.exhaustion, job .. '@', 'beside') end
    if how == 'a' then return nil end
    local holder, since = string.match(redis.call('HGET', key.running, job) or '', '^(%S+) (%S+)$')
    -- A further attempt, or one that was redriven, never cuts a newer run short: it waits.
    if holder and holder ~= run and how == 'r' and attempt == 1 then
      cancel_holder(holder)
      holder = nil
    end
    if holder == run then return nil end -- since its first attempt
    if not holder then
      redis.direct('HSET', key.running, job, run .. ' ' .. int(now))
      return nil
    end
    if how == 's' and attempt == 1 and tonumber(since) <= fire_time_of(run) then return 'skipped' end
    if how == 'o' and attempt == 1 and blocked_of(job, 1)[1] then return 'skipped' end
    if how == 'c' and attempt == 1 then
      for _, other in ipairs(blocked_of(job, TAKE)) do
        if redis.call('HEXISTS', key.attempts, other) == 0 then
          dequeue(other, record)
          skip(other, job, 'overlap')
        end
      end
      cancel_holder(holder)
      -- One that waited for its next attempt is gone at once, and has let nothing go on that waited for it.
      if redis.call('HEXISTS', key.running, job) == 0 then
        redis.direct('HSET', key.running, job, run .. ' ' .. int(now))
        return nil
      end
    end
    redis.call('ZADD', key.blocked, 0, run)
    return 'blocked'
  end
end
