-- What is kept of runs that have ended.

local ended_jobs = {} -- jobs of which a run has ended in this step

local function entry(at, started, now, state, attempt, token, node, detail)
  return at .. ' ' .. started .. ' ' .. int(now) .. ' ' .. state .. ' ' .. attempt .. ' ' .. token .. ' ' .. node .. ' ' .. detail
end

-- Appends to a list that keeps at most `most` items, none finished before `oldest`; answers what had to go.
local function append(list, text, most, oldest, finished_at)
  local gone = {}
  local length = redis.call('RPUSH', list, text)
  if length > most then gone = redis.call('LPOP', list, math.min(length - most, 100)) end
  local first = redis.call('LINDEX', list, 0)
  while first and #gone < 100 and finished_at(first) < oldest do
    redis.call('LPOP', list)
    gone[#gone + 1] = first
    first = redis.call('LINDEX', list, 0)
  end
  return gone
end

-- A job whose interval counts from the end of its runs gets its next fire time when one of a fire time has come to an end,
-- whatever end that is; not if it has one already, or a run of one that has not started.
local function pace(job, text, now)
  local interval, last, most = string.match(redis.call('HGET', key.paced, job) or '', '^(%d+):(%S-):(%S-)$')
  if not interval or not string.find(text, '^%d+ ') then return end
  interval = tonumber(interval)
  if (last ~= '' and now + interval > tonumber(last))
    or (most ~= '' and tonumber(redis.call('HGET', key.counts, job) or 0) >= tonumber(most)) then
    redis.call('HSET', key.exhaustion, job, 'ending')
    return
  end
  if redis.call('ZSCORE', key.due, job) then return end
  if redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 1)[1] then return end
  redis.call('ZADD', key.due, int(now + interval), job)
  publish('jobs ' .. int(now + interval))
end

local is_paced -- whether there are such jobs, read when first asked for

-- What is told of an end: the run, its entry without the detail, and the reason, if there is one.
local function tell_end(run, text)
  local head, detail = string.match(text, '^(%S+ %S+ %S+ %S+ %S+ %S+ %S+) ([^\n]*)')
  local reason = detail ~= '' and string.match(detail, '"reason":("[^"]*")') or ''
  local count = detail ~= '' and string.match(detail, '"count":(%d+)') or ''
  tell('ended ' .. run .. ' ' .. head .. ' ' .. count .. ' ' .. reason)
end

local function remember_job(job, text, run, result, now)
  ended_jobs[job] = true
  tell_end(run ~= '' and run or job .. '@' .. string.match(text, '^%S+'), text)
  if is_paced == nil then is_paced = redis.call('EXISTS', key.paced) == 1 end
  if is_paced then pace(job, text, now) end
  local list, results = arg.prefix .. 'history:' .. job, arg.prefix .. 'results:' .. job
  local age = tonumber(arg.history_age)
  local gone = append(list, text, tonumber(arg.history_max), now - age, function(item)
    return tonumber(string.match(item, '^%S+ %S+ (%S+)')) or 0
  end)
  redis.call('PEXPIRE', list, arg.history_age)
  if result ~= '' then
    redis.call('HSET', results, run, result)
    redis.call('PEXPIRE', results, arg.history_age)
  end
  for i, item in ipairs(gone) do gone[i] = job .. '@' .. string.match(item, '^%S+') end
  if #gone > 0 and redis.call('EXISTS', results) == 1 then redis.call('HDEL', results, unpack(gone)) end
end

local function remember_enqueued(task, text, run, result, now)
  tell_end(run, text)
  local list, results = arg.prefix .. 'history:~' .. task, arg.prefix .. 'results:~' .. task
  redis.call('HSET', key.finished, run, text)
  local gone = append(list, run, tonumber(arg.finished_max), now - tonumber(arg.history_age), function(id)
    local text = redis.call('HGET', key.finished, id)
    return text and tonumber(string.match(text, '^%S+ %S+ (%S+)')) or 0
  end)
  if result ~= '' then
    redis.call('HSET', results, run, result)
    redis.call('PEXPIRE', results, arg.history_age)
  end
  if #gone > 0 then
    redis.call('HDEL', key.finished, unpack(gone))
    if redis.call('EXISTS', results) == 1 then redis.call('HDEL', results, unpack(gone)) end
  end
end
