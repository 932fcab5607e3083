-- Cancelling, of runs that wait and of runs that run.

-- Leaves word for the node that holds a run. Answers whether one does.
local function ask_to_cancel(run, reason)
  for _, node in ipairs(holders()) do
    if redis.call('HEXISTS', arg.prefix .. 'active:' .. node, run) == 1 then
      redis.call('HSET', arg.prefix .. 'cancelled:' .. node, run, reason)
      publish('cancel ' .. node)
      return true
    end
  end
  return false
end

-- Leaves word for the nodes that hold runs of a job, whatever they may overlap.
local function ask_to_cancel_all(job, reason)
  for _, node in ipairs(holders()) do
    local asked = false
    for _, run in ipairs(redis.call('HKEYS', arg.prefix .. 'active:' .. node)) do
      if job_of(run) == job then
        redis.call('HSET', arg.prefix .. 'cancelled:' .. node, run, reason)
        asked = true
      end
    end
    if asked then publish('cancel ' .. node) end
  end
end

-- An attempt that ended without an outcome of its own, of a run that was to be cancelled.
local function end_cancelled(run, task, started, attempt, token, node, reason, earlier, now)
  local own = job_of(run) and '' or ',"task":"' .. task .. '"'
  local detail = '{"reason":' .. cjson.encode(reason) .. own .. '}'
  finish(run, task, entry(at_of(run) or started, started, now, 'c', attempt, token, node, detail), earlier, '', now)
end

-- Takes a run that does not run out of wherever it waits.
local function dequeue(run, record)
  local found = redis.call('ZREM', key.waiting, run) + redis.call('ZREM', key.blocked, run) + redis.call('ZREM', key.paused, run)
    + leave_queue_of_key({ run })
  if redis.call('ZSCORE', lane_key(record.lane), run) then
    leave_lane(record.lane, run)
    found = found + 1
  end
  redis.call('ZREM', key.unstarted, run)
  redis.call('ZREM', key.requeued, run)
  if found > 0 then dropped[run] = true end
  return found > 0
end

-- Records a run that waits, for its time or for another attempt, as cancelled. Answers whether it was one.
local function cancel_queued(run, record, reason, now)
  if not dequeue(run, record) then return false end
  local attempts = redis.call('HGET', key.attempts, run)
  local attempt, _, earlier = attempt_of(attempts)
  if not attempts or earlier == '' then attempt = 0 end
  redis.call('HDEL', key.attempts, run)
  if is_fire_time(run) and fire_time_of(run) > now then redis.call('ZADD', key.calledOff, 0, run) end
  local job = job_of(run)
  local own = job and '' or ',"task":"' .. record.task .. '","at":' .. (string.match(record.text, '\n{"at":(%d+)') or int(now))
  local detail = '{"reason":' .. cjson.encode(reason) .. own .. '}'
  local text = entry(at_of(run) or int(now), 0, now, 'c', attempt, 0, '-', detail)
  finish(run, record.task, text, attempt == 0 and '' or earlier, '', now)
  return true
end
