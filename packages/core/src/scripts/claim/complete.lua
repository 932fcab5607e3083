-- Outcomes that the node reports.

-- A run whose job was removed: what is known of it goes.
local function forget(run)
  redis.call('HDEL', key.attempts, run)
  redis.call('ZREM', key.unstarted, run)
  redis.call('ZREM', key.requeued, run)
  leave_queue_of_key({ run })
  if job_of(run) then release_job(run) else redis.call('HDEL', key.runs, run) end
end

-- A run that had not started after all, if it counts: it counts no more, and what was held back since as many as may have started goes on.
-- `record`: nil for one of a former job, of which nothing is counted any more.
local function uncount(run, record)
  local job = job_of(run)
  if not record or not string.find(' ' .. (redis.call('HGET', key.holds, run) or ''), ' counted=', 1, true) then return end
  redis.call('HINCRBY', key.counts, job, -1)
  if extra(record, 'nt') or redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
    or redis.call('ZSCORE', key.parked, job) or redis.call('HEXISTS', key.paced, job) == 1 then
    redis.call('HDEL', key.exhaustion, job)
  else
    redis.call('HSET', key.exhaustion, job, 'ending') -- this was its last fire time
  end
  release_from_pause(job, now)
end

-- Ends a run that was kept from starting, whatever attempt it would have been.
local function end_vetoed(run, record, task, attempt, earlier, detail)
  redis.call('HDEL', key.attempts, run)
  uncount(run, record)
  local first = tonumber(attempt) == 1
  local text = entry(at_of(run) or int(now), 0, now, 'k', first and 0 or attempt, 0, '-', detail)
  finish(run, task, text, first and '' or earlier, '', now)
end

-- The records of runs of which something other than an outcome is reported, or that failed.
local function records_of_unfinished(items, runs, held)
  for _, item in ipairs(items) do
    if item.outcome ~= 's' and item.outcome ~= 'c' then
      local tokens = {}
      for i, text in ipairs(held) do tokens[i] = string.match(text or '', '^%S+') or '0' end
      return former.records_of(runs, tokens)
    end
  end
  return {}
end

-- `done`: runs that succeeded, where nothing else is reported, and `results` those of them that have one. Else each `<run> <token> <outcome>` LF detail LF result. outcome s f t c: ended so. F T: failed or timed out, and to be tried again after `result` ms. b: handed back without having started. x: a lock says that this attempt started elsewhere.
-- l: given up by a node that stops; another attempt may start at once. v: vetoed by a listener before its handler was called.
local OUTCOME = '^(%S+) (%S+) (%a)\n([^\n]*)\n(.*)$'

local function complete()
  local items, runs, seen = {}, {}, {}
  for run, token, detail in each(list.done) do
    items[#items + 1] = { run = run, token = token, outcome = 's', detail = detail, result = results[#items + 1] or '' }
    runs[#runs + 1] = run
  end
  for text in each(list.completions) do
    local run, token, outcome, detail, result = string.match(text, OUTCOME)
    items[#items + 1] = { run = run, token = token, outcome = outcome, detail = detail, result = result }
    runs[#runs + 1] = run
  end
  if #items == 0 then return end
  local held = redis.call('HMGET', key.active, unpack(runs))
  local records, gone, locks = records_of_unfinished(items, runs, held), {}, {}
  local others = redis.call('EXISTS', key.attempts) == 1 and redis.call('HMGET', key.attempts, unpack(runs)) or {}
  -- One call where there is neither, as nearly always.
  local there = redis.call('EXISTS', key.cancelled, key.failing)
  local asked = there == 2 or (there == 1 and redis.call('EXISTS', key.cancelled) == 1)
  if there == 2 or (there == 1 and not asked) then failing.look(items) end
  local cancels = asked and redis.call('HMGET', key.cancelled, unpack(runs)) or {}
  for i, item in ipairs(items) do
    local token, attempt, started, task = string.match(held[i] or '', '^(%S+) (%S+) (%S+) %S+ (%S+)$')
    if token ~= item.token or seen[item.run] then
      accepted[i] = '0'
    else
      accepted[i] = '1'
      seen[item.run] = true -- so that the same run twice in one request counts once
      gone[#gone + 1] = item.run
      if fused then locks[#locks + 1] = arg.prefix .. 'lock:' .. item.run .. '#' .. attempt end
      local _, lost, earlier, left = attempt_of(others[i])
      if cancels[i] and item.outcome ~= 's' and item.outcome ~= 'c' then
        -- What was cancelled is not tried again, whatever became of the attempt.
        if others[i] then redis.call('HDEL', key.attempts, item.run) end
        if item.outcome == 'b' or item.outcome == 'v' then
          uncount(item.run, records[item.run])
        end
        end_cancelled(item.run, task, started, attempt, token, arg.node, cancels[i], earlier, now)
      elseif item.outcome == 'b' then
        local record = records[item.run]
        if record then
          if is_fire_time(item.run) and tonumber(attempt) == 1 then redis.call('ZADD', key.unstarted, 0, item.run)
          else mark_requeued(item.run) end
          if item.detail ~= '' then
            left = left == '' and item.detail or left .. ',' .. item.detail
            -- What is left out is not known any more, which `-` says.
            if #left > 2000 then left = '-' .. string.match(left, ',.*', -1900) end
            redis.call('HSET', key.attempts, item.run, attempt .. ' ' .. lost .. ' ' .. left .. '\n' .. earlier)
          end
          make_ready(record.lane, record.priority, due_time_of(item.run, record, now), item.run)
          rated.uncount(record, started)
          -- A further attempt holds its job still: the run has not ended.
          if job_of(item.run) and tonumber(attempt) == 1 then release_job(item.run) end
          uncount(item.run, record)
        else
          if earlier ~= '' then end_begun({ { run = item.run, attempt = attempt, earlier = earlier } }, task, now) end
          forget(item.run)
          local job = job_of(item.run)
          if job then ended_jobs[job] = true end -- another one of its id may wait for this end to be exhausted
        end
      elseif item.outcome == 'v' then
        end_vetoed(item.run, records[item.run], task, attempt, earlier, item.detail)
      elseif item.outcome == 'x' or item.outcome == 'l' then
        local text = entry(at_of(item.run) or started, started, now, 'l', attempt, token, arg.node, item.detail)
        local not_before = item.outcome == 'x' and now + tonumber(arg.lease_ttl) or now
        lose(item.run, records[item.run], tonumber(attempt), lost, earlier, text, now, not_before)
      else
        local failed = item.outcome ~= 's' and item.outcome ~= 'c'
        local record, state = failed and records[item.run] or nil, string.lower(item.outcome)
        local text = entry(at_of(item.run) or started, started, now, state, attempt, token, arg.node, item.detail)
        local again = state ~= item.outcome
        if again and record then
          queue_again(item.run, record, tonumber(attempt), lost, text, earlier, now, now + (tonumber(item.result) or 0))
        else
          if others[i] then redis.call('HDEL', key.attempts, item.run) end
          finish(item.run, task, text, earlier, again and '' or item.result, now)
          if failed then
            bury(item.run, record, attempt, now)
            failing.count(item.run, record, text, now)
          elseif state == 's' then failing.reset(item.run, token) end
        end
      end
    end
  end
  if #gone > 0 then
    redis.call('HDEL', key.active, unpack(gone))
    if cancels[1] ~= nil then redis.call('HDEL', key.cancelled, unpack(gone)) end
    -- One call where there is neither, as mostly.
    if redis.call('EXISTS', key.holds, key.progress) > 0 then
      release_places(gone)
      redis.call('HDEL', key.progress, unpack(gone))
    end
  end
  if #locks > 0 then redis.call('DEL', unpack(locks)) end
end
