-- What several steps share: reading records, ready runs by lane, history, misfires. Runs after the header and clock.lua.
--
-- record   `<version> <queue> <task> <priority> <delivery> <overlap> <grace> <catchUp> <maxLost>`, then ` <name>=<value>` for what
--          is not as usual (mr: maxRuns, dl=0: no dead letter, ck: concurrencyKey, cl: its limit, cw=s: skip when full, kr=<max>:<ms>: its
--          rate, ac=<ms>:<endAt>:<maxRuns>: the interval after completion), LF body; the body is opaque.
--          delivery r|l, grace in ms or -, catchUp none|latest|earliest|all:<max>
--          overlap s(kip) a(llow) o: queue-one, q: queue-all, c: cancel-running, r: replace
-- run id   `<job>@<fire time>` for a fire time, `<job>@<time>-<suffix>` by hand, else an enqueued run
-- lane     `<queue>@<task>`: the ready runs of one task in one queue
-- entry    `<at> <startedAt> <finishedAt> <state> <attempt> <token> <node> <detail>`, an earlier attempt on each further line
--          state s(ucceeded) f(ailed) t(imed-out) c(ancelled) l(ost) k (skipped) m(issed)

local PRIORITY = 4398046511104 -- 2^42: one step of priority outweighs any difference in time until 2109
local TAKE = 1000 -- most runs that one step takes out of one job

local function job_of(run) return string.match(run, '^([^@]+)@') end
local function at_of(run) return string.match(run, '@(.+)$') end
local function fire_time_of(run) return tonumber(string.match(run, '@(%d+)')) end
local function is_fire_time(run) return string.find(run, '@%d+$') ~= nil end

-- nil for a text that is no record: whoever wrote it, it must not stop what else a step has to do.
local function parse(record)
  local version, queue, task, priority, delivery, overlap, grace, catch_up, max_lost, extras, body =
    string.match(record, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)([^\n]*)\n()')
  if not version or not tonumber(priority) or not tonumber(max_lost) then return nil end
  return {
    version = version, lane = queue .. '@' .. task, queue = queue, task = task, extras = extras, priority = tonumber(priority), delivery = delivery,
    overlap = overlap, grace = tonumber(grace), catch_up = catch_up, max_lost = tonumber(max_lost), body = body, text = record,
  }
end

-- An option that is not as usual, or nil.
local function extra(record, name)
  if record.extras == '' then return nil end
  return string.match(record.extras, ' ' .. name .. '=(%S+)')
end

-- Parsed records of up to 1000 runs, by run; none for a run whose job or record is gone.
local function records_of(runs)
  local jobs, own, found, parsed = {}, {}, {}, {}
  for _, run in ipairs(runs) do
    local job = job_of(run)
    if job then jobs[#jobs + 1] = job; jobs[#jobs + 1] = run else own[#own + 1] = run end
  end
  if #own > 0 then
    local texts = redis.call('HMGET', key.runs, unpack(own))
    for i, run in ipairs(own) do if texts[i] then found[run] = parse(texts[i]) end end
  end
  if #jobs > 0 then
    local ids = {}
    for i = 1, #jobs, 2 do
      if parsed[jobs[i]] == nil then parsed[jobs[i]] = false; ids[#ids + 1] = jobs[i] end
    end
    local texts = redis.call('HMGET', key.jobs, unpack(ids))
    for i, job in ipairs(ids) do if texts[i] then parsed[job] = parse(texts[i]) or false end end
    for i = 1, #jobs, 2 do found[jobs[i + 1]] = parsed[jobs[i]] or nil end
  end
  return found
end

-- A message that cannot be sent costs time, since nodes look for themselves now and then; it must not undo or half-undo a step.
local function publish(message) redis.pcall('PUBLISH', key.wake, message) end

-- Runs that this step has taken out of wherever they were: they are not to be looked at again, though they may have been read before.
local dropped = {}

-- Ready runs -----------------------------------------------------------------------------------------------------------

local lanes_added, lanes_removed = {}, {}
local function lane_key(lane) return arg.prefix .. 'ready:' .. lane end

local function place(lane, score, run)
  local items = lanes_added[lane]
  if not items then items = {}; lanes_added[lane] = items end
  items[#items + 1] = int(score)
  items[#items + 1] = run
end

local function make_ready(lane, priority, time, run) place(lane, time - priority * PRIORITY, run) end

local function leave_lane(lane, run)
  local items = lanes_removed[lane]
  if not items then items = {}; lanes_removed[lane] = items end
  items[#items + 1] = run
end

local function in_chunks(command, name, items, size)
  for i = 1, #items, size do
    redis.call(command, name, unpack(items, i, math.min(i + size - 1, #items)))
  end
end

local function update_head(lane)
  local head = redis.call('ZRANGE', lane_key(lane), 0, 0, 'WITHSCORES')
  if head[1] then redis.call('ZADD', key.ready, head[2], lane) else redis.call('ZREM', key.ready, lane) end
end

-- Writes what make_ready and leave_lane gathered. Answers whether a lane that was empty has runs now.
local function flush_lanes()
  local woken = false
  for lane, items in pairs(lanes_removed) do in_chunks('ZREM', lane_key(lane), items, TAKE) end
  for lane, items in pairs(lanes_added) do
    if not redis.call('ZSCORE', key.ready, lane) then woken = true end
    in_chunks('ZADD', lane_key(lane), items, TAKE)
    update_head(lane)
  end
  for lane in pairs(lanes_removed) do if not lanes_added[lane] then update_head(lane) end end
  lanes_added, lanes_removed = {}, {}
  return woken
end

-- History --------------------------------------------------------------------------------------------------------------

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
  if last ~= '' and now + interval > tonumber(last) then return end
  if most ~= '' and tonumber(redis.call('HGET', key.counts, job) or 0) >= tonumber(most) then return end
  if redis.call('ZSCORE', key.due, job) then return end
  if redis.call('ZRANGEBYLEX', key.unstarted, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, 1)[1] then return end
  redis.call('ZADD', key.due, int(now + interval), job)
  publish('jobs ' .. int(now + interval))
end

local is_paced -- whether there are such jobs, read when first asked for

local function remember_job(job, text, run, result, now)
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

-- Ends of runs ---------------------------------------------------------------------------------------------------------

-- Lets the first run that waits for its job's running one go on, if none runs.
local function unblock(job)
  if redis.call('EXISTS', key.blocked) == 0 or redis.call('HEXISTS', key.running, job) == 1 then return end
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
  if holder and string.match(holder, '^%S+') == run then redis.call('HDEL', key.running, job) end
  unblock(job)
end

-- Keeps a run that failed for good: until it is retried or removed, or 10 000 others of its queue have failed after it.
local function bury(run, record, attempt, now)
  if not record or extra(record, 'dl') == '0' then return end
  local list = arg.prefix .. 'dead-letters:' .. record.queue
  local former = string.match(redis.call('HGET', key.deadLetters, run) or '', '^%S+ (%S+)')
  if former and former ~= record.queue then redis.call('ZREM', arg.prefix .. 'dead-letters:' .. former, run) end
  redis.call('HSET', key.deadLetters, run, attempt .. ' ' .. record.queue .. '\n' .. (job_of(run) and '' or record.text))
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
  return false
end

-- Limits ---------------------------------------------------------------------------------------------------------------
--
-- A run that runs holds a place in each scope by which it is limited: `held:<scope>` has the runs that do, `holds` the scopes of a
-- run. Places go with the runs, whatever ends them, so that a dead node's are free as soon as its runs are taken over.
-- Scopes: `all`, `queue:<queue>`, `task:<task>`, `key:<concurrencyKey>`. Runs that wait for a key stand in `full:<key>`, out of
-- the way of others; `limited` says for which.

local freed = false -- whether places have become free

local function held_key(scope) return arg.prefix .. 'held:' .. scope end
local function full_key(name) return arg.prefix .. 'full:' .. name end

-- Lets the first run that waits for a key go on.
local function admit(name)
  local first = redis.call('ZPOPMIN', full_key(name))
  local run, score = first[1], first[2]
  if not run then return end
  redis.call('HDEL', key.limited, run)
  local record = records_of({ run })[run]
  if record then place(record.lane, tonumber(score), run) end
end

-- Runs that run no more hold no places.
local function release_places(runs)
  if #runs == 0 or redis.call('EXISTS', key.holds) == 0 then return end
  local texts = redis.call('HMGET', key.holds, unpack(runs))
  for i, run in ipairs(runs) do
    for scope in string.gmatch(texts[i] or '', '%S+') do
      redis.call('SREM', held_key(scope), run)
      freed = true
      local name = string.match(scope, '^key:(.+)$')
      if name then admit(name) end
    end
  end
  redis.call('HDEL', key.holds, unpack(runs))
end

-- Runs that are to wait for no key any more.
local function leave_queue_of_key(runs)
  if #runs == 0 or redis.call('EXISTS', key.limited) == 0 then return 0 end
  local names, found = redis.call('HMGET', key.limited, unpack(runs)), 0
  for i, run in ipairs(runs) do
    if names[i] then found = found + redis.call('ZREM', full_key(names[i]), run) end
  end
  redis.call('HDEL', key.limited, unpack(runs))
  return found
end

-- Cancelling -----------------------------------------------------------------------------------------------------------

-- Leaves word for the node that holds a run. Answers whether one does.
local function ask_to_cancel(run, reason)
  local nodes = redis.call('ZRANGE', key.nodes, 0, -1)
  for _, node in ipairs(redis.call('ZRANGE', key.dead, 0, 99)) do nodes[#nodes + 1] = node end
  for _, node in ipairs(nodes) do
    if redis.call('HEXISTS', arg.prefix .. 'active:' .. node, run) == 1 then
      redis.call('HSET', arg.prefix .. 'cancelled:' .. node, run, reason)
      publish('cancel ' .. node)
      return true
    end
  end
  return false
end

-- An attempt that ended without an outcome of its own, of a run that was to be cancelled.
local function end_cancelled(run, task, started, attempt, token, node, reason, earlier, now)
  local own = job_of(run) and '' or ',"task":"' .. task .. '"'
  local detail = '{"reason":' .. cjson.encode(reason) .. own .. '}'
  finish(run, task, entry(at_of(run) or started, started, now, 'c', attempt, token, node, detail), earlier, '', now)
end

-- Takes a run that does not run out of wherever it waits.
local function dequeue(run, record)
  local found = redis.call('ZREM', key.waiting, run) + redis.call('ZREM', key.blocked, run) + leave_queue_of_key({ run })
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
  local job = job_of(run)
  local own = job and '' or ',"task":"' .. record.task .. '","at":' .. (string.match(record.text, '\n{"at":(%d+)') or int(now))
  local detail = '{"reason":' .. cjson.encode(reason) .. own .. '}'
  local text = entry(at_of(run) or int(now), 0, now, 'c', attempt, 0, '-', detail)
  finish(run, record.task, text, attempt == 0 and '' or earlier, '', now)
  return true
end

-- Misfires -------------------------------------------------------------------------------------------------------------

local function padded(time) return string.format('%013.0f', time) end

-- The due runs of a job that have not started, once the first of them is later than its grace: keeps those that the
-- job's catch-up asks for, records the others as missed in one entry. Repeating it changes nothing. Looks at 1000 of them
-- and answers whether there may be more.
local function settle_misfires(job, record, now)
  if not record.grace then return false end
  local from, to = '[' .. job .. '@', '[' .. job .. '@' .. padded(now)
  local first = redis.call('ZRANGEBYLEX', key.unstarted, from, to, 'LIMIT', 0, 1)[1]
  if not first or now - fire_time_of(first) <= record.grace then return false end
  local due = redis.call('ZRANGEBYLEX', key.unstarted, from, to, 'LIMIT', 0, TAKE)
  local low, high = 1, 0 -- those kept
  local most = tonumber(string.match(record.catch_up, '^all:(%d+)$'))
  if most then low, high = #due - most + 1, #due
  elseif #due == TAKE then low, high = 1, 0
  elseif record.catch_up == 'latest' then low, high = #due, #due end
  if record.catch_up == 'earliest' then low, high = 1, 1 end
  local gone = {}
  for i, run in ipairs(due) do if i < low or i > high then gone[#gone + 1] = run end end
  if #gone == 0 then return false end
  redis.call('ZREM', key.unstarted, unpack(gone))
  redis.call('ZREM', key.waiting, unpack(gone))
  redis.call('ZREM', key.blocked, unpack(gone))
  leave_queue_of_key(gone)
  redis.call('HDEL', key.attempts, unpack(gone))
  for _, run in ipairs(gone) do leave_lane(record.lane, run) end
  local detail = '{"reason":"misfire","count":' .. #gone .. ',"to":' .. at_of(gone[#gone]) .. '}'
  remember_job(job, entry(at_of(gone[1]), 0, now, 'm', 0, 0, '-', detail), '', '', now)
  unblock(job) -- the one that those kept wait for may be among those gone
  return #due == TAKE
end

-- Takes back the runs of a job that were materialised for after `time` and have not started.
local function take_back(job, lane, time)
  local from = '(' .. job .. '@' .. padded(time)
  local runs = redis.call('ZRANGEBYLEX', key.unstarted, from, '(' .. job .. '@~', 'LIMIT', 0, TAKE)
  if #runs == 0 then return 0 end
  redis.call('ZREM', key.unstarted, unpack(runs))
  redis.call('ZREM', key.waiting, unpack(runs))
  redis.call('ZREM', key.blocked, unpack(runs))
  leave_queue_of_key(runs)
  redis.call('HDEL', key.attempts, unpack(runs))
  for _, run in ipairs(runs) do
    dropped[run] = true
    if lane then leave_lane(lane, run) end
  end
  return #runs
end
