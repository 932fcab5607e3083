-- Ends of attempts: the run ends with one, waits for another, or is lost.

-- Runs that fail in a row: see lib/failures.lua. `of`: what is known of the jobs that this step has looked at; `paused`: those that it has paused, after how
-- many, and the reason as JSON.
local failing = { of = {}, paused = {} }

-- Lets the first run that waits for its job's running one go on, if none runs.
local function unblock(job)
  if redis.direct('EXISTS', key.blocked) == 0 or redis.call('HEXISTS', key.running, job) == 1 then return end
  local first = redis.call('ZRANGEBYLEX', key.blocked, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 1)[1]
  if not first then return end
  redis.call('ZREM', key.blocked, first)
  local record = records_of({ first })[first]
  if record then make_ready(record.lane, record.priority, fire_time_of(first), first) end
end

-- A job's run that runs no more.
local function release_job(run)
  local job = job_of(run)
  local holder = redis.call('HGET', key.running, job)
  if holder and string.match(holder, '^%S+') == run then redis.direct('HDEL', key.running, job) end
  unblock(job)
end

-- Keeps a run that failed for good: until it is retried or removed, or 10 000 others of its queue have failed after it.
local function bury(run, record, attempt, now)
  if not record or extra(record, 'dl') == '0' then return end
  local list = arg.prefix .. 'dead-letters:' .. record.queue
  local before = string.match(redis.call('HGET', key.deadLetters, run) or '', '^%S+ (%S+)')
  if before and before ~= record.queue then redis.call('ZREM', arg.prefix .. 'dead-letters:' .. before, run) end
  local job = job_of(run)
  local of = job and ' ' .. former.number_of(job) or ''
  redis.call('HSET', key.deadLetters, run, attempt .. ' ' .. record.queue .. of .. '\n' .. (job and '' or record.text))
  redis.call('ZADD', list, int(now), run)
  local over = redis.call('ZCARD', list) - 10000
  if over > 0 then
    local gone = redis.call('ZRANGE', list, 0, math.min(over, 100) - 1)
    redis.call('ZREM', list, unpack(gone))
    redis.call('HDEL', key.deadLetters, unpack(gone))
  end
end

-- Writes the outcome of a run that ends with it. `text` is the entry of its last attempt; earlier ones follow it.
local function finish(run, task, text, earlier, result, now)
  if earlier ~= '' then text = text .. '\n' .. earlier end
  local job = job_of(run)
  if job then
    remember_job(job, text, run, result, now)
    release_job(run)
  else
    remember_enqueued(task, text, run, result, now)
    redis.call('HDEL', key.runs, run)
  end
end

-- `attempts` holds `<next attempt> <lost so far> <locks left>` LF entries of earlier attempts, latest first. Locks left: values under which
-- voters may hold this attempt's lock although it was handed back unstarted, with commas between.
local function attempt_of(text)
  if not text then return 1, 0, '', '' end
  local attempt, lost, left, earlier = string.match(text, '^(%d+) (%d+) ?(%S*)\n(.*)$')
  return tonumber(attempt), tonumber(lost), earlier, left
end

-- A job's run is queued again, by another name than that of a fire time which has not started.
local function mark_requeued(run)
  if job_of(run) then redis.call('ZADD', key.requeued, 0, run) end
end

-- Queues a run for another attempt, not before `not_before`. `text`: the entry of the attempt that ended; what is known of earlier
-- ones follows, as far as there is room.
local function queue_again(run, record, attempt, lost, text, earlier, now, not_before)
  if earlier ~= '' then text = text .. '\n' .. earlier end
  if #text > 32768 then text = string.match(string.sub(text, 1, 32768), '^(.*)\n') or string.match(text, '^[^\n]*') end
  redis.call('HSET', key.attempts, run, (attempt + 1) .. ' ' .. lost .. '\n' .. text)
  tell('again ' .. run .. ' ' .. string.match(text, '^(%S+ %S+ %S+ %S+ %S+ %S+ %S+)') .. ' ' .. int(not_before))
  mark_requeued(run)
  if not_before > now then
    redis.call('ZADD', key.waiting, int(not_before), run)
  else
    make_ready(record.lane, record.priority, fire_time_of(run) or now, run)
  end
end

-- An attempt that started somewhere and whose outcome will not be known: another attempt, not before `not_before`, or the end.
-- Answers whether there will be another.
local function lose(run, record, attempt, lost, earlier, text, now, not_before)
  if record and record.delivery == 'r' and lost < record.max_lost then
    queue_again(run, record, attempt, lost + 1, text, earlier, now, not_before)
    return true
  end
  redis.call('HDEL', key.attempts, run)
  finish(run, record and record.task or '-', text, earlier, '', now)
  bury(run, record, attempt, now)
  failing.count(run, record, text, now)
  return false
end
