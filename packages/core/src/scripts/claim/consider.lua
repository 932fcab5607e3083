-- One run: it starts, waits, or ends without having started.
local function consider(lane)
  local i = lane.at
  local run, record = lane.runs[i], lane.records[lane.runs[i]]
  lane.at = i + 1
  leave_lane(lane.name, run)
  if dropped[run] then return end
  local attempt, lost, earlier, left = attempt_of(lane.attempts[i])
  local fires, job = is_fire_time(run), job_of(run)
  if not record then return forget(run) end
  if fires and attempt == 1 then
    if not lane.unstarted[i] then return end -- taken back
  end
  local forced = is_forced(run, attempt)
  if lane.by_force and not forced then return make_ready(record.lane, record.priority, due_time_of(run, record, now), run) end
  if job and not forced and is_paused(run, job, record, fires and attempt == 1) then return end
  if fires and attempt == 1 then
    if was_settled(run, job) then return pass(run, 'missed', 'misfire') end
    if is_held(run, job, record, now) then return end
    local what = misfire_of(run, job, record)
    if what == 'missed' then return pass(run, 'missed', 'misfire') end
    if what == 'held' then return redis.call('ZADD', key.paused, 0, run) end
  end
  if record.lane ~= lane.name then
    -- One that is not listed as queued any more stood in two lanes, and was given out from the other.
    if job and not (fires and attempt == 1) and not redis.call('ZSCORE', key.requeued, run) then return end
    return make_ready(record.lane, record.priority, due_time_of(run, record, now), run)
  end
  if fires and attempt == 1 and is_exhausted(job, record) then
    ended_jobs[job] = true -- if none of those that count runs, this is the end of it
    redis.call('HSET', key.exhaustion, job, 'full')
    redis.call('ZADD', key.paused, 0, run)
    unblock(job) -- what it was let go on before: a run by hand may start
    return
  end
  local key_scope, rate = rated.of_key(record)
  local opens = key_scope and rated.opens_at(key_scope, rate)
  if opens then -- as one whose time has not come
    redis.call('ZADD', key.waiting, int(opens), run)
    return
  end
  local limited = is_limited(run, job, lane, lane.scores[i], record, attempt, earlier)
  if limited then
    if limited == 'skipped' and fires then leaving[#leaving + 1] = run end
    return
  end
  if fires and attempt == 1 and comes_after_held(run, job, record) then return end
  if job then
    local answer = overlap_of(run, job, record, attempt)
    if answer == 'blocked' then return end
    if answer then
      skip(run, job, 'overlap')
      leaving[#leaving + 1] = run
      redis.call('ZREM', key.requeued, run)
      return
    end
  end
  if fires then leaving[#leaving + 1] = run end
  if job and not (fires and attempt == 1) then redis.call('ZREM', key.requeued, run) end
  if fused then
    local lock = arg.prefix .. 'lock:' .. run .. '#' .. attempt
    if not redis.direct('SET', lock, arg.node .. ':' .. arg.number, 'NX', 'PX', arg.lock_ttl) then
      local text = entry(at_of(run) or int(now), 0, now, 'l', attempt, 0, arg.node,
        '{"reason":"lock","task":"' .. record.task .. '"}')
      if fires and attempt == 1 then count_run(run, job, record) end -- it has started, somewhere
      redis.call('HDEL', key.holds, run)
      -- What is buried has drawn a token, so that its job is told from a later one of its id although nothing was claimed.
      if not lose(run, record, attempt, lost, earlier, text, now, now + tonumber(arg.lease_ttl)) then
        draw_tokens(1)
      end
      return pass(run, 'lockRefused', 'lock')
    end
  end
  hold(run, lane, record)
  if key_scope then rated.count(key_scope, rate) end
  for _, scope in ipairs(lane.rates or {}) do rated.count(scope, rates[scope]) end
  if fires and attempt == 1 then count_run(run, job, record) end
  taken[run] = true
  claimed_bytes = claimed_bytes + #record.text
  claimed[#claimed + 1] = { run = run, record = record, attempt = attempt, left = left, lost = lost }
end
